//! Plans a run's carry-over now, and of the archived objects that it left out those that can be read by now, without waiting for the
//! next report: a run of its own. For a person who has mended what kept the objects from being copied.

use tokio::runtime::Handle;

use super::changes::ROUNDS;
use super::settle::Settled;
use super::{Handled, RunError, Runner, Time, guard};
use crate::bucket::Taken;
use crate::config::{Budget, CopyMode};
use crate::delta::HashKey;
use crate::job::{JobKind, RunId};
use crate::ledger::{
    Action, Asked, Baseline, CarriedOver, CarryOver, Kept, RunRecord, State, baseline_key, plan_folder, run_key,
};
use crate::names::ObjectKey;
use crate::plan::{ByHand, Count, Plan, PlanError, Retry};

/// What became of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It has become this run, and what that has come to; and what was found of the run's archived objects, unless it had become
    /// this run before.
    Run(RunId, Handled, Option<ByHand>),
    /// A run is open: it has to be settled first.
    Open(RunId),
    /// Nothing of the run is carried over: it was copied, or is gone, or a later run has taken it over. Nor can any of these archived
    /// objects be read.
    Nothing(ByHand),
}

/// What a retry plans.
struct Again {
    /// The run as it was.
    before: RunRecord,
    /// What is carried over of it.
    lists: Vec<CarryOver>,
    /// What was found of its archived objects.
    by_hand: ByHand,
}

/// How much the whole plans are that are planned again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    bytes: u64,
    /// Of them, those of large objects.
    large: u64,
    /// In how many parts these are likely to be copied.
    parts: u64,
}

impl Runner {
    /// Plans what is carried over of the run of this id, and what it left out and can be read by now. Refused where the mode is
    /// `Preview`, in which nothing is copied.
    pub async fn retry(&self, run: &str, asked: &Asked, time: &Time) -> Result<Retried, RunError> {
        if self.settings.mode == CopyMode::Preview {
            return Err(RunError::OnlyPreviewed);
        }
        let mut noted = false;
        let mut found: Option<ByHand> = None;
        for _ in 0..ROUNDS {
            let Some(baseline) = self.ledger.baseline().await? else { return Ok(Retried::Nothing(ByHand::default())) };
            if let Some(retried) = Box::pin(self.open_before(&baseline, asked, time)).await? {
                return Ok(retried);
            }
            let now = self.ledger.baseline().await?;
            let Some(baseline) = now.filter(|now| now.etag == baseline.etag) else { continue };
            // What no job can copy now stays carried over.
            let large = self.settings.copy_large.is_some();
            let of_run = |list: &&CarryOver| list.run.as_str() == run && (large || list.kind != JobKind::Large);
            let lists: Vec<CarryOver> = baseline.value.carry_over.iter().filter(of_run).cloned().collect();
            let Some(before) = self.record_of(run).await? else { return Ok(Retried::Nothing(ByHand::default())) };
            let by_hand = match found.take() {
                Some(by_hand) => by_hand,
                None => self.by_hand(&baseline.value, &before, time).await?,
            };
            if lists.is_empty() && by_hand.readable.is_empty() {
                return Ok(Retried::Nothing(by_hand));
            }
            if !noted {
                let action = Action::new("retry", self.bucket().now(), asked, Some(&before.run));
                self.ledger.note(&action).await?;
                noted = true;
            }
            found = Some(by_hand.clone());
            let again = Again { before, lists, by_hand };
            let planned = match self.planned_again(&baseline, again, asked).await {
                Err(RunError::Plan(PlanError::Taken(error))) => {
                    // This call was cut off before it had its record, and other objects could be read then. What was written is never
                    // overwritten: it is planned on a baseline of another ETag.
                    tracing::warn!(run, %error, "planning anew");
                    let moved = Baseline { writes: baseline.value.writes + 1, ..baseline.value.clone() };
                    let _ = self.ledger.swap(&baseline_key(), moved, &baseline.etag).await?;
                    continue;
                }
                planned => planned?,
            };
            let Some((key, record)) = planned else {
                return Ok(Retried::Nothing(ByHand::default()));
            };
            let next = baseline.value.retrying(&record.value, &key);
            if self.ledger.swap(&baseline_key(), next, &baseline.etag).await?.is_err() {
                // Somebody else moved it: by this very call, tried again, or another way, which the next round sees.
                let now = self.ledger.baseline().await?.map(|now| (now.etag, now.value.committed));
                let is_lost = now.is_none_or(|(etag, committed)| {
                    etag != baseline.etag && committed.is_none_or(|committed| committed.record != key)
                });
                if is_lost {
                    self.supersede(&key, record).await?;
                }
                continue;
            }
            let id = record.value.run.clone();
            tracing::info!(run = %id, by = asked.by, "carry-over is planned again");
            let handled = self.drive(&key, record, time).await?;
            return Ok(Retried::Run(id, handled, found));
        }
        Err(RunError::Contended(format!("retry of {run}")))
    }

