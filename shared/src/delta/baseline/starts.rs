//! Where the entries of each bucket of a shard start: two thirds of a byte for each bucket. Rows meet buckets anywhere, so the less memory this takes, the more of it is near
//! the processor. Calls nothing of AWS.

use std::ops::{Deref, Range};

/// Buckets that are counted together.
const COUNTS: usize = 24;
/// A bucket's count is four bits.
pub(super) const FULLEST: u8 = 15;

/// Where the entries of buckets start.
#[derive(Default)]
pub(super) struct Starts {
    blocks: Vec<Block>,
    buckets: usize,
}

/// Some neighbouring buckets. It is aligned so that it is in one line of the processor's cache.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(C, align(16))]
pub(super) struct Block {
    /// Where the first one's entries start.
    start: u32,
    /// How many each of the first eight has, from the lowest bits; and the other ones.
    first: u32,
    others: u64,
}

impl Starts {
    /// With room for so many buckets.
    pub(super) fn with_capacity(buckets: usize) -> Self {
        Self { blocks: Vec::with_capacity(buckets.div_ceil(COUNTS)), buckets: 0 }
    }

    /// Takes over all of another's, in its own memory.
    pub(super) fn clone_from(&mut self, other: &Self) {
        self.blocks.clone_from(&other.blocks);
        self.buckets = other.buckets;
    }

    /// Adds a bucket of so many entries, [`FULLEST`] at most, which start where those of all before it end.
    pub(super) fn push(&mut self, count: u8) {
        let place = self.buckets % COUNTS;
        if place == 0 {
            self.blocks.push(Block { start: self.entries(), ..Block::default() });
        }
        if let Some(block) = self.blocks.last_mut() {
            block.set_counts(block.counts() | u128::from(count & FULLEST) << (4 * place));
        }
        self.buckets += 1;
    }

    /// Adds as many buckets as there are counts.
    pub(super) fn extend(&mut self, counts: &[u8]) {
        let until_whole = (COUNTS - self.buckets % COUNTS) % COUNTS;
        let (first, others) = counts.split_at_checked(until_whole).unwrap_or((counts, &[]));
        self.push_all(first);
        let (whole, last) = others.as_chunks::<COUNTS>();
        let mut start = self.entries();
        self.blocks.reserve(whole.len() + 1);
        for counts in whole {
            let block = Block::of(start, counts);
            start = block.end();
            self.blocks.push(block);
        }
        self.buckets += whole.len() * COUNTS;
        self.push_all(last);
    }

    fn push_all(&mut self, counts: &[u8]) {
        for count in counts {
            self.push(*count);
        }
    }

    /// Entries of all buckets.
    pub(super) fn entries(&self) -> u32 {
        self.blocks.last().map_or(0, Block::end)
    }

    /// Where the entries of a bucket are.
    pub(super) fn bucket(&self, bucket: usize) -> Range<usize> {
        let (block, index) = self.blocks().of(bucket);
        let place = block.map_or(0..0, |block| block.bucket(index));
        place.start as usize..place.end as usize
    }

    /// Finds the buckets of entries.
    pub(super) fn finder(&self) -> Finder<'_> {
        Finder { blocks: &self.blocks, passed: 0 }
    }

    /// Gives a bucket another count; where those behind it start is known when all are [added up](Self::add_up).
    pub(super) fn set(&mut self, bucket: usize, count: u8) {
        if let Some(block) = self.blocks.get_mut(bucket / COUNTS) {
            let shift = 4 * (bucket % COUNTS);
            block.set_counts(block.counts() & !(u128::from(FULLEST) << shift) | u128::from(count & FULLEST) << shift);
        }
    }

    /// Takes one from a bucket's count, as [`Self::set`] does.
    pub(super) fn take_one(&mut self, bucket: usize) {
        if let Some(block) = self.blocks.get(bucket / COUNTS) {
            self.set(bucket, count(block.counts(), bucket % COUNTS).saturating_sub(1));
        }
    }

    /// Finds where all buckets start, by their counts.
    pub(super) fn add_up(&mut self) {
        let mut start = 0;
        for block in &mut self.blocks {
            block.start = start;
            start = block.end();
        }
    }

    /// How many entries each bucket has, some buckets at a time.
    pub(super) fn counts(&self) -> impl Iterator<Item = Counts> {
        let left = (0..=self.buckets).rev().step_by(COUNTS);
        self.blocks.iter().zip(left).map(|(block, left)| Counts { counts: block.all(), buckets: left.min(COUNTS) })
    }

    /// All that is needed to find buckets.
    pub(super) fn blocks(&self) -> Blocks<'_> {
        Blocks(&self.blocks)
    }
}

/// Where the entries of buckets are found.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'s>(&'s [Block]);

impl<'s> Blocks<'s> {
    /// What says where the entries of a bucket are, if there is such a bucket, and which of the block's it is.
    #[inline]
    pub(super) fn of(self, bucket: usize) -> (Option<&'s Block>, usize) {
        (self.0.get(bucket / COUNTS), bucket % COUNTS)
    }
}

/// Finds the buckets of entries, one further on than the other.
pub(super) struct Finder<'s> {
    blocks: &'s [Block],
    /// Blocks that end before.
    passed: usize,
}

impl Finder<'_> {
    /// The bucket of an entry, if there are as many.
    pub(super) fn bucket(&mut self, entry: usize) -> Option<usize> {
        let entry = u32::try_from(entry).ok()?;
        while self.blocks.get(self.passed + 1).is_some_and(|next| next.start <= entry) {
            self.passed += 1;
        }
        let block = self.blocks.get(self.passed)?;
        (0..COUNTS).find(|index| block.bucket(*index).end > entry).map(|index| self.passed * COUNTS + index)
    }
}

