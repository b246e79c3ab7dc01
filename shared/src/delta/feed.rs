//! The compressed bytes of a data file, between its source and the decoder: read in large pieces, counted, and given to be summed up. Calls nothing of AWS.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use super::checksums::{Checksums, PIECE};

/// Compressed bytes on their way to the decoder.
pub(super) struct Feed<'a> {
    source: Box<dyn Read + Send>,
    /// No more than this is read, and one byte to see whether there is more.
    limit: u64,
    /// Bytes read from the source.
    read: u64,
    piece: Arc<Vec<u8>>,
    /// The decoder's next byte of the piece.
    start: usize,
    /// Which file it is of those that are summed up.
    file: usize,
    sums: &'a Checksums,
    at_end: bool,
    failed: Option<io::Error>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(source: Box<dyn Read + Send>, limit: u64, file: usize, sums: &'a Checksums) -> Self {
        sums.begin(file);
        Self { source, limit, read: 0, piece: Arc::default(), start: 0, file, sums, at_end: false, failed: None }
    }

    /// Bytes read from the source.
    pub(super) fn read_so_far(&self) -> u64 {
        self.read
    }

    /// Bytes that are not read yet, if there are as many as there should be.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.read)
    }

    /// Whether all was read that the file may have, and what its MD5 is. To be asked once the decoder is done.
    pub(super) fn finish(&mut self) -> io::Result<(u64, String)> {
        // Bytes that the decoder left.
        while !self.at_end {
            self.fill()?;
        }
        Ok((self.read, self.sums.end(self.file, self.read)))
    }

    /// How reading the source failed, if it did.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// Reads the next piece: a whole one, unless the file ends.
    fn fill(&mut self) -> io::Result<()> {
        self.start = 0;
        self.sums.give_back(std::mem::take(&mut self.piece));
        let mut piece = self.sums.room();
        let mut filled = 0;
        while filled < PIECE && !self.at_end {
            let wanted = usize::try_from(self.limit + 1 - self.read).unwrap_or(usize::MAX).min(PIECE - filled);
            match self.source.read(&mut piece[filled..filled + wanted]) {
                Ok(0) => self.at_end = true,
                Ok(n) => {
                    filled += n;
                    self.read += n as u64;
                    self.at_end = self.read > self.limit;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.failed = Some(error);
                    return Err(io::Error::from(kind));
                }
            }
        }
        piece.truncate(filled);
        self.piece = Arc::new(piece);
        self.sums.add(self.file, &self.piece);
        Ok(())
    }
}

impl BufRead for Feed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.piece.len() && !self.at_end {
            self.fill()?;
        }
        Ok(&self.piece[self.start..])
    }

    fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.piece.len());
    }
}

impl Read for Feed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}
