//! Cuts the text of a data file into rows. What S3 writes (every field quoted, no quote within) is cut by the positions of its
//! quotes alone, found 64 bytes at a time; a text with anything else goes to a general CSV parser. Calls nothing.

use csv_core::{ReadRecordResult, Reader};

use super::field::{decode_key, few_digits, parse_size};
use super::row::{self, Span};
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
    marks: Marks,
    general: General,
    rows: Rows<'s>,
    /// The keys of the last two rows, decoded.
    keys: [Vec<u8>; 2],
}

impl<'s> RowReader<'s> {
    /// Of a file with these columns.
    pub fn new(schema: &'s Schema) -> Self {
        let rows = Rows { schema, number: 0 };
        Self { marks: Marks::default(), general: General::new(schema.width), rows, keys: [Vec::new(), Vec::new()] }
    }

    /// Goes on in a file of which so many rows were read.
    pub(crate) fn resume(&mut self, rows: u64) {
        self.rows.number = rows;
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.number
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
        self.marks.find(text);
        let width = self.rows.schema.width;
        let opens = self.marks.opens();
        let is_ascii = self.marks.is_ascii();
        let mut at = 0;
        // A row is handed on when the next one has been read: what was just written is slow to read in other pieces.
        let mut ahead: Option<Line<'_>> = None;
        let [mut key, mut other] = self.keys.each_mut();
        for row in 0..self.marks.rows(text, width).unwrap_or(0) {
            let Some(opens) = opens.get(row * width..=(row + 1) * width) else { break };
            let &[start, .., next] = opens else { break };
            // The quote of the next row stands after a line end.
            let place = Span { start, end: next - 1 };
            let read = self.rows.read(text, is_ascii, place, text, opens, key);
            if let Some(row) = ahead {
                each(row.row(other))?;
            }
            ahead = Some(read?);
            std::mem::swap(&mut key, &mut other);
            at = next as usize;
        }
        if let Some(row) = ahead {
            each(row.row(other))?;
        }
        while at < text.len() {
            match self.general.row(&text[at..], last, width) {
                Found::Row { used } => {
                    let place = Span::new(at, at + without_line_end(&text[at..at + used]));
                    let General { text: row, opens, .. } = &self.general;
                    each(self.rows.read(text, is_ascii, place, row, opens, key)?.row(key))?;
                    at += used;
                }
                Found::Nothing { used } => at += used,
                Found::Columns(found) => {
                    return Err(self.rows.bad(RowError::Columns { found, expected: width }).into());
                }
                Found::Incomplete if text.len() - at > LONGEST_ROW => {
                    return Err(self.rows.bad(RowError::TooLong(LONGEST_ROW)).into());
                }
                Found::Incomplete => return Ok(at),
            }
        }
        Ok(at)
    }
}

/// Reads the fields of rows.
#[derive(Debug)]
struct Rows<'s> {
    schema: &'s Schema,
    /// Rows so far.
    number: u64,
}

impl<'s> Rows<'s> {
    fn bad(&self, error: RowError) -> BadRow {
        BadRow { number: self.number + 1, error }
    }

    /// The next row, which stands at `place` of a block, and whose fields open at `opens` in `text`. Its key is decoded into `key`.
    #[inline]
    fn read<'a>(
        &mut self,
        block: &[u8],
        is_ascii: bool,
        place: Span,
        text: &'a [u8],
        opens: &'a [u32],
        key: &mut Vec<u8>,
    ) -> Result<Line<'a>, BadRow>
    where
        's: 'a,
    {
        let number = self.number + 1;
        let bad = |error| BadRow { number, error };
        if !is_ascii && std::str::from_utf8(place.of(block)).is_err() {
            return Err(bad(RowError::NotUtf8));
        }
        let size = row::field(opens, self.schema.size);
        let size = match few_digits(text, size) {
            None => parse_size(size.of(text)).map_err(bad)?,
            some => some,
        };
        let encoded = row::field(opens, self.schema.key).of(text);
        let key_bytes = decode_key(encoded, key).map_err(bad)?.len();
        self.number = number;
        Ok(Line { schema: self.schema, place, text, opens, key_bytes, size, number })
    }
}

/// A row without its key.
#[derive(Clone, Copy)]
struct Line<'a> {
    schema: &'a Schema,
    place: Span,
    text: &'a [u8],
    opens: &'a [u32],
    key_bytes: usize,
    size: Option<u64>,
    number: u64,
}

impl<'a> Line<'a> {
    #[inline]
    fn row(self, key: &'a [u8]) -> Row<'a> {
        let Self { schema, place, text, opens, key_bytes, size, number } = self;
        Row { schema, place, text, opens, key: key.get(..key_bytes).unwrap_or_default(), size, number }
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
            keys.push(row.key().to_owned());
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
                assert_eq!((row.key(), row.size(), row.number()), (key, Some(1), 7));
                Ok(())
            });
            assert_eq!(again, Ok(()));
        }
    }
}
