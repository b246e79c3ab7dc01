//! One row of a report's data file: an object, as the inventory saw it. Borrowed from the decoder's block: a plain row costs
//! no allocation. Calls nothing.

use std::borrow::Cow;

use super::Schema;
use super::field::canonical_time;

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

/// An object as a report lists it. Made by [`super::RowReader`] only, which has made sure that the row is UTF-8, has as many
/// columns as the schema, and that its key, size and time can be read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub(super) schema: &'a Schema,
    /// Where the row stands in the text that the reader was given, without its line end.
    pub(super) place: Span,
    /// The file's block, or a row that was written anew.
    pub(super) text: &'a [u8],
    /// Where in `text` each field's quote opens, and that of the row after it: two bytes after the quote that ends a field.
    pub(super) opens: &'a [u32],
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
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is large, and taken apart at once")]
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
