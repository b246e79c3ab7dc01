//! `CopyMode=Changes`: the commit protocol. At most one run of a route is open, and only a committed one has jobs.

use super::settle::Settled;
use super::{Handled, RunError, Runner, Time, guard};
use crate::bucket::Taken;
use crate::config::CopyMode;
use crate::delta::HashKey;
use crate::inventory::{Report, all_there};
use crate::job::{JobRequest, RunId, copy_job, large_job, restore_job};
use crate::ledger::{
    Baseline, Committed, Kept, LedgerError, RunRecord, Standing, State, baseline_key, everything_key, run_key,
    runs_folder,
};
use crate::names::ObjectKey;
use crate::plan::{Limits, Made, Plan, PlanError, Planner};

/// How often the ledger may have moved on under one invocation.
pub(super) const ROUNDS: u32 = 8;

/// Each is a baseline that the run was planned on, and lost.
const MOST_RECORDS: i32 = 100;

/// What stands in the way of the next run.
enum Before {
    /// Nothing.
    Clear,
    /// Something was changed that has to be read again.
    Moved,
    /// A run whose jobs have not ended.
    Open(RunId),
}

/// What came of a commit.
enum Commit {
    /// `baseline.json` names the record.
    Done,
    /// `baseline.json` has moved on without it.
    TooLate,
    /// It was not written, and is as it was.
    Undecided,
}

/// A record, and where it lies.
struct Recorded {
    key: ObjectKey,
    record: Kept<RunRecord>,
}

impl Runner {
    pub(super) async fn changes(&self, report: &Report, time: &Time) -> Result<Handled, RunError> {
        let run = RunId::of(report);
        all_there(self.bucket(), report).await?;
        for _ in 0..ROUNDS {
            let baseline = self.baseline().await?;
            match (baseline.value.standing(&run, report.key.time(), &report.etag), &baseline.value.committed) {
                (Standing::Past, Some(last)) => {
                    self.supersede_all(&run, &last.record).await?;
                    return Ok(Handled::Superseded(last.run.clone()));
                }
                (Standing::Committed, Some(last)) => {
                    self.supersede_all(&run, &last.record).await?;
                    let record = self.record(&last.record).await?;
                    return self.drive(&last.record, record, time).await;
                }
                (_, Some(last)) => match Box::pin(self.before(&baseline, last, time)).await? {
                    Before::Clear => {}
                    Before::Moved => continue,
                    Before::Open(run) => return Ok(Handled::Waiting(run)),
                },
                (_, None) => {}
            }
            let Some(planned) = Box::pin(self.planned(report, &run, &baseline, time)).await? else {
                return Ok(Handled::Unfinished);
            };
            let Some(Recorded { key, record }) = planned else { continue };
            match self.commit(&baseline, &key, &record.value).await? {
                Commit::Done => {
                    let handled = self.drive(&key, record, time).await?;
                    self.tidy(&baseline.value).await;
                    return Ok(handled);
                }
                Commit::TooLate => self.supersede(&key, record).await?,
                Commit::Undecided => {}
            }
        }
        Err(RunError::Contended(format!("run {run}")))
    }

    /// `baseline.json`; the first to come writes one that knows no object.
    async fn baseline(&self) -> Result<Kept<Baseline>, RunError> {
        let key = baseline_key();
        if let Some(baseline) = self.ledger.baseline().await? {
            return Ok(baseline);
        }
        let new = Baseline::new(&self.route, HashKey::random().map_err(RunError::Random)?.to_hex());
        match self.ledger.create(&key, &new).await? {
            Ok(baseline) => Ok(baseline),
            Err(Taken) => self.ledger.baseline().await?.ok_or(RunError::NoRecord(key)),
        }
    }

    pub(super) async fn record(&self, key: &ObjectKey) -> Result<Kept<RunRecord>, RunError> {
        self.ledger.run(key).await?.ok_or_else(|| RunError::NoRecord(key.clone()))
    }

    /// Sees to it that the last committed run has its jobs, and settles it if they have ended.
    async fn before(&self, baseline: &Kept<Baseline>, last: &Committed, time: &Time) -> Result<Before, RunError> {
        let record = self.record(&last.record).await?;
        match record.value.state {
            State::Planned => {
                tracing::info!(run = %last.run, "committed without jobs: it is driven on first");
                self.drive(&last.record, record, time).await?;
                Ok(Before::Moved)
            }
            State::Open | State::Waiting => {
                match Box::pin(self.settle(Some(baseline), &last.record, record, true, time)).await? {
                    Settled::Closed(run) => {
                        run.value.log();
                        Ok(Before::Moved)
                    }
                    Settled::Moved => Ok(Before::Moved),
                    Settled::NotYet => Ok(Before::Open(last.run.clone())),
                }
            }
            _ => Ok(Before::Clear),
        }
    }

