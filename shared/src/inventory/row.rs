//! One row of a report's data file: an object, as the inventory saw it. Borrowed from the decoder's block: a plain row costs
//! no allocation. Calls nothing.

use std::borrow::Cow;

use super::Schema;

/// Where a field stands in the text of its row, without its quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// A text is a block and the start of a row, so 32 bits will do.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// An object as a report lists it. Made by [`super::RowReader`] only, which has made sure that the row is UTF-8, has as many
/// columns as the schema, and that its key, size and time can be read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub(super) schema: &'a Schema,
    /// Where the row stands in the text that the reader was given, without its line end.
    pub(super) place: Span,
    /// What `spans` point into: the file's block, or a copy with the quotes taken out.
    pub(super) text: &'a [u8],
    pub(super) spans: &'a [Span],
    /// UTF-8: the reader has made sure.
    pub(super) key: &'a [u8],
    pub(super) size: Option<u64>,
    pub(super) number: u64,
}

/// Why a row cannot be taken. No retry can help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Too few or too many columns.
    #[error("it has {found} columns, fileSchema has {expected}")]
    Columns {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// Longer than any row can be: a quote is not closed, or this is not CSV.
    #[error("it does not end within {0} bytes; a quote may not be closed")]
    TooLong(usize),
    /// Bytes that are no text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Neither form- nor percent-encoded UTF-8.
    #[error("its key {0:?} does not decode: a percent sign without two hex digits, or bytes that are not UTF-8")]
    Key(String),
    /// No key at all.
    #[error("its key is empty")]
    NoKey,
    /// Not a number of bytes.
    #[error("its size {0:?} is not a number of bytes")]
    Size(String),
    /// Not a point in time.
    #[error("its time {0:?} is not RFC 3339, as in 2026-01-31T00:00:00.000Z")]
    Time(String),
    /// Another bucket's.
    #[error("it is of bucket {found:?}, this report is of {expected:?}")]
    Bucket {
        /// The bucket it names.
        found: String,
        /// The bucket that the report is about.
        expected: String,
    },
}

impl<'a> Row<'a> {
    fn field(&self, column: usize) -> &'a [u8] {
        self.spans.get(column).map(|span| span.of(self.text)).unwrap_or_default()
    }

    /// The reader has made sure that the row is UTF-8, and a field's ends are at characters.
    fn text(&self, column: usize) -> &'a str {
        std::str::from_utf8(self.field(column)).unwrap_or_default()
    }

    fn optional(&self, column: Option<usize>) -> &'a str {
        column.map(|column| self.text(column)).unwrap_or_default()
    }

    /// The object's bucket.
    pub fn bucket(&self) -> &'a str {
        self.text(self.schema.bucket)
    }

    pub(crate) fn bucket_bytes(&self) -> &'a [u8] {
        self.field(self.schema.bucket)
    }

    /// The object's key, decoded.
    pub fn key(&self) -> &'a str {
        std::str::from_utf8(self.key).unwrap_or_default()
    }

    /// The object's key as it stands in the file, form- or percent-encoded.
    pub fn encoded_key(&self) -> &'a str {
        self.text(self.schema.key)
    }

    /// The version; empty where there is no such column, and for a null version.
    pub fn version_id(&self) -> &'a str {
        self.optional(self.schema.version_id)
    }

    /// The ETag, without quotes; empty for a delete marker.
    pub fn etag(&self) -> &'a str {
        std::str::from_utf8(self.etag_bytes()).unwrap_or_default()
    }

    fn etag_bytes(&self) -> &'a [u8] {
        let etag = self.field(self.schema.etag);
        etag.strip_prefix(b"\"").and_then(|e| e.strip_suffix(b"\"")).unwrap_or(etag)
    }

    /// Bytes; none for a delete marker.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// RFC 3339, as it stands in the file; for a multipart object the time its upload was *initiated*.
    pub fn last_modified(&self) -> &'a str {
        self.text(self.schema.last_modified)
    }

    /// [`Self::last_modified`] as a point in time.
    pub fn modified_at(&self) -> Option<jiff::Timestamp> {
        self.last_modified().parse().ok()
    }

    /// `STANDARD`, `GLACIER`, …; empty where the report does not have it.
    pub fn storage_class(&self) -> &'a str {
        self.optional(self.schema.storage_class)
    }

    /// `FREQUENT`, `ARCHIVE`, …: the tier of Intelligent-Tiering; empty for other classes.
    pub fn access_tier(&self) -> &'a str {
        self.optional(self.schema.access_tier)
    }

    /// `SSE-S3`, `SSE-C`, …; empty where the report does not have it.
    pub fn encryption_status(&self) -> &'a str {
        self.optional(self.schema.encryption_status)
    }

    /// Whether it is a delete marker, which only a report of all versions lists.
    pub fn is_delete_marker(&self) -> bool {
        self.schema.is_delete_marker.is_some_and(|column| self.field(column) == b"true")
    }

    /// Which row of its file it is, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where the row stands in the text that the reader was given, without its line end.
    pub(crate) fn place(&self) -> Span {
        self.place
    }

    /// What makes this object the one it is, in one form whatever the report's columns, quotes and encodings.
    #[inline]
    pub(crate) fn identity(&self) -> Result<Identity<'a>, RowError> {
        let version = self.schema.version_id.map(|column| self.field(column)).unwrap_or_default();
        Ok(Identity {
            key: self.key,
            version: if version == b"null" { &[] } else { version },
            etag: self.etag_bytes(),
            // No object has 2^64 - 1 bytes, so "none" has a value of its own.
            size: self.size.unwrap_or(u64::MAX),
            time: canonical_time(self.field(self.schema.last_modified))?,
        })
    }
}

