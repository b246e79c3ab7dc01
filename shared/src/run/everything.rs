//! `CopyMode=Everything`: the delivered manifest.json becomes a job as it is, every time. It neither moves the baseline nor
//! takes carry-over out.

use super::{Handled, RunError, Runner, Time, count, guard};
use crate::bucket::Taken;
use crate::config::CopyMode;
use crate::cost::{Large, Limits, Work};
use crate::inventory::{Report, has_rows};
use crate::job::{RunId, Submitted, copy_job};
use crate::ledger::{RunRecord, State, everything_key};
use crate::plan::Count;

/// Of so many of the newest runs it is looked whether one waits for its confirmation.
const RUNS: usize = 10;

impl Runner {
    pub(super) async fn everything(&self, report: &Report, time: &Time) -> Result<Handled, RunError> {
        let run = RunId::of(report);
        let key = everything_key(&run);
        if let Some(record) = self.ledger.run(&key).await? {
            return self.drive(&key, record, time).await;
        }
        let mut record = RunRecord::new(&self.route, CopyMode::Everything, report, self.bucket().now());
        let mut count = Some(Count::default());
        if has_rows(self.bucket(), report).await? {
            let manifest = Submitted::delivered(report);
            record.requests.push(copy_job(&self.route, &self.settings, &run, &manifest));
            count = count::count(self.bucket(), report, time.planning).await?;
        }
        let work = |copied: Count| Work { listed: copied.objects, copied, large: Large::default(), ..Work::default() };
        guard::guard(&self.settings.budget, &mut record, count.map(work).as_ref());
        if self.settings.confirmation_required || self.settings.budget.limits != Limits::default() {
            Box::pin(self.cancel_older(report, time)).await?;
        }
        let record = match self.ledger.create(&key, &record).await? {
            Ok(record) => record,
            Err(Taken) => self.record(&key).await?,
        };
        self.drive(&key, record, time).await
    }

    /// Cancels what an older report had made and nobody has confirmed: this one brings all of it again.
    async fn cancel_older(&self, report: &Report, time: &Time) -> Result<(), RunError> {
        for (key, record) in self.ledger.newest_runs(RUNS).await? {
            let is_older = record.value.report.time.as_str() < report.key.time();
            let waits = matches!(record.value.state, State::Open | State::Waiting)
                && record.value.requests.iter().any(crate::job::JobRequest::waits_for_confirmation);
            if record.value.mode == CopyMode::Everything && is_older && waits {
                self.settle(None, &key, record, true, time).await?;
            }
        }
        Ok(())
    }
}
