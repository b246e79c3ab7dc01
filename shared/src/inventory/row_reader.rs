//! Cuts the text of a data file into rows. What S3 writes (every field quoted, no quote within) is cut by the positions of its
//! quotes alone, found 64 bytes at a time; any other row goes to a general CSV parser. Calls nothing.

use csv_core::{ReadRecordResult, Reader};

use super::field::{decode_key, decode_marked, few_digits, parse_size};
use super::row::Span;
use super::{Row, RowError, Schema};
use crate::fast::Marks;

/// Longer than any row: a key has at most 1,024 bytes, 3 KB encoded, and no other field comes near it.
pub(crate) const LONGEST_ROW: usize = 256 * 1024;

/// A row that cannot be taken, and which of the file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// From 1.
    pub number: u64,
    /// What is wrong with it.
    pub error: RowError,
}

/// Cuts text into rows. Keeps its buffers from one text to the next.
#[derive(Debug)]
pub struct RowReader<'s> {
    schema: &'s Schema,
    /// Rows so far.
    rows: u64,
    marks: Marks,
    /// Quotes of the text that are passed.
    passed: usize,
    spans: Vec<Span>,
    key: Vec<u8>,
    general: General,
}

impl<'s> RowReader<'s> {
    /// Of a file with these columns.
    pub fn new(schema: &'s Schema) -> Self {
        Self {
            schema,
            rows: 0,
            marks: Marks::default(),
            passed: 0,
            spans: vec![Span::default(); schema.width],
            key: Vec::new(),
            general: General::new(schema.width),
        }
    }

