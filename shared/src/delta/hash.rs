//! The keyed hashes of the delta. Calls nothing of AWS.
//!
//! [`Hash`] is SipHash-1-3 with 128 bits of output, for bytes of any length: sums of a baseline's files, and keys of carry-over.
//! [`super::object_hash`] has the one for objects.

use std::fmt;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::object_hash::ObjectHash;

/// The random key of a baseline's hashes. It is kept with the baseline, where only the destination account can read it; a
/// baseline is worth nothing without it.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKey([u8; 32]);

impl HashKey {
    /// A new one, from the operating system's random numbers.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
        Ok(Self(bytes))
    }

    /// One that was kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// One that was kept, as 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// 64 hex digits, to keep it.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The hash of objects.
    pub(super) fn of_objects(&self) -> ObjectHash {
        ObjectHash::new(self.half(0))
    }

    /// The hash of keys of carry-over, and of the baseline's bytes.
    pub(super) fn of_bytes(&self) -> Hash {
        Hash(SipHasher13::new_with_key(&self.half(16)))
    }

    fn half(&self, from: usize) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[from..from + 16]);
        half
    }
}

impl fmt::Debug for HashKey {
    /// Not the key: it must not get into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// A hash function: one half of a [`HashKey`].
#[derive(Clone, Copy)]
pub(super) struct Hash(SipHasher13);

impl Hash {
    pub(super) fn of(&self, bytes: &[u8]) -> u128 {
        self.0.hash(bytes).as_u128()
    }

    /// For bytes that come in pieces.
    pub(super) fn start(&self) -> Running {
        Running(self.0)
    }
}

/// A hash of bytes that come in pieces; where they are cut makes no difference.
pub(super) struct Running(SipHasher13);

impl Running {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        std::hash::Hasher::write(&mut self.0, bytes);
    }

    pub(super) fn end(&self) -> u128 {
        self.0.finish128().as_u128()
    }
}
