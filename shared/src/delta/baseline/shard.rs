//! One shard of a baseline in memory: buckets of two or three hashes, looked up in place. Calls nothing of AWS.
//!
//! All hashes here have their shard's 8 bits shifted out. The next `bucket_bits` bits name the bucket, the 63 after them are
//! the entry; its highest bit says whether the object was met in this run. `tag_bits` is less than 63 for one run after a shard has grown
//! past a power of two: the old entries are a bit short for the larger number of buckets then, until they are met again.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Standing;
use super::misses::Misses;
use super::rooms::Entries;
use super::starts::{Block, Blocks, FULLEST, Finder, Starts};

/// An object that was met.
const MET: u64 = 1 << 63;
/// Bits of the hash in an entry, at most.
pub(super) const TAG_BITS: u8 = 63;
/// Entries a bucket, at most, on average: few, so that most buckets are in one line of the processor's cache.
const LOAD: u64 = 3;
/// A hash has 89 bits after the shard's; 26 bits of buckets leave 63. That is enough for 10^11 objects.
pub(super) const MOST_BUCKET_BITS: u8 = 26;
/// A shard of fewer entries is made anew from whole hashes each time: it may grow a thousandfold from one run to the next.
const SMALL: u64 = 4096;

/// A set of hashes.
pub(super) struct Shard {
    pub(super) bucket_bits: u8,
    pub(super) tag_bits: u8,
    pub(super) starts: Starts,
    pub(super) entries: Entries,
}

/// What a shard is made in.
#[derive(Default)]
pub(super) struct Scratch {
    starts: Starts,
    entries: Vec<u64>,
}

impl Scratch {
    /// Adds those of old entries that were met, of whole buckets; and takes the others from their buckets' counts.
    fn copy(&mut self, old: &[AtomicU64], place: std::ops::Range<usize>, finder: &mut Finder<'_>) -> Option<()> {
        let mut at = place.start;
        let (eights, rest) = old.get(place)?.as_chunks::<8>();
        for eight in eights {
            let entries = eight.each_ref().map(|entry| entry.load(Ordering::Relaxed));
            // Mostly all were: then nothing is decided one by one.
            if entries.iter().fold(MET, |all, entry| all & entry) == MET {
                self.entries.extend_from_slice(&entries.map(|entry| entry & !MET));
            } else {
                self.copy_few(eight, at, finder)?;
            }
            at += eight.len();
        }
        self.copy_few(rest, at, finder)
    }

    fn copy_few(&mut self, few: &[AtomicU64], at: usize, finder: &mut Finder<'_>) -> Option<()> {
        for (index, entry) in (at..).zip(few) {
            let entry = entry.load(Ordering::Relaxed);
            if entry & MET == 0 {
                self.starts.take_one(finder.bucket(index)?);
            } else {
                self.entries.push(entry & !MET);
            }
        }
        Some(())
    }
}

impl Default for Shard {
    fn default() -> Self {
        let mut starts = Starts::default();
        starts.push(0);
        Self { bucket_bits: 0, tag_bits: TAG_BITS, starts, entries: Entries::default() }
    }
}

impl Shard {
    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn is_small(&self) -> bool {
        self.len() < SMALL
    }

