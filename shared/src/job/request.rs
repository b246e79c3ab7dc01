//! The CreateJob request, built from settings, run and manifest alone, in a form that the ledger keeps: what is sent
//! again is what was sent. Calls nothing.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_CreateJob.html>

mod input;

use std::collections::BTreeMap;

use aws_sdk_s3control::error::BuildError;
use aws_sdk_s3control::types::{
    JobManifestFormat, JobReportFormat, JobReportScope, S3AnnotationDirective, S3MetadataDirective,
};
use serde::{Deserialize, Serialize};

use super::run::{JobKind, RunId, token};
use crate::config::{CopyMode, JobSettings, Restoring, Route};
use crate::inventory::Report;
use crate::names::{ETag, FunctionArn, ObjectKey};

/// One job to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequest {
    /// Which of the run's jobs it is.
    pub kind: JobKind,
    /// The run it belongs to; its id stands in the description, by which ListJobs finds the job again.
    pub run: RunId,
    /// The manifest.json that it works through.
    pub manifest: Submitted,
    /// The request in the shape of the S3 Control API: `aws s3control create-job --cli-input-json` takes it as it is.
    pub request: CreateJob,
}

/// `CreateJob`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateJob {
    account_id: String,
    confirmation_required: bool,
    operation: Operation,
    manifest: Manifest,
    report: CompletionReport,
    client_request_token: String,
    description: String,
    priority: i32,
    role_arn: String,
    tags: Vec<Tag>,
}

/// `JobOperation`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Operation {
    S3PutObjectCopy(Copy),
    LambdaInvoke(Invoke),
    S3InitiateRestoreObject(Restore),
}

/// `S3InitiateRestoreObjectOperation`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Restore {
    expiration_in_days: u32,
    glacier_job_tier: String,
}

/// `LambdaInvokeOperation`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Invoke {
    function_arn: String,
    invocation_schema_version: String,
    user_arguments: BTreeMap<String, String>,
}

/// `S3CopyObjectOperation`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Copy {
    target_resource: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_key_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage_class: Option<String>,
    metadata_directive: String,
    annotation_directive: String,
    #[serde(default, rename = "SSEAwsKmsKeyId", skip_serializing_if = "Option::is_none")]
    kms_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bucket_key_enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum_algorithm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canned_access_control_list: Option<String>,
}

/// `JobManifest`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    spec: Spec,
    location: Location,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec {
    format: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Location {
    object_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_version_id: Option<String>,
    e_tag: String,
}

/// `JobReport`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CompletionReport {
    bucket: String,
    format: String,
    enabled: bool,
    prefix: String,
    report_scope: String,
    expected_bucket_owner: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// A required member was left out: a defect of this module, or a ledger that somebody edited.
#[derive(Debug, thiserror::Error)]
#[error("the CreateJob request is incomplete: {0}")]
pub struct RequestError(#[from] BuildError);

/// The manifest.json that a job works through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its key in the manifest bucket.
    pub key: ObjectKey,
    /// Its ETag.
    pub etag: ETag,
    /// Its version, where the bucket is versioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

impl Submitted {
    /// The manifest.json of a report, as it was delivered.
    pub fn delivered(report: &Report) -> Self {
        Self { key: report.key.manifest(), etag: report.etag.clone(), version_id: report.version_id.clone() }
    }
}

/// Attempts of a run are counted from 1; a retry that an operator asks for is a run of its own.
const FIRST_ATTEMPT: u32 = 1;

/// The job of `run` that copies what `manifest` lists.
pub fn copy_job(route: &Route, settings: &JobSettings, run: &RunId, manifest: &Submitted) -> JobRequest {
    let operation = Operation::S3PutObjectCopy(copy(route, settings));
    job(route, settings, run, manifest, JobKind::Copy, operation)
}

/// The job of `run` that has `function`, copy-large, copy what `manifest` lists: objects over 5 GB.
pub fn large_job(
    route: &Route,
    settings: &JobSettings,
    function: &FunctionArn,
    run: &RunId,
    manifest: &Submitted,
) -> JobRequest {
    let operation = Operation::LambdaInvoke(Invoke {
        function_arn: function.to_string(),
        invocation_schema_version: "2.0".to_owned(),
        // For the function's log; how it copies is in its settings.
        user_arguments: BTreeMap::from([("run".to_owned(), run.to_string())]),
    });
    job(route, settings, run, manifest, JobKind::Large, operation)
}

/// The job of `run` that asks for what `manifest` lists to be restored: objects in GLACIER and DEEP_ARCHIVE.
pub fn restore_job(
    route: &Route,
    settings: &JobSettings,
    restoring: &Restoring,
    run: &RunId,
    manifest: &Submitted,
) -> JobRequest {
    let (expiration_in_days, glacier_job_tier) = (restoring.days, restoring.tier.to_string());
    let operation = Operation::S3InitiateRestoreObject(Restore { expiration_in_days, glacier_job_tier });
    job(route, settings, run, manifest, JobKind::Restore, operation)
}

fn job(
    route: &Route,
    settings: &JobSettings,
    run: &RunId,
    manifest: &Submitted,
    kind: JobKind,
    operation: Operation,
) -> JobRequest {
    let request = CreateJob {
        account_id: route.account.to_string(),
        // Said even when false: left out, the job may wait for a person.
        confirmation_required: settings.confirmation_required,
        operation,
        manifest: Manifest {
            // An inventory names its columns itself: Fields is only for plain CSV manifests.
            spec: Spec { format: JobManifestFormat::S3InventoryReportCsv20161130.to_string() },
            location: Location {
                object_arn: format!("{}/{}", route.manifest_bucket.arn(settings.role.partition()), manifest.key),
                object_version_id: manifest.version_id.clone(),
                e_tag: manifest.etag.to_string(),
            },
        },
        report: completion_report(route, settings),
        client_request_token: token(&route.name, run, kind, &manifest.etag, FIRST_ATTEMPT),
        // At most 256 characters: a route has up to 32, a run id up to 147.
        description: format!("transship {} run {run}{}{}", route.name, mode_of(settings), said_of(kind)),
        priority: settings.priority,
        role_arn: settings.role.to_string(),
        tags: [("transship:route", route.name.as_str()), ("transship:run", run.as_str())]
            .map(|(key, value)| Tag { key: key.to_owned(), value: value.to_owned() })
            .into(),
    };
    JobRequest { kind, run: run.clone(), manifest: manifest.clone(), request }
}

/// Said of the mode that is not the default: the same report may have a job of each.
fn mode_of(settings: &JobSettings) -> &'static str {
    match settings.mode {
        CopyMode::Changes | CopyMode::Preview => "",
        CopyMode::Everything => " everything",
    }
}

/// A run's two jobs are told apart by what ListJobs shows.
fn said_of(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Copy => "",
        JobKind::Large => " large",
        JobKind::Restore => " restore",
    }
}

