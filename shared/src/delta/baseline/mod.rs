//! What the last run knew: a compact set of the hashes of all objects, and the making of the next one. Calls nothing of AWS.
//!
//! `shard` is the set in memory, `starts` a part of it, `format` how it is stored, `rooms` the memory it is read into, `misses` what a run adds.

mod format;
mod misses;
mod rooms;
mod shard;
mod starts;

pub use format::BaselineError;
pub(super) use misses::Pending;

use std::sync::{Mutex, PoisonError};

use self::misses::Misses;
use self::shard::{Bucket, Scratch, Shard, Sight};
use self::starts::Block;
use super::hash::HashKey;
use super::range::Range;
use crate::fast::{self, prefetch};

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
pub(super) struct Comparison<'b> {
    shards: Vec<Sight<'b>>,
    range: Range,
    /// The first of them, of all there are.
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
    sight: Option<&'c Sight<'c>>,
    block: (Option<&'c Block>, usize),
    bucket: Bucket<'c>,
}

impl Sought<'_> {
    /// Finds the entries among which the hash is, if it is known.
    #[inline]
    pub(super) fn place(&mut self) {
        if let Some(sight) = self.sight {
            self.bucket = sight.bucket(self.block);
        }
    }

    /// Whether the baseline knows the object, which the next one may not.
    pub(super) fn is_known(&self) -> bool {
        self.sight.is_some_and(|sight| sight.knows(self.hash, self.bucket))
    }

    /// Does as [`Comparison::meet`] does, if the object is known and all there is to do is to mark that.
    #[inline]
    pub(super) fn pass(&self) -> bool {
        self.sight.is_some_and(|sight| !sight.is_small && sight.meet(self.hash, self.bucket, false) != Standing::New)
    }

    /// Asks for the first of the entries that are needed to meet it. Nothing else: a processor that has to find the address of a page goes on with a few
    /// instructions only.
    #[inline]
    pub(super) fn fetch_first(&self) {
        self.bucket.first().into_iter().for_each(prefetch);
    }

    /// Asks for the last of them.
    #[inline]
    pub(super) fn fetch_last(&self) {
        self.bucket.last().into_iter().for_each(prefetch);
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

impl<'b> Comparison<'b> {
    /// `budget`: bytes of memory for the objects of both baselines.
    pub(super) fn new(baseline: &'b Baseline, budget: Option<u64>) -> Result<Self, OverBudget> {
        let misses = baseline.shards.iter().map(|_| Misses::default()).collect();
        let shards = baseline.shards.iter().enumerate().map(|(index, shard)| shard.sight(index)).collect();
        let comparison = Self {
            shards,
            range: baseline.range,
            first: baseline.range.shards().start,
            misses,
            budget: misses::Budget::new(budget),
        };
        comparison.budget.take(baseline.objects() * BYTES_AN_ENTRY)?;
        Ok(comparison)
    }

    /// Whether all hashes are in its range.
    pub(super) fn has_all(&self) -> bool {
        self.range == Range::ALL
    }

    /// Whether a hash is in its range.
    pub(super) fn has(&self, hash: u128) -> bool {
        self.range.shards().contains(&shard(hash))
    }

    /// Where a hash of its range belongs. The memory is on its way then that says where its entries are.
    #[inline]
    pub(super) fn seek<'c>(&'c self, hash: u128, sought: &mut Sought<'c>) {
        let Some(sight) = self.shards.get(shard(hash).wrapping_sub(self.first) as usize) else { return };
        sought.hash = hash << 8;
        sought.sight = Some(sight);
        sought.block = sight.block(hash << 8);
        sought.block.0.into_iter().for_each(prefetch);
    }

    /// Both steps at once, for a hash that is looked up alone.
    pub(super) fn find(&self, hash: u128) -> Sought<'_> {
        let mut sought = Sought::default();
        self.seek(hash, &mut sought);
        sought.place();
        sought
    }

    /// Holds an object against the baseline, and takes it into the next one: by way of `pending`. Two threads that meet the same object at the same time may both
    /// find it known, unless `alone`.
    pub(super) fn meet(&self, sought: &Sought<'_>, alone: bool, pending: &mut Pending) -> Result<Standing, OverBudget> {
        let Some(sight) = sought.sight else { return Ok(Standing::New) };
        // A small shard is made anew of all that was met: what is counted twice there might make it another one.
        let standing = sight.meet(sought.hash, sought.bucket, alone || sight.is_small);
        if standing == Standing::New || (standing == Standing::Known && sight.is_small) {
            pending.add(sight.index, sought.hash, &self.misses, &self.budget)?;
        }
        Ok(standing)
    }

    /// Takes in what a thread has pending.
    pub(super) fn end(&self, pending: &mut Pending) -> Result<(), OverBudget> {
        pending.end(&self.misses, &self.budget)
    }

    /// What was not in the baseline.
    pub(super) fn into_new(self) -> New {
        New(self.misses)
    }
}

/// Bytes of new hashes that are given back to the system together. They lie in small pieces, those of all shards mixed, and what they become needs other memory.
const GIVEN_BACK: u64 = 4 << 20;

/// What a run found that its baseline does not have.
pub(super) struct New(Vec<Misses>);

impl Baseline {
    /// Makes the next baseline on several threads, shard by shard in order, so that old and new are never whole in memory together.
    pub(super) fn next(self, new: New, threads: usize) -> Compared {
        let Self { key, range, shards } = self;
        let old = Mutex::new(shards.into_iter().zip(new.0).enumerate());
        let next = || old.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut parts: Vec<(usize, Made)> = std::thread::scope(|scope| {
            let work = || {
                let (mut scratch, mut freed) = (Scratch::default(), 0);
                let made = std::iter::from_fn(next).map(|(index, (old, misses))| {
                    freed += misses.len() * BYTES_A_MISS;
                    let made = made(old, misses, &mut scratch);
                    if freed >= GIVEN_BACK {
                        freed = 0;
                        fast::give_memory_back();
                    }
                    (index, made)
                });
                made.collect::<Vec<_>>()
            };
            let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.flat_map(|made| made.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        parts.sort_unstable_by_key(|(index, _)| *index);
        let mut compared = Compared { next: Self { key, range, shards: Vec::new() }, met: 0, unmet: 0 };
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

/// Takes the misses, so that their memory is free then.
#[allow(clippy::needless_pass_by_value, reason = "they are to be gone")]
fn made(old: Shard, misses: Misses, scratch: &mut Scratch) -> Made {
    let unmet = old.unmet();
    Made { met: old.len() - unmet, unmet, next: old.next(unmet, &misses, scratch) }
}

#[cfg(test)]
mod tests;