    /// All that is needed to look hashes up. It is the shard `index` of all.
    pub(super) fn sight(&self, index: usize) -> Sight<'_> {
        let unknown = TAG_BITS - self.tag_bits;
        Sight {
            starts: self.starts.blocks(),
            entries: &self.entries,
            known: !MET >> unknown << unknown,
            bucket_bits: self.bucket_bits,
            is_small: self.is_small(),
            index,
        }
    }

    pub(super) fn unmet(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.load(Ordering::Relaxed) & MET == 0).count() as u64
    }

    /// The shard after a run: the entries that were met, all but `unmet` of them, and what was missing. `scratch` is only used on the way, and may be used again.
    pub(super) fn next(self, unmet: u64, misses: &Misses, scratch: &mut Scratch) -> Self {
        let met = if self.is_small() { 0 } else { self.len() - unmet };
        let mut bucket_bits = bucket_bits_for(met + misses.len());
        let as_it_is = met > 0 && (bucket_bits, TAG_BITS) == (self.bucket_bits, self.tag_bits);
        if as_it_is && self.merge(misses, scratch).is_some() {
            return self.with(scratch);
        }
        loop {
            // Entries of the old shard are known to so many bits that a larger number of buckets leaves less than 63.
            let grown = if met == 0 { 0 } else { bucket_bits.saturating_sub(self.bucket_bits) };
            match self.build(misses, bucket_bits, TAG_BITS.saturating_sub(grown)) {
                Some(shard) => return shard,
                None => bucket_bits += 1,
            }
        }
    }

    /// With as many buckets as before, what was in order stays so. None, if a bucket has too many entries.
    fn merge(&self, misses: &Misses, scratch: &mut Scratch) -> Option<()> {
        let bits = self.bucket_bits;
        let mut new = Vec::new();
        misses.each(|hash| new.push((bucket(hash, bits), tag(hash, bits))));
        new.sort_unstable();
        new.dedup();
        scratch.starts.clone_from(&self.starts);
        scratch.entries.clear();
        scratch.entries.reserve(self.entries.len() + new.len());
        let (mut copied, mut finder) = (0, self.starts.finder());
        for new in new.chunk_by(|(one, _), (other, _)| one == other) {
            let bucket = new.first()?.0;
            let place = self.starts.bucket(bucket);
            scratch.copy(&self.entries, copied..place.start, &mut finder)?;
            let entries = &mut scratch.entries;
            let first = entries.len();
            let all = self.entries.get(place.clone())?.iter().map(|entry| entry.load(Ordering::Relaxed));
            entries.extend(all.filter(|entry| entry & MET != 0).map(|entry| entry & !MET));
            entries.extend(new.iter().map(|(_, tag)| tag));
            entries[first..].sort_unstable();
            scratch.starts.set(bucket, fitting(entries.len() - first)?);
            copied = place.end;
        }
        scratch.copy(&self.entries, copied..self.entries.len(), &mut finder)?;
        scratch.starts.add_up();
        Some(())
    }

    /// The same shard with other entries, in the same memory if it has room for them.
    fn with(mut self, Scratch { starts, entries }: &Scratch) -> Self {
        self.starts.clone_from(starts);
        self.entries = match self.entries.filled(entries) {
            Some(entries) => entries,
            None => entries.iter().copied().map(AtomicU64::new).collect::<Vec<_>>().into(),
        };
        self
    }

    /// None, if a bucket has too many entries and there could be more buckets.
    fn build(&self, misses: &Misses, bucket_bits: u8, tag_bits: u8) -> Option<Self> {
        let each = |put: &mut dyn FnMut(u128)| {
            if !self.is_small() {
                self.met(&mut *put);
            }
            misses.each(put);
        };
        let mut starts = vec![0_u32; (1 << bucket_bits) + 1];
        each(&mut |hash| starts[bucket(hash, bucket_bits) + 1] += 1);
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut entries = vec![0_u64; starts.last().copied().unwrap_or_default() as usize];
        let mut places = starts.clone();
        let unknown = TAG_BITS - tag_bits;
        each(&mut |hash| {
            let place = &mut places[bucket(hash, bucket_bits)];
            entries[*place as usize] = tag(hash, bucket_bits) >> unknown << unknown;
            *place += 1;
        });
        drop(places);
        let starts = in_order(&starts, &mut entries, bucket_bits == MOST_BUCKET_BITS)?;
        let entries: Vec<_> = entries.into_iter().map(AtomicU64::new).collect();
        Some(Self { bucket_bits, tag_bits, starts, entries: entries.into() })
    }

    /// The hashes of the entries that were met, as far as they are known.
    fn met(&self, put: &mut dyn FnMut(u128)) {
        let mut entries = self.entries.iter();
        let counts = self.starts.counts().flat_map(|counts| counts.to_vec());
        for (bucket, count) in counts.enumerate() {
            for entry in entries.by_ref().take(usize::from(count)) {
                let entry = entry.load(Ordering::Relaxed);
                if entry & MET != 0 {
                    let bits = u32::from(self.bucket_bits);
                    let bucket = (bucket as u128).checked_shl(128 - bits).unwrap_or_default();
                    put(bucket | u128::from(entry & !MET) << (65 - bits));
                }
            }
        }
    }
}

/// A shard in which hashes are looked up.
#[derive(Clone, Copy)]
pub(super) struct Sight<'s> {
    starts: Blocks<'s>,
    entries: &'s [AtomicU64],
    /// The bits that are known of each entry.
    known: u64,
    bucket_bits: u8,
    /// Whether what is met has to be kept whole.
    pub(super) is_small: bool,
    pub(super) index: usize,
}

/// Entries that are compared whether a bucket has as many or not.
const AT_ONCE: usize = 4;

/// The entries of a bucket.
#[derive(Clone, Copy, Default)]
pub(super) struct Bucket<'s> {
    /// Its own, and those behind them, if there are less than [`AT_ONCE`].
    entries: &'s [AtomicU64],
    /// How many are its own.
    count: usize,
}

impl<'s> Bucket<'s> {
    fn own(&self) -> &'s [AtomicU64] {
        self.entries.get(..self.count).unwrap_or_default()
    }

    /// The first of all entries that are compared.
    #[inline]
    pub(super) fn first(&self) -> Option<&'s AtomicU64> {
        self.entries.first()
    }

    /// The last of them: of an ordinary bucket, all are in the same line of the processor's cache as either of both.
    #[inline]
    pub(super) fn last(&self) -> Option<&'s AtomicU64> {
        self.entries.last()
    }
}

