//! In which parts an object is copied. Calls nothing.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>

use std::ops::Range;

const MIB: u64 = 1 << 20;
/// A part, but for the last, has at least 5 MiB,
pub const SMALLEST: u64 = 5 * MIB;
/// and at most 5 GiB, which is also the most that CopyObject copies.
pub const LARGEST: u64 = 5 << 30;
/// An upload has at most so many parts.
pub const MOST: u64 = 10_000;
/// The size of a part where nothing speaks for another: a part is copied within seconds, and 2.6 TB fit.
const PREFERRED: u64 = 256 * MIB;

/// An object cut into parts of one size, the last one excepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Bytes of every part but the last.
    pub size: u64,
    /// Bytes of the object.
    pub total: u64,
}

impl Parts {
    /// For an object of `total` bytes; as its source is cut, if that is `uploaded` in parts of one size, so that the copy's
    /// ETag is the source's. None if it is larger than an object can be.
    pub fn of(total: u64, uploaded: Option<Uploaded>) -> Option<Self> {
        if let Some(kept) = uploaded.and_then(|uploaded| uploaded.parts(total)) {
            return Some(kept);
        }
        let least = total.div_ceil(MOST).div_ceil(MIB) * MIB;
        let size = least.max(PREFERRED);
        // Of the largest objects, by the part that rounding up to whole MiB would be too much.
        let size = size.min(LARGEST);
        (total > 0 && total.div_ceil(size) <= MOST).then_some(Self { size, total })
    }

    /// How many parts copy-large will make, as far as a listing tells: the source's own number, unless its parts cannot be
    /// of one size that S3 takes.
    pub fn guess(total: u64, etag: &str) -> u64 {
        let count = Uploaded::count_of(etag);
        let even = count.map(|count| Uploaded { first: total.div_ceil(count), count });
        Self::of(total, even).map_or(0, |parts| parts.count())
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.total.div_ceil(self.size)
    }

    /// The bytes of part `number`, counted from 1.
    pub fn range(&self, number: u64) -> Range<u64> {
        let start = (number - 1) * self.size;
        start..self.total.min(start + self.size)
    }
}

/// How a source was uploaded, as far as S3 tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploaded {
    /// Bytes of its first part.
    pub first: u64,
    /// How many parts its ETag counts.
    pub count: u64,
}

impl Uploaded {
    /// The number behind an ETag's hyphen; none if the object is in one part.
    pub fn count_of(etag: &str) -> Option<u64> {
        etag.rsplit_once('-')?.1.parse().ok().filter(|count| (1..=MOST).contains(count))
    }

    /// The parts, if all but the last may be of one size.
    fn parts(self, total: u64) -> Option<Parts> {
        let size = self.first;
        let parts = Parts { size, total };
        ((SMALLEST..=LARGEST).contains(&size) && parts.count() == self.count).then_some(parts)
    }
}
