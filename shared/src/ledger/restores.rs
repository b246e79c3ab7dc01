//! What a run has asked to be restored from an archive: which objects, when, and for how long. Calls nothing.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::SCHEMA;
use crate::job::{RunId, Submitted};
use crate::names::ObjectKey;

/// Objects whose restore was initiated by a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restores {
    /// [`SCHEMA`]
    pub schema: u32,
    /// The run whose job it was.
    pub run: RunId,
    /// When that was learnt.
    pub asked: Timestamp,
    /// `BULK` or `STANDARD`
    pub tier: String,
    /// For how many days each stays readable once it is.
    pub days: u32,
    /// How many objects.
    pub objects: u64,
    /// The manifest that lists them.
    pub manifest: Submitted,
}

impl Restores {
    /// Of the job of `run` that worked through `manifest`.
    pub fn new(run: &RunId, asked: Timestamp, tier: &str, days: u32, objects: u64, manifest: &Submitted) -> Self {
        let (run, tier, manifest) = (run.clone(), tier.to_owned(), manifest.clone());
        Self { schema: SCHEMA, run, asked, tier, days, objects, manifest }
    }

    /// When the last of them should be readable: out of DEEP_ARCHIVE, which takes longest.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html>
    pub fn readable_by(&self) -> Timestamp {
        let hours = if self.tier == "STANDARD" { 12 } else { 48 };
        self.after(SignedDuration::from_hours(hours))
    }

    /// When the last of them is no longer readable, and may be asked for again.
    pub fn over(&self) -> Timestamp {
        // To the midnight after.
        let days = SignedDuration::from_hours(24 * (i64::from(self.days) + 1));
        self.readable_by().checked_add(days).unwrap_or(Timestamp::MAX)
    }

    fn after(&self, time: SignedDuration) -> Timestamp {
        self.asked.checked_add(time).unwrap_or(Timestamp::MAX)
    }
}

/// Where these files lie, with a slash at its end.
pub const RESTORES: &str = "ledger/restores/";

/// What the restore job of `run` has initiated.
pub fn restores_key(run: &RunId) -> ObjectKey {
    ObjectKey::from_plain(format!("{RESTORES}{run}.json"))
}
