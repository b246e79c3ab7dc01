//! One row of a report's data file: an object, as the inventory saw it. Borrowed from the decoder's block: a plain row costs
//! no allocation. Calls nothing.

use std::borrow::Cow;

use super::Schema;
use super::field::{canonical_time, decode_key, encode, few_digits, is_alphanumeric, is_canonical_number, parse_size};
use crate::fast;
use crate::names::ObjectKey;

/// Where something stands in a text.
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

/// An object as a report lists it. Made by [`super::RowReader`] only, which has made sure that the row is UTF-8 and has as many
/// columns as the schema. [`Self::check`] says whether its key and size can be read; whose cannot, has the key as it stands, and no size.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub(super) schema: &'a Schema,
    /// Where the row stands in the text that the reader was given, without its line end.
    pub(super) place: Span,
    /// The file's block, or a row that was written anew.
    pub(super) text: &'a [u8],
    /// Where in `text` each field's quote opens, and that of the row after it: two bytes after the quote that ends a field.
    pub(super) opens: &'a [u32],
    /// Whether no field has a quote within.
    pub(super) is_plain: bool,
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

/// The place of a field, by the places where fields open.
#[inline]
pub(super) fn field(opens: &[u32], column: usize) -> Span {
    match opens.get(column..column + 2) {
        Some([open, next]) => Span { start: open + 1, end: next - 2 },
        _ => Span::default(),
    }
}

impl<'a> Row<'a> {
    #[inline]
    fn field(&self, column: usize) -> &'a [u8] {
        field(self.opens, column).of(self.text)
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

    /// The object's key, decoded: a walk through all of it.
    pub fn key(&self) -> Cow<'a, str> {
        let encoded = self.encoded_key();
        decode_key(encoded).unwrap_or(Cow::Borrowed(encoded))
    }

    /// The object's key as it stands in the file, form- or percent-encoded.
    pub fn encoded_key(&self) -> &'a str {
        self.text(self.schema.key)
    }

    /// The object's key as manifests want it: see [`ObjectKey::encode`].
    pub fn manifest_key(&self) -> Cow<'a, str> {
        let encoded = self.encoded_key();
        // Of keys in their one form, manifests want a space, an asterisk and a tilde otherwise, and all else as it is.
        let bytes = encoded.as_bytes();
        let is_otherwise = || memchr::memchr(b'*', bytes).is_some() || memchr::memmem::find(bytes, b"%7E").is_some();
        if fast::canonical(bytes).is_some() && !is_otherwise() {
            return match memchr::memchr(b'+', bytes) {
                Some(_) => Cow::Owned(encoded.replace('+', "%20")),
                None => Cow::Borrowed(encoded),
            };
        }
        Cow::Owned(ObjectKey::from_plain(self.key()).encode().as_str().to_owned())
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
    #[inline]
    pub fn size(&self) -> Option<u64> {
        let place = field(self.opens, self.schema.size);
        few_digits(self.text, place).or_else(|| parse_size(place.of(self.text)).ok().flatten())
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

    /// What makes this object the one it is, as it stands in the row; if it stands there side by side, as it does in most reports.
    #[inline]
    pub(crate) fn usual_identity(&self) -> Option<&'a [u8]> {
        let (first, last) = (self.schema.key, self.schema.etag);
        let (Some(start), Some(end)) = (self.opens.get(first), self.opens.get(last + 1)) else { return None };
        // With a quote in a key, it might be another object's.
        (self.schema.is_usual && self.is_plain).then(|| Span { start: start + 1, end: end - 2 }.of(self.text))
    }

    /// Whether its key and size can be read.
    pub fn check(&self) -> Result<(), RowError> {
        self.readable().map(|_| ())
    }

    /// The size, and the key, decoded, if it is not canonical.
    fn readable(&self) -> Result<(Option<u64>, Option<Cow<'a, str>>), RowError> {
        let place = field(self.opens, self.schema.size);
        let size = match few_digits(self.text, place) {
            None => parse_size(place.of(self.text))?,
            few => few,
        };
        let encoded = self.field(self.schema.key);
        if encoded.is_empty() {
            return Err(RowError::NoKey);
        }
        // Of a canonical key, only bytes beyond ASCII can be wrong together.
        let key = match fast::canonical(encoded) {
            Some(false) => None,
            canonical => Some(decode_key(self.encoded_key())?).filter(|_| canonical.is_none()),
        };
        Ok((size, key))
    }

    /// What makes this object the one it is, in one form whatever the report's columns, quotes and encodings: as S3 writes key, size, time and ETag side by
    /// side, and then the version, if there is one; with all but letters, digits and `-_.*/` of key, ETag and version percent-encoded, and a
    /// `+` for a space. None, if that is [`Self::usual_identity`]; otherwise it is written into `scratch`.
    pub(crate) fn identity<'s>(&self, scratch: &'s mut Vec<u8>) -> Result<Option<&'s [u8]>, RowError> {
        let [encoded, digits, etag] = [self.schema.key, self.schema.size, self.schema.etag].map(|c| self.field(c));
        let (size, key) = self.readable()?;
        let time = canonical_time(self.field(self.schema.last_modified))?;
        let version = self.schema.version_id.map(|column| self.field(column)).unwrap_or_default();
        let is_canonical = key.is_none()
            && self.schema.is_usual
            && self.is_plain
            && is_canonical_number(digits)
            && matches!(time, Cow::Borrowed(_))
            && is_alphanumeric(etag);
        if is_canonical {
            return Ok(None);
        }
        scratch.clear();
        match key {
            None => scratch.extend_from_slice(encoded),
            Some(key) => encode(key.as_bytes(), scratch),
        }
        scratch.extend_from_slice(SEPARATOR);
        if let Some(size) = size {
            scratch.extend_from_slice(size.to_string().as_bytes());
        }
        scratch.extend_from_slice(SEPARATOR);
        scratch.extend_from_slice(&time);
        scratch.extend_from_slice(SEPARATOR);
        encode(self.etag_bytes(), scratch);
        if !version.is_empty() && version != b"null" {
            scratch.extend_from_slice(SEPARATOR);
            encode(version, scratch);
        }
        Ok(Some(scratch))
    }
}

/// Between the parts of an identity, as between the fields of a row.
const SEPARATOR: &[u8] = b"\",\"";

#[cfg(test)]
mod tests;
