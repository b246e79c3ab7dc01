//! The compressed bytes of a data file, between its source and the decoder: read in large pieces, counted, and summed up. Calls nothing of AWS.

use std::io::{self, BufRead, Read};

use super::md5::{self, State};

/// Bytes that are held of each file.
const BUFFER: usize = 128 * 1024;

/// Bytes that may wait for their MD5.
const WAITING: usize = 32 * 1024;

/// Compressed bytes on their way to the decoder.
pub(super) struct Feed {
    source: Box<dyn Read + Send>,
    /// No more than this is read, and one byte to see whether there is more.
    limit: u64,
    /// Bytes read from the source.
    read: u64,
    buffer: Vec<u8>,
    /// The decoder's next byte.
    start: usize,
    /// MD5's next byte.
    summed: usize,
    end: usize,
    sum: State,
    at_end: bool,
    failed: Option<io::Error>,
}

impl Feed {
    pub(super) fn new(source: Box<dyn Read + Send>, limit: u64) -> Self {
        Self {
            source,
            limit,
            read: 0,
            buffer: vec![0; BUFFER],
            start: 0,
            summed: 0,
            end: 0,
            sum: State::new(),
            at_end: false,
            failed: None,
        }
    }

    /// Bytes read from the source.
    pub(super) fn read_so_far(&self) -> u64 {
        self.read
    }

    /// Whether less than half of the buffer is left to decode.
    pub(super) fn is_low(&self) -> bool {
        self.end - self.start < BUFFER / 2 && !self.at_end
    }

    /// Reads on.
    pub(super) fn top_up(&mut self) -> io::Result<()> {
        if self.at_end { Ok(()) } else { self.fill() }
    }

    /// Sums up what was read of several files.
    pub(super) fn sum_up<'f>(feeds: impl Iterator<Item = &'f mut Self>) {
        let feeds: Vec<_> = feeds.filter(|feed| feed.unsummed() > 0).collect();
        let least = feeds.iter().map(|feed| feed.unsummed()).min().unwrap_or(0);
        let mut lanes: Vec<_> = feeds
            .into_iter()
            .map(|feed| {
                let all = feed.unsummed();
                // What a file has more than the others waits for the next time, side by side.
                let blocks = if all > least + WAITING { all } else { least };
                let from = feed.summed;
                feed.summed += blocks;
                (&mut feed.sum, &feed.buffer[from..from + blocks])
            })
            .collect();
        // Of similar length side by side: the rest of the longer ones is summed up alone.
        lanes.sort_by_key(|(_, bytes)| bytes.len());
        for lanes in lanes.chunks_mut(md5::LANES) {
            md5::add_side_by_side(lanes);
        }
    }

    /// Whether all was read that the file may have, and what its MD5 is. To be asked once the decoder is done.
    pub(super) fn finish(&mut self) -> io::Result<(u64, String)> {
        // Bytes that the decoder left.
        while !self.at_end {
            self.start = self.end;
            self.fill()?;
        }
        self.sum_alone();
        Ok((self.read, self.sum.end(&self.buffer[self.summed..self.end], self.read)))
    }

    /// How reading the source failed, if it did.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// Bytes that wait to be summed up: whole blocks.
    fn unsummed(&self) -> usize {
        (self.end - self.summed) / md5::BLOCK * md5::BLOCK
    }

    fn sum_alone(&mut self) {
        Self::sum_up(std::iter::once(self));
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.unsummed() > WAITING {
            self.sum_alone();
        }
        let keep = self.start.min(self.summed);
        self.buffer.copy_within(keep..self.end, 0);
        self.start -= keep;
        self.summed -= keep;
        self.end -= keep;
        while self.end < self.buffer.len() && !self.at_end {
            let wanted = usize::try_from(self.limit + 1 - self.read).unwrap_or(usize::MAX);
            let wanted = wanted.min(self.buffer.len() - self.end);
            match self.source.read(&mut self.buffer[self.end..self.end + wanted]) {
                Ok(0) => self.at_end = true,
                Ok(n) => {
                    self.end += n;
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
        Ok(())
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.at_end {
            self.fill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }
}

impl Read for Feed {
    /// Fills all of `into` while there is anything: ISA-L's reader takes a short read for a lack of input.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let bytes = self.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let length = bytes.len().min(into.len() - filled);
            into[filled..filled + length].copy_from_slice(&bytes[..length]);
            self.consume(length);
            filled += length;
        }
        Ok(filled)
    }
}
