//! The hashes that a run finds and the baseline does not have, kept in 12 bytes each. Calls nothing of AWS.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::OverBudget;

/// Bytes of memory for each.
pub(super) const BYTES: usize = 12;
/// A list grows by chunks of this many: doubling would need three times the memory for a moment.
const CHUNK: usize = 1024;

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
    /// Adds a hash, the shard's bits shifted out.
    #[allow(clippy::cast_possible_truncation)] // cut into words
    pub(super) fn add(&self, hash: u128, budget: &Budget) -> Result<(), OverBudget> {
        let words = [(hash >> 96) as u32, (hash >> 64) as u32, (hash >> 32) as u32];
        let mut chunks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(words),
            _ => {
                budget.take((CHUNK * BYTES) as u64)?;
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(words);
                chunks.push(chunk);
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
