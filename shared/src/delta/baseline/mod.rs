//! What the last run knew: a compact set of the hashes of all objects, and the making of the next one. Calls nothing of AWS.
//!
//! `shard` is the set in memory, `format` how it is stored, `misses` what a run adds.

mod format;
mod misses;
mod shard;

pub use format::BaselineError;

use self::misses::Misses;
use self::shard::Shard;
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
    misses: Vec<Misses>,
    budget: misses::Budget,
}

/// More memory is needed than was allowed.
pub(super) struct OverBudget;

/// What is left when all rows have been compared.
pub(super) struct Compared {
    pub(super) next: Baseline,
    /// Objects of the old baseline that were not met.
    pub(super) unmet: u64,
    /// Rows beyond the first of the same new object.
    pub(super) duplicates: u64,
}

impl Comparison {
    /// `budget`: bytes of memory for the objects of both baselines.
    pub(super) fn new(baseline: Baseline, budget: Option<u64>) -> Result<Self, OverBudget> {
        let misses = baseline.shards.iter().map(|_| Misses::default()).collect();
        let comparison = Self { misses, budget: misses::Budget::new(budget), baseline };
        comparison.budget.take(comparison.baseline.objects() * BYTES_AN_ENTRY)?;
        Ok(comparison)
    }

    /// The shard of a hash; none, if it is in another range.
    pub(super) fn shard(&self, hash: u128) -> Option<usize> {
        let shards = self.baseline.range.shards();
        let shard = (hash >> 120) as u32;
        shards.contains(&shard).then(|| (shard - shards.start) as usize)
    }

    /// Touches the memory that `meet` will need. Called for many rows in a row, it lets the processor wait for all of them at once; so the
    /// places of the buckets are read in one round, and what lies there in the next.
    pub(super) fn approach(&self, rows: impl Iterator<Item = (usize, u128)> + Clone) {
        let shards = &self.baseline.shards;
        let places = rows.clone().fold(0, |sum, (shard, hash)| sum ^ shards[shard].place(hash << 8));
        std::hint::black_box(places);
        let entries = rows.fold(0, |sum, (shard, hash)| sum ^ shards[shard].ends(hash << 8));
        std::hint::black_box(entries);
    }

    /// Holds an object against the baseline, and takes it into the next one.
    pub(super) fn meet(&self, shard: usize, hash: u128) -> Result<Standing, OverBudget> {
        let hash = hash << 8;
        let old = &self.baseline.shards[shard];
        let standing = old.meet(hash);
        if standing == Standing::New || (standing == Standing::Known && old.is_small()) {
            self.misses[shard].add(hash, &self.budget)?;
        }
        Ok(standing)
    }

    /// Whether the baseline knows an object that the next one will not.
    pub(super) fn knows(&self, shard: usize, hash: u128) -> bool {
        self.baseline.shards[shard].knows(hash << 8)
    }

    /// Makes the next baseline, shard by shard, so that old and new are never whole in memory together.
    pub(super) fn finish(self) -> Compared {
        let Baseline { key, range, shards } = self.baseline;
        let (mut unmet, mut duplicates) = (0, 0);
        let mut next = Vec::with_capacity(shards.len());
        for (old, misses) in shards.into_iter().zip(self.misses) {
            unmet += old.unmet();
            let (shard, twice) = Shard::next(&old, &misses);
            duplicates += twice;
            next.push(shard);
        }
        Compared { next: Baseline { key, range, shards: next }, unmet, duplicates }
    }
}

#[cfg(test)]
mod tests;