fn copy(route: &Route, settings: &JobSettings) -> Copy {
    // Left out, AnnotationDirective would mean COPY, which needs `s3:GetObjectAnnotation` and `s3:PutObjectAnnotation` on
    // every object and costs a PUT for each annotation: so it is said, and COPY is a setting.
    let annotations = if settings.annotations { S3AnnotationDirective::Copy } else { S3AnnotationDirective::Exclude };
    Copy {
        target_resource: route.destination_bucket.arn(settings.role.partition()),
        target_key_prefix: route.destination_prefix.as_ref().map(ToString::to_string),
        storage_class: settings.storage_class.as_ref().map(ToString::to_string),
        metadata_directive: S3MetadataDirective::Copy.to_string(),
        annotation_directive: annotations.to_string(),
        kms_key: settings.kms_key.as_ref().map(ToString::to_string),
        bucket_key_enabled: settings.bucket_key,
        checksum_algorithm: settings.checksum.as_ref().map(ToString::to_string),
        canned_access_control_list: settings.acl.as_ref().map(ToString::to_string),
    }
}

fn completion_report(route: &Route, settings: &JobSettings) -> CompletionReport {
    CompletionReport {
        bucket: route.manifest_bucket.arn(settings.role.partition()),
        format: JobReportFormat::ReportCsv20180820.to_string(),
        enabled: true,
        prefix: settings.report_prefix.to_string(),
        report_scope: settings.report_scope.to_string(),
        expected_bucket_owner: route.account.to_string(),
    }
}

impl JobRequest {
    /// Has the job wait until a person confirms it.
    pub fn wait_for_confirmation(&mut self) {
        self.request.confirmation_required = true;
    }

    /// Whether the job waits until a person confirms it.
    pub fn waits_for_confirmation(&self) -> bool {
        self.request.confirmation_required
    }

    /// The job's description, by which ListJobs finds it again.
    pub fn description(&self) -> &str {
        &self.request.description
    }

    /// Where the completion report of its job lies in the manifest bucket, with a slash at its end.
    pub fn report_folder(&self, job_id: &str) -> String {
        format!("{}/job-{job_id}/", self.request.report.prefix)
    }

    /// Tier and days of a job that restores; none of others.
    pub fn restores(&self) -> Option<(&str, u32)> {
        match &self.request.operation {
            Operation::S3InitiateRestoreObject(restore) => {
                Some((&restore.glacier_job_tier, restore.expiration_in_days))
            }
            Operation::S3PutObjectCopy(_) | Operation::LambdaInvoke(_) => None,
        }
    }

    /// Whether the completion report lists the tasks that succeeded too.
    pub fn lists_all_tasks(&self) -> bool {
        self.request.report.report_scope == JobReportScope::AllTasks.as_str()
    }
}

#[cfg(test)]
pub(super) mod tests;
