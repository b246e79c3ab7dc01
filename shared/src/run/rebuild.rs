//! Forgets the baseline, so that the next report is a full run. For a person, when the baseline is damaged or what is at the
//! destination is not what it says.

use jiff::Timestamp;

use super::changes::ROUNDS;
use super::{RunError, Runner};
use crate::config::CopyMode;
use crate::delta::HashKey;
use crate::ledger::{Action, Asked, Committed, LedgerError, RUNS, Remains, RunRecord, State, baseline_key};
use crate::names::ObjectKey;

/// What became of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The ledger's entry of who asked for it, and when.
    pub entry: ObjectKey,
    /// The last committed run, if there is one: reports up to its own stay past.
    pub last: Option<Committed>,
}

impl Runner {
    /// Forgets the baseline: another hash key and no object, so that everything counts as new. The last committed run and
    /// the carry-over stay, as far as they can be read; a last run that cannot is looked for among the records, lest
    /// another be planned beside one that is still open.
    pub async fn rebuild(&self, asked: &Asked) -> Result<Rebuilt, RunError> {
        let entry = self.ledger.note(&Action::new("rebuild", self.bucket().now(), asked, None)).await?;
        for _ in 0..ROUNDS {
            let found = self.ledger.damaged_baseline().await?;
            let mut remains = found.as_ref().map(|found| Remains::of(&found.value)).unwrap_or_default();
            remains.committed = match remains.committed {
                Some(last) if self.is_recorded(&last.record).await? => Some(last),
                _ => self.last_recorded().await?,
            };
            let last = remains.committed.clone();
            let hash_key = HashKey::random().map_err(RunError::Random)?.to_hex();
            let (key, next) = (baseline_key(), remains.baseline(&self.route, hash_key));
            let written = match &found {
                Some(found) => self.ledger.swap(&key, next, &found.etag).await?,
                None => self.ledger.create(&key, &next).await?,
            };
            if written.is_ok() {
                tracing::warn!(%entry, request_id = asked.request_id, by = asked.by, "the baseline is forgotten");
                return Ok(Rebuilt { entry, last });
            }
        }
        Err(RunError::Contended("rebuild".to_owned()))
    }

    async fn is_recorded(&self, key: &ObjectKey) -> Result<bool, RunError> {
        Ok(self.readable(key).await?.is_some())
    }

    async fn readable(&self, key: &ObjectKey) -> Result<Option<RunRecord>, RunError> {
        match self.ledger.run(key).await {
            Ok(record) => Ok(record.map(|record| record.value)),
            Err(LedgerError::Unreadable { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The newest run that is known to have been committed, since it has had its jobs. Of several of one report, which S3 delivered
    /// again or a person retried, it is the one that was planned last: all others had been closed by then.
    async fn last_recorded(&self) -> Result<Option<Committed>, RunError> {
        let mut last: Option<(Committed, Timestamp)> = None;
        for listed in self.bucket().all_below(RUNS, None).await.map_err(LedgerError::from)?.into_iter().rev() {
            let Some(record) = self.readable(&listed.key).await? else { continue };
            let was_committed =
                record.mode == CopyMode::Changes && record.state != State::Planned && !record.is_discarded();
            if !was_committed {
                continue;
            }
            let mut etags = match &last {
                // Records sort by the times of their reports.
                Some((last, _)) if last.report_time != record.report.time => break,
                Some((last, _)) => last.etags.clone(),
                None => Vec::new(),
            };
            let etag = record.report.manifest.etag.clone();
            if !etags.contains(&etag) {
                etags.push(etag);
            }
            let of_record = (record.run, listed.key, record.planned);
            let (run, key, planned) = match last {
                Some((last, planned)) if planned >= of_record.2 => (last.run, last.record, planned),
                _ => of_record,
            };
            last = Some((Committed { run, record: key, report_time: record.report.time, etags }, planned));
        }
        Ok(last.map(|(last, _)| last))
    }
}
