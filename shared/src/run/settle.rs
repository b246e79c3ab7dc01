//! Closes a run whose jobs have ended: every planned object is copied, or carried over before the run is closed.
//! `create-job` does it before the next run, `settle-job` when a job has ended: whoever comes first.
//!
//! What a job says of itself (its progress summary), what its completion report says and what was planned are held against each
//! other by [`judge`]; this reads and writes.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::hear::Heard;
use super::verdict::{Asked, Part, Report, Verdict, judge, planned, together};
use super::{RunError, Runner, Time};
use crate::bucket::{Upload, Written};
use crate::config::CopyMode;
use crate::job::{JobKind, JobRequest};
use crate::ledger::{Baseline, CarriedOver, Kept, RunRecord, State, baseline_key};
use crate::names::ObjectKey;

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
    /// It was cancelled while it waited for a person, in favour of a newer report.
    pub(super) replaced: bool,
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
        let ended = match fate {
            Fate::Running | Fate::Unconfirmed => return Ok(None),
            Fate::Unknown if now.duration_since(record.driven.unwrap_or(record.planned)) < UNKNOWN_AT_FIRST => {
                return Ok(None);
            }
            Fate::Unknown => return Ok(Some(Part::unknown(record, id, request))),
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
        let asked = Asked { id, planned: planned(record, request.kind), all_tasks: request.lists_all_tasks() };
        let Some((mut part, verdict)) = judge(&asked, &ended, report, now) else { return Ok(None) };
        part.kind = request.kind;
        match (verdict, keys) {
            (Verdict::Keys, Some(keys)) if record.mode == CopyMode::Changes => {
                part.which = Some(CarriedOver::Keys(finished(keys).await?));
            }
            (Verdict::Keys | Verdict::Nothing, _) => {}
            (Verdict::Plan, _) => part.carry_whole(record, request),
        }
        Ok(Some(part))
    }
}

async fn finished(keys: Upload) -> Result<Written, RunError> {
    Ok(tokio::task::spawn_blocking(move || keys.finish()).await??)
}
