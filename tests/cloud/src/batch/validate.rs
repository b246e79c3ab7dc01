//! What `CreateJob` takes: the constraints of the service model and the rules the documentation adds. Pure.

use super::error::BatchError;
use super::model::{
    CSV, CopyOperation, CreateJobRequest, INVENTORY, InvokeOperation, JobManifest, JobOperation, JobReport,
    RestoreOperation, Tag,
};
use crate::identity::AccountId;

/// A request whose required members are there.
#[derive(Debug, Clone)]
pub struct JobSpec {
    /// Waits for a person.
    pub confirmation_required: bool,
    /// What each task does.
    pub operation: Operation,
    /// Where the completion report goes; its members are checked where it is enabled.
    pub report: JobReport,
    /// 1–64 characters.
    pub token: String,
    /// What to work through.
    pub manifest: JobManifest,
    /// `ListJobs` shows it.
    pub description: Option<String>,
    /// 0–2147483647.
    pub priority: i64,
    /// In the caller's account.
    pub role_arn: String,
    /// The job's tags.
    pub tags: Vec<Tag>,
}

/// What each task of a job does.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// `S3PutObjectCopy`
    Copy(Box<CopyOperation>),
    /// `LambdaInvoke`
    Invoke(InvokeOperation),
    /// `S3InitiateRestoreObject`
    Restore(RestoreOperation),
}

impl JobSpec {
    /// The operation's name, as `ListJobs` shows it.
    pub fn operation_name(&self) -> &'static str {
        match self.operation {
            Operation::Copy(_) => "S3PutObjectCopy",
            Operation::Invoke(_) => "LambdaInvoke",
            Operation::Restore(_) => "S3InitiateRestoreObject",
        }
    }

    /// As `DescribeJob` shows it.
    pub fn operation(&self) -> JobOperation {
        match &self.operation {
            Operation::Copy(copy) => JobOperation { copy: Some(*copy.clone()), ..JobOperation::default() },
            Operation::Invoke(invoke) => JobOperation { lambda: Some(invoke.clone()), ..JobOperation::default() },
            Operation::Restore(restore) => JobOperation { restore: Some(restore.clone()), ..JobOperation::default() },
        }
    }
}

const CANNED_ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];
const STORAGE_CLASSES: [&str; 7] =
    ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "GLACIER", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR"];
const CHECKSUMS: [&str; 10] =
    ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"];
const FIELDS: [&str; 4] = ["Ignore", "Bucket", "Key", "VersionId"];

fn bad<T>(message: impl Into<String>) -> Result<T, BatchError> {
    Err(BatchError::BadRequest(message.into()))
}

fn required<T>(value: Option<T>, name: &str) -> Result<T, BatchError> {
    value.map_or_else(|| bad(format!("{name} is required")), Ok)
}

fn length(value: &str, name: &str, max: usize) -> Result<(), BatchError> {
    match value.chars().count() {
        n if (1..=max).contains(&n) => Ok(()),
        n => bad(format!("{name} must have 1 to {max} characters, not {n}")),
    }
}

fn one_of(value: Option<&str>, name: &str, allowed: &[&str]) -> Result<(), BatchError> {
    match value {
        Some(value) if !allowed.contains(&value) => bad(format!("{name} must be one of {allowed:?}, not {value:?}")),
        _ => Ok(()),
    }
}

/// A bucket's name, from its ARN.
pub fn bucket_of(arn: &str, name: &str) -> Result<String, BatchError> {
    match arn.strip_prefix("arn:aws:s3:::") {
        Some(bucket) if !bucket.is_empty() && !bucket.contains('/') => Ok(bucket.to_owned()),
        _ => bad(format!("{name} must be a bucket's ARN, not {arn:?}")),
    }
}

/// Bucket and key, from an object's ARN.
pub fn object_of(arn: &str, name: &str) -> Result<(String, String), BatchError> {
    match arn.strip_prefix("arn:aws:s3:::").and_then(|path| path.split_once('/')) {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok((bucket.to_owned(), key.to_owned())),
        _ => bad(format!("{name} must be an object's ARN, not {arn:?}")),
    }
}

/// Up to 50 tags, each within the model's lengths, no key twice.
pub fn tags(tags: &[Tag]) -> Result<(), BatchError> {
    if tags.len() > 50 {
        return Err(BatchError::TooManyTags(format!("a job has up to 50 tags, not {}", tags.len())));
    }
    for (i, tag) in tags.iter().enumerate() {
        length(&tag.key, "a tag's Key", 128)?;
        if tag.value.chars().count() > 256 {
            return bad(format!("the value of tag {:?} is longer than 256 characters", tag.key));
        }
        if tags[..i].iter().any(|other| other.key == tag.key) {
            return bad(format!("tag {:?} is there twice", tag.key));
        }
    }
    Ok(())
}

