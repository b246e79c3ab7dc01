//! `CopyMode=Everything`: the delivered manifest.json becomes a job as it is, every time. It neither moves the baseline nor
//! takes carry-over out.

use super::{Handled, RunError, Runner, Time};
use crate::bucket::Taken;
use crate::config::CopyMode;
use crate::inventory::{Report, has_rows};
use crate::job::{RunId, Submitted, copy_job};
use crate::ledger::{RunRecord, everything_key};

impl Runner {
    pub(super) async fn everything(&self, report: &Report, time: &Time) -> Result<Handled, RunError> {
        let run = RunId::of(report);
        let key = everything_key(&run);
        if let Some(record) = self.ledger.run(&key).await? {
            return self.drive(&key, record, time).await;
        }
        let mut record = RunRecord::new(&self.route, CopyMode::Everything, report, self.bucket().now());
        if has_rows(self.bucket(), report).await? {
            let manifest = Submitted::delivered(report);
            record.requests.push(copy_job(&self.route, &self.settings, &run, &manifest));
        }
        let record = match self.ledger.create(&key, &record).await? {
            Ok(record) => record,
            Err(Taken) => self.record(&key).await?,
        };
        self.drive(&key, record, time).await
    }
}
