//! Cuts the text of a data file into rows. What S3 writes (every field quoted, no quote within) is cut by the positions of its
//! quotes alone, found 64 bytes at a time; a text with anything else goes to a general CSV parser. Calls nothing.

use csv_core::{ReadRecordResult, Reader};

use super::row::Span;
use super::{Row, RowError, Schema};
use crate::fast::{Marks, prefetch};

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
    marks: Marks,
    general: General,
    /// Rows so far.
    number: u64,
}

impl<'s> RowReader<'s> {
    /// Of a file with these columns.
    pub fn new(schema: &'s Schema) -> Self {
        Self { schema, marks: Marks::default(), general: General::new(schema.width), number: 0 }
    }

    /// Goes on in a file of which so many rows were read.
    pub(crate) fn resume(&mut self, rows: u64) {
        self.number = rows;
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.number
    }

    /// Reads again a row that was read before, given as it stood at its [`Row::place`].
    pub(crate) fn again<E: From<BadRow>>(
        &mut self,
        raw: &[u8],
        number: u64,
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.resume(number - 1);
        let plain = self.plain(raw);
        match plain.row(0)? {
            Some(row) => each(row),
            None => self.others(raw, 0, true, each).map(|_| ()),
        }
    }

    /// Hands every whole row of `text` to `each`, if its key and size can be read, and says how many bytes that took. What is left begins the next text, unless
    /// this is the `last`.
    pub fn split<E: From<BadRow>>(
        &mut self,
        text: &[u8],
        last: bool,
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut each = |row: Row<'_>| {
            row.check().map_err(|error| BadRow { number: row.number(), error })?;
            each(row)
        };
        let plain = self.plain(text);
        for index in 0..plain.rows() {
            if let Some(row) = plain.row(index)? {
                each(row)?;
            }
        }
        let used = plain.used();
        self.others(text, used, last, each)
    }

    /// The rows at the beginning of `text` that are written as S3 writes them, if all are, but for one that is not whole. They count as read.
    pub(crate) fn plain<'t>(&'t mut self, text: &'t [u8]) -> Plain<'t> {
        self.marks.find(text);
        let width = self.schema.width;
        let before = self.number;
        let rows = self.marks.rows(text, width).unwrap_or(0);
        self.number += rows as u64;
        let opens = self.marks.opens().get(..=rows * width).unwrap_or_default();
        Plain { schema: self.schema, text, opens, rows, is_ascii: self.marks.is_ascii(), before }
    }

    /// Hands every whole row of `text` that begins at `at` or after it to `each`, whether it can be read or not, and says how far that goes.
    pub(crate) fn others<E: From<BadRow>>(
        &mut self,
        text: &[u8],
        mut at: usize,
        last: bool,
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let (schema, width) = (self.schema, self.schema.width);
        let bad = |number, error| BadRow { number, error };
        while at < text.len() {
            let number = self.number + 1;
            match self.general.row(&text[at..], last, width) {
                Found::Row { used } => {
                    let place = Span::new(at, at + without_line_end(&text[at..at + used]));
                    let General { text: written, opens, .. } = &self.general;
                    let row = Row { schema, place, text: written, opens, is_plain: false, number };
                    if !self.marks.is_ascii() && std::str::from_utf8(place.of(text)).is_err() {
                        return Err(bad(number, RowError::NotUtf8).into());
                    }
                    self.number = number;
                    each(row)?;
                    at += used;
                }
                Found::Nothing { used } => at += used,
                Found::Columns(found) => {
                    return Err(bad(number, RowError::Columns { found, expected: width }).into());
                }
                Found::Incomplete if text.len() - at > LONGEST_ROW => {
                    return Err(bad(number, RowError::TooLong(LONGEST_ROW)).into());
                }
                Found::Incomplete => return Ok(at),
            }
        }
        Ok(at)
    }
}

/// Rows that are written as S3 writes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<'t> {
    schema: &'t Schema,
    text: &'t [u8],
    /// Where the fields of all rows open, and the first of the row after them would.
    opens: &'t [u32],
    rows: usize,
    is_ascii: bool,
    /// Rows of the file before them.
    before: u64,
}

impl<'t> Plain<'t> {
    /// How many there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The text that they stand in.
    pub(crate) fn text(&self) -> &'t [u8] {
        self.text
    }

    /// Bytes that they take.
    pub(crate) fn used(&self) -> usize {
        if self.rows == 0 { 0 } else { self.opens.last().copied().unwrap_or_default() as usize }
    }

    /// Asks for the beginning of the row `index`, if there are as many.
    #[inline]
    pub(crate) fn fetch(&self, index: usize) {
        let start = self.opens.get(index * self.schema.width);
        start.and_then(|start| self.text.get(*start as usize)).into_iter().for_each(prefetch);
    }

    /// The row `index`, if there are as many.
    #[inline]
    pub(crate) fn row(&self, index: usize) -> Result<Option<Row<'t>>, BadRow> {
        let Self { schema, text, is_ascii, before, .. } = *self;
        let from = index * schema.width;
        let Some(opens @ &[start, .., next]) = self.opens.get(from..=from + schema.width) else { return Ok(None) };
        // The quote of the next row stands after a line end.
        let place = Span { start, end: next - 1 };
        let number = before + index as u64 + 1;
        if !is_ascii && std::str::from_utf8(place.of(text)).is_err() {
            return Err(BadRow { number, error: RowError::NotUtf8 });
        }
        Ok(Some(Row { schema, place, text, opens, is_plain: true, number }))
    }
}

