//! Multipart uploads.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::checksum::{Algorithm, Stored};
use super::content::Content;
use super::wanted::Wanted;

/// An upload that is neither completed nor aborted.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) initiated: Timestamp,
    pub(super) wanted: Wanted,
    /// What its parts' checksums, and the object's, are made with.
    pub(super) algorithm: Algorithm,
    pub(super) composite: bool,
    pub(super) parts: BTreeMap<i32, Part>,
}

/// One part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) content: Content,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Stored,
    pub(super) last_modified: Timestamp,
}
