//! Looks after a route, whoever asks and however often: drives what is stuck, settles what has ended, finds the report
//! that is to be planned next. Everything that it does, somebody else may be doing at the same moment.

use jiff::{SignedDuration, Timestamp};

use super::changes::ROUNDS;
use super::reports::{Reports, Waiting};
use super::settle::Settled;
use super::watch::Raised;
use super::{RunError, Runner, Time, guard};
use crate::config::CopyMode;
use crate::ledger::{Baseline, Kept, LedgerError, RunRecord, State, Watch};
use crate::names::{ETag, ObjectKey};

/// How a route stands, after what could be done was done.
#[derive(Debug, Default)]
pub struct Tended {
    /// `baseline.json`; none before the first run, or if it cannot be read.
    pub baseline: Option<Baseline>,
    /// A moment before which nothing of this was written that is not in it.
    pub as_of: Timestamp,
    /// The newest runs with their records' keys, newest first.
    pub runs: Vec<(ObjectKey, Kept<RunRecord>)>,
    /// The runs that were closed just now, by this call and no other.
    pub closed: Vec<RunRecord>,
    /// The reports that lie there.
    pub reports: Reports,
    /// The report that `create-job` should be told of now.
    pub hand_on: Option<Waiting>,
    /// A finding for each run whose jobs wait for a person.
    pub unconfirmed: Vec<Raised>,
    /// What did not work. The others were done all the same.
    pub failed: Vec<RunError>,
}

impl Tended {
    /// The run whose jobs are not known to have ended, or which has none yet though it is committed.
    pub fn open(&self) -> Option<&RunRecord> {
        let committed = self.baseline.as_ref().and_then(|baseline| baseline.committed.as_ref());
        let is_open = |key: &ObjectKey, record: &RunRecord| match record.state {
            State::Planned => record.mode == CopyMode::Everything || committed.is_some_and(|last| last.record == *key),
            state => state.has_jobs_open(),
        };
        self.runs.iter().rev().find(|(key, record)| is_open(key, &record.value)).map(|(_, record)| &record.value)
    }
}

/// So many of the newest runs are looked at.
const RUNS: usize = 60;

/// A report's own events, and Lambda's retries of them, come within this time: before, nobody needs to be told of it.
pub const EVENTS_COME_WITHIN: SignedDuration = SignedDuration::from_mins(20);

/// A function's longest time: a plan on which nobody has worked for longer is being made by nobody.
const PLANNING: SignedDuration = SignedDuration::from_mins(16);

impl Runner {
    /// Does what can be done now. What fails stops nothing else; only if the manifest bucket cannot be read is it an error.
    pub async fn tend(&self, time: &Time) -> Result<Tended, RunError> {
        let mut tended = Tended::default();
        if let Err(error) = Box::pin(self.tend_committed(&mut tended, time)).await {
            tended.failed.push(error);
            tended.as_of = self.bucket().now();
        }
        tended.runs = self.ledger.newest_runs(RUNS).await?;
        let moved = Box::pin(self.tend_everything(&mut tended, time)).await;
        if self.tend_abandoned(&tended).await? || moved || !tended.closed.is_empty() {
            tended.runs = self.ledger.newest_runs(RUNS).await?;
        }
        let records = tended.runs.iter().map(|(_, record)| &record.value);
        tended.unconfirmed = guard::unconfirmed(&self.route, records, self.bucket().now());
        tended.reports = self.reports(tended.baseline.as_ref()).await?;
        // Without its baseline nobody can tell what is to be planned, and create-job would say so each time.
        if tended.failed.is_empty() {
            tended.hand_on = self.next(&tended).await?;
        }
        Ok(tended)
    }

    /// Drives or settles the last committed run.
    async fn tend_committed(&self, tended: &mut Tended, time: &Time) -> Result<(), RunError> {
        for _ in 0..ROUNDS {
            let baseline = self.ledger.baseline().await?;
            tended.as_of = self.bucket().now();
            let Some(baseline) = baseline else { return Ok(()) };
            let last = baseline.value.committed.clone();
            tended.baseline = Some(baseline.value.clone());
            let Some(last) = last else { return Ok(()) };
            let record = self.record(&last.record).await?;
            match record.value.state {
                State::Planned => drop(self.drive(&last.record, record, time).await?),
                state if state.has_jobs_open() => {
                    match Box::pin(self.settle(Some(&baseline), &last.record, record, false, time)).await? {
                        Settled::NotYet => return Ok(()),
                        Settled::Closed(run) => tended.closed.push(run.value),
                        Settled::Moved => {}
                    }
                }
                _ => return Ok(()),
            }
        }
        Err(RunError::Contended("the last committed run".to_owned()))
    }