/// Takes a request of `account`, or says what is wrong with it.
pub fn create_job(request: &CreateJobRequest, account: &AccountId) -> Result<JobSpec, BatchError> {
    let token = required(request.client_request_token.clone(), "ClientRequestToken")?;
    length(&token, "ClientRequestToken", 64)?;
    let priority = required(request.priority, "Priority")?;
    if !(0..=i64::from(i32::MAX)).contains(&priority) {
        return bad(format!("Priority must be 0 to {}, not {priority}", i32::MAX));
    }
    if let Some(description) = &request.description {
        length(description, "Description", 256)?;
    }
    let role_arn = required(request.role_arn.clone(), "RoleArn")?;
    role(&role_arn, account)?;
    let tag_list = request.tags.as_ref().map(|tags| tags.member.clone()).unwrap_or_default();
    tags(&tag_list)?;
    let report = required(request.report.clone(), "Report")?;
    check_report(&report)?;
    if request.manifest_generator.is_some() {
        return bad("ManifestGenerator is not here; give a Manifest");
    }
    let manifest = required(request.manifest.clone(), "Manifest")?;
    check_manifest(&manifest)?;
    Ok(JobSpec {
        confirmation_required: request.confirmation_required.unwrap_or(true),
        operation: operation(required(request.operation.as_ref(), "Operation")?)?,
        report,
        token,
        manifest,
        description: request.description.clone(),
        priority,
        role_arn,
        tags: tag_list,
    })
}

fn role(arn: &str, account: &AccountId) -> Result<(), BatchError> {
    length(arn, "RoleArn", 2048)?;
    let owner = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
    match owner {
        Some((owner, name)) if owner == account.as_str() && !name.is_empty() => Ok(()),
        Some((owner, _)) if AccountId::parse(owner).is_some() => {
            Err(BatchError::AccessDenied(format!("the role {arn} is not in account {account}")))
        }
        _ => bad(format!("RoleArn must be a role's ARN, not {arn:?}")),
    }
}

fn check_report(report: &JobReport) -> Result<(), BatchError> {
    let enabled = required(report.enabled, "Report.Enabled")?;
    one_of(report.format.as_deref(), "Report.Format", &["Report_CSV_20180820"])?;
    one_of(report.report_scope.as_deref(), "Report.ReportScope", &["AllTasks", "FailedTasksOnly"])?;
    if let Some(prefix) = &report.prefix {
        length(prefix, "Report.Prefix", 512)?;
    }
    if let Some(owner) = &report.expected_bucket_owner
        && AccountId::parse(owner).is_none()
    {
        return bad(format!("Report.ExpectedBucketOwner must be 12 digits, not {owner:?}"));
    }
    if enabled {
        bucket_of(&required(report.bucket.clone(), "Report.Bucket")?, "Report.Bucket")?;
        required(report.format.as_ref(), "Report.Format")?;
        required(report.report_scope.as_ref(), "Report.ReportScope")?;
    }
    Ok(())
}

fn check_manifest(manifest: &JobManifest) -> Result<(), BatchError> {
    let spec = required(manifest.spec.as_ref(), "Manifest.Spec")?;
    let location = required(manifest.location.as_ref(), "Manifest.Location")?;
    let format = required(spec.format.as_deref(), "Manifest.Spec.Format")?;
    one_of(Some(format), "Manifest.Spec.Format", &[INVENTORY, CSV])?;
    object_of(&required(location.object_arn.clone(), "Manifest.Location.ObjectArn")?, "Manifest.Location.ObjectArn")?;
    length(required(location.etag.as_deref(), "Manifest.Location.ETag")?, "Manifest.Location.ETag", 1024)?;
    let fields: Option<Vec<&str>> = spec.fields.as_ref().map(|f| f.member.iter().map(String::as_str).collect());
    match (format, fields) {
        (INVENTORY, Some(_)) => bad(format!("Manifest.Spec.Fields must be absent for {INVENTORY}")),
        (CSV, None) => bad(format!("Manifest.Spec.Fields is required for {CSV}")),
        (CSV, Some(fields)) => {
            for field in &fields {
                one_of(Some(field), "Manifest.Spec.Fields", &FIELDS)?;
            }
            let count = |name: &str| fields.iter().filter(|field| **field == name).count();
            match (count("Bucket"), count("Key"), count("VersionId")) {
                (1, 1, 0 | 1) => Ok(()),
                _ => bad(format!(
                    "Manifest.Spec.Fields must name Bucket and Key once, VersionId at most once: {fields:?}"
                )),
            }
        }
        _ => Ok(()),
    }
}

