//! How a baseline is stored. docs/SEMANTICS.md describes it, and a test pins it: whoever changes it makes a new version.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{channel, sync_channel};

use super::rooms::{Entries, NextRoom, rooms, with_rooms};
use super::shard::{MOST_BUCKET_BITS, Shard, TAG_BITS};
use super::starts::{FULLEST, Starts};
use super::{Baseline, Range};
use crate::delta::hash::{HashKey, Running};

const MAGIC: &[u8; 8] = b"TRSHBASE";
const VERSION: u32 = 2;
/// Of the label, bytes.
const LONGEST_LABEL: usize = 4096;
const BLOCK: usize = 128 * 1024;
/// Objects for which blocks are made on a thread of its own.
const WORTH_A_THREAD: u64 = 1 << 19;
/// Blocks that may wait to be written.
const BLOCKS_AHEAD: usize = 4;

/// Why a stored baseline cannot be used. Never use another in its place: `rebuild` makes it anew.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It could not be read. A retry may help.
    #[error("reading the baseline failed: {0}")]
    Read(#[from] io::Error),
    /// Not a baseline, or of a version that this release does not know.
    #[error("{0}; it was not written by this release: `rebuild` makes the baseline anew")]
    Unknown(&'static str),
    /// Made by another key, or standing for something else.
    #[error("the baseline is not the one that was expected ({0}); `rebuild` makes it anew")]
    Foreign(String),
    /// Bytes are missing, too many, or altered.
    #[error("the baseline is damaged ({0}); `rebuild` makes it anew")]
    Corrupt(&'static str),
    /// Several parts that do not make one.
    #[error("the baseline's parts are not of one key, in order and without gap; `rebuild` makes it anew")]
    Parts,
}

impl BaselineError {
    /// Whether reading it again may succeed.
    pub fn can_retry(&self) -> bool {
        matches!(self, Self::Read(_))
    }
}

/// What the header says of a shard.
struct Head {
    bucket_bits: u8,
    tag_bits: u8,
    entries: u64,
}

impl Baseline {
    /// Writes it. `label` is what it stands for, such as the route and the settings that decide what is copied; reading it asks for the same.
    pub fn write_to(&self, label: &str, out: &mut dyn Write) -> io::Result<()> {
        if label.len() > LONGEST_LABEL {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the label of a baseline has 4,096 bytes at most"));
        }
        out.write_all(&self.header(label)?)?;
        if self.objects() < WORTH_A_THREAD {
            self.blocks(&mut |block| out.write_all(&block).map(|()| block))?;
            return out.flush();
        }
        // While a block is written, the next ones are made, in the memory of those before.
        std::thread::scope(|scope| {
            let (send, receive) = sync_channel(BLOCKS_AHEAD);
            let (give_back, spare) = channel();
            scope.spawn(move || {
                let cut_off = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                self.blocks(&mut |block| {
                    send.send(block).map(|()| spare.try_recv().unwrap_or_default()).map_err(cut_off)
                })
            });
            receive.iter().try_for_each(|block: Vec<u8>| {
                out.write_all(&block)?;
                // Nobody takes it back once all are made.
                let _ = give_back.send(block);
                Ok::<_, io::Error>(())
            })
        })?;
        out.flush()
    }

    /// All before its shards, and its sum.
    fn header(&self, label: &str) -> io::Result<Vec<u8>> {
        let mut header = Vec::new();
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&fingerprint(&self.key).to_le_bytes());
        header.extend_from_slice(&u32::try_from(label.len()).map_err(io::Error::other)?.to_le_bytes());
        header.extend_from_slice(label.as_bytes());
        header.extend_from_slice(&self.range.index().to_le_bytes());
        header.extend_from_slice(&self.range.of().to_le_bytes());
        for shard in &self.shards {
            header.extend_from_slice(&[shard.bucket_bits, shard.tag_bits]);
            header.extend_from_slice(&shard.len().to_le_bytes());
        }
        let sum = self.key.of_bytes().of(&header);
        header.extend_from_slice(&sum.to_le_bytes());
        Ok(header)
    }

    /// All that is written of its shards. `put` gives memory for the next block.
    fn blocks(&self, put: &mut dyn FnMut(Vec<u8>) -> io::Result<Vec<u8>>) -> io::Result<()> {
        let mut block = Vec::new();
        for shard in &self.shards {
            block = shard_blocks(shard, block, self.key.of_bytes().start(), put)?;
        }
        Ok(())
    }

    /// Reads the part of a stored baseline that is in `range`, to the end of the stream. It has to be of `key` and `label`, and whole.
    pub fn read_from(input: &mut dyn Read, key: &HashKey, label: &str, range: Range) -> Result<Self, BaselineError> {
        let mut input = Verified { inner: input, sum: key.of_bytes().start() };
        let (stored, heads) = read_header(&mut input, key, label)?;
        let (have, want) = (stored.shards(), range.shards());
        if want.start < have.start || want.end > have.end {
            return Err(BaselineError::Foreign(format!(
                "it is part {} of {}, which does not hold part {} of {}",
                stored.index(),
                stored.of(),
                range.index(),
                range.of()
            )));
        }
        let wanted = have.clone().zip(&heads).filter(|(index, _)| want.contains(index));
        let rooms = rooms(wanted.map(|(_, head)| head.entries));
        let shards = with_rooms(&rooms, |room| {
            let filled = NextRoom::new(0, Vec::new());
            let mut shards = Shards { room, read: Vec::new(), filled, whole: Vec::new(), block: vec![0; BLOCK] };
            for (index, head) in have.zip(heads) {
                if want.contains(&index) {
                    input.sum = key.of_bytes().start();
                    shards.read(&head, &mut input)?;
                } else {
                    skip_shard(&head, &mut input)?;
                }
            }
            Ok::<_, BaselineError>(shards.whole)
        })?;
        if input.inner.read(&mut [0])? != 0 {
            return Err(BaselineError::Corrupt("there are bytes after its end"));
        }
        Ok(Self { key: key.clone(), range, shards })
    }

    /// Reads `range` of a baseline that is stored in several `parts`, by any number of ranges, in order; `open` opens one of them.
    pub fn read_parts(
        range: Range,
        parts: &[Range],
        mut open: impl FnMut(Range) -> io::Result<Box<dyn Read>>,
        key: &HashKey,
        label: &str,
    ) -> Result<Self, BaselineError> {
        let mut read = Vec::new();
        for part in parts {
            if let Some(both) = part.and(range) {
                read.push(Self::read_from(&mut open(*part)?, key, label, both)?);
            }
        }
        let whole = Self::join(read)?;
        if whole.range() == range { Ok(whole) } else { Err(BaselineError::Parts) }
    }
}

fn read_header(input: &mut Verified<'_>, key: &HashKey, label: &str) -> Result<(Range, Vec<Head>), BaselineError> {
    if &input.take::<8>()? != MAGIC {
        return Err(BaselineError::Unknown("this is not a baseline"));
    }
    if u32::from_le_bytes(input.take()?) != VERSION {
        return Err(BaselineError::Unknown("this baseline is of another version"));
    }
    if u128::from_le_bytes(input.take()?) != fingerprint(key) {
        return Err(BaselineError::Foreign("it was made with another key".to_owned()));
    }
    let length = u32::from_le_bytes(input.take()?) as usize;
    if length > LONGEST_LABEL {
        return Err(BaselineError::Corrupt("its header"));
    }
    let mut stored_label = vec![0; length];
    input.fill(&mut stored_label)?;
    let range = Range::new(u32::from_le_bytes(input.take()?), u32::from_le_bytes(input.take()?));
    let range = range.ok_or(BaselineError::Corrupt("its header"))?;
    let heads = range.shards().map(|_| read_head(input)).collect::<Result<Vec<_>, _>>()?;
    input.check("its header")?;
    if stored_label != label.as_bytes() {
        let stored = crate::names::excerpt(&String::from_utf8_lossy(&stored_label));
        return Err(BaselineError::Foreign(format!("it stands for {stored:?}, not for {label:?}")));
    }
    for head in &heads {
        let sound = head.bucket_bits <= MOST_BUCKET_BITS
            && head.tag_bits <= TAG_BITS
            && head.entries <= (u64::from(FULLEST) << head.bucket_bits).min(u64::from(u32::MAX));
        if !sound {
            return Err(BaselineError::Corrupt("its header"));
        }
    }
    Ok((range, heads))
}

fn read_head(input: &mut Verified<'_>) -> Result<Head, BaselineError> {
    let [bucket_bits, tag_bits] = input.take()?;
    Ok(Head { bucket_bits, tag_bits, entries: u64::from_le_bytes(input.take()?) })
}

/// What is written of one shard, in blocks: a byte for each bucket, its number of entries; then the entries, 8 bytes each; and their sum.
fn shard_blocks(
    shard: &Shard,
    mut block: Vec<u8>,
    mut sum: Running,
    put: &mut dyn FnMut(Vec<u8>) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    block.clear();
    for counts in shard.starts.counts() {
        if block.len() + counts.len() > BLOCK {
            sum.add(&block);
            block = put(block)?;
            block.clear();
        }
        block.extend_from_slice(&counts);
    }
    sum.add(&block);
    block = put(block)?;
    for entries in shard.entries.chunks(BLOCK / 8) {
        block.resize(entries.len() * 8, 0);
        for (bytes, entry) in block.as_chunks_mut::<8>().0.iter_mut().zip(entries) {
            *bytes = entry.load(Ordering::Relaxed).to_le_bytes();
        }
        sum.add(&block);
        block = put(block)?;
    }
    block.clear();
    block.extend_from_slice(&sum.end().to_le_bytes());
    put(block)
}

/// Shards as they are read.
struct Shards<'r> {
    room: &'r mut dyn FnMut() -> Option<NextRoom>,
    /// Those of the room that is being filled: bits of buckets, bits of tags, and where buckets start.
    read: Vec<(u8, u8, Starts)>,
    filled: NextRoom,
    whole: Vec<Shard>,
    block: Vec<u8>,
}

