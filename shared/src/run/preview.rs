//! `CopyMode=Preview`: plans a report as `Changes` would, writes what it would copy and cost, and makes no job. The baseline and
//! the carry-over are read, and stay as they are.

use sha2::{Digest, Sha256};

use super::changes::ROUNDS;
use super::{Handled, RunError, Runner, Time, guard};
use crate::config::CopyMode;
use crate::inventory::{Report, all_there};
use crate::job::RunId;
use crate::ledger::{Baseline, Kept, RunRecord, Standing, State, preview_key};
use crate::names::ETag;
use crate::plan::{Limits, Made, PlanError, Planner};

/// In place of the ETag of a `baseline.json` that is not there.
const NO_BASELINE: &str = "none";

impl Runner {
    pub(super) async fn preview(&self, report: &Report, time: &Time) -> Result<Handled, RunError> {
        let run = RunId::of(report);
        let key = preview_key(&run);
        if self.ledger.run(&key).await?.is_some() {
            return Ok(Handled::Previewed);
        }
        all_there(self.bucket(), report).await?;
        let baseline = self.looked_at(&run).await?;
        let standing = baseline.value.standing(&run, report.key.time(), &report.etag);
        if let (Standing::Past | Standing::Committed, Some(last)) = (standing, &baseline.value.committed) {
            return Ok(Handled::Superseded(last.run.clone()));
        }
        let limits = Limits { memory: self.memory, until: time.planning, whole: time.whole };
        for attempt in 0..ROUNDS {
            let planner = Planner::new(&self.ledger, &self.route, &self.settings, report)
                .filtered(&self.filters)
                .restored(self.restored(&baseline.value, report).await?)
                .preview(attempt);
            let plan = match planner.make(&baseline, limits).await {
                Ok(Made::Whole(plan, _)) => plan,
                Ok(Made::Unfinished) => return Ok(Handled::Unfinished),
                // It was begun with other settings, and cut off: what was written is never overwritten.
                Err(PlanError::Taken(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let mut record = RunRecord::new(&self.route, CopyMode::Preview, report, self.bucket().now());
            record.state = State::Previewed;
            record.baseline = Some(baseline.etag.clone()).filter(|etag| etag.as_str() != NO_BASELINE);
            guard::guard(&self.settings.budget, &mut record, Some(&guard::work(&plan)));
            record.plan = Some(plan);
            // If it is there already, somebody else has previewed the same report.
            if let Ok(kept) = self.ledger.create(&key, &record).await? {
                kept.value.log_preview();
            }
            return Ok(Handled::Previewed);
        }
        Err(RunError::Contended(format!("preview of {run}")))
    }

    /// `baseline.json`, or what it would be before the first run, with a hash key that each invocation finds again.
    async fn looked_at(&self, run: &RunId) -> Result<Kept<Baseline>, RunError> {
        if let Some(baseline) = self.ledger.baseline().await? {
            return Ok(baseline);
        }
        let etag: ETag = NO_BASELINE.parse().map_err(RunError::Name)?;
        let hash_key = hex::encode(Sha256::digest(run.as_str()));
        Ok(Kept { value: Baseline::new(&self.route, hash_key), etag })
    }
}