    /// Drives and settles what runs in mode `Everything`, of which several may be open; whether it did anything.
    async fn tend_everything(&self, tended: &mut Tended, time: &Time) -> bool {
        let mut moved = false;
        for (key, record) in tended.runs.clone() {
            if record.value.mode != CopyMode::Everything || record.value.state.is_closed() {
                continue;
            }
            let done = match record.value.state {
                State::Planned => self.drive(&key, record, time).await.map(|_| Settled::Moved),
                _ => Box::pin(self.settle(None, &key, record, false, time)).await,
            };
            match done {
                Ok(Settled::Closed(run)) => tended.closed.push(run.value),
                Ok(Settled::Moved) => moved = true,
                Ok(Settled::NotYet) => {}
                Err(error) => tended.failed.push(error),
            }
        }
        moved
    }

    /// Marks plans whose invocations were cut off before the commit, and whose baseline has moved on since: nothing more comes of
    /// them. Whether there was one.
    async fn tend_abandoned(&self, tended: &Tended) -> Result<bool, RunError> {
        let now = self.bucket().now();
        let is_old = |record: &RunRecord| {
            // Younger ones may be on their way to the commit.
            record.state == State::Planned
                && record.mode == CopyMode::Changes
                && now.duration_since(record.planned) > PLANNING
        };
        let old: Vec<_> = tended.runs.iter().filter(|(_, record)| is_old(&record.value)).cloned().collect();
        if old.is_empty() {
            return Ok(false);
        }
        // If it cannot be read, that is a failure already.
        let Ok(Some(baseline)) = self.ledger.baseline().await else { return Ok(false) };
        let committed = baseline.value.committed.as_ref().map(|last| &last.record);
        let mut any = false;
        for (key, record) in old {
            if committed != Some(&key) && record.value.baseline.as_ref() != Some(&baseline.etag) {
                self.supersede(&key, record).await?;
                any = true;
            }
        }
        Ok(any)
    }

    /// The report that is to be planned next, if its own events do not see to it.
    async fn next(&self, tended: &Tended) -> Result<Option<Waiting>, RunError> {
        let Some(report) = tended.reports.waiting.first() else { return Ok(None) };
        let is_open = tended.open().is_some_and(|open| open.state != State::Waiting);
        if is_open && self.settings.mode == CopyMode::Changes {
            return Ok(None);
        }
        let waits = self.bucket().now().duration_since(report.since);
        if tended.closed.is_empty() && waits < EVENTS_COME_WITHIN {
            return Ok(None);
        }
        if self.is_being_planned(&report.run, PLANNING).await? {
            return Ok(None);
        }
        for older in &tended.reports.waiting[1..] {
            tracing::info!(run = %older.run, by = %report.run, "superseded: a newer report waits as well");
        }
        Ok(Some(report.clone()))
    }

    /// Reads or makes `ledger/watch.json`.
    pub async fn watch_file(&self) -> Result<Kept<Watch>, LedgerError> {
        self.ledger.watch().await
    }

    /// Writes `ledger/watch.json`; none if somebody else has meanwhile.
    pub async fn keep_watch(&self, watch: Watch, read: &ETag) -> Result<Option<Kept<Watch>>, LedgerError> {
        self.ledger.keep_watch(watch, read).await
    }

    /// Sets about telling what came of a run; none if somebody else has, or has told.
    pub async fn set_about_telling(
        &self,
        key: &ObjectKey,
        record: Kept<RunRecord>,
    ) -> Result<Option<Kept<RunRecord>>, RunError> {
        let telling = RunRecord { telling: Some(self.bucket().now()), ..record.value };
        Ok(self.ledger.swap(key, telling, &record.etag).await?.ok())
    }

    /// Notes that nobody could be told, so that the next to come tries at once, and that the run is measured; false if
    /// somebody else has written it meanwhile.
    pub async fn not_told(&self, key: &ObjectKey, record: Kept<RunRecord>) -> Result<bool, RunError> {
        let measured = record.value.measured.or_else(|| Some(self.bucket().now()));
        self.noted(key, RunRecord { telling: None, measured, ..record.value }, &record.etag).await
    }

    /// Notes that somebody was told what came of a run, and that it is measured; false if somebody else has noted it.
    pub async fn told(&self, key: &ObjectKey, record: Kept<RunRecord>) -> Result<bool, RunError> {
        let now = self.bucket().now();
        let measured = record.value.measured.or(Some(now));
        self.noted(key, RunRecord { telling: None, told: Some(now), measured, ..record.value }, &record.etag).await
    }

    /// A write whose answer was lost and that the SDK sent again meets itself. Nobody else writes the same: of those who set
    /// about telling, one does.
    async fn noted(&self, key: &ObjectKey, record: RunRecord, read: &ETag) -> Result<bool, RunError> {
        if self.ledger.swap(key, record.clone(), read).await?.is_ok() {
            return Ok(true);
        }
        Ok(self.ledger.run(key).await?.is_some_and(|now| now.value == record))
    }
}