/// What tells one object, as it is, from any other, and from what it was before.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    /// Decoded.
    pub(crate) key: &'a [u8],
    /// Empty for a null version.
    pub(crate) version: &'a [u8],
    pub(crate) etag: &'a [u8],
    /// `u64::MAX` for none.
    pub(crate) size: u64,
    /// In UTC, with three decimals.
    pub(crate) time: Cow<'a, [u8]>,
}

/// A time in UTC with three decimals: `2026-01-31T00:00:00.000Z`. What is written so already is not copied.
fn canonical_time(text: &[u8]) -> Result<Cow<'_, [u8]>, RowError> {
    if text.is_empty() || is_canonical(text) {
        return Ok(Cow::Borrowed(text));
    }
    let wrong = || RowError::Time(excerpt(text));
    let time: jiff::Timestamp = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).ok_or_else(wrong)?;
    let form = if time.subsec_nanosecond() % 1_000_000 == 0 { format!("{time:.3}") } else { format!("{time:.9}") };
    Ok(Cow::Owned(form.into_bytes()))
}

/// Compares against the shape at once, so that the compiler can do it in a few wide instructions: where the mask is `F0`,
/// any byte of the row `3x` will do (the digits and six signs that no clock writes).
fn is_canonical(text: &[u8]) -> bool {
    const SHAPE: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let Ok(text) = <&[u8; 24]>::try_from(text) else { return false };
    let mut wrong = 0;
    for (byte, shape) in text.iter().zip(SHAPE) {
        let mask = if *shape == b'0' { 0xF0 } else { 0xFF };
        wrong |= (byte ^ shape) & mask;
    }
    wrong == 0
}

