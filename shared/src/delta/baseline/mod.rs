//! What the last run knew: a compact set of the hashes of all objects, and the making of the next one. Calls nothing of AWS.
//!
//! `shard` is the set in memory, `starts` a part of it, `format` how it is stored, `misses` what a run adds.

mod format;
mod misses;
mod shard;
mod starts;

pub use format::BaselineError;

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use self::misses::Misses;
use self::shard::Shard;
use self::starts::Block;
use super::hash::HashKey;
use super::range::Range;
use crate::fast::prefetch;

/// Bytes of memory for each object of a baseline: 8, and the places of the buckets.
pub(super) const BYTES_AN_ENTRY: u64 = 9;
/// Bytes of memory for each object that is not in the baseline.
pub(super) const BYTES_A_MISS: u64 = misses::BYTES as u64;

/// A set of objects, each known by a keyed hash of its identity; or the part of it in one [`Range`].
pub struct Baseline {
    key: HashKey,
    range: Range,
    /// One for each shard of the range.
    shards: Vec<Shard>,
}

impl Baseline {
    /// The baseline before the first run.
    pub fn empty(key: HashKey, range: Range) -> Self {
        Self { key, range, shards: range.shards().map(|_| Shard::default()).collect() }
    }

    /// Puts several ranges together, such as the files that a run of several ranges has left. The parts have to make up a range, in
    /// order, and be of one key.
    pub fn join(parts: Vec<Self>) -> Result<Self, BaselineError> {
        let gap = || BaselineError::Parts;
        let first = parts.first().ok_or_else(gap)?;
        let (key, start) = (first.key.clone(), first.range.shards().start);
        let mut shards = Vec::new();
        let mut end = start;
        for part in parts {
            if part.range.shards().start != end || part.key != key {
                return Err(gap());
            }
            end = part.range.shards().end;
            shards.extend(part.shards);
        }
        let width = end - start;
        let range = (start % width == 0).then(|| Range::new(start / width, super::range::SHARDS / width));
        Ok(Self { key, range: range.flatten().ok_or_else(gap)?, shards })
    }

    /// The key of its hashes.
    pub fn key(&self) -> &HashKey {
        &self.key
    }

    /// Which part of all hashes it stands for.
    pub fn range(&self) -> Range {
        self.range
    }

    /// How many objects it holds.
    pub fn objects(&self) -> u64 {
        self.shards.iter().map(Shard::len).sum()
    }
}

/// What a row is to the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not in it: new or changed.
    New,
    /// In it.
    Known,
    /// In it, and met before in this run.
    Again,
}

/// A baseline while a run holds rows against it. Rows may come from several threads.
pub(super) struct Comparison {
    baseline: Baseline,
    /// The range's first shard.
    first: u32,
    misses: Vec<Misses>,
    budget: misses::Budget,
}

/// A hash that is looked up. That takes two steps, each of which asks for the memory that the next one needs; who takes many hashes through each step together
/// waits for the memory of all of them together.
#[derive(Clone, Copy, Default)]
pub(super) struct Sought<'c> {
    /// The shard's bits shifted out.
    hash: u128,
    shard: usize,
    block: (Option<&'c Block>, usize),
    bucket: &'c [AtomicU64],
}

impl Sought<'_> {
    /// Asks for the first of the entries that are needed to meet it. Nothing else: a processor that has to find the address of a page goes on with a few
    /// instructions only.
    #[inline]
    pub(super) fn fetch_first(&self) {
        if let Some(first) = self.bucket.first() {
            prefetch(first);
        }
    }

    /// Asks for the other ones: each line of the processor's cache has eight.
    #[inline]
    pub(super) fn fetch_others(&self) {
        self.bucket.iter().skip(8).step_by(8).chain(self.bucket.last()).for_each(prefetch);
    }
}

/// More memory is needed than was allowed.
pub(super) struct OverBudget;