/// How many entries some neighbouring buckets have.
pub(super) struct Counts {
    counts: [u8; COUNTS],
    buckets: usize,
}

impl Deref for Counts {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.counts.get(..self.buckets).unwrap_or_default()
    }
}

#[allow(clippy::cast_possible_truncation)] // four bits
#[inline]
fn count(counts: u128, index: usize) -> u8 {
    (counts >> (4 * index)) as u8 & FULLEST
}

/// The bits of the counts that stand before each.
const BEFORE: [[u64; 2]; COUNTS] = {
    let mut before = [[0; 2]; COUNTS];
    let mut index = 0;
    while index < COUNTS {
        let bits: u128 = (1 << (4 * index)) - 1;
        #[allow(clippy::cast_possible_truncation)] // cut into words
        (before[index] = [bits as u64, (bits >> 64) as u64]);
        index += 1;
    }
    before
};

impl Block {
    fn of(start: u32, counts: &[u8; COUNTS]) -> Self {
        let [first, second, third] = eights(counts).map(|counts| packed(u64::from_le_bytes(counts)));
        Self { start, first, others: u64::from(second) | u64::from(third) << 32 }
    }

    /// How many each of its buckets has.
    fn all(&self) -> [u8; COUNTS] {
        let words = [u64::from(self.first), self.others & 0xffff_ffff, self.others >> 32];
        let mut all = [0; COUNTS];
        for (counts, word) in all.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *counts = unpacked(word).to_le_bytes();
        }
        all
    }

    /// Where the entries of its last bucket end.
    fn end(&self) -> u32 {
        let counts = self.counts();
        #[allow(clippy::cast_possible_truncation)] // cut into words
        self.start.saturating_add(sum(counts as u64, (counts >> 64) as u64))
    }

    #[inline]
    fn counts(&self) -> u128 {
        u128::from(self.first) | u128::from(self.others) << 32
    }

    #[allow(clippy::cast_possible_truncation)] // cut into words
    fn set_counts(&mut self, counts: u128) {
        (self.first, self.others) = (counts as u32, (counts >> 32) as u64);
    }

    /// Where the entries of one of its buckets are. After the last one, there is none.
    #[inline]
    pub(super) fn bucket(&self, index: usize) -> Range<u32> {
        let counts = self.counts();
        let [low, high] = BEFORE.get(index).copied().unwrap_or([u64::MAX; 2]);
        #[allow(clippy::cast_possible_truncation)] // cut into words
        let sum = sum(counts as u64 & low, (counts >> 64) as u64 & high);
        let start = self.start.saturating_add(sum);
        start..start.saturating_add(count(counts, index).into())
    }
}

fn eights(counts: &[u8; COUNTS]) -> [[u8; 8]; 3] {
    std::array::from_fn(|i| std::array::from_fn(|byte| counts[8 * i + byte]))
}

/// The lower halves of eight bytes side by side.
fn packed(bytes: u64) -> u32 {
    let pairs = (bytes & FOURS) | (bytes & FOURS) >> 4;
    let fours = (pairs & EIGHTS) | (pairs & EIGHTS) >> 8;
    #[allow(clippy::cast_possible_truncation)] // both halves
    let packed = (fours & 0xffff) as u32 | (fours >> 16 & 0xffff_0000) as u32;
    packed
}

/// The reverse.
fn unpacked(packed: u64) -> u64 {
    let fours = (packed | packed << 16) & 0xffff_0000_ffff;
    let pairs = (fours | fours << 8) & EIGHTS;
    (pairs | pairs << 4) & FOURS
}

const FOURS: u64 = u64::MAX / 0xff * 0xf;
const EIGHTS: u64 = u64::MAX / 0xffff * 0xff;

/// The sum of all groups of four bits.
#[inline]
fn sum(low: u64, high: u64) -> u32 {
    let bytes = (low & FOURS) + (low >> 4 & FOURS) + (high & FOURS) + (high >> 4 & FOURS);
    let pairs = (bytes & EIGHTS) + (bytes >> 8 & EIGHTS);
    #[allow(clippy::cast_possible_truncation)] // 16 bits
    let sum = (pairs.wrapping_mul(u64::MAX / 0xffff) >> 48) as u32;
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_starts_where_the_one_before_it_ends() {
        let counts: Vec<u8> = (0..1000_u32).map(|i| u8::try_from(i * i % 16).unwrap()).collect();
        for counts in [&counts[..], &[FULLEST; 200], &[0; 30], &[7], &[]] {
            let mut starts = Starts::with_capacity(counts.len());
            for count in counts {
                starts.push(*count);
            }
            for first in [0, 1, 30, counts.len()] {
                let mut pieces = Starts::default();
                let (first, rest) = counts.split_at(first.min(counts.len()));
                pieces.extend(first);
                pieces.extend(rest);
                assert!(pieces.blocks == starts.blocks && pieces.buckets == starts.buckets);
            }
            let mut end = 0;
            for (bucket, count) in counts.iter().enumerate() {
                let (block, index) = starts.blocks().of(bucket);
                assert_eq!(block.unwrap().bucket(index), end..end + u32::from(*count), "{bucket}");
                end += u32::from(*count);
            }
            assert_eq!(starts.entries(), end);
            let all: Vec<u8> = starts.counts().flat_map(|counts| counts.to_vec()).collect();
            assert_eq!(all, counts);
            assert!(starts.blocks().of(counts.len().next_multiple_of(COUNTS)).0.is_none());
        }
    }
}
