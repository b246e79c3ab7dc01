//! Cuts the text of a data file into rows. What S3 writes (every field quoted, no quote within) is cut by the positions of its
//! quotes alone, found 64 bytes at a time; any other row goes to a general CSV parser. Calls nothing.

use csv_core::{ReadRecordResult, Reader};
use wide::u8x16;

use super::row::{Span, decode_key, parse_size};
use super::{Row, RowError, Schema};

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
    quotes: Quotes,
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
            quotes: Quotes::default(),
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

    /// Hands every whole row of `text` to `each`, and says how many bytes that took. What is left begins the next text, unless
    /// this is the `last`.
    pub fn split<E: From<BadRow>>(
        &mut self,
        text: &[u8],
        last: bool,
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.quotes.find(text);
        let mut at = 0;
        while at < text.len() {
            let number = self.rows + 1;
            let bad = |error| BadRow { number, error };
            let (fields, end, next) = if let Some((end, next)) = self.quotes.row(text, at, &mut self.spans) {
                (text, end, next)
            } else {
                match self.general.row(&text[at..], last, &mut self.spans) {
                    Found::Row { used } => {
                        let end = at + without_line_end(&text[at..at + used]);
                        self.quotes.seek(at + used);
                        (self.general.text.as_slice(), end, at + used)
                    }
                    Found::Nothing { used } => {
                        self.quotes.seek(at + used);
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
            if !text[at..end].is_ascii() && std::str::from_utf8(&text[at..end]).is_err() {
                return Err(bad(RowError::NotUtf8).into());
            }
            let place = Span::new(at, end);
            let row = row(self.schema, fields, place, &self.spans, &mut self.key, number).map_err(bad)?;
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

fn row<'a>(
    schema: &'a Schema,
    text: &'a [u8],
    place: Span,
    spans: &'a [Span],
    scratch: &'a mut Vec<u8>,
    number: u64,
) -> Result<Row<'a>, RowError> {
    let at =
        |column: usize| spans.get(column).and_then(|s| text.get(s.start as usize..s.end as usize)).unwrap_or_default();
    let size = parse_size(at(schema.size))?;
    let key = decode_key(at(schema.key), scratch)?;
    Ok(Row { schema, place, text, spans, key, size, number })
}

/// Where the quotes of a text are, one bit for each byte, and a place in it.
#[derive(Debug, Default)]
struct Quotes {
    masks: Vec<u64>,
    word: usize,
    /// The bits of `word` that are not passed yet.
    bits: u64,
}

impl Quotes {
    fn find(&mut self, text: &[u8]) {
        self.masks.clear();
        let (blocks, rest) = text.as_chunks::<64>();
        self.masks.extend(blocks.iter().map(mask));
        let mut tail = [0; 64];
        tail[..rest.len()].copy_from_slice(rest);
        self.masks.push(mask(&tail));
        self.seek(0);
    }

    /// Goes on from byte `at`.
    fn seek(&mut self, at: usize) {
        self.word = at / 64;
        self.bits = self.masks.get(self.word).copied().unwrap_or_default() & (u64::MAX << (at % 64));
    }

    /// The next quote's place; one that no text has, if there is none.
    fn next(&mut self) -> usize {
        while self.bits == 0 {
            self.word += 1;
            match self.masks.get(self.word) {
                Some(bits) => self.bits = *bits,
                None => return usize::MAX / 2,
            }
        }
        let at = self.word * 64 + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        at
    }

    /// Fills `spans` with the fields of the row at `at`, if it is a plain one: quote, no quote, quote, comma or line end.
    /// Says where its text ends and where the next row starts. Nothing, if it is not plain or not whole.
    fn row(&mut self, text: &[u8], at: usize, spans: &mut [Span]) -> Option<(usize, usize)> {
        let (last, fields) = spans.split_last_mut()?;
        let mut at = at;
        for field in fields {
            let end = self.field(at, field)?;
            if text.get(end) != Some(&b',') {
                return None;
            }
            at = end + 1;
        }
        let end = self.field(at, last)?;
        match text.get(end..)? {
            [b'\n', ..] => Some((end, end + 1)),
            [b'\r', b'\n', ..] => Some((end, end + 2)),
            _ => None,
        }
    }

    /// The field that opens at `at`; says where its closing quote is passed.
    #[inline]
    fn field(&mut self, at: usize, span: &mut Span) -> Option<usize> {
        if self.next() != at {
            return None;
        }
        let close = self.next();
        *span = Span::new(at + 1, close);
        Some(close + 1)
    }
}

/// A bit for each byte that is a quote, the first byte's lowest.
fn mask(block: &[u8; 64]) -> u64 {
    let quote = u8x16::splat(b'"');
    let mut bits = 0;
    for (i, part) in block.as_chunks::<16>().0.iter().enumerate() {
        bits |= u64::from(u8x16::new(*part).simd_eq(quote).to_bitmask()) << (16 * i);
    }
    bits
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
