//! An object's bytes: immutable, cheap to clone, shared by copies.
//!
//! Everything that reads bytes (ranges, bodies) goes through [`Content::chunks`] and [`Content::slice`], so that
//! [`Segment::Sparse`], which holds no real bytes, stands beside [`Segment::Bytes`]. Hashes go through
//! [`Content::hashed`], which describes what is sparse instead of reading it.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};

/// The longest run of bytes that is handled at once.
const CHUNK: usize = 1 << 20;

/// The bytes of one object, or of one part.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    segments: Arc<[Segment]>,
    len: u64,
}

#[derive(Debug, Clone)]
enum Segment {
    Bytes(Bytes),
    Sparse(Sparse),
}

/// A stretch of an endless sequence of bytes that a seed gives; it takes no space, whatever its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sparse {
    seed: u64,
    start: u64,
    len: u64,
}

impl Sparse {
    /// The eight bytes of a word; any two words, and any two seeds', differ (SplitMix64).
    fn word(self, index: u64) -> [u8; 8] {
        let mut x = self.seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)).to_le_bytes()
    }

    /// At most [`CHUNK`] bytes from `at` on.
    fn chunk(self, at: u64) -> Bytes {
        let from = self.start + at;
        let wanted = index(self.len - at).min(CHUNK);
        let skip = index(from % 8);
        let mut bytes = Vec::with_capacity(wanted + 16);
        for word in from / 8.. {
            if bytes.len() >= skip + wanted {
                break;
            }
            bytes.extend_from_slice(&self.word(word));
        }
        Bytes::from(bytes).slice(skip..skip + wanted)
    }

    /// Goes on where `self` ends.
    fn continues(self, next: Self) -> bool {
        self.seed == next.seed && self.start + self.len == next.start
    }
}

impl Segment {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Sparse(sparse) => sparse.len,
        }
    }

    /// `range` lies within the segment.
    fn slice(&self, range: Range<u64>) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.slice(index(range.start)..index(range.end))),
            Self::Sparse(sparse) => {
                Self::Sparse(Sparse { start: sparse.start + range.start, len: range.end - range.start, ..*sparse })
            }
        }
    }

    /// At most [`CHUNK`] bytes from `at` on.
    fn chunk(&self, at: u64) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.slice(index(at)..bytes.len().min(index(at).saturating_add(CHUNK))),
            Self::Sparse(sparse) => sparse.chunk(at),
        }
    }
}

/// Positions within real bytes always fit.
fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

impl Content {
    /// Neighbours of one sparse sequence become one, so that what was cut and put together again is what it was.
    fn of(segments: Vec<Segment>) -> Self {
        let len = segments.iter().map(Segment::len).sum();
        let mut joined: Vec<Segment> = Vec::with_capacity(segments.len());
        for segment in segments {
            match (joined.last_mut(), segment) {
                (Some(Segment::Sparse(last)), Segment::Sparse(next)) if last.continues(next) => last.len += next.len,
                (_, segment) => joined.push(segment),
            }
        }
        Self { segments: joined.into(), len }
    }

    /// The first `len` bytes of the sequence that `seed` gives.
    pub(super) fn sparse(seed: u64, len: u64) -> Self {
        Self::of(if len == 0 { Vec::new() } else { vec![Segment::Sparse(Sparse { seed, start: 0, len })] })
    }

    /// One after the other.
    pub(super) fn concat<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::of(parts.into_iter().flat_map(|part| part.segments.iter().cloned()).collect())
    }

    /// Bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes in `range`, which lies within the content.
    pub(super) fn slice(&self, range: Range<u64>) -> Self {
        let mut start = 0;
        let mut segments = Vec::new();
        for segment in &*self.segments {
            let end = start + segment.len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                segments.push(segment.slice(from - start..to - start));
            }
            start = end;
        }
        Self::of(segments)
    }

    /// What stands for the bytes in every digest: the bytes themselves, but of what is sparse its description. So an ETag
    /// or checksum of sparse content is not that of its bytes; but it is the same for the same content, however it came
    /// together, and another for any other.
    pub(super) fn hashed(&self) -> impl Iterator<Item = Bytes> {
        let segments = Arc::clone(&self.segments);
        (0..segments.len()).flat_map(move |i| match &segments[i] {
            Segment::Bytes(bytes) => {
                let bytes = bytes.clone();
                (0..bytes.len())
                    .step_by(CHUNK)
                    .map(|at| bytes.slice(at..bytes.len().min(at + CHUNK)))
                    .collect::<Vec<_>>()
            }
            Segment::Sparse(Sparse { seed, start, len }) => {
                vec![Bytes::from(format!("sparse {seed} from {start}, {len} bytes;"))]
            }
        })
    }

    /// The bytes in order, in pieces of at most 1 MiB.
    pub(super) fn chunks(&self) -> Chunks {
        Chunks { content: self.clone(), segment: 0, at: 0, remaining: self.len }
    }

    /// As the body of an answer.
    pub(super) fn into_body(self) -> StreamingBlob {
        StreamingBlob::new(self.chunks())
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::of(if bytes.is_empty() { Vec::new() } else { vec![Segment::Bytes(bytes)] })
    }
}

