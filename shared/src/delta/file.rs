//! One data file of a report, as a stream of text: its size, MD5 and CRC are checked as it passes. Calls nothing of AWS.

use std::io::{self, Read};

use super::checksums::Checksums;
use super::error::{DeltaError, Problem};
use super::feed::Feed;
use crate::inventory::{DataFile, LONGEST_ROW};

/// The decoder that this build has.
pub const DECODER: &str = if cfg!(feature = "isal") { "ISA-L" } else { "zlib-rs" };

#[cfg(feature = "isal")]
type Decoder<'a> = crate::fast::Isal<Feed<'a>>;
#[cfg(not(feature = "isal"))]
type Decoder<'a> = flate2::bufread::MultiGzDecoder<Feed<'a>>;

/// Bytes that are decoded at a time.
const BLOCK: usize = 256 * 1024;

/// A data file that is being read.
pub(super) struct File<'a> {
    listed: &'a DataFile,
    decoder: Decoder<'a>,
    /// The start of a row that was not whole.
    tail: Vec<u8>,
}

/// Decoded text. All files of a thread use one, so that it stays in the processor's cache.
pub(super) struct Text {
    bytes: Vec<u8>,
    filled: usize,
}

impl Text {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; BLOCK + LONGEST_ROW + 1], filled: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl<'a> File<'a> {
    /// The file that is listed at `index`.
    pub(super) fn new(listed: &'a DataFile, index: usize, source: Box<dyn Read + Send>, sums: &'a Checksums) -> Self {
        let feed = Feed::new(source, listed.size, index, sums);
        Self { listed, decoder: Decoder::new(feed), tail: Vec::new() }
    }

    fn feed(&mut self) -> &mut Feed<'a> {
        self.decoder.get_mut()
    }

    /// Compressed bytes that were read.
    pub(super) fn read_so_far(&self) -> u64 {
        self.decoder.get_ref().read_so_far()
    }

    /// Compressed bytes that are to be read.
    pub(super) fn left(&self) -> u64 {
        self.decoder.get_ref().left()
    }

    /// Decodes a block, behind what was left of the one before. Says whether that was the last one.
    pub(super) fn decode(&mut self, text: &mut Text) -> Result<bool, DeltaError> {
        let tail = self.tail.len();
        text.bytes[..tail].copy_from_slice(&self.tail);
        text.filled = tail;
        let room = text.bytes.len().min(tail + BLOCK);
        while text.filled < room {
            match self.decoder.read(&mut text.bytes[text.filled..room]) {
                Ok(0) => {
                    self.check()?;
                    return Ok(true);
                }
                Ok(n) => text.filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(&error)),
            }
        }
        Ok(false)
    }

    /// Keeps what was not used of a block for the next one.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.tail.clear();
        self.tail.extend_from_slice(rest);
    }

    pub(super) fn wrong(&self, row: Option<u64>, problem: Problem) -> DeltaError {
        DeltaError::File { file: self.listed.key.clone(), row, problem }
    }

    fn read_failed(&self, error: io::Error) -> DeltaError {
        DeltaError::Read { file: self.listed.key.clone(), error }
    }

    /// Why the decoder stopped: the source failed, or the bytes are not the manifest's, or they are and yet no gzip.
    fn failure(&mut self, error: &io::Error) -> DeltaError {
        if let Some(error) = self.feed().take_failure() {
            return self.read_failed(error);
        }
        match self.check() {
            Ok(()) => self.wrong(None, Problem::Gzip(error.to_string())),
            Err(worse) => worse,
        }
    }

    fn check(&mut self) -> Result<(), DeltaError> {
        let (found, md5) = self.feed().finish().map_err(|error| {
            let error = self.feed().take_failure().unwrap_or(error);
            self.read_failed(error)
        })?;
        let expected = self.listed.size;
        if found != expected {
            return Err(self.wrong(None, Problem::Size { found, expected }));
        }
        if md5 != self.listed.md5 {
            return Err(self.wrong(None, Problem::Md5 { found: md5, expected: self.listed.md5.clone() }));
        }
        Ok(())
    }
}
