//! The requests of the `CreateJob` family, as the service model (`s3control` 2018-08-20) shapes them. Everything is
//! optional here; [`super::validate`] says what is required.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::xml::{Entries, Members};

/// The body of `CreateJob`. Two requests with one token must be equal in all of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateJobRequest {
    /// The namespace clients send.
    #[serde(rename = "@xmlns", default)]
    pub xmlns: Option<String>,
    /// Absent means that the job waits for a person.
    pub confirmation_required: Option<bool>,
    /// Exactly one operation.
    pub operation: Option<JobOperation>,
    /// Where the completion report goes.
    pub report: Option<JobReport>,
    /// 1–64 characters.
    pub client_request_token: Option<String>,
    /// What to work through.
    pub manifest: Option<JobManifest>,
    /// 1–256 characters; `ListJobs` shows it.
    pub description: Option<String>,
    /// 0–2147483647.
    pub priority: Option<i64>,
    /// The role the job assumes.
    pub role_arn: Option<String>,
    /// Up to 50.
    pub tags: Option<Members<Tag>>,
    /// Not here.
    pub manifest_generator: Option<IgnoredAny>,
}

/// One tag of a job or of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// 1–128 characters.
    pub key: String,
    /// 0–256 characters.
    pub value: String,
}

/// The operations of the model. Only those with a type of their own are here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobOperation {
    /// `CopyObject` for every row.
    #[serde(rename = "S3PutObjectCopy", skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyOperation>,
    /// A function for every row.
    #[serde(rename = "LambdaInvoke", skip_serializing_if = "Option::is_none")]
    pub lambda: Option<InvokeOperation>,
    #[serde(rename = "S3PutObjectAcl", skip_serializing)]
    pub(crate) acl: Option<IgnoredAny>,
    #[serde(rename = "S3PutObjectTagging", skip_serializing)]
    pub(crate) tagging: Option<IgnoredAny>,
    #[serde(rename = "S3DeleteObjectTagging", skip_serializing)]
    pub(crate) delete_tagging: Option<IgnoredAny>,
    /// `RestoreObject` for every row.
    #[serde(rename = "S3InitiateRestoreObject", skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreOperation>,
    #[serde(rename = "S3PutObjectLegalHold", skip_serializing)]
    pub(crate) legal_hold: Option<IgnoredAny>,
    #[serde(rename = "S3PutObjectRetention", skip_serializing)]
    pub(crate) retention: Option<IgnoredAny>,
    #[serde(rename = "S3ReplicateObject", skip_serializing)]
    pub(crate) replicate: Option<IgnoredAny>,
    #[serde(rename = "S3ComputeObjectChecksum", skip_serializing)]
    pub(crate) checksum: Option<IgnoredAny>,
    #[serde(rename = "S3UpdateObjectEncryption", skip_serializing)]
    pub(crate) encryption: Option<IgnoredAny>,
}

impl JobOperation {
    /// The names of the operations that the request has.
    pub fn names(&self) -> Vec<&'static str> {
        [
            ("S3PutObjectCopy", self.copy.is_some()),
            ("LambdaInvoke", self.lambda.is_some()),
            ("S3PutObjectAcl", self.acl.is_some()),
            ("S3PutObjectTagging", self.tagging.is_some()),
            ("S3DeleteObjectTagging", self.delete_tagging.is_some()),
            ("S3InitiateRestoreObject", self.restore.is_some()),
            ("S3PutObjectLegalHold", self.legal_hold.is_some()),
            ("S3PutObjectRetention", self.retention.is_some()),
            ("S3ReplicateObject", self.replicate.is_some()),
            ("S3ComputeObjectChecksum", self.checksum.is_some()),
            ("S3UpdateObjectEncryption", self.encryption.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect()
    }
}

/// `S3InitiateRestoreObject`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RestoreOperation {
    /// For how long the object stays readable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_in_days: Option<i32>,
    /// `BULK` or `STANDARD`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glacier_job_tier: Option<String>,
}

