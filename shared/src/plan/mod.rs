//! What one run copies, as an inventory-format manifest of its own, and what it leaves out and why. [`make`] and
//! [`pass`] read the report and write the plan, through the manifest bucket; what decides calls nothing.

mod author;
mod by_hand;
mod carry;
mod draft;
mod error;
mod filter;
mod make;
mod pass;
mod reason;
mod restored;
mod retry;
mod select;

pub use author::scan_started;
pub use by_hand::{ByHand, LeftOut};
pub use error::PlanError;
pub use filter::Filter;
pub use make::{Limits, Made, Planner};
pub use reason::{Reason, verdict};
pub use restored::{Asker, MOST_ASKED, Restored};
pub use retry::Retry;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bucket::Written;
use crate::job::Submitted;

/// What a run copies, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The manifest that the copy job works through; none if there is nothing to copy.
    pub manifest: Option<Submitted>,
    /// The manifest that the job for objects over 5 GB works through; none if there are none, or is no such job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_manifest: Option<Submitted>,
    /// Whether the first is the delivered manifest.json itself, since all that it lists is to be copied.
    pub delivered: bool,
    /// Why every object counts as new, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Full>,
    /// Rows of the report.
    pub rows: u64,
    /// Objects to be copied, by whichever job.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that are over 5 GB, if there is a job for these.
    #[serde(default)]
    pub large: Count,
    /// In how many parts these are likely to be copied.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub large_parts: u64,
    /// How many of them are neither new nor changed, but carried over.
    pub carried_over: u64,
    /// Objects that are in the report as they are in the baseline.
    pub unchanged: u64,
    /// Objects of the baseline that are no longer in the report as they were: deleted or changed.
    pub gone: u64,
    /// Objects that a copy job cannot copy, by reason.
    pub left_out: BTreeMap<Reason, Count>,
    /// Those of them that are asked to be restored.
    #[serde(default)]
    pub restore: Count,
    /// The manifest of the job that asks for them; none if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_manifest: Option<Submitted>,
    /// Objects that a filter passes over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filtered: BTreeMap<Filter, u64>,
    /// Rows beyond the first of the same object, which are not planned again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated: u64,
    /// The lists of what is left out: `Key,Reason,Size` rows, keys percent-encoded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out_lists: Vec<Written>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Objects and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Why a run counts every object as new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Full {
    /// There is no baseline yet, or it was told to be forgotten.
    NoBaseline,
    /// The baseline stands for another source, destination or prefix.
    OtherRoute,
    /// More objects are carried over than the function's memory holds.
    CarryOver,
}
