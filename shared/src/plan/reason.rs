//! What a copy job cannot copy, told from an inventory row. Calls nothing.

use serde::{Deserialize, Serialize};

use crate::delta::Verdict;
use crate::inventory::Row;

/// Why an object is left out of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Over 5 GB, the most that CopyObject takes.
    TooLarge,
    /// In GLACIER, DEEP_ARCHIVE or an archive tier of INTELLIGENT_TIERING: it must be restored first.
    Archived,
    /// Encrypted with a key that its owner supplies with each request (SSE-C).
    CustomerKey,
    /// A delete marker.
    DeleteMarker,
}

/// The most that CopyObject copies: 5 GiB.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub(super) const COPY_OBJECT_LIMIT: u64 = 5 * 1024 * 1024 * 1024;

impl Reason {
    /// Every reason; a reason's place is its number in a [`Verdict`].
    pub const ALL: [Self; 4] = [Self::TooLarge, Self::Archived, Self::CustomerKey, Self::DeleteMarker];

    /// As it stands in the list of what was left out.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Archived => "archived",
            Self::CustomerKey => "customer-key",
            Self::DeleteMarker => "delete-marker",
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::TooLarge => 0,
            Self::Archived => 1,
            Self::CustomerKey => 2,
            Self::DeleteMarker => 3,
        }
    }

    /// Why this object is left out, if it is.
    pub fn of(row: &Row<'_>) -> Option<Self> {
        if row.is_delete_marker() {
            return Some(Self::DeleteMarker);
        }
        if is_archived(row.storage_class(), row.access_tier()) {
            return Some(Self::Archived);
        }
        Self::of_readable(row)
    }

    /// Why this object is left out, if it is, though it is not archived, or restored.
    pub(super) fn of_readable(row: &Row<'_>) -> Option<Self> {
        if row.encryption_status() == "SSE-C" {
            return Some(Self::CustomerKey);
        }
        row.size().is_some_and(|size| size > COPY_OBJECT_LIMIT).then_some(Self::TooLarge)
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html>: the access tier is FREQUENT, INFREQUENT,
/// ARCHIVE_INSTANT_ACCESS, ARCHIVE or DEEP_ARCHIVE.
fn is_archived(storage_class: &str, access_tier: &str) -> bool {
    match storage_class {
        "GLACIER" | "DEEP_ARCHIVE" => true,
        "INTELLIGENT_TIERING" => {
            matches!(access_tier, "ARCHIVE" | "DEEP_ARCHIVE" | "ARCHIVE_ACCESS" | "DEEP_ARCHIVE_ACCESS")
        }
        _ => false,
    }
}

/// Whether a copy job can copy the object of this row.
pub fn verdict(row: &Row<'_>) -> Verdict {
    Reason::of(row).map_or(Verdict::Take, |reason| Verdict::LeaveOut(reason.number()))
}
