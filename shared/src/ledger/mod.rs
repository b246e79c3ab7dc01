//! What Transship remembers, as files under `ledger/` in the manifest bucket: `baseline.json`, and a record of each run.
//! Schema-versioned JSON that a person can read, changed only by conditional writes. [`store`] calls S3; the rest
//! calls nothing.
//!
//! | key | what |
//! |---|---|
//! | `ledger/baseline.json` | the baseline: its files, its hash key, the last committed run, the carry-over |
//! | `ledger/baselines/<run>/<baseline etag>/` | the baseline's files, one for each hash range |
//! | `ledger/runs/<run>/<baseline etag>.json` | a run planned on that baseline |
//! | `ledger/runs/<run>/everything.json` | a run of `CopyMode=Everything` |
//! | `ledger/runs/<run>/preview.json` | a run of `CopyMode=Preview` |
//! | `ledger/drafts/<run>/<baseline etag>.json` | how far a plan has come that takes several passes |
//! | `ledger/carry-over/<run>/<job id>.csv` | what a job did not copy: bucket, key (percent-encoded), in how many runs in a row |
//! | `ledger/restores/<run>.json` | which objects a run has asked to be restored from an archive, and when |
//! | `ledger/watch.json` | since when the route is watched, and what is known to be wrong with it |
//! | `ledger/actions/<time>-<action>-<request id>.json` | what a person told Transship to do: who, and when |

mod action;
mod baseline;
mod restores;
mod run;
pub mod store;
mod watch;

pub use action::{Action, Asked};
pub use baseline::{Baseline, CarriedOver, CarryOver, Committed, Destination, Remains, Shard, Standing};
pub use restores::{RESTORES, Restores, restores_key};
pub use run::{ErrorGroup, Job, NextBaseline, Outcome, Refused, ReportRef, RunRecord, State, Stuck};
pub use store::{Kept, Ledger, LedgerError};
pub use watch::{Known, Watch};

use crate::job::RunId;
use crate::names::{ETag, ObjectKey};

/// The version of these files' shape. A file of a later one is not touched.
pub const SCHEMA: u32 = 1;

/// `ledger/baseline.json`
pub fn baseline_key() -> ObjectKey {
    ObjectKey::from_plain("ledger/baseline.json")
}

/// Where the records of a run lie, with a slash at its end.
pub fn runs_folder(run: &RunId) -> String {
    format!("ledger/runs/{run}/")
}

/// The record of `run` as planned on the baseline of this ETag.
pub fn run_key(run: &RunId, baseline: &ETag) -> ObjectKey {
    ObjectKey::from_plain(format!("ledger/runs/{run}/{baseline}.json"))
}

/// The record of a run of `CopyMode=Everything`.
pub fn everything_key(run: &RunId) -> ObjectKey {
    ObjectKey::from_plain(format!("ledger/runs/{run}/everything.json"))
}

/// The record of a run of `CopyMode=Preview`.
pub fn preview_key(run: &RunId) -> ObjectKey {
    ObjectKey::from_plain(format!("ledger/runs/{run}/preview.json"))
}

/// Where the records of all runs lie, with a slash at its end. They sort by the times of their reports.
pub const RUNS: &str = "ledger/runs/";

/// The list of what a job of `run` did not copy.
pub fn carried_keys(run: &RunId, job: &str) -> ObjectKey {
    ObjectKey::from_plain(format!("ledger/carry-over/{run}/{job}.csv"))
}

/// The draft of a plan that takes several passes.
pub fn draft_key(run: &RunId, baseline: &ETag) -> ObjectKey {
    ObjectKey::from_plain(format!("ledger/drafts/{run}/{baseline}.json"))
}

/// The draft of a plan that is only to be looked at.
pub fn preview_draft_key(run: &RunId, baseline: &ETag, preview: &str) -> ObjectKey {
    ObjectKey::from_plain(format!("ledger/drafts/{run}/{baseline}-{preview}.json"))
}

/// Where a run's plan lies, with a slash at its end.
pub fn plan_folder(run: &RunId, baseline: &ETag) -> String {
    format!("plans/{run}/{baseline}/")
}

/// Where the baseline files that a run makes lie, with a slash at their end.
pub fn baseline_folder(run: &RunId, baseline: &ETag) -> String {
    format!("ledger/baselines/{run}/{baseline}/")
}

#[cfg(test)]
pub(crate) mod tests;
