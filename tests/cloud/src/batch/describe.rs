//! What S3 Control answers: jobs as `DescribeJob` and `ListJobs` show them.

use jiff::Timestamp;
use serde::Serialize;

use super::job::{Failure, Job};
use super::model::{JobManifest, JobOperation, JobReport, Tag};
use super::xml::Members;

/// `CreateJobResult`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateJobResult {
    pub(super) job_id: String,
}

/// `DescribeJobResult`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeJobResult {
    pub(super) job: JobDescriptor,
}

/// `ListJobsResult`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListJobsResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_token: Option<String>,
    pub(super) jobs: Members<JobListDescriptor>,
}

/// `UpdateJobStatusResult`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateJobStatusResult {
    pub(super) job_id: String,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_update_reason: Option<String>,
}

/// `UpdateJobPriorityResult`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateJobPriorityResult {
    pub(super) job_id: String,
    pub(super) priority: i32,
}

/// `GetJobTaggingResult`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetJobTaggingResult {
    pub(super) tags: Members<Tag>,
}

/// A result without members.
#[derive(Debug, Serialize)]
pub(super) struct Empty {}

/// `JobDescriptor`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JobDescriptor {
    job_id: String,
    confirmation_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    job_arn: String,
    status: &'static str,
    manifest: JobManifest,
    operation: JobOperation,
    priority: i64,
    progress_summary: ProgressSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_update_reason: Option<String>,
    failure_reasons: Members<FailureReason>,
    report: JobReport,
    creation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    termination_date: Option<String>,
    role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_cause: Option<&'static str>,
}

impl JobDescriptor {
    pub(super) fn of(job: &Job, now: Timestamp) -> Self {
        Self {
            job_id: job.id.clone(),
            confirmation_required: job.spec.confirmation_required,
            description: job.spec.description.clone(),
            job_arn: job.arn(),
            status: job.status().as_str(),
            manifest: job.spec.manifest.clone(),
            operation: job.spec.operation(),
            priority: job.priority,
            progress_summary: ProgressSummary::of(job, now),
            status_update_reason: job.status_update_reason.clone(),
            failure_reasons: Members::new(job.failures.iter().map(FailureReason::of).collect()),
            report: job.spec.report.clone(),
            creation_time: time(job.created),
            termination_date: job.terminated.map(time),
            role_arn: job.spec.role_arn.clone(),
            suspended_date: job.suspended.map(time),
            suspended_cause: job.suspended.map(|_| "AwaitingConfirmation"),
        }
    }
}

/// `JobListDescriptor`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JobListDescriptor {
    job_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    operation: &'static str,
    priority: i64,
    status: &'static str,
    creation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    termination_date: Option<String>,
    progress_summary: ProgressSummary,
}

impl JobListDescriptor {
    pub(super) fn of(job: &Job, now: Timestamp) -> Self {
        Self {
            job_id: job.id.clone(),
            description: job.spec.description.clone(),
            operation: job.spec.operation_name(),
            priority: job.priority,
            status: job.status().as_str(),
            creation_time: time(job.created),
            termination_date: job.terminated.map(time),
            progress_summary: ProgressSummary::of(job, now),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProgressSummary {
    total_number_of_tasks: u64,
    number_of_tasks_succeeded: u64,
    number_of_tasks_failed: u64,
    timers: Timers,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Timers {
    elapsed_time_in_active_seconds: i64,
}

impl ProgressSummary {
    fn of(job: &Job, now: Timestamp) -> Self {
        Self {
            total_number_of_tasks: job.total,
            number_of_tasks_succeeded: job.succeeded,
            number_of_tasks_failed: job.failed,
            timers: Timers { elapsed_time_in_active_seconds: job.active_seconds(now) },
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FailureReason {
    failure_code: &'static str,
    failure_reason: String,
}

impl FailureReason {
    fn of(failure: &Failure) -> Self {
        Self { failure_code: failure.code, failure_reason: failure.reason.clone() }
    }
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
