//! Restores from an archive: what a restore job has come to, and which objects can be read by it. Calls S3.

use super::settle::Ended;
use super::verdict::Part;
use super::{RunError, Runner, Time};
use crate::delta::HashKey;
use crate::inventory::Report;
use crate::job::JobRequest;
use crate::ledger::{Baseline, RESTORES, Restores, RunRecord, restores_key};
use crate::names::excerpt;
use crate::plan::{Asker, ByHand, PlanError, Reason, Restored, scan_started};

impl Runner {
    /// What a restore job that has ended comes to. That a task succeeded means that its restore has begun, no more.
    pub(super) async fn restore_part(
        &self,
        record: &RunRecord,
        (id, request): (&str, &JobRequest),
        ended: &Ended,
    ) -> Result<Part, RunError> {
        let Ended { whole, succeeded, failed, .. } = *ended;
        let mut part = Part::of_restores(succeeded, ended);
        let why = ended.why.first().map(|why| format!(" ({})", excerpt(why))).unwrap_or_default();
        if !whole {
            part.findings.push(format!(
                "restore job {id} did not complete{why}: what it has not asked for, a later run asks for again"
            ));
        } else if failed > 0 {
            part.findings
                .push(format!("{failed} objects could not be restored: the completion report of job {id} says why"));
        }
        // Whatever was not asked for by a job that failed is asked for by the next run, with what was.
        if let Some((tier, days)) = request.restores()
            && whole
            && succeeded > 0
        {
            let now = self.bucket().now();
            let objects = record.plan.as_ref().map_or(succeeded, |plan| plan.restore.objects);
            let restores = Restores::new(&record.run, now, tier, days, objects, &request.manifest);
            // If it is there, somebody else has settled the same.
            let _ = self.ledger.create(&restores_key(&record.run), &restores).await?;
        }
        Ok(part)
    }

    /// What is known of the objects that earlier runs have asked to be restored.
    pub(super) async fn restored(&self, baseline: &Baseline, report: &Report) -> Result<Restored, RunError> {
        let key = HashKey::from_hex(&baseline.hash_key).ok_or(PlanError::HashKey)?;
        let Some(asker) = self.asker() else { return Ok(Restored::nothing(&key)) };
        Ok(asker.ask(self.all_restores().await?, &key, scan_started(report.key.time())).await?)
    }

    /// What can be read by now of the archived objects that a run left out and nobody but a person asked to be restored.
    pub(super) async fn by_hand(&self, baseline: &Baseline, run: &RunRecord, time: &Time) -> Result<ByHand, RunError> {
        let key = HashKey::from_hex(&baseline.hash_key).ok_or(PlanError::HashKey)?;
        let plan = run.plan.as_ref().filter(|plan| plan.left_out.contains_key(&Reason::Archived));
        let (Some(asker), Some(plan)) = (self.asker(), plan) else { return Ok(ByHand::default()) };
        let large = self.settings.copy_large.is_some();
        let when = (self.bucket().now(), time.planning);
        Ok(asker.by_hand(plan, self.all_restores().await?, &key, large, when).await?)
    }

    fn asker(&self) -> Option<Asker<'_>> {
        let source = self.source.as_ref()?;
        Some(Asker { bucket: self.bucket(), route: &self.route, source, memory: self.memory / 4 })
    }

    /// What all restore jobs have asked for.
    async fn all_restores(&self) -> Result<Vec<Restores>, RunError> {
        let mut records = Vec::new();
        for listed in self.bucket().all_below(RESTORES, None).await? {
            records.extend(self.ledger.read::<Restores>(&listed.key).await?.map(|kept| kept.value));
        }
        Ok(records)
    }
}
