//! Where the entries of each bucket of a shard start: two thirds of a byte for each bucket. Rows meet buckets anywhere, so the less memory this takes, the more of it is near
//! the processor. Calls nothing of AWS.

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
#[derive(Clone, Copy, Default)]
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

    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        self.buckets = 0;
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
            let counts = block.counts() | u128::from(count & FULLEST) << (4 * place);
            #[allow(clippy::cast_possible_truncation)] // cut into words
            ((block.first, block.others) = (counts as u32, (counts >> 32) as u64));
        }
        self.buckets += 1;
    }

    /// Entries of all buckets.
    pub(super) fn entries(&self) -> u32 {
        self.blocks.last().map_or(0, |block| block.bucket(COUNTS).start)
    }

    /// How many entries each bucket has.
    pub(super) fn counts(&self) -> impl Iterator<Item = u8> {
        let counts = self.blocks.iter().flat_map(|block| {
            let counts = block.counts();
            (0..COUNTS).map(move |index| count(counts, index))
        });
        counts.take(self.buckets)
    }

    /// What says where the entries of a bucket are, if there is such a bucket, and which of the block's it is.
    #[inline]
    pub(super) fn block(&self, bucket: usize) -> (Option<&Block>, usize) {
        (self.blocks.get(bucket / COUNTS), bucket % COUNTS)
    }
}

#[allow(clippy::cast_possible_truncation)] // four bits
#[inline]
fn count(counts: u128, index: usize) -> u8 {
    (counts >> (4 * index)) as u8 & FULLEST
}

impl Block {
    #[inline]
    fn counts(&self) -> u128 {
        u128::from(self.first) | u128::from(self.others) << 32
    }

    /// Where the entries of one of its buckets are. After the last one, there is none.
    #[inline]
    pub(super) fn bucket(&self, index: usize) -> std::ops::Range<u32> {
        let counts = self.counts();
        let before = counts & ((1 << (4 * index)) - 1);
        #[allow(clippy::cast_possible_truncation)] // cut into words
        let sum = sum(before as u64, (before >> 64) as u64);
        let start = self.start.saturating_add(sum);
        start..start.saturating_add(count(counts, index).into())
    }
}

/// The sum of all groups of four bits.
#[inline]
fn sum(low: u64, high: u64) -> u32 {
    const FOURS: u64 = u64::MAX / 0xff * 0xf;
    const EIGHTS: u64 = u64::MAX / 0xffff * 0xff;
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
            let mut end = 0;
            for (bucket, count) in counts.iter().enumerate() {
                let (block, index) = starts.block(bucket);
                assert_eq!(block.unwrap().bucket(index), end..end + u32::from(*count), "{bucket}");
                end += u32::from(*count);
            }
            assert_eq!(starts.entries(), end);
            assert_eq!(starts.counts().collect::<Vec<_>>(), counts);
            assert!(starts.block(counts.len().next_multiple_of(COUNTS)).0.is_none());
        }
    }
}