    /// Goes on in a file of which so many rows were read.
    pub(crate) fn resume(&mut self, rows: u64) {
        self.rows = rows;
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads again a row that was read before, given as it stood at its [`Row::place`].
    pub(crate) fn again<E: From<BadRow>>(
        &mut self,
        raw: &[u8],
        number: u64,
        each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.resume(number - 1);
        self.split(raw, true, each).map(|_| ())
    }

    /// Passes all quotes before byte `at`.
    fn pass(&mut self, at: usize) {
        let quotes = self.marks.quotes().get(self.passed..).unwrap_or_default();
        self.passed += quotes.partition_point(|place| (*place as usize) < at);
    }

    /// Hands every whole row of `text` to `each`, and says how many bytes that took. What is left begins the next text, unless
    /// this is the `last`.
    pub fn split<E: From<BadRow>>(
        &mut self,
        text: &[u8],
        last: bool,
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.marks.find(text);
        self.passed = 0;
        let mut at = 0;
        while at < text.len() {
            let number = self.rows + 1;
            let bad = |error| BadRow { number, error };
            let plain =
                plain_row(text, at, self.marks.quotes().get(self.passed..).unwrap_or_default(), &mut self.spans);
            let (fields, end, next) = if let Some((end, next)) = plain {
                self.passed += 2 * self.spans.len();
                (text, end, next)
            } else {
                match self.general.row(&text[at..], last, &mut self.spans) {
                    Found::Row { used } => {
                        let end = at + without_line_end(&text[at..at + used]);
                        self.pass(at + used);
                        (self.general.text.as_slice(), end, at + used)
                    }
                    Found::Nothing { used } => {
                        self.pass(at + used);
                        at += used;
                        continue;
                    }
                    Found::Columns(found) => {
                        return Err(bad(RowError::Columns { found, expected: self.schema.width }).into());
                    }
                    Found::Incomplete => {
                        if text.len() - at > LONGEST_ROW {
                            return Err(bad(RowError::TooLong(LONGEST_ROW)).into());
                        }
                        return Ok(at);
                    }
                }
            };
            if !self.marks.is_ascii() && std::str::from_utf8(&text[at..end]).is_err() {
                return Err(bad(RowError::NotUtf8).into());
            }
            let place = Span::new(at, end);
            let span = |column: usize| self.spans.get(column).copied().unwrap_or_default();
            let size = span(self.schema.size);
            let size = match few_digits(fields, size) {
                None => parse_size(size.of(fields)).map_err(bad)?,
                some => some,
            };
            let key = span(self.schema.key);
            let key = match plain {
                Some(_) => decode_marked(fields, key, self.marks.escapes(), &mut self.key),
                None => decode_key(key.of(fields), &mut self.key),
            };
            let key = key.map_err(bad)?;
            let row = Row { schema: self.schema, place, text: fields, spans: &self.spans, key, size, number };
            self.rows = number;
            at = next;
            each(row)?;
        }
        Ok(at)
    }
}

/// How long a row is without its line end.
fn without_line_end(mut raw: &[u8]) -> usize {
    while let [rest @ .., b'\r' | b'\n'] = raw {
        raw = rest;
    }
    raw.len()
}

/// Fills `spans` with the fields of the row at `at`, if it is a plain one: quote, no quote, quote, comma or line end. `quotes` are the places
/// of the quotes from there on. Says where its text ends and where the next row starts. Nothing, if it is not plain or not whole.
#[inline]
fn plain_row(text: &[u8], at: usize, quotes: &[u32], spans: &mut [Span]) -> Option<(usize, usize)> {
    let quotes = quotes.get(..2 * spans.len())?.as_chunks::<2>().0;
    let mut open = at;
    let mut end = at;
    let mut plain = true;
    for (span, [first, close]) in spans.iter_mut().zip(quotes) {
        *span = Span { start: first + 1, end: *close };
        // Two more than the quote before, and a comma between.
        plain &= *first as usize == open && (open == at || text.get(end) == Some(&b','));
        end = *close as usize + 1;
        open = end + 1;
    }
    if !plain {
        return None;
    }
    match text.get(end..)? {
        [b'\n', ..] => Some((end, end + 1)),
        [b'\r', b'\n', ..] => Some((end, end + 2)),
        _ => None,
    }
}

/// What the general parser found.
enum Found {
    Row {
        used: usize,
    },
    /// Line ends to the end of the text, or a byte-order mark: no row.
    Nothing {
        used: usize,
    },
    Columns(usize),
    Incomplete,
}

/// Any CSV: quotes doubled, line ends and commas within quotes, fields without quotes, CRLF.
#[derive(Debug)]
struct General {
    reader: Box<Reader>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl General {
    fn new(width: usize) -> Self {
        Self { reader: Box::new(Reader::new()), text: vec![0; 4096], ends: vec![0; width + 1] }
    }

    fn row(&mut self, text: &[u8], last: bool, spans: &mut [Span]) -> Found {
        self.reader.reset();
        let (mut used, mut written, mut fields) = (0, 0, 0);
        let mut ended = false;
        loop {
            let (result, read, wrote, found) = self.reader.read_record(
                if ended { &[] } else { &text[used..] },
                &mut self.text[written..],
                &mut self.ends[fields..],
            );
            (used, written, fields) = (used + read, written + wrote, fields + found);
            match result {
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => return Found::Columns(fields + 1),
                ReadRecordResult::Record => return self.found(text, used, fields, spans),
                ReadRecordResult::InputEmpty if last && !ended => ended = true,
                ReadRecordResult::InputEmpty => return Found::Incomplete,
                ReadRecordResult::End => return Found::Nothing { used },
            }
        }
    }

    fn found(&mut self, text: &[u8], mut used: usize, fields: usize, spans: &mut [Span]) -> Found {
        // The parser may stop between the two bytes of a line end.
        if used > 0 && text[used - 1] == b'\r' && text.get(used) == Some(&b'\n') {
            used += 1;
        }
        if fields != spans.len() {
            return Found::Columns(fields);
        }
        let mut start = 0;
        for (span, end) in spans.iter_mut().zip(&self.ends) {
            *span = Span::new(start, *end);
            start = *end;
        }
        Found::Row { used }
    }
}
