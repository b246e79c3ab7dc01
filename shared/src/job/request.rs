//! The CreateJob request, built from settings and report alone. Calls nothing.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_CreateJob.html>

use aws_sdk_s3control::error::BuildError;
use aws_sdk_s3control::operation::create_job::builders::CreateJobInputBuilder;
use aws_sdk_s3control::types::{
    JobManifest, JobManifestFormat, JobManifestLocation, JobManifestSpec, JobOperation, JobReport, JobReportFormat,
    S3AnnotationDirective, S3CopyObjectOperation, S3MetadataDirective, S3Tag,
};

use super::run::{JobKind, RunId, token};
use crate::config::{JobSettings, Route};
use crate::inventory::Report;

/// One job to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRequest {
    /// The run it belongs to; its id stands in the description, by which ListJobs finds the job again.
    pub run: RunId,
    /// The request.
    pub input: CreateJobInputBuilder,
}

/// A required member was left out: a defect of this module, not of the settings.
#[derive(Debug, thiserror::Error)]
#[error("the CreateJob request is incomplete: {0}")]
pub struct RequestError(#[from] BuildError);

/// Attempts of a run are counted from 1; a retry that an operator asks for is a run of its own.
const FIRST_ATTEMPT: u32 = 1;

/// The job that copies everything in `report`: the delivered manifest.json is the job's manifest.
pub fn copy_job(route: &Route, settings: &JobSettings, report: &Report) -> Result<JobRequest, RequestError> {
    let run = RunId::of(report);
    let input = CreateJobInputBuilder::default()
        .account_id(route.account.as_str())
        // Said even when false: left out, the job may wait for a person.
        .confirmation_required(settings.confirmation_required)
        .operation(JobOperation::builder().s3_put_object_copy(copy(route, settings)).build())
        .manifest(manifest(route, settings, report)?)
        .report(completion_report(route, settings))
        .client_request_token(token(&route.name, &run, JobKind::Copy, &report.etag, FIRST_ATTEMPT))
        .description(description(route, &run))
        .priority(settings.priority)
        .role_arn(settings.role.as_str())
        .set_tags(Some(tags(route, &run)?));
    Ok(JobRequest { run, input })
}

/// At most 256 characters: a route has up to 32, a run id up to 147.
fn description(route: &Route, run: &RunId) -> String {
    format!("transship {} run {run}", route.name)
}

fn copy(route: &Route, settings: &JobSettings) -> S3CopyObjectOperation {
    // No NewObjectTagging: that copies the source's tags, an empty one would drop them.
    S3CopyObjectOperation::builder()
        .target_resource(route.destination_bucket.arn(settings.role.partition()))
        .set_target_key_prefix(route.destination_prefix.as_ref().map(ToString::to_string))
        .set_storage_class(settings.storage_class.clone())
        .metadata_directive(S3MetadataDirective::Copy)
        .annotation_directive(annotations(settings))
        .set_sse_aws_kms_key_id(settings.kms_key.as_ref().map(ToString::to_string))
        .set_bucket_key_enabled(settings.bucket_key)
        .set_checksum_algorithm(settings.checksum.clone())
        .set_canned_access_control_list(settings.acl.clone())
        .build()
}

/// Left out it would mean COPY, which needs `s3:GetObjectAnnotation` and `s3:PutObjectAnnotation` on every object and
/// costs a PUT for each annotation: so it is said, and COPY is a setting.
fn annotations(settings: &JobSettings) -> S3AnnotationDirective {
    if settings.annotations { S3AnnotationDirective::Copy } else { S3AnnotationDirective::Exclude }
}

fn manifest(route: &Route, settings: &JobSettings, report: &Report) -> Result<JobManifest, BuildError> {
    let bucket = route.manifest_bucket.arn(settings.role.partition());
    let location = JobManifestLocation::builder()
        .object_arn(format!("{bucket}/{}", report.key.manifest()))
        .set_object_version_id(report.version_id.clone())
        .e_tag(report.etag.as_str())
        .build()?;
    // An inventory names its columns itself: Fields is only for plain CSV manifests.
    let spec = JobManifestSpec::builder().format(JobManifestFormat::S3InventoryReportCsv20161130).build()?;
    Ok(JobManifest::builder().spec(spec).location(location).build())
}

fn completion_report(route: &Route, settings: &JobSettings) -> JobReport {
    JobReport::builder()
        .bucket(route.manifest_bucket.arn(settings.role.partition()))
        .format(JobReportFormat::ReportCsv20180820)
        .enabled(true)
        .prefix(settings.report_prefix.as_str())
        .report_scope(settings.report_scope.clone())
        .expected_bucket_owner(route.account.as_str())
        .build()
}

fn tags(route: &Route, run: &RunId) -> Result<Vec<S3Tag>, BuildError> {
    [("transship:route", route.name.as_str()), ("transship:run", run.as_str())]
        .into_iter()
        .map(|(key, value)| S3Tag::builder().key(key).value(value).build())
        .collect()
}

#[cfg(test)]
mod tests;