/// The key of a row, decoded: bytes that are UTF-8. `+` and `%20` are a space, `%2B` is a plus; `scratch` holds the key where it
/// differs. `encoded` is UTF-8.
pub(super) fn decode_key<'s>(encoded: &'s [u8], scratch: &'s mut Vec<u8>) -> Result<&'s [u8], RowError> {
    if encoded.is_empty() {
        return Err(RowError::NoKey);
    }
    if memchr::memchr2(b'%', b'+', encoded).is_none() {
        return Ok(encoded);
    }
    let wrong = || RowError::Key(excerpt(encoded));
    // Eight bytes are copied at a time, of which the last may be too many.
    if scratch.len() < encoded.len() + 8 {
        scratch.resize(encoded.len() + 8, 0);
    }
    let (mut from, mut to, mut seen) = (0, 0, 0);
    while let Some(&byte) = encoded.get(from) {
        if let Some(eight) = encoded[from..].first_chunk::<8>() {
            let plain = plain_bytes(*eight);
            if plain > 0 {
                scratch[to..to + 8].copy_from_slice(eight);
                (from, to) = (from + plain, to + plain);
                continue;
            }
        }
        from += 1;
        let decoded = match byte {
            b'%' => {
                let Some([high, low]) = encoded.get(from..from + 2) else { return Err(wrong()) };
                let (high, low) = (HEX[usize::from(*high)], HEX[usize::from(*low)]);
                if high | low == NO_DIGIT {
                    return Err(wrong());
                }
                from += 2;
                high << 4 | low
            }
            b'+' => b' ',
            plain => plain,
        };
        seen |= decoded;
        scratch[to] = decoded;
        to += 1;
    }
    let key = &scratch[..to];
    // Only bytes beyond ASCII can be wrong together, and only those that were encoded are new.
    if seen.is_ascii() || std::str::from_utf8(key).is_ok() { Ok(key) } else { Err(wrong()) }
}

/// As [`decode_key`], of a key at `place` in a text whose bytes `%` and `+` are marked by bits of `escapes`. The text is UTF-8.
#[inline]
pub(super) fn decode_marked<'s>(
    text: &'s [u8],
    place: Span,
    escapes: &[u64],
    scratch: &'s mut Vec<u8>,
) -> Result<&'s [u8], RowError> {
    let encoded = place.of(text);
    if encoded.is_empty() {
        return Err(RowError::NoKey);
    }
    let (mut from, end) = (place.start as usize, place.end as usize);
    let mut mark = next_mark(escapes, from, end);
    if mark == end {
        return Ok(encoded);
    }
    let wrong = || RowError::Key(excerpt(encoded));
    if scratch.len() < encoded.len() + PIECE {
        scratch.resize(encoded.len() + PIECE, 0);
    }
    let (mut to, mut seen) = (0, 0);
    loop {
        // A piece of fixed length is copied faster than one of the right length.
        let plain = mark - from;
        match (text[from..].first_chunk::<PIECE>(), scratch[to..].first_chunk_mut::<PIECE>()) {
            (Some(source), Some(target)) if plain <= PIECE => *target = *source,
            _ => scratch[to..to + plain].copy_from_slice(&text[from..mark]),
        }
        to += plain;
        if mark == end {
            break;
        }
        let decoded = match text[mark..end] {
            [b'+', ..] => {
                from = mark + 1;
                b' '
            }
            [_, high, low, ..] => {
                let (high, low) = (HEX[usize::from(high)], HEX[usize::from(low)]);
                if high | low == NO_DIGIT {
                    return Err(wrong());
                }
                from = mark + 3;
                high << 4 | low
            }
            _ => return Err(wrong()),
        };
        seen |= decoded;
        scratch[to] = decoded;
        to += 1;
        mark = next_mark(escapes, from, end);
    }
    let key = &scratch[..to];
    // Only bytes beyond ASCII can be wrong together, and only those that were encoded are new.
    if seen.is_ascii() || std::str::from_utf8(key).is_ok() { Ok(key) } else { Err(wrong()) }
}

/// Bytes of a key that are copied together.
const PIECE: usize = 32;

/// The first marked place from `at`, or `end`.
#[inline]
fn next_mark(marks: &[u64], at: usize, end: usize) -> usize {
    let mut word = at / 64;
    let mut bits = marks.get(word).copied().unwrap_or_default() & (u64::MAX << (at % 64));
    while bits == 0 {
        word += 1;
        if word * 64 >= end {
            return end;
        }
        bits = marks.get(word).copied().unwrap_or_default();
    }
    (word * 64 + bits.trailing_zeros() as usize).min(end)
}

