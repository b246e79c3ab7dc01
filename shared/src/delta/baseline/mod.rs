//! What the last run knew: a compact set of the hashes of all objects, and the making of the next one. Calls nothing of AWS.
//!
//! `shard` is the set in memory, `format` how it is stored, `misses` what a run adds.

mod format;
mod misses;
mod shard;

pub use format::BaselineError;

use std::sync::{Mutex, PoisonError};

use self::misses::Misses;
use self::shard::{Place, Shard};
use super::hash::HashKey;
use super::range::Range;

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

/// A hash that is looked up.
#[derive(Clone, Copy)]
pub(super) struct Sought {
    /// The shard's bits shifted out.
    hash: u128,
    shard: usize,
    place: Place,
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

    /// Where a hash belongs; nowhere, if it is in another range. The memory that [`Self::place`] needs is on its way then.
    #[inline]
    pub(super) fn sought(&self, hash: u128) -> Option<Sought> {
        let shard = ((hash >> 120) as u32).checked_sub(self.first)? as usize;
        self.baseline.shards.get(shard)?.fetch_place(hash << 8);
        Some(Sought { hash: hash << 8, shard, place: Place::default() })
    }

    /// Finds the place of a hash, some rows after it was sought. The memory that is needed to meet it is on its way then.
    #[inline]
    pub(super) fn place(&self, sought: &mut Sought) {
        let shard = &self.baseline.shards[sought.shard];
        sought.place = shard.place(sought.hash);
        shard.fetch(sought.place);
    }

    /// Holds an object against the baseline, and takes it into the next one. Two threads that meet the same object at the same time may both
    /// find it known, unless `alone`.
    #[inline]
    pub(super) fn meet(&self, sought: &Sought, alone: bool) -> Result<Standing, OverBudget> {
        let old = &self.baseline.shards[sought.shard];
        let standing = old.meet(sought.hash, sought.place, alone);
        if standing == Standing::New || (standing == Standing::Known && old.is_small()) {
            self.misses[sought.shard].add(sought.hash, &self.budget)?;
        }
        Ok(standing)
    }

    /// Whether the baseline knows an object that the next one will not.
    pub(super) fn knows(&self, sought: &Sought) -> bool {
        self.baseline.shards[sought.shard].knows(sought.hash, sought.place)
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
