//! Closes a run whose jobs have ended: every planned object is copied, or carried over before the run is closed.
//! `create-job` does it before the next run, `settle-job` when a job has ended: whoever comes first.
//!
//! What a job says of itself (its progress summary), what its completion report says and what was planned are held against each
//! other by [`judge`]; the rest reads and writes.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::hear::{Heard, Tally};
use super::{RunError, Runner, Time};
use crate::bucket::{Upload, Written};
use crate::config::CopyMode;
use crate::job::report::Errors;
use crate::job::{JobKind, JobRequest};
use crate::ledger::{Baseline, CarriedOver, CarryOver, Kept, Outcome, RunRecord, State, Stuck, baseline_key};
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
    Ended(Ended),
}

/// What a job that has ended says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// Whether every task was tried.
    pub(super) whole: bool,
    /// Its tasks.
    pub(super) total: u64,
    /// Of these.
    pub(super) succeeded: u64,
    /// Of these.
    pub(super) failed: u64,
    /// Why it failed, if it did.
    pub(super) why: Vec<String>,
    /// When.
    pub(super) at: Option<Timestamp>,
}

/// What has become of a run that was to be settled.
#[derive(Debug)]
pub(super) enum Settled {
    /// Its jobs have not ended, or their reports are still to come.
    NotYet,
    /// This call closed it, and no other did.
    Closed(Box<Kept<RunRecord>>),
    /// Somebody else wrote the ledger meanwhile: it has to be read again.
    Moved,
}

/// A job that was just created may not be known everywhere yet.
const UNKNOWN_AT_FIRST: SignedDuration = SignedDuration::from_mins(15);

/// How long after a job's end its completion report may still come. Then it counts as lost.
pub const REPORT_COMES_WITHIN: SignedDuration = SignedDuration::from_mins(30);

impl Runner {
    /// Settles an open run if its jobs have ended. `baseline` is that which names it; none in mode `Everything`, which carries
    /// nothing over. A job that waits for its confirmation is cancelled if something `newer` is to be planned.
    pub(super) async fn settle(
        &self,
        baseline: Option<&Kept<Baseline>>,
        key: &ObjectKey,
        record: Kept<RunRecord>,
        newer: bool,
        time: &Time,
    ) -> Result<Settled, RunError> {
        let mut fates = Vec::new();
        for job in &record.value.jobs {
            fates.push(self.fate(&job.id, newer, time).await?);
        }
        let waits = if fates.contains(&Fate::Unconfirmed) { State::Waiting } else { State::Open };
        // Before any report is read: while one job runs, those of the others would be read again each time.
        if fates.iter().any(|fate| matches!(fate, Fate::Running | Fate::Unconfirmed)) {
            return Box::pin(self.not_yet(key, record, waits)).await;
        }
        let mut parts = Vec::new();
        // Of each kind there is one request; those that were not refused have their jobs, in the same order.
        let mut sent = Vec::new();
        for request in &record.value.requests {
            match record.value.refused.iter().find(|refused| refused.kind == request.kind) {
                Some(refused) => parts.push(Part::refused(&record.value, request, &refused.why)),
                None => sent.push(request),
            }
        }
        for ((job, request), fate) in record.value.jobs.iter().zip(sent).zip(fates) {
            match Box::pin(self.part(&record.value, (&job.id, request), fate, time.planning)).await? {
                Some(part) => parts.push(part),
                None => return Box::pin(self.not_yet(key, record, waits)).await,
            }
        }
        let (state, outcome, carry_over) = together(&record.value, parts, self.bucket().now());
        if let Some(baseline) = baseline
            && let Some(next) = baseline.value.carrying(carry_over)
        {
            // First the carry-over, then the run: a crash in between carries the same over again, which is once.
            if self.ledger.swap(&baseline_key(), next, &baseline.etag).await?.is_err() {
                return Ok(Settled::Moved);
            }
        }
        let closed = RunRecord { state, outcome: Some(outcome), ..record.value };
        // On the heap: records make large futures.
        let swapped = Box::pin(self.ledger.swap(key, closed, &record.etag)).await?;
        let Ok(closed) = swapped else { return Ok(Settled::Moved) };
        Ok(Settled::Closed(Box::new(closed)))
    }

    /// Notes what an open run waits for, if it is another thing than before.
    async fn not_yet(&self, key: &ObjectKey, record: Kept<RunRecord>, waits: State) -> Result<Settled, RunError> {
        if record.value.state != waits {
            let waiting = RunRecord { state: waits, ..record.value };
            // Whoever was first knows better.
            let _ = self.ledger.swap(key, waiting, &record.etag).await?;
        }
        Ok(Settled::NotYet)
    }

