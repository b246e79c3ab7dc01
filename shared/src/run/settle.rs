//! Closes a run whose jobs have ended, as far as their progress summaries tell: what is not known to have been copied is
//! carried over before the run is closed. [`account`] decides; the rest reads and writes.

use jiff::{SignedDuration, Timestamp};

use super::{RunError, Runner, Time};
use crate::ledger::{Baseline, CarriedOver, CarryOver, Kept, Outcome, RunRecord, State, baseline_key};
use crate::names::{ObjectKey, excerpt};

/// What has become of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has not ended.
    Running,
    /// It waits for a person.
    Unconfirmed,
    /// S3 Batch Operations knows no such job: not yet, or not any more.
    Unknown,
    /// It has ended.
    Ended {
        /// Whether every task was tried.
        whole: bool,
        /// Its tasks.
        total: u64,
        /// Of these.
        succeeded: u64,
        /// Of these.
        failed: u64,
        /// Why it failed, if it did.
        why: Vec<String>,
    },
}

/// A job that was just created may not be known everywhere yet.
const UNKNOWN_AT_FIRST: SignedDuration = SignedDuration::from_mins(15);

impl Runner {
    /// Settles an open run if its jobs have ended; whether they have.
    pub(super) async fn settle(
        &self,
        baseline: &Kept<Baseline>,
        key: &ObjectKey,
        record: Kept<RunRecord>,
        time: &Time,
    ) -> Result<bool, RunError> {
        let mut fates = Vec::new();
        for job in &record.value.jobs {
            fates.push(self.fate(&job.id, time).await?);
        }
        let Some(account) = account(&record.value, &fates, self.bucket().now()) else { return Ok(false) };
        tracing::info!(run = %record.value.run, state = ?account.state, carried_over = account.outcome.carried_over, "settled");
        if let Some(next) = baseline.value.carrying(account.carry_over) {
            // First the carry-over, then the run: a crash in between carries the same over again, which is once.
            if self.ledger.swap(&baseline_key(), next, &baseline.etag).await?.is_err() {
                return Ok(true);
            }
        }
        let closed = RunRecord { state: account.state, outcome: Some(account.outcome), ..record.value };
        // If somebody else wrote it, they settled it.
        let _ = self.ledger.swap(key, closed, &record.etag).await?;
        Ok(true)
    }
}

/// How a run is closed.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    state: State,
    outcome: Outcome,
    carry_over: Vec<CarryOver>,
}

/// Accounts for every planned object; none while a job has not ended. What the summary cannot tell object by object is
/// carried over as a whole: which tasks failed stands only in the completion report.
fn account(record: &RunRecord, fates: &[Fate], now: Timestamp) -> Option<Account> {
    let young = now.duration_since(record.planned) < UNKNOWN_AT_FIRST;
    let mut outcome = Outcome {
        settled: now,
        copied: 0,
        failed: 0,
        not_found: 0,
        carried_over: 0,
        errors: Vec::new(),
        stuck: None,
        findings: Vec::new(),
    };
    let (mut carry_over, mut tried) = (Vec::new(), false);
    for ((job, request), fate) in record.jobs.iter().zip(&record.requests).zip(fates) {
        let planned = record.plan.as_ref().map_or(0, |plan| plan.objects);
        let reason = match fate {
            Fate::Running | Fate::Unconfirmed => return None,
            Fate::Unknown if young => return None,
            Fate::Unknown => format!("job {} is not known any more", job.id),
            Fate::Ended { whole, total, succeeded, failed, why } => {
                outcome.copied += succeeded;
                outcome.failed += failed;
                tried |= whole;
                if *whole && *failed == 0 && *succeeded == planned && *total == planned {
                    continue;
                }
                ended(&job.id, *whole, (*total, *succeeded, *failed), planned, why)
            }
        };
        outcome.carried_over += planned;
        outcome.findings.push(reason.clone());
        let which = CarriedOver::Plan(request.manifest.clone());
        carry_over.push(CarryOver { run: record.run.clone(), reason, objects: planned, which });
    }
    let state = match (carry_over.is_empty(), tried) {
        (true, _) => State::Copied,
        (false, true) => State::CopiedWithFailures,
        (false, false) => State::Failed,
    };
    Some(Account { state, outcome, carry_over })
}

fn ended(id: &str, whole: bool, tasks: (u64, u64, u64), planned: u64, why: &[String]) -> String {
    let (total, succeeded, failed) = tasks;
    let ended = if whole { "is Complete" } else { "did not complete" };
    let why = why.first().map(|why| format!(" ({})", excerpt(why))).unwrap_or_default();
    format!("job {id} {ended}{why}: of {planned} objects {total} were tasks, {succeeded} succeeded, {failed} failed")
}

#[cfg(test)]
mod tests;