impl<'s> Sight<'s> {
    /// What says where the entries are among which a hash is, if it is known.
    #[inline]
    pub(super) fn block(&self, hash: u128) -> (Option<&'s Block>, usize) {
        self.starts.of(bucket(hash, self.bucket_bits))
    }

    /// Those entries.
    #[inline]
    pub(super) fn bucket(&self, (block, index): (Option<&Block>, usize)) -> Bucket<'s> {
        let Some(block) = block else { return Bucket::default() };
        let place = block.bucket(index);
        let (start, end) = (place.start as usize, place.end as usize);
        let with_others = end.max(start + AT_ONCE).min(self.entries.len());
        Bucket { entries: self.entries.get(start..with_others).unwrap_or_default(), count: end - start }
    }

    #[inline]
    fn find<'b>(&self, tag: u64, bucket: Bucket<'b>) -> Option<&'b AtomicU64> {
        let is_same = |entry: &AtomicU64| (entry.load(Ordering::Relaxed) ^ tag) & self.known == 0;
        // Which entry it is cannot be guessed, so nothing is decided by it.
        if let Some(first) = bucket.entries.first_chunk::<AT_ONCE>() {
            let same = first.iter().enumerate().fold(0_u32, |all, (i, entry)| all | u32::from(is_same(entry)) << i);
            let own = same & ((1 << bucket.count.min(AT_ONCE)) - 1);
            if own != 0 {
                return first.get(own.trailing_zeros() as usize);
            }
        }
        bucket.own().iter().find(|entry| is_same(entry))
    }

    pub(super) fn knows(&self, hash: u128, bucket: Bucket<'_>) -> bool {
        self.find(tag(hash, self.bucket_bits), bucket).is_some()
    }

    /// Marks an object as met, if it is known; then its entry has all its bits again. Of two threads at the same entry at the same time, only
    /// one finds it known if both want to be `alone`, for which the processor has to wait.
    #[inline]
    pub(super) fn meet(&self, hash: u128, bucket: Bucket<'_>, alone: bool) -> Standing {
        let tag = tag(hash, self.bucket_bits);
        let Some(entry) = self.find(tag, bucket) else { return Standing::New };
        let met = MET | tag;
        let before = if alone {
            entry.swap(met, Ordering::Relaxed)
        } else {
            let before = entry.load(Ordering::Relaxed);
            entry.store(met, Ordering::Relaxed);
            before
        };
        if before & MET == 0 { Standing::Known } else { Standing::Again }
    }
}

/// Sorts each bucket, so that the same objects make the same bytes, and takes out what is there twice. None, if that leaves a bucket with too many; unless there
/// cannot be more buckets, `at_most`: then those are left out, and such objects copied again.
fn in_order(starts: &[u32], entries: &mut Vec<u64>, at_most: bool) -> Option<Starts> {
    let mut kept = 0_usize;
    let mut counted = Starts::with_capacity(starts.len() - 1);
    for pair in starts.windows(2) {
        let (start, end) = (pair[0] as usize, pair[1] as usize);
        entries[start..end].sort_unstable();
        let first = kept;
        for i in start..end {
            if kept == first || entries[kept - 1] != entries[i] {
                entries[kept] = entries[i];
                kept += 1;
            }
        }
        if at_most {
            kept = kept.min(first + usize::from(FULLEST));
        }
        counted.push(fitting(kept - first)?);
    }
    entries.truncate(kept);
    Some(counted)
}

/// The count of a bucket, if it is not too full.
fn fitting(entries: usize) -> Option<u8> {
    u8::try_from(entries).ok().filter(|entries| *entries <= FULLEST)
}

/// As many bits as leave at most [`LOAD`] entries a bucket.
fn bucket_bits_for(entries: u64) -> u8 {
    let buckets = entries.div_ceil(LOAD).next_power_of_two();
    u8::try_from(buckets.trailing_zeros()).unwrap_or(MOST_BUCKET_BITS).min(MOST_BUCKET_BITS)
}

fn bucket(hash: u128, bits: u8) -> usize {
    // 64 bits hold any number of buckets; the shift is in two steps since there may be no bits.
    #[allow(clippy::cast_possible_truncation)]
    let leading = (hash >> 64) as u64;
    #[allow(clippy::cast_possible_truncation)]
    let bucket = (leading >> 1 >> (63 - bits)) as usize;
    bucket
}

/// The 63 bits after the bucket's.
fn tag(hash: u128, bits: u8) -> u64 {
    #[allow(clippy::cast_possible_truncation)]
    let tag = (hash << bits >> 65) as u64;
    tag
}