impl Shards<'_> {
    fn read(&mut self, head: &Head, input: &mut Verified<'_>) -> Result<(), BaselineError> {
        let buckets = 1_usize << head.bucket_bits;
        let mut starts = Starts::with_capacity(buckets);
        // Some bits of a count that is too high would be lost, and then the entries would be too few.
        input.in_blocks(buckets, &mut self.block, |counts| starts.extend(counts))?;
        if u64::from(starts.entries()) != head.entries {
            return Err(BaselineError::Corrupt("a shard's counts"));
        }
        if self.read.is_empty() {
            self.filled = (self.room)().ok_or(BaselineError::Corrupt("its header"))?;
        }
        let place = Entries::cut_at(&mut self.filled.memory, &mut self.filled.used, starts.entries() as usize);
        let mut place = place.ok_or(BaselineError::Corrupt("its header"))?.iter_mut();
        input.in_blocks(starts.entries() as usize * 8, &mut self.block, |bytes| {
            let (words, _) = bytes.as_chunks::<8>();
            for (word, entry) in words.iter().zip(&mut place) {
                *entry.get_mut() = u64::from_le_bytes(*word);
            }
        })?;
        self.read.push((head.bucket_bits, head.tag_bits, starts));
        if self.read.len() == self.filled.shards {
            self.end_room();
        }
        input.check("a shard's sum")
    }

    fn end_room(&mut self) {
        let lengths: Vec<_> = self.read.iter().map(|(.., starts)| starts.entries() as usize).collect();
        let entries = Entries::cut(std::mem::take(&mut self.filled.memory), lengths.into_iter());
        for ((bucket_bits, tag_bits, starts), entries) in self.read.drain(..).zip(entries) {
            self.whole.push(Shard { bucket_bits, tag_bits, starts, entries });
        }
    }
}