    /// What stands in the way: the last run, if it is open; or this very retry, if it was cut off before.
    async fn open_before(
        &self,
        baseline: &Kept<Baseline>,
        asked: &Asked,
        time: &Time,
    ) -> Result<Option<Retried>, RunError> {
        let Some(last) = &baseline.value.committed else { return Ok(None) };
        let record = self.record(&last.record).await?;
        if last.run.is_retry_by(&asked.request_id) {
            let handled = self.drive(&last.record, record, time).await?;
            return Ok(Some(Retried::Run(last.run.clone(), handled, None)));
        }
        match record.value.state {
            State::Planned => self.drive(&last.record, record, time).await.map(drop)?,
            state if state.has_jobs_open() => {
                match Box::pin(self.settle(Some(baseline), &last.record, record, false, time)).await? {
                    Settled::NotYet => return Ok(Some(Retried::Open(last.run.clone()))),
                    Settled::Closed(run) => run.value.log(),
                    Settled::Moved => {}
                }
            }
            _ => return Ok(None),
        }
        // It has just moved: it is read again, and by then it is open, closed or somebody else's.
        let state = self.record(&last.record).await?.value.state;
        Ok(state.has_jobs_open().then(|| Retried::Open(last.run.clone())))
    }

    /// The record of a retry on this baseline; none if what is carried over cannot be read any more.
    async fn planned_again(
        &self,
        baseline: &Kept<Baseline>,
        again: Again,
        asked: &Asked,
    ) -> Result<Option<(ObjectKey, Kept<RunRecord>)>, RunError> {
        let Again { before, lists, by_hand } = again;
        let id = before.run.retry_by(&asked.request_id);
        let key = run_key(&id, &baseline.etag);
        if let Some(record) = self.ledger.run(&key).await? {
            return Ok(Some((key, record)));
        }
        let retry = Retry {
            bucket: self.bucket().clone(),
            route: self.route.clone(),
            partition: Retry::partition(&self.settings),
            folder: plan_folder(&id, &baseline.etag),
            time: before.report.time.clone(),
            lists: lists.clone(),
            readable: by_hand.readable,
            key: HashKey::from_hex(&baseline.value.hash_key).ok_or(PlanError::HashKey)?,
        };
        let runtime = Handle::current();
        let made = tokio::task::spawn_blocking(move || retry.make(&runtime)).await??;
        let Some(mut plan) = made else { return Ok(None) };
        let size = size(before.plan.as_deref(), &lists);
        // Where some are not known, none are told.
        (plan.bytes, plan.large.bytes, plan.large_parts) = size.map_or((0, 0, 0), |size| {
            (plan.bytes + size.bytes, plan.large.bytes + size.large, plan.large_parts + size.parts)
        });
        let requests = self.requests(&id, &plan);
        // What cannot be told waits for a person.
        let is_told = size.is_some() || !is_by_bytes(&self.settings.budget, plan.large);
        let work = is_told.then(|| guard::work(&plan));
        let mut record = RunRecord {
            run: id,
            state: State::Planned,
            planned: self.bucket().now(),
            baseline: Some(baseline.etag.clone()),
            plan: Some(Box::new(plan)),
            next: None,
            requests,
            jobs: Vec::new(),
            refused: Vec::new(),
            carried: lists,
            driven: None,
            outcome: None,
            telling: None,
            measured: None,
            told: None,
            ..before
        };
        guard::guard(&self.settings.budget, &mut record, work.as_ref());
        let record = match self.ledger.create(&key, &record).await? {
            Ok(record) => record,
            // Somebody planned the same at the same time; theirs is the record.
            Err(Taken) => self.record(&key).await?,
        };
        Ok(Some((key, record)))
    }

    /// The record of a run that was committed, and is settled.
    async fn record_of(&self, run: &str) -> Result<Option<RunRecord>, RunError> {
        for listed in self.bucket().all_below(&format!("{}{run}/", crate::ledger::RUNS), None).await? {
            if let Some(record) = self.ledger.run(&listed.key).await?
                && record.value.run.as_str() == run
                && record.value.mode == CopyMode::Changes
                && record.value.state.is_closed()
                && !record.value.is_discarded()
            {
                return Ok(Some(record.value));
            }
        }
        Ok(None)
    }
}

/// Whether a limit is of bytes, or of a cost that bytes are part of.
fn is_by_bytes(budget: &Budget, large: Count) -> bool {
    let Budget { limits, prices, .. } = budget;
    // What leaves a Region is paid by the byte, and so are large objects, by the part.
    let costs = large.objects > 0 || prices.home != prices.destination;
    limits.bytes.is_some() || (limits.cost.is_some() && costs)
}

/// How much is planned again, where whole plans of this run are carried over; none where keys alone are known.
fn size(plan: Option<&Plan>, lists: &[CarryOver]) -> Option<Size> {
    let plan = plan?;
    let mut size = Size::default();
    for list in lists {
        let is_large = list.kind == JobKind::Large;
        let bytes = plan.of(list.kind).bytes;
        // A retry itself may not have known.
        let is_known = bytes > 0 && (!is_large || plan.large_parts > 0);
        if !matches!(list.which, CarriedOver::Plan(_)) || !is_known {
            return None;
        }
        size.bytes += bytes;
        if is_large {
            (size.large, size.parts) = (size.large + bytes, size.parts + plan.large_parts);
        }
    }
    Some(size)
}

#[cfg(test)]
mod tests;