    /// What one job of a run comes to; none if that cannot be told yet.
    async fn part(
        &self,
        record: &RunRecord,
        (id, request): (&str, &JobRequest),
        fate: Fate,
        until: Instant,
    ) -> Result<Option<Part>, RunError> {
        let now = self.bucket().now();
        let planned = record.plan.as_ref().map(|plan| plan.of(request.kind).objects);
        let ended = match fate {
            Fate::Running | Fate::Unconfirmed => return Ok(None),
            Fate::Unknown if now.duration_since(record.driven.unwrap_or(record.planned)) < UNKNOWN_AT_FIRST => {
                return Ok(None);
            }
            Fate::Unknown if request.kind == JobKind::Restore => return Ok(Some(Part::of_restores(0, false))),
            Fate::Unknown => return Ok(Some(Part::unknown(id, request, planned))),
            Fate::Ended(ended) => ended,
        };
        if request.kind == JobKind::Restore {
            return Ok(Some(self.restore_part(record, (id, request), &ended).await?));
        }
        let heard = match self.hear(record, (id, request), until).await {
            Ok(heard) => heard,
            // The whole plan of a job that failed is carried over whatever its report says.
            Err(error) if !ended.whole => {
                tracing::warn!(run = %record.run, job_id = id, %error, "its completion report is left unread");
                Heard::Nothing
            }
            Err(error) => return Err(error),
        };
        let (report, keys) = match heard {
            Heard::Nothing => (Report::Missing, None),
            Heard::Wrong(why) => (Report::Wrong(why), None),
            Heard::Told(told) => (Report::Says(told.tally), told.keys),
        };
        let asked = Asked { id, planned, all_tasks: request.lists_all_tasks() };
        let Some((mut part, verdict)) = judge(&asked, &ended, report, now) else { return Ok(None) };
        part.kind = request.kind;
        part.which = match (verdict, keys) {
            (Verdict::Keys, Some(keys)) if record.mode == CopyMode::Changes => {
                Some(CarriedOver::Keys(finished(keys).await?))
            }
            (Verdict::Keys | Verdict::Nothing, _) => None,
            (Verdict::Plan, _) => Some(CarriedOver::Plan(request.manifest.clone())),
        };
        Ok(Some(part))
    }
}

async fn finished(keys: Upload) -> Result<Written, RunError> {
    Ok(tokio::task::spawn_blocking(move || keys.finish()).await??)
}

/// What was asked of a job.
struct Asked<'a> {
    id: &'a str,
    /// Objects of the plan; none in mode `Everything`, where nobody has counted.
    planned: Option<u64>,
    /// Whether its report lists the tasks that succeeded too.
    all_tasks: bool,
}

/// What its completion report says.
#[derive(Debug, Clone)]
enum Report {
    Missing,
    Wrong(String),
    Says(Tally),
}

/// What has to be carried over of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing.
    Nothing,
    /// The failed tasks.
    Keys,
    /// All that it was to copy.
    Plan,
}

/// What one job comes to.
#[derive(Debug, Default)]
pub(super) struct Part {
    kind: JobKind,
    /// Tasks of a restore job that succeeded.
    restoring: u64,
    copied: u64,
    failed: u64,
    not_found: u64,
    errors: Errors,
    stuck: Option<Stuck>,
    /// Every task was tried.
    tried: bool,
    /// Objects that are carried over.
    carried: u64,
    /// Why.
    reason: String,
    which: Option<CarriedOver>,
    pub(super) findings: Vec<String>,
}

impl Part {
    /// Of a restore job: nothing is copied by it, and nothing carried over.
    pub(super) fn of_restores(restoring: u64, tried: bool) -> Self {
        Self { kind: JobKind::Restore, restoring, tried, ..Self::default() }
    }

    /// Of a job that was never made: what it was to copy is carried over.
    fn refused(record: &RunRecord, request: &JobRequest, why: &str) -> Self {
        if request.kind == JobKind::Restore {
            let mut part = Self::of_restores(0, false);
            part.findings.push(format!(
                "the restore job was refused ({why}): a later run asks again; put right RestoreArchived, RestoreDays or the copy role"
            ));
            return part;
        }
        let reason = format!("the job of objects over 5 GB was refused ({why})");
        let findings =
            vec![format!("{reason}: they are carried over; put right the function or the copy role of copy-large")];
        let carried = record.plan.as_ref().map(|plan| plan.of(request.kind).objects).unwrap_or_default();
        let which = Some(CarriedOver::Plan(request.manifest.clone()));
        Self { kind: request.kind, carried, reason, which, findings, ..Self::default() }
    }

    fn unknown(id: &str, request: &JobRequest, planned: Option<u64>) -> Self {
        let reason = format!("job {id} is not known any more");
        let which = Some(CarriedOver::Plan(request.manifest.clone()));
        let (kind, carried) = (request.kind, planned.unwrap_or_default());
        Self { kind, carried, findings: vec![reason.clone()], reason, which, ..Self::default() }
    }
}