    /// The record of this report on this baseline: the one that is there, or one that is made now. None if planning goes on in
    /// another invocation; none within, if the baseline has to be read again.
    async fn planned(
        &self,
        report: &Report,
        run: &RunId,
        baseline: &Kept<Baseline>,
        time: &Time,
    ) -> Result<Option<Option<Recorded>>, RunError> {
        let key = run_key(run, &baseline.etag);
        if let Some(record) = self.ledger.run(&key).await? {
            let record = self.revived(&key, record).await?;
            return Ok(Some(record.map(|record| Recorded { key, record })));
        }
        let limits = Limits { memory: self.memory, until: time.planning, whole: time.whole };
        let planner = Planner::new(&self.ledger, &self.route, &self.settings, report)
            .filtered(&self.filters)
            .restored(self.restored(&baseline.value, report).await?);
        let (plan, next) = match planner.make(baseline, limits).await {
            Ok(Made::Whole(plan, next)) => (plan, next),
            Ok(Made::Unfinished) => return Ok(None),
            Err(PlanError::Taken(error)) => {
                // Another release or other settings planned this report on this baseline, and were cut off before the record.
                // What was written is never overwritten: the plan is made anew on a baseline of another ETag.
                tracing::warn!(%run, %error, "planning anew");
                let moved = Baseline { writes: baseline.value.writes + 1, ..baseline.value.clone() };
                // Whoever was first, it has another ETag now.
                let _ = self.ledger.swap(&baseline_key(), moved, &baseline.etag).await?;
                return Ok(Some(None));
            }
            Err(error) => return Err(error.into()),
        };
        let mut record = RunRecord::new(&self.route, CopyMode::Changes, report, self.bucket().now());
        record.baseline = Some(baseline.etag.clone());
        record.carried.clone_from(&baseline.value.carry_over);
        record.requests = self.requests(run, &plan);
        guard::guard(&self.settings.budget, &mut record, Some(&guard::work(&plan)));
        record.plan = Some(plan);
        record.next = Some(next);
        let record = match self.ledger.create(&key, &record).await? {
            Ok(record) => record,
            // Somebody planned the same at the same time; theirs is the record.
            Err(Taken) => self.record(&key).await?,
        };
        Ok(Some(Some(Recorded { key, record })))
    }

    /// The requests of a plan: the copy job's, that of the job for objects over 5 GB, that of the one that restores.
    pub(super) fn requests(&self, run: &RunId, plan: &Plan) -> Vec<JobRequest> {
        let (route, settings) = (&self.route, &self.settings);
        let copy = plan.manifest.iter().map(|manifest| copy_job(route, settings, run, manifest));
        let large = settings.copy_large.iter().zip(&plan.large_manifest);
        let large = large.map(|(function, manifest)| large_job(route, settings, function, run, manifest));
        let restore = settings.restoring.iter().zip(&plan.restore_manifest);
        let restore = restore.map(|(restoring, manifest)| restore_job(route, settings, restoring, run, manifest));
        copy.chain(large).chain(restore).collect()
    }

    /// A record on the baseline as it is now can be committed, whatever it was taken for: only a commit moves the baseline.
    /// None if somebody else has written it just now.
    async fn revived(&self, key: &ObjectKey, record: Kept<RunRecord>) -> Result<Option<Kept<RunRecord>>, RunError> {
        if record.value.state != State::Superseded {
            return Ok(Some(record));
        }
        let planned = RunRecord { state: State::Planned, ..record.value };
        Ok(self.ledger.swap(key, planned, &record.etag).await?.ok())
    }

    /// The commit: swaps `baseline.json` from the one that was planned on.
    async fn commit(&self, from: &Kept<Baseline>, key: &ObjectKey, record: &RunRecord) -> Result<Commit, RunError> {
        let Some(next) = from.value.after(&self.route, record, key) else { return Ok(Commit::TooLate) };
        if self.ledger.swap(&baseline_key(), next, &from.etag).await?.is_ok() {
            tracing::info!(run = %record.run, record = %key, "committed");
            return Ok(Commit::Done);
        }
        // Or another invocation has committed the same record; or this one has, and did not learn it.
        let now = self.baseline().await?;
        Ok(match &now.value.committed {
            Some(committed) if committed.record == *key => Commit::Done,
            _ if now.etag == from.etag => Commit::Undecided,
            _ => Commit::TooLate,
        })
    }

    /// Deletes the files of a baseline that another has taken the place of. Whoever still reads them names their version; and
    /// what stays when this is cut off costs its storage, nothing else.
    async fn tidy(&self, replaced: &Baseline) {
        for shard in &replaced.shards {
            if let Err(error) = self.bucket().delete(&shard.file.key).await {
                tracing::warn!(key = %shard.file.key, %error, "a baseline's file that was replaced stays");
            }
        }
    }

    /// Marks the records of a run that were never committed: others than the one that is, or was, have no jobs.
    async fn supersede_all(&self, run: &RunId, committed: &ObjectKey) -> Result<(), RunError> {
        let keys = self.bucket().keys_below(&runs_folder(run), MOST_RECORDS).await.map_err(LedgerError::from)?;
        for key in keys.into_iter().filter(|key| key != committed && *key != everything_key(run)) {
            if let Some(record) = self.ledger.run(&key).await? {
                self.supersede(&key, record).await?;
            }
        }
        Ok(())
    }

    /// Marks a record that was never committed, for whoever reads the ledger.
    pub(super) async fn supersede(&self, key: &ObjectKey, record: Kept<RunRecord>) -> Result<(), RunError> {
        if record.value.state == State::Planned {
            let superseded = RunRecord { state: State::Superseded, ..record.value };
            // If somebody else wrote it, they said the same.
            let _ = self.ledger.swap(key, superseded, &record.etag).await?;
        }
        Ok(())
    }
}
