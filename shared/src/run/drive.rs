//! From a committed record to its jobs.

use super::{Handled, RunError, Runner, Time};
use crate::bucket::Taken;
use crate::job::{self, JobKind, JobRequest, Sent};
use crate::ledger::{Job, Kept, Refused, RunRecord, State};
use crate::names::{ObjectKey, excerpt};

impl Runner {
    /// Creates the jobs of a committed run, unless it has them, and records their ids.
    pub(super) async fn drive(
        &self,
        key: &ObjectKey,
        record: Kept<RunRecord>,
        time: &Time,
    ) -> Result<Handled, RunError> {
        let Kept { value: record, etag } = record;
        if record.state != State::Planned {
            return Ok(standing(&record));
        }
        let (mut jobs, mut refused, mut new) = (Vec::new(), Vec::new(), false);
        for request in &record.requests {
            let sent = match job::send(&self.control, &self.route, &self.settings, request, time.persistence).await {
                // The copy job goes first: without it nothing is recorded, and a person has to act. The others must not keep its
                // run, and all later reports, waiting.
                Err(error) if request.kind != JobKind::Copy && !error.is_transient() => {
                    tracing::error!(run = %request.run, kind = ?request.kind, %error, "a job is refused for good");
                    refused.push(Refused { kind: request.kind, why: excerpt(&error.to_string()) });
                    continue;
                }
                sent => sent?,
            };
            new |= matches!(sent, Sent::Created(_));
            let (Sent::Created(id) | Sent::AlreadyThere(id)) = sent;
            jobs.push(Job { kind: request.kind, id });
        }
        let state = match record.requests.iter().any(JobRequest::waits_for_confirmation) {
            _ if jobs.is_empty() && refused.is_empty() => State::Empty,
            true if !jobs.is_empty() => State::Waiting,
            _ => State::Open,
        };
        let driven = RunRecord { state, jobs, refused, driven: Some(self.bucket().now()), ..record };
        let kept = match self.ledger.swap(key, driven, &etag).await? {
            Ok(kept) => kept,
            // Somebody else drove it as well: the same token made the same jobs.
            Err(Taken) => return Ok(standing(&self.record(key).await?.value)),
        };
        Ok(match standing(&kept.value) {
            Handled::AlreadyCreated(ids) if new => Handled::Created(ids),
            other => other,
        })
    }
}

/// What a run that was driven before has come to.
fn standing(record: &RunRecord) -> Handled {
    if record.jobs.is_empty() && record.refused.is_empty() {
        Handled::Empty
    } else {
        Handled::AlreadyCreated(record.jobs.iter().map(|job| job.id.clone()).collect())
    }
}