fn skip_shard(head: &Head, input: &mut Verified<'_>) -> Result<(), BaselineError> {
    let bytes = (1_u64 << head.bucket_bits) + head.entries * 8 + 16;
    let skipped = io::copy(&mut (&mut *input.inner).take(bytes), &mut io::sink())?;
    if skipped == bytes { Ok(()) } else { Err(BaselineError::Corrupt(CUT_OFF)) }
}

const CUT_OFF: &str = "it is cut off";

/// Tells one key from another, and gives away nothing of it.
fn fingerprint(key: &HashKey) -> u128 {
    key.of_bytes().of(b"transship baseline key")
}

/// Sums up what is read.
struct Verified<'a> {
    inner: &'a mut dyn Read,
    sum: Running,
}

impl Verified<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BaselineError> {
        whole(self.inner.read_exact(bytes))?;
        self.sum.add(bytes);
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], BaselineError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn in_blocks(
        &mut self,
        mut bytes: usize,
        block: &mut [u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), BaselineError> {
        while bytes > 0 {
            let length = bytes.min(block.len());
            self.fill(&mut block[..length])?;
            each(&block[..length]);
            bytes -= length;
        }
        Ok(())
    }

    fn check(&mut self, what: &'static str) -> Result<(), BaselineError> {
        let mut stored = [0; 16];
        whole(self.inner.read_exact(&mut stored))?;
        if u128::from_le_bytes(stored) == self.sum.end() { Ok(()) } else { Err(BaselineError::Corrupt(what)) }
    }
}

fn whole(read: io::Result<()>) -> Result<(), BaselineError> {
    read.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => BaselineError::Corrupt(CUT_OFF),
        _ => BaselineError::Read(error),
    })
}