/// How many of these bytes come before the first `%` or `+`.
fn plain_bytes(eight: [u8; 8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let word = u64::from_le_bytes(eight);
    // The lowest high bit that is set is at the first byte that is zero; those above it may be set for nothing.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let marks = zero(word ^ (ONES * u64::from(b'%'))) | zero(word ^ (ONES * u64::from(b'+')));
    (marks.trailing_zeros() / 8) as usize
}

/// No hex digit: no other value has these bits, nor has any two of them together.
const NO_DIGIT: u8 = 0xff;

/// The value of each hex digit.
const HEX: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let digits = b"0123456789abcdef";
    let mut value = 0_u8;
    while value < 16 {
        let digit = digits[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

/// The number at `place`, if it has up to eight digits, which are taken all at once. None, if it is not that.
#[inline]
pub(super) fn few_digits(text: &[u8], place: Span) -> Option<u64> {
    let (start, end) = (place.start as usize, place.end as usize);
    // The bytes before it are in the lower bytes, and become zeros.
    let others = 8_usize.checked_sub(end.checked_sub(start)?)?;
    let before = u64::MAX.checked_shr(64 - 8 * u32::try_from(others).ok()?).unwrap_or_default();
    let word = u64::from_le_bytes(*text.get(..end)?.last_chunk()?) ^ (u64::MAX / 255 * u64::from(b'0'));
    let word = word & !before;
    if others == 8 {
        return None;
    }
    // A digit's upper half is zero now, and stays so if 6 is added.
    if (word | word.wrapping_add(u64::MAX / 255 * 6)) & (u64::MAX / 255 * 0xf0) != 0 {
        return None;
    }
    // Pairs of digits, of pairs, of fours: the first digit is the lowest byte.
    let pairs = (word * 10 + (word >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// A number of bytes; none where the field is empty.
pub(super) fn parse_size(text: &[u8]) -> Result<Option<u64>, RowError> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut size: u64 = 0;
    // 19 digits cannot overflow, and no object is that large.
    let digits = text.len() <= 19 && text.iter().all(u8::is_ascii_digit);
    if !digits {
        return Err(RowError::Size(excerpt(text)));
    }
    for digit in text {
        size = size * 10 + u64::from(digit - b'0');
    }
    Ok(Some(size))
}

fn excerpt(text: &[u8]) -> String {
    crate::names::excerpt(&String::from_utf8_lossy(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_digits_are_the_number_that_all_digits_are() {
        for text in ["0", "7", "10", "123", "4567", "00012", "123456", "1234567", "98765432", "99999999"] {
            let row = format!("\"99999999\",\"{text}\",\"1\"");
            let place = Span::new(12, 12 + text.len());
            assert_eq!(few_digits(row.as_bytes(), place), text.parse().ok(), "{text}");
            assert_eq!(
                few_digits(text.as_bytes(), Span::new(0, text.len())),
                (text.len() == 8).then(|| text.parse().unwrap())
            );
        }
        for text in ["", "123456789", "1 2", "-1", "12/4", "12:4", "1a", "\u{e9}1", "99999999999999999999"] {
            let row = format!("\"99999999\",\"{text}\",\"1\"");
            assert_eq!(few_digits(row.as_bytes(), Span::new(12, 12 + text.len())), None, "{text}");
        }
    }

    #[test]
    fn a_marked_key_decodes_as_any_key_does() {
        let long = format!("{}%C3%A4{}", "a".repeat(70), "b".repeat(100));
        for key in
            ["a", "a+b", "+", "%20", "%2B%2b+x", "%", "%2", "%zz", "a%C3", "%C3%A4", long.as_str(), &"x".repeat(200)]
        {
            for before in [0, 1, 30, 62, 63, 64, 100] {
                let text = format!("{}\"{key}\",\"%41+\"", "+".repeat(before));
                let place = Span::new(before + 1, before + 1 + key.len());
                let mut marks = crate::fast::Marks::default();
                marks.find(text.as_bytes());
                let (mut one, mut two) = (Vec::new(), Vec::new());
                let marked = decode_marked(text.as_bytes(), place, marks.escapes(), &mut one);
                assert_eq!(marked, decode_key(key.as_bytes(), &mut two), "{key}");
            }
        }
    }
}
