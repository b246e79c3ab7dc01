//! Cutting a run by hash range: where a report has more objects than memory can hold, it is gone through several times, each time for
//! one part of all hashes. Calls nothing of AWS.

use super::baseline::{BYTES_A_MISS, BYTES_AN_ENTRY};
use crate::inventory::DataFile;

/// Hashes are cut into as many shards, by their leading bits; a range is some neighbouring ones.
pub(super) const SHARDS: u32 = 256;

/// One of `of` equal parts of all hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    index: u32,
    of: u32,
}

impl Range {
    /// All hashes.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// The part `index`, from 0, of `of`: a power of two, 256 at most. None if there is no such part.
    pub fn new(index: u32, of: u32) -> Option<Self> {
        (of.is_power_of_two() && of <= SHARDS && index < of).then_some(Self { index, of })
    }

    /// Which part it is, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Of how many.
    pub fn of(self) -> u32 {
        self.of
    }

    /// All `of` parts.
    pub fn all(of: u32) -> impl Iterator<Item = Self> {
        (0..of).filter_map(move |index| Self::new(index, of))
    }

    /// Whether any hash is in both.
    pub fn overlaps(self, other: Self) -> bool {
        let (a, b) = (self.shards(), other.shards());
        a.start < b.end && b.start < a.end
    }

    /// What is in both: one of them, as ranges are halves of halves.
    pub fn and(self, other: Self) -> Option<Self> {
        let narrower = if self.of > other.of { self } else { other };
        self.overlaps(other).then_some(narrower)
    }

    /// The shards it is made of.
    pub(super) fn shards(self) -> std::ops::Range<u32> {
        let width = SHARDS / self.of;
        self.index * width..(self.index + 1) * width
    }
}

/// What a run needs besides its objects: decoders, blocks, and rows on their way to the sink.
const CONSTANT: u64 = 64 << 20;
/// A row has 16 bytes in its ETag and some in its time that cannot be compressed; with its key it seldom takes less. Where it
/// does, the run says [`super::DeltaError::OverMemory`], and takes more ranges.
const BYTES_A_ROW: u64 = 64;
/// Bytes for each key of carry-over, which is held whole whatever the range.
const BYTES_A_CARRIED_KEY: u64 = 40;

/// How many ranges a run over `files` has to take, so that each fits into `budget_bytes` of memory: a power of two. `baseline_objects`
/// is what the baseline holds, if there is one; `carry_over` the number of keys carried over.
pub fn ranges(files: &[DataFile], baseline_objects: Option<u64>, carry_over: u64, budget_bytes: u64) -> u32 {
    let rows = files.iter().map(|file| file.size).sum::<u64>() / BYTES_A_ROW;
    let known = baseline_objects.unwrap_or(0);
    // Some of the known are changed, even where the report seems to have no more rows than the baseline.
    let new = rows.saturating_sub(known).max(known / 10);
    let objects = known.saturating_mul(BYTES_AN_ENTRY).saturating_add(new.saturating_mul(BYTES_A_MISS));
    let room =
        budget_bytes.saturating_sub(CONSTANT).saturating_sub(carry_over.saturating_mul(BYTES_A_CARRIED_KEY)).max(1);
    let needed = objects.div_ceil(room).clamp(1, u64::from(SHARDS));
    u32::try_from(needed).unwrap_or(SHARDS).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> DataFile {
        DataFile { key: "data/1.csv.gz".to_owned(), size, md5: String::new() }
    }

    #[test]
    fn a_small_report_is_taken_at_once() {
        assert_eq!(ranges(&[file(1 << 20)], None, 0, 512 << 20), 1);
        assert_eq!(ranges(&[], None, 0, 0), 1);
    }

    #[test]
    fn ten_billion_objects_are_cut_to_fit() {
        let files: Vec<_> = (0..900).map(|_| file(1 << 30)).collect();
        let of = ranges(&files, Some(10_000_000_000), 0, 3 << 30);
        assert_eq!(of, 64);
        assert_eq!(ranges(&files, Some(10_000_000_000), 0, 1), SHARDS);
    }

    #[test]
    fn ranges_make_up_the_whole() {
        let shards: Vec<u32> = Range::all(8).flat_map(Range::shards).collect();
        assert_eq!(shards, (0..SHARDS).collect::<Vec<_>>());
        assert_eq!(Range::new(1, 1), None);
        assert_eq!(Range::new(0, 3), None);
        assert!(Range::ALL.overlaps(Range::all(4).last().unwrap()));
    }
}