/// What is left when all rows have been compared.
pub(super) struct Compared {
    pub(super) next: Baseline,
    /// Objects of the old baseline that were met.
    pub(super) met: u64,
    /// Those that were not.
    pub(super) unmet: u64,
}

impl Comparison {
    /// `budget`: bytes of memory for the objects of both baselines.
    pub(super) fn new(baseline: Baseline, budget: Option<u64>) -> Result<Self, OverBudget> {
        let misses = baseline.shards.iter().map(|_| Misses::default()).collect();
        let comparison =
            Self { misses, budget: misses::Budget::new(budget), first: baseline.range.shards().start, baseline };
        comparison.budget.take(comparison.baseline.objects() * BYTES_AN_ENTRY)?;
        Ok(comparison)
    }

    /// Whether all hashes are in its range.
    pub(super) fn has_all(&self) -> bool {
        self.baseline.range == Range::ALL
    }

    /// Whether a hash is in its range.
    pub(super) fn has(&self, hash: u128) -> bool {
        self.baseline.range.shards().contains(&shard(hash))
    }

    /// Where a hash of its range belongs. The memory is on its way then that says where its entries are.
    #[inline]
    pub(super) fn seek<'c>(&'c self, hash: u128, sought: &mut Sought<'c>) {
        let index = shard(hash).wrapping_sub(self.first) as usize;
        let Some(shard) = self.baseline.shards.get(index) else { return };
        sought.hash = hash << 8;
        sought.shard = index;
        sought.block = shard.block(hash << 8);
        sought.block.0.into_iter().for_each(prefetch);
    }

    /// Finds the entries among which a hash is, if it is known.
    #[inline]
    pub(super) fn place<'c>(&'c self, sought: &mut Sought<'c>) {
        sought.bucket = self.baseline.shards[sought.shard].bucket(sought.block);
    }

    /// Holds an object against the baseline, and takes it into the next one. Two threads that meet the same object at the same time may both
    /// find it known, unless `alone`.
    #[inline]
    pub(super) fn meet(&self, sought: &Sought<'_>, alone: bool) -> Result<Standing, OverBudget> {
        let old = &self.baseline.shards[sought.shard];
        let standing = old.meet(sought.hash, sought.bucket, alone);
        if standing == Standing::New || (standing == Standing::Known && old.is_small()) {
            self.misses[sought.shard].add(sought.hash, &self.budget)?;
        }
        Ok(standing)
    }

    /// Whether the baseline knows an object that the next one will not.
    pub(super) fn knows(&self, sought: &Sought<'_>) -> bool {
        self.baseline.shards[sought.shard].knows(sought.hash, sought.bucket)
    }

    /// Makes the next baseline on several threads, shard by shard in order, so that old and new are never whole in memory together.
    pub(super) fn finish(self, threads: usize) -> Compared {
        let Baseline { key, range, shards } = self.baseline;
        let old = Mutex::new(shards.into_iter().zip(self.misses).enumerate());
        let next = || old.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut parts: Vec<(usize, Made)> = std::thread::scope(|scope| {
            let work = || std::iter::from_fn(next).map(|(index, shard)| (index, made(shard))).collect::<Vec<_>>();
            let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.flat_map(|made| made.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        parts.sort_unstable_by_key(|(index, _)| *index);
        let mut compared = Compared { next: Baseline { key, range, shards: Vec::new() }, met: 0, unmet: 0 };
        for (_, Made { next, met, unmet }) in parts {
            compared.next.shards.push(next);
            compared.met += met;
            compared.unmet += unmet;
        }
        compared
    }
}

/// The shard of a hash, of all.
#[inline]
fn shard(hash: u128) -> u32 {
    (hash >> 120) as u32
}

/// A shard after a run.
struct Made {
    next: Shard,
    met: u64,
    unmet: u64,
}

fn made((old, misses): (Shard, Misses)) -> Made {
    let unmet = old.unmet();
    Made { next: Shard::next(&old, &misses), met: old.len() - unmet, unmet }
}

#[cfg(test)]
mod tests;
