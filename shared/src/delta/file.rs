//! One data file of a report, as a stream of text: its size, MD5 and CRC are checked as it passes. Calls nothing of AWS.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use md5::{Digest, Md5};

use super::error::{DeltaError, Problem};
use crate::inventory::{DataFile, LONGEST_ROW};

/// The decoder that this build has.
pub const DECODER: &str = "flate2 (zlib-rs)";

/// Bytes that are decoded at a time.
pub(super) const BLOCK: usize = 256 * 1024;

/// A data file that is being read.
pub(super) struct File<'a> {
    file: &'a DataFile,
    decoder: MultiGzDecoder<Compressed>,
    /// Text that is decoded and not yet taken.
    text: Vec<u8>,
    ended: bool,
}

impl<'a> File<'a> {
    pub(super) fn new(file: &'a DataFile, source: Box<dyn Read + Send>) -> Self {
        let compressed = Compressed {
            source: BufReader::with_capacity(BLOCK, source),
            limit: file.size,
            read: 0,
            md5: Md5::new(),
            failed: None,
        };
        Self {
            file,
            decoder: MultiGzDecoder::new(compressed),
            text: Vec::with_capacity(BLOCK + LONGEST_ROW),
            ended: false,
        }
    }

    /// Compressed bytes read so far.
    pub(super) fn read(&self) -> u64 {
        self.decoder.get_ref().read
    }

    /// Decodes a block. Says whether that was the last one.
    pub(super) fn decode(&mut self) -> Result<bool, DeltaError> {
        let kept = self.text.len();
        self.text.resize(kept + BLOCK, 0);
        let mut filled = kept;
        while filled < self.text.len() {
            match self.decoder.read(&mut self.text[filled..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(&error)),
            }
        }
        self.text.truncate(filled);
        if self.ended {
            self.check()?;
        }
        Ok(self.ended)
    }

    /// What is decoded and not yet taken.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Takes bytes from the start of the text.
    pub(super) fn take(&mut self, bytes: usize) {
        self.text.drain(..bytes);
    }

    pub(super) fn wrong(&self, row: Option<u64>, problem: Problem) -> DeltaError {
        DeltaError::File { file: self.file.key.clone(), row, problem }
    }

    fn failure(&mut self, error: &io::Error) -> DeltaError {
        let compressed = self.decoder.get_mut();
        if let Some(error) = compressed.failed.take() {
            return DeltaError::Read { file: self.file.key.clone(), error };
        }
        // A file that is cut off is told by its size first: that says more.
        let found = compressed.read;
        match compressed.source.fill_buf() {
            Ok([]) if found != self.file.size => self.size(found),
            _ => self.wrong(None, Problem::Gzip(error.to_string())),
        }
    }

    fn size(&self, found: u64) -> DeltaError {
        self.wrong(None, Problem::Size { found, expected: self.file.size })
    }

    fn check(&mut self) -> Result<(), DeltaError> {
        let compressed = self.decoder.get_mut();
        if compressed.read != self.file.size {
            let found = compressed.read;
            return Err(self.size(found));
        }
        let found = hex::encode(std::mem::take(&mut compressed.md5).finalize());
        if found == self.file.md5 {
            Ok(())
        } else {
            Err(self.wrong(None, Problem::Md5 { found, expected: self.file.md5.clone() }))
        }
    }
}

/// The compressed bytes, on their way to the decoder.
struct Compressed {
    source: BufReader<Box<dyn Read + Send>>,
    limit: u64,
    read: u64,
    md5: Md5,
    failed: Option<io::Error>,
}

impl Read for Compressed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        // The decoder uses the buffered way only.
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

impl BufRead for Compressed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.source.fill_buf() {
            Ok(bytes) => {
                // Past the size that the manifest gives, nothing is decoded.
                if self.read > self.limit { Ok(&[]) } else { Ok(bytes) }
            }
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(io::Error::from(kind))
            }
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.md5.update(&self.source.buffer()[..bytes]);
        self.read += bytes as u64;
        self.source.consume(bytes);
    }
}