/// How long a row is without its line end.
fn without_line_end(mut raw: &[u8]) -> usize {
    while let [rest @ .., b'\r' | b'\n'] = raw {
        raw = rest;
    }
    raw.len()
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
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// The row as S3 would write it, but for quotes within a field, which are not doubled.
    text: Vec<u8>,
    /// Where its fields open, and the next row would.
    opens: Vec<u32>,
}

impl General {
    fn new(width: usize) -> Self {
        Self {
            reader: Box::new(Reader::new()),
            fields: vec![0; 4096],
            ends: vec![0; width + 1],
            text: Vec::new(),
            opens: Vec::new(),
        }
    }

    fn row(&mut self, text: &[u8], last: bool, width: usize) -> Found {
        self.reader.reset();
        let (mut used, mut written, mut fields) = (0, 0, 0);
        let mut ended = false;
        loop {
            let (result, read, wrote, found) = self.reader.read_record(
                if ended { &[] } else { &text[used..] },
                &mut self.fields[written..],
                &mut self.ends[fields..],
            );
            (used, written, fields) = (used + read, written + wrote, fields + found);
            match result {
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => return Found::Columns(fields + 1),
                ReadRecordResult::Record if fields != width => return Found::Columns(fields),
                ReadRecordResult::Record => {
                    // The parser may stop between the two bytes of a line end.
                    if used > 0 && text[used - 1] == b'\r' && text.get(used) == Some(&b'\n') {
                        used += 1;
                    }
                    self.write(width);
                    return Found::Row { used };
                }
                ReadRecordResult::InputEmpty if last && !ended => ended = true,
                ReadRecordResult::InputEmpty => return Found::Incomplete,
                ReadRecordResult::End => return Found::Nothing { used },
            }
        }
    }

    /// Writes the fields with quotes and commas.
    #[allow(clippy::cast_possible_truncation)] // of less than 2^32 bytes
    fn write(&mut self, width: usize) {
        self.text.clear();
        self.opens.clear();
        let mut start = 0;
        for end in &self.ends[..width] {
            self.opens.push(self.text.len() as u32);
            self.text.push(b'"');
            self.text.extend_from_slice(&self.fields[start..*end]);
            self.text.extend_from_slice(b"\",");
            start = *end;
        }
        self.opens.push(self.text.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        Schema::of(&["Bucket", "Key", "Size", "LastModifiedDate", "ETag"].map(str::to_owned)).unwrap()
    }

    fn row(key: &str, size: &str) -> String {
        format!("\"b\",\"{key}\",\"{size}\",\"2026-01-31T00:00:00.000Z\",\"e\"\n")
    }

    /// The keys that are handed on, and what came of it.
    fn read(text: &str, last: bool) -> (Vec<String>, Result<usize, BadRow>) {
        let schema = schema();
        let (mut reader, mut keys) = (RowReader::new(&schema), Vec::new());
        let used = reader.split(text.as_bytes(), last, |row| {
            keys.push(row.key().into_owned());
            assert_eq!(row.number(), keys.len() as u64);
            let place = row.place();
            assert_eq!(&text[place.start as usize..place.end as usize], text.lines().nth(keys.len() - 1).unwrap());
            Ok(())
        });
        (keys, used)
    }

    #[test]
    fn rows_before_a_bad_one_are_handed_on() {
        let bad = [row("%zz", "1"), row("k", "1x"), row("", "1"), "\"b\",\"k\"\n".to_owned(), row("\"", "1")];
        for before in [0, 1, 2, 50] {
            let keys: Vec<_> = (0..before).map(|i| format!("k {i}")).collect();
            let good: String = keys.iter().map(|key| row(&key.replace(' ', "%20"), "7")).collect();
            for bad in &bad {
                let (found, error) = read(&format!("{good}{bad}{good}"), true);
                assert_eq!(found, keys, "{bad}");
                assert_eq!(error.map_err(|bad| bad.number), Err(before + 1), "{bad}");
            }
        }
    }

    #[test]
    fn what_is_not_whole_is_left_for_the_next_text() {
        let (good, more) = (row("a+b", "1").repeat(3), row("c", "2"));
        for end in 0..more.len() {
            let text = format!("{good}{}", &more[..end]);
            assert_eq!(read(&text, false), (vec!["a b".to_owned(); 3], Ok(good.len())), "{end}");
        }
        let (keys, used) = read(&format!("{good}{}", more.trim_end()), true);
        assert_eq!((keys.len(), used), (4, Ok(good.len() + more.len() - 1)));
    }

    #[test]
    fn a_row_is_read_again_as_it_was() {
        let schema = schema();
        let mut reader = RowReader::new(&schema);
        for (text, key) in [(row("a%2Fb", "1"), "a/b"), ("b,k,1,2026-01-31T00:00:00Z,e".to_owned(), "k")] {
            let again = reader.again(text.as_bytes(), 7, |row| -> Result<(), BadRow> {
                assert_eq!((row.key().as_ref(), row.size(), row.number()), (key, Some(1), 7));
                Ok(())
            });
            assert_eq!(again, Ok(()));
        }
    }
}