/// Holds against each other what was planned, what the job says and what its report says; none if the report may still
/// come. Where they differ, or a job has not tried every task, its whole plan is carried over.
fn judge(asked: &Asked<'_>, ended: &Ended, report: Report, now: Timestamp) -> Option<(Part, Verdict)> {
    let Ended { whole, total, succeeded, failed, .. } = *ended;
    let planned = asked.planned.unwrap_or(total);
    let mut part = Part { copied: succeeded, failed, tried: whole, ..Part::default() };
    let adds_up = total == planned && succeeded + failed == total;
    let wrong = match report {
        _ if !whole => Some(told(asked.id, ended, planned)),
        _ if !adds_up => Some(told(asked.id, ended, planned)),
        // Nobody has said whether there is a report if it has nothing to list.
        Report::Missing if total == 0 || (failed == 0 && !asked.all_tasks) => None,
        Report::Missing if ended.at.is_some_and(|at| now.duration_since(at) < REPORT_COMES_WITHIN) => return None,
        Report::Missing => Some(format!("job {} has left no completion report", asked.id)),
        Report::Wrong(ref why) => Some(format!("the completion report of job {}: {why}", asked.id)),
        Report::Says(ref tally) => differs(asked, ended, tally),
    };
    if let Report::Says(tally) = report {
        if tally.succeeded.is_none() {
            part.findings.push(format!("no time was left to read what job {} says has succeeded", asked.id));
        }
        if tally.forgot {
            part.findings.push("too much was carried over to count on how often each object has failed".to_owned());
        }
        (part.not_found, part.errors, part.stuck) = (tally.not_found, tally.errors, tally.stuck);
    }
    let verdict = match (&wrong, failed) {
        (Some(_), _) => Verdict::Plan,
        (None, 0) => Verdict::Nothing,
        (None, _) => Verdict::Keys,
    };
    if let Some(wrong) = wrong {
        part.carried = planned;
        part.findings.insert(0, wrong.clone());
        part.reason = wrong;
    } else {
        part.carried = failed;
        let found = format!("{failed} tasks of job {} failed", asked.id);
        part.reason = format!("{found}, {} of them since there was no object", part.not_found);
    }
    Some((part, verdict))
}

/// How a job ended that did not do what was planned.
fn told(id: &str, ended: &Ended, planned: u64) -> String {
    let Ended { total, succeeded, failed, .. } = ended;
    let how = if ended.whole { "is Complete" } else { "did not complete" };
    let why = ended.why.first().map(|why| format!(" ({})", excerpt(why))).unwrap_or_default();
    format!("job {id} {how}{why}: of {planned} objects {total} were tasks, {succeeded} succeeded, {failed} failed")
}

/// How a report differs from what the job says of itself, if it does.
fn differs(asked: &Asked<'_>, ended: &Ended, tally: &Tally) -> Option<String> {
    let succeeded = match tally.succeeded {
        None => true,
        Some(0) if !asked.all_tasks => true,
        Some(rows) => rows == ended.succeeded,
    };
    if succeeded && tally.failed == ended.failed {
        return None;
    }
    let rows = tally.succeeded.unwrap_or_default();
    Some(format!(
        "job {} says that {} tasks succeeded and {} failed, its completion report lists {rows} and {}",
        asked.id, ended.succeeded, ended.failed, tally.failed
    ))
}

/// What a run comes to by its jobs.
fn together(record: &RunRecord, parts: Vec<Part>, now: Timestamp) -> (State, Outcome, Vec<CarryOver>) {
    let mut outcome = Outcome { settled: now, ..Outcome::default() };
    let (mut errors, mut carry_over, mut tried) = (Errors::default(), Vec::new(), false);
    for part in parts {
        outcome.copied += part.copied;
        outcome.restoring += part.restoring;
        outcome.failed += part.failed;
        outcome.not_found += part.not_found;
        outcome.findings.extend(part.findings);
        errors.join(part.errors);
        outcome.stuck = outcome.stuck.or(part.stuck);
        tried |= part.tried && part.kind != JobKind::Restore;
        if let Some(which) = part.which {
            outcome.carried_over += part.carried;
            let (run, reason, objects) = (record.run.clone(), part.reason, part.carried);
            carry_over.push(CarryOver { run, reason, objects, kind: part.kind, which });
        }
    }
    outcome.errors = errors.groups();
    if record.mode == CopyMode::Everything {
        // It takes nothing over: the next report brings everything again.
        outcome.carried_over = 0;
    }
    let state = match (carry_over.is_empty() && outcome.failed == 0, tried) {
        (true, _) => State::Copied,
        (false, true) => State::CopiedWithFailures,
        (false, false) => State::Failed,
    };
    (state, outcome, carry_over)
}

#[cfg(test)]
mod tests;