/// See [`Content::chunks`].
#[derive(Debug)]
pub(super) struct Chunks {
    content: Content,
    segment: usize,
    at: u64,
    remaining: u64,
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let segment = self.content.segments.get(self.segment)?;
            if self.at == segment.len() {
                (self.segment, self.at) = (self.segment + 1, 0);
                continue;
            }
            let chunk = segment.chunk(self.at);
            self.at += chunk.len() as u64;
            self.remaining -= chunk.len() as u64;
            return Some(chunk);
        }
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.next().map(Ok))
    }
}

impl ByteStream for Chunks {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(index(self.remaining))
    }
}

/// Gathers a body as it arrives, so that no small object keeps a connection's whole read buffer alive.
#[derive(Debug, Default)]
pub(super) struct Gather {
    full: VecDeque<Bytes>,
    last: BytesMut,
}

impl Gather {
    /// The next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.last.len()));
            self.last.extend_from_slice(now);
            if self.last.len() == CHUNK {
                self.full.push_back(std::mem::take(&mut self.last).freeze());
            }
            bytes = later;
        }
    }

    /// All of them.
    pub(super) fn finish(mut self) -> Content {
        if !self.last.is_empty() {
            self.full.push_back(Bytes::copy_from_slice(&self.last));
        }
        Content::of(self.full.into_iter().map(Segment::Bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(content: &Content) -> Vec<u8> {
        content.chunks().flatten().collect()
    }

    #[test]
    fn a_slice_across_segments_holds_exactly_its_range() {
        let all = Content::concat(&[
            Content::from(Bytes::from_static(b"abc")),
            Content::default(),
            Content::from(Bytes::from_static(b"defg")),
        ]);
        assert_eq!(all.len(), 7);
        for start in 0..=7 {
            for end in start..=7 {
                let expected = &b"abcdefg"[index(start)..index(end)];
                assert_eq!(bytes(&all.slice(start..end)), expected);
            }
        }
    }

    #[test]
    fn sparse_content_cut_and_joined_is_what_it_was() {
        let whole = Content::sparse(7, 5_000_001);
        let all = bytes(&whole);
        assert_eq!(all.len(), 5_000_001);
        assert_ne!(all, bytes(&Content::sparse(8, 5_000_001)));
        let cuts = [0, 3, 4096, 1_048_577, 5_000_001];
        let parts: Vec<_> = cuts.windows(2).map(|cut| whole.slice(cut[0]..cut[1])).collect();
        for (part, cut) in parts.iter().zip(cuts.windows(2)) {
            assert_eq!(bytes(part), &all[index(cut[0])..index(cut[1])]);
        }
        let again = Content::concat(&parts);
        let digest = |content: &Content| content.hashed().flatten().collect::<Vec<u8>>();
        assert_eq!(digest(&again), digest(&whole));
        let swapped = Content::concat([&parts[1], &parts[0], &parts[2], &parts[3]]);
        assert_ne!(digest(&swapped), digest(&whole));
        assert_eq!(Content::sparse(1, 50_000_000_000_000).len(), 50_000_000_000_000);
    }

    #[test]
    fn what_is_gathered_comes_out_in_pieces_of_a_mebibyte() {
        let sent: Vec<u8> = (0..CHUNK * 2 + 5).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let mut gather = Gather::default();
        sent.chunks(70_001).for_each(|piece| gather.push(piece));
        let content = gather.finish();
        assert_eq!(content.chunks().map(|c| c.len()).collect::<Vec<_>>(), [CHUNK, CHUNK, 5]);
        assert_eq!(bytes(&content), sent);
    }
}