fn operation(operation: &JobOperation) -> Result<Operation, BatchError> {
    match operation.names()[..] {
        ["S3PutObjectCopy"] => {
            let copy = operation.copy.clone().unwrap_or_default();
            check_copy(&copy)?;
            Ok(Operation::Copy(Box::new(copy)))
        }
        ["LambdaInvoke"] => {
            let invoke = operation.lambda.clone().unwrap_or_default();
            check_invoke(&invoke)?;
            Ok(Operation::Invoke(invoke))
        }
        ["S3InitiateRestoreObject"] => {
            let restore = operation.restore.clone().unwrap_or_default();
            let days = required(restore.expiration_in_days, "S3InitiateRestoreObject.ExpirationInDays")?;
            if days < 1 {
                return bad(format!("S3InitiateRestoreObject.ExpirationInDays must be 1 or more, not {days}"));
            }
            let tier = restore.glacier_job_tier.as_deref();
            one_of(tier, "S3InitiateRestoreObject.GlacierJobTier", &["BULK", "STANDARD"])?;
            Ok(Operation::Restore(restore))
        }
        // Later: S3PutObjectTagging.
        [other] => bad(format!("the operation {other} is not here")),
        ref names => bad(format!("Operation must have exactly one operation, not {names:?}")),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_LambdaInvokeOperation.html>
fn check_invoke(invoke: &InvokeOperation) -> Result<(), BatchError> {
    let arn = required(invoke.function_arn.as_deref(), "LambdaInvoke.FunctionArn")?;
    length(arn, "LambdaInvoke.FunctionArn", 1024)?;
    let version = invoke.invocation_schema_version.as_deref();
    one_of(version, "LambdaInvoke.InvocationSchemaVersion", &["1.0", "2.0"])?;
    let arguments = invoke.user_arguments.as_ref().map(|arguments| arguments.entry.as_slice()).unwrap_or_default();
    if !arguments.is_empty() && version != Some("2.0") {
        return bad("LambdaInvoke.UserArguments take InvocationSchemaVersion 2.0");
    }
    if arguments.len() > 10 {
        return bad(format!("LambdaInvoke.UserArguments are up to 10, not {}", arguments.len()));
    }
    for argument in arguments {
        length(&argument.key, "a key of LambdaInvoke.UserArguments", 64)?;
        if argument.value.chars().count() > 1024 {
            return bad(format!("LambdaInvoke.UserArguments: {} is longer than 1024 characters", argument.key));
        }
    }
    Ok(())
}

fn check_copy(copy: &CopyOperation) -> Result<(), BatchError> {
    bucket_of(
        &required(copy.target_resource.clone(), "S3PutObjectCopy.TargetResource")?,
        "S3PutObjectCopy.TargetResource",
    )?;
    one_of(copy.canned_access_control_list.as_deref(), "CannedAccessControlList", &CANNED_ACLS)?;
    one_of(copy.annotation_directive.as_deref(), "AnnotationDirective", &["COPY", "EXCLUDE"])?;
    one_of(copy.metadata_directive.as_deref(), "MetadataDirective", &["COPY", "REPLACE"])?;
    one_of(copy.storage_class.as_deref(), "StorageClass", &STORAGE_CLASSES)?;
    one_of(copy.checksum_algorithm.as_deref(), "ChecksumAlgorithm", &CHECKSUMS)?;
    if let Some(prefix) = &copy.target_key_prefix {
        length(prefix, "TargetKeyPrefix", 1024)?;
    }
    for (name, time) in [
        ("ModifiedSinceConstraint", &copy.modified_since_constraint),
        ("UnModifiedSinceConstraint", &copy.un_modified_since_constraint),
    ] {
        if let Some(time) = time
            && time.parse::<jiff::Timestamp>().is_err()
        {
            return bad(format!("{name} must be a time, not {time:?}"));
        }
    }
    let locks = [&copy.object_lock_legal_hold_status, &copy.object_lock_mode, &copy.object_lock_retain_until_date];
    if copy.access_control_grants.is_some() || locks.into_iter().any(Option::is_some) {
        return bad("AccessControlGrants and ObjectLock… are not here");
    }
    if let Some(tagging) = &copy.new_object_tagging
        && tagging.member.len() > 10
    {
        return bad(format!("an object has up to 10 tags, not {}", tagging.member.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
