//! What has become of a job. Calls S3 Control.

use std::time::Duration;

use aws_sdk_s3control::error::ProvideErrorMetadata;
use aws_sdk_s3control::types::{
    JobDescriptor, JobFailure, JobProgressSummary as ProgressSummary, JobStatus, RequestedJobStatus,
};
use jiff::Timestamp;

use super::settle::{Ended, Fate};
use super::{RunError, Runner, Time};
use crate::error::AwsError;

/// How often a job that is being cancelled is looked at.
const LOOKS: u32 = 3;

/// Why a job is cancelled. By it whoever settles the run later knows that nobody else did it.
const REPLACED: &str = "Transship: a newer inventory report has come; its run takes these objects over";

impl Runner {
    /// What has become of a job. One that still waits for its confirmation is cancelled if a `newer` report is there.
    pub(super) async fn fate(&self, id: &str, newer: bool, time: &Time) -> Result<Fate, RunError> {
        let fate = self.look(id).await?;
        if fate != Fate::Unconfirmed || !newer {
            return Ok(fate);
        }
        self.cancel(id).await?;
        for _ in 0..LOOKS {
            let fate = self.look(id).await?;
            if matches!(fate, Fate::Ended(_) | Fate::Unknown) {
                return Ok(fate);
            }
            tokio::time::sleep(time.persistence.pause.min(Duration::from_secs(5))).await;
        }
        Err(RunError::Cancelling(id.to_owned()))
    }

    async fn look(&self, id: &str) -> Result<Fate, RunError> {
        let request = self.control.describe_job().account_id(self.route.account.as_str()).job_id(id);
        match request.send().await {
            Ok(output) => Ok(output.job().map_or(Fate::Unknown, fate)),
            Err(error) if is_unknown(error.code()) => Ok(Fate::Unknown),
            Err(error) => Err(RunError::Job { error: AwsError::new("DescribeJob", &error) }),
        }
    }

    async fn cancel(&self, id: &str) -> Result<(), RunError> {
        tracing::info!(job_id = id, "cancelled: it waits for a confirmation, and a newer report has come");
        let request = self.control.update_job_status().account_id(self.route.account.as_str()).job_id(id);
        let request = request.requested_job_status(RequestedJobStatus::Cancelled).status_update_reason(REPLACED);
        match request.send().await {
            Ok(_) => Ok(()),
            // Somebody confirmed or cancelled it in between: the next look tells.
            Err(error) if is_unknown(error.code()) || error.code() == Some("JobStatusException") => Ok(()),
            Err(error) => Err(RunError::Job { error: AwsError::new("UpdateJobStatus", &error) }),
        }
    }
}

/// DescribeJob just after CreateJob may say so, and 90 days after the job's end it does.
fn is_unknown(code: Option<&str>) -> bool {
    matches!(code, Some("NoSuchJob" | "NoSuchJobException" | "NotFoundException"))
}

fn fate(job: &JobDescriptor) -> Fate {
    let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    let done = job.progress_summary();
    let ended = |whole: bool| {
        Fate::Ended(Ended {
            whole,
            replaced: job.status() == Some(&JobStatus::Cancelled) && job.status_update_reason() == Some(REPLACED),
            total: count(done.and_then(ProgressSummary::total_number_of_tasks)),
            succeeded: count(done.and_then(ProgressSummary::number_of_tasks_succeeded)),
            failed: count(done.and_then(ProgressSummary::number_of_tasks_failed)),
            why: job.failure_reasons().iter().map(why).collect(),
            at: job.termination_date().and_then(|at| Timestamp::from_second(at.secs()).ok()),
        })
    };
    match job.status() {
        Some(JobStatus::Complete) => ended(true),
        Some(JobStatus::Failed | JobStatus::Cancelled) => ended(false),
        Some(JobStatus::Suspended) => Fate::Unconfirmed,
        // On its way there: it will wait for a person in a moment.
        Some(JobStatus::New | JobStatus::Preparing) if job.confirmation_required() == Some(true) => Fate::Unconfirmed,
        _ => Fate::Running,
    }
}

fn why(reason: &JobFailure) -> String {
    let (code, text) = (reason.failure_code(), reason.failure_reason());
    format!("{}: {}", code.unwrap_or("no code"), text.unwrap_or("no reason"))
}
