//! The keys that a run takes even if nothing about them has changed: what earlier runs planned and may not have copied. Calls nothing of AWS.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::hash::{Hash, HashKey};

/// A set of keys, held as keyed hashes: about 20 bytes each, whatever their length.
pub struct CarryOver {
    hash: Hash,
    keys: HashSet<Hashed, BuildHasherDefault<AsItIs>>,
}

#[derive(PartialEq, Eq)]
struct Hashed(u128);

impl std::hash::Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        #[allow(clippy::cast_possible_truncation)] // any part of a hash is a hash
        state.write_u64(self.0 as u64);
    }
}

/// The keys of the set are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// How many there are: hashes tell nobody anything.
impl std::fmt::Debug for CarryOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CarryOver").field(&self.keys.len()).finish()
    }
}

impl CarryOver {
    /// An empty set, whose keys are hashed by `key`.
    pub fn new(key: &HashKey) -> Self {
        Self { hash: key.of_bytes(), keys: HashSet::default() }
    }

    /// Adds an object's key, decoded.
    pub fn insert(&mut self, key: &str) {
        self.keys.insert(Hashed(self.hash.of(key.as_bytes())));
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key, decoded, is one of them.
    pub fn contains(&self, key: &str) -> bool {
        !self.keys.is_empty() && self.keys.contains(&Hashed(self.hash.of(key.as_bytes())))
    }
}
