//! Where the entries of each bucket of a shard start: a third more than a byte for each bucket. Rows meet buckets anywhere, so the less memory this takes, the more of it is near
//! the processor. Calls nothing of AWS.

/// Buckets that are counted together.
const COUNTS: usize = 12;

/// Where the entries of buckets start.
#[derive(Clone, Default)]
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
    /// How many each has.
    counts: [u8; COUNTS],
}

impl Starts {
    /// With room for so many buckets.
    pub(super) fn with_capacity(buckets: usize) -> Self {
        Self { blocks: Vec::with_capacity(buckets.div_ceil(COUNTS)), buckets: 0 }
    }

    /// Adds a bucket of so many entries, which start where those of all before it end.
    pub(super) fn push(&mut self, count: u8) {
        let place = self.buckets % COUNTS;
        if place == 0 {
            self.blocks.push(Block { start: self.entries(), ..Block::default() });
        }
        if let Some(count_of) = self.blocks.last_mut().and_then(|block| block.counts.get_mut(place)) {
            *count_of = count;
        }
        self.buckets += 1;
    }

    /// Entries of all buckets.
    pub(super) fn entries(&self) -> u32 {
        self.blocks.last().map_or(0, |block| block.bucket(COUNTS).start)
    }

    /// How many entries each bucket has.
    pub(super) fn counts(&self) -> impl Iterator<Item = u8> {
        self.blocks.iter().flat_map(|block| block.counts).take(self.buckets)
    }

    /// What says where the entries of a bucket are, if there is such a bucket, and which of the block's it is.
    #[inline]
    pub(super) fn block(&self, bucket: usize) -> (Option<&Block>, usize) {
        (self.blocks.get(bucket / COUNTS), bucket % COUNTS)
    }
}

impl Block {
    /// Where the entries of one of its buckets are. After the last one, there is none.
    #[inline]
    pub(super) fn bucket(&self, index: usize) -> std::ops::Range<u32> {
        let mut counts = [0; 16];
        counts[..COUNTS].copy_from_slice(&self.counts);
        let before = u128::from_le_bytes(counts) & ((1 << (8 * index)) - 1);
        #[allow(clippy::cast_possible_truncation)] // cut into words
        let sum = sum(before as u64) + sum((before >> 64) as u64);
        let start = self.start.saturating_add(sum);
        start..start.saturating_add(self.counts.get(index).copied().map_or(0, u32::from))
    }
}

/// The sum of the bytes.
#[inline]
fn sum(bytes: u64) -> u32 {
    const EVEN: u64 = u64::MAX / 0xffff * 0xff;
    let pairs = (bytes & EVEN) + (bytes >> 8 & EVEN);
    #[allow(clippy::cast_possible_truncation)] // 16 bits
    let sum = (pairs.wrapping_mul(u64::MAX / 0xffff) >> 48) as u32;
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_starts_where_the_one_before_it_ends() {
        let counts: Vec<u8> = (0..1000_u32).map(|i| u8::try_from(i * i % 256).unwrap()).collect();
        for counts in [&counts[..], &[255; 200], &[0; 30], &[7], &[]] {
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
