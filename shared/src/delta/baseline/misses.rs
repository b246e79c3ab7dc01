//! The hashes that a run finds and the baseline does not have, kept in 12 bytes each. Calls nothing of AWS.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::OverBudget;

/// Bytes of memory for each.
pub(super) const BYTES: usize = 12;
/// A list grows by chunks of this many: doubling would need three times the memory for a moment.
const CHUNK: usize = 2048;

/// Memory for objects, bytes.
pub(super) struct Budget {
    allowed: u64,
    taken: AtomicU64,
}

impl Budget {
    pub(super) fn new(allowed: Option<u64>) -> Self {
        Self { allowed: allowed.unwrap_or(u64::MAX), taken: AtomicU64::new(0) }
    }

    pub(super) fn take(&self, bytes: u64) -> Result<(), OverBudget> {
        let before = self.taken.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.allowed { Err(OverBudget) } else { Ok(()) }
    }
}

/// The new hashes of one shard: the 96 bits after the shard's, of which 89 are not zero.
#[derive(Default)]
pub(super) struct Misses(Mutex<Vec<Vec<[u32; 3]>>>);

impl Misses {
    /// Adds hashes, the shard's bits shifted out.
    pub(super) fn add(&self, mut hashes: &[[u32; 3]], budget: &Budget) -> Result<(), OverBudget> {
        let mut chunks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !hashes.is_empty() {
            let room = chunks.last().map_or(0, |chunk| CHUNK.saturating_sub(chunk.len()));
            match chunks.last_mut() {
                Some(chunk) if room > 0 => {
                    let (first, others) = hashes.split_at(room.min(hashes.len()));
                    chunk.extend_from_slice(first);
                    hashes = others;
                }
                _ => {
                    budget.take((CHUNK * BYTES) as u64)?;
                    chunks.push(Vec::with_capacity(CHUNK));
                }
            }
        }
        Ok(())
    }

    pub(super) fn len(&self) -> u64 {
        let chunks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    pub(super) fn each(&self, mut each: impl FnMut(u128)) {
        let chunks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for [a, b, c] in chunks.iter().flatten() {
            each(u128::from(*a) << 96 | u128::from(*b) << 64 | u128::from(*c) << 32);
        }
    }
}

/// Hashes that a thread keeps for a shard before it goes to where all threads' are.
const AT_ONCE: usize = 16;

/// New hashes of one thread, on their way to their shards.
#[derive(Default)]
pub(in crate::delta) struct Pending(Vec<Few>);

#[derive(Clone, Copy, Default)]
struct Few {
    hashes: [[u32; 3]; AT_ONCE],
    count: usize,
}

impl Pending {
    /// Adds a hash to one of `all` shards, the shard's bits shifted out.
    #[allow(clippy::cast_possible_truncation)] // cut into words
    pub(super) fn add(&mut self, shard: usize, hash: u128, all: &[Misses], budget: &Budget) -> Result<(), OverBudget> {
        if self.0.len() != all.len() {
            self.0.resize(all.len(), Few::default());
        }
        let (Some(few), Some(misses)) = (self.0.get_mut(shard), all.get(shard)) else { return Ok(()) };
        if let Some(place) = few.hashes.get_mut(few.count) {
            *place = [(hash >> 96) as u32, (hash >> 64) as u32, (hash >> 32) as u32];
            few.count += 1;
        }
        if few.count == AT_ONCE { few.pass_on(misses, budget) } else { Ok(()) }
    }

    /// Brings all to their shards.
    pub(super) fn end(&mut self, all: &[Misses], budget: &Budget) -> Result<(), OverBudget> {
        self.0.iter_mut().zip(all).try_for_each(|(few, misses)| few.pass_on(misses, budget))
    }
}

impl Few {
    fn pass_on(&mut self, misses: &Misses, budget: &Budget) -> Result<(), OverBudget> {
        let count = std::mem::take(&mut self.count);
        misses.add(self.hashes.get(..count).unwrap_or_default(), budget)
    }
}