/// `S3PutObjectCopy`. Absent members stay absent when the job is described.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CopyOperation {
    /// The destination bucket's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_resource: Option<String>,
    /// A canned ACL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canned_access_control_list: Option<String>,
    /// Not here.
    #[serde(skip_serializing)]
    pub access_control_grants: Option<IgnoredAny>,
    /// `COPY` (also when absent) or `EXCLUDE`. Objects have no annotations here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation_directive: Option<String>,
    /// `COPY` or `REPLACE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_directive: Option<String>,
    /// Not modified since: the task fails with 412.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_since_constraint: Option<String>,
    /// The metadata that replaces the source's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_object_metadata: Option<ObjectMetadata>,
    /// Absent copies the source's tags; empty leaves none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_object_tagging: Option<Members<Tag>>,
    /// For website hosting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_location: Option<String>,
    /// Requester pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester_pays: Option<bool>,
    /// The storage class at the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// Modified since: the task fails with 412.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub un_modified_since_constraint: Option<String>,
    /// SSE-KMS at the destination.
    #[serde(rename = "SSEAwsKmsKeyId", skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Joined to the whole source key with a slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_key_prefix: Option<String>,
    /// Not here.
    #[serde(skip_serializing)]
    pub object_lock_legal_hold_status: Option<IgnoredAny>,
    /// Not here.
    #[serde(skip_serializing)]
    pub object_lock_mode: Option<IgnoredAny>,
    /// Not here.
    #[serde(skip_serializing)]
    pub object_lock_retain_until_date: Option<IgnoredAny>,
    /// A bucket key for SSE-KMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_key_enabled: Option<bool>,
    /// The checksum to compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum_algorithm: Option<String>,
}

/// `LambdaInvoke`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct InvokeOperation {
    /// The function's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<String>,
    /// `1.0` (also when absent) or `2.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation_schema_version: Option<String>,
    /// What the function is told beside the task; `2.0` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_arguments: Option<Entries>,
}

/// `NewObjectMetadata`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ObjectMetadata {
    /// Header of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// Header of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// Header of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// Header of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `x-amz-meta-…`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<Entries>,
    /// In the model; a copy has no use for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_length: Option<u64>,
    /// In the model; a copy has no use for it.
    #[serde(rename = "ContentMD5", skip_serializing_if = "Option::is_none")]
    pub content_md5: Option<String>,
    /// Header of the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Expires`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_expires_date: Option<String>,
    /// In the model; a copy has no use for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester_charged: Option<bool>,
    /// `AES256` or `KMS`.
    #[serde(rename = "SSEAlgorithm", skip_serializing_if = "Option::is_none")]
    pub sse_algorithm: Option<String>,
}

/// Where the completion report goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct JobReport {
    /// The report bucket's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// `Report_CSV_20180820`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The report is under `<prefix>/job-<id>/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// `AllTasks` or `FailedTasksOnly`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_scope: Option<String>,
    /// The account that must own the report bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_bucket_owner: Option<String>,
}

/// What a job works through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct JobManifest {
    /// Its format.
    pub spec: Option<JobManifestSpec>,
    /// Where it is.
    pub location: Option<JobManifestLocation>,
}

/// The format of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct JobManifestSpec {
    /// [`INVENTORY`] or [`CSV`].
    pub format: Option<String>,
    /// The columns of a [`CSV`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Members<String>>,
}

/// An inventory report's `manifest.json`, delivered or authored.
pub const INVENTORY: &str = "S3InventoryReport_CSV_20161130";
/// One CSV file.
pub const CSV: &str = "S3BatchOperations_CSV_20180820";

/// Where a manifest is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct JobManifestLocation {
    /// `arn:aws:s3:::BUCKET/KEY`, the key as it is.
    pub object_arn: Option<String>,
    /// The version to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_version_id: Option<String>,
    /// What it must be, unquoted.
    #[serde(rename = "ETag")]
    pub etag: Option<String>,
}

/// The body of `PutJobTagging`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PutJobTaggingRequest {
    /// The namespace clients send.
    #[serde(rename = "@xmlns", default)]
    pub xmlns: Option<String>,
    /// Replaces all tags.
    pub tags: Option<Members<Tag>>,
}
