//! One task of `S3PutObjectCopy`: what it needs, the `CopyObject` it makes, and what its failure is called.

use s3s::dto::{
    ChecksumAlgorithm, CopyObjectInput, CopySource, MetadataDirective, ObjectCannedACL, RequestPayer,
    ServerSideEncryption, StorageClass, TaggingDirective, Timestamp, TimestampFormat,
};
use s3s::{S3, S3Error};

use super::manifest::{Encoding, Task, Wanted};
use super::model::{CopyOperation, ObjectMetadata};
use super::report::TaskFailure;
use crate::Cloud;
use crate::access::{Context, Denied};
use crate::identity::Principal;

/// S3's limit of a key, in bytes of UTF-8.
const MAX_KEY: usize = 1024;

/// What all tasks of a job share.
pub(super) struct Copier {
    pub(super) cloud: Cloud,
    pub(super) role: Principal,
    pub(super) operation: Box<CopyOperation>,
    pub(super) encoding: Encoding,
}

impl Copier {
    /// Copies one object with the role's permissions.
    pub(super) async fn copy(&self, task: &Task) -> Result<String, TaskFailure> {
        let key = self
            .encoding
            .decode(&task.encoded_key)
            .ok_or_else(|| refused(400, "InvalidRequest", "The key is not URL-encoded UTF-8"))?;
        let version = match &task.version {
            Wanted::Current => None,
            Wanted::Version(id) => Some(id.as_str()),
            Wanted::Missing => return Err(refused(400, "InvalidRequest", "missing VersionId")),
        };
        let input = self.input(&task.bucket, &key, version).map_err(|error| failure(&error))?;
        self.tagging(&task.bucket, &key, version, &input)?;
        let copied = self.cloud.s3().copy_object(crate::s3::request(&self.role, input)).await;
        copied.map(|_| "Successful".to_owned()).map_err(|error| failure(&error))
    }

    /// Without the tagging permissions every task fails, even where there are no tags.
    fn tagging(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        input: &CopyObjectInput,
    ) -> Result<(), TaskFailure> {
        let context = |bucket: &str| {
            let facts = Context::default().with("aws:SecureTransport", "true");
            let owner = self.cloud.store().owner(bucket);
            owner.iter().fold(facts, |facts, owner| facts.with("s3:ResourceAccount", owner.as_str()))
        };
        let denied = |denied: Denied| refused(403, "AccessDenied", &denied.to_string());
        if self.operation.new_object_tagging.is_none() {
            let (action, context) = match version {
                Some(id) => ("s3:GetObjectVersionTagging", context(bucket).with("s3:VersionId", id)),
                None => ("s3:GetObjectTagging", context(bucket)),
            };
            let source = format!("arn:aws:s3:::{bucket}/{key}");
            self.cloud.authorize(&self.role, action, &source, &context).map_err(denied)?;
        }
        let target = format!("arn:aws:s3:::{}/{}", input.bucket, input.key);
        self.cloud.authorize(&self.role, "s3:PutObjectTagging", &target, &context(&input.bucket)).map_err(denied)
    }

    /// The request that Batch Operations makes of a row.
    fn input(&self, bucket: &str, key: &str, version: Option<&str>) -> Result<CopyObjectInput, S3Error> {
        let o = &self.operation;
        let target = o.target_resource.as_deref().unwrap_or_default();
        let target_key = o.target_key_prefix.as_deref().map_or_else(|| key.to_owned(), |p| format!("{p}/{key}"));
        if target_key.len() > MAX_KEY {
            return Err(s3s::S3Error::with_message(s3s::S3ErrorCode::KeyTooLongError, "Your key is too long"));
        }
        let mut input = CopyObjectInput::builder()
            .copy_source(CopySource::Bucket {
                bucket: bucket.into(),
                key: key.into(),
                version_id: version.map(Into::into),
            })
            .bucket(target.strip_prefix("arn:aws:s3:::").unwrap_or(target).to_owned())
            .key(target_key)
            .build()
            .map_err(S3Error::internal_error)?;
        input.acl = o.canned_access_control_list.clone().map(ObjectCannedACL::from);
        input.storage_class = o.storage_class.clone().map(StorageClass::from);
        input.checksum_algorithm = o.checksum_algorithm.clone().map(ChecksumAlgorithm::from);
        input.copy_source_if_modified_since = time(o.modified_since_constraint.as_deref())?;
        input.copy_source_if_unmodified_since = time(o.un_modified_since_constraint.as_deref())?;
        input.website_redirect_location.clone_from(&o.redirect_location);
        input.bucket_key_enabled = o.bucket_key_enabled;
        if o.requester_pays == Some(true) {
            input.request_payer = Some(RequestPayer::from_static(RequestPayer::REQUESTER));
        }
        if let Some(key_id) = &o.kms_key_id {
            input.server_side_encryption = Some(ServerSideEncryption::from_static(ServerSideEncryption::AWS_KMS));
            input.ssekms_key_id = Some(key_id.clone());
        }
        if let Some(tagging) = &o.new_object_tagging {
            let pairs = tagging.member.iter().map(|tag| (&tag.key, &tag.value));
            input.tagging_directive = Some(TaggingDirective::from_static(TaggingDirective::REPLACE));
            input.tagging = Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
        } else {
            input.tagging_directive = Some(TaggingDirective::from_static(TaggingDirective::COPY));
        }
        input.metadata_directive = o.metadata_directive.clone().map(MetadataDirective::from);
        if let Some(metadata) = &o.new_object_metadata {
            set_metadata(&mut input, metadata)?;
        }
        Ok(input)
    }
}

fn set_metadata(input: &mut CopyObjectInput, new: &ObjectMetadata) -> Result<(), S3Error> {
    let encryption = match new.sse_algorithm.as_deref() {
        Some("KMS") => Some(ServerSideEncryption::AWS_KMS),
        Some("AES256") => Some(ServerSideEncryption::AES256),
        _ => None,
    };
    if let Some(encryption) = encryption {
        input.server_side_encryption = Some(ServerSideEncryption::from_static(encryption));
    }
    input.cache_control.clone_from(&new.cache_control);
    input.content_disposition.clone_from(&new.content_disposition);
    input.content_encoding.clone_from(&new.content_encoding);
    input.content_language.clone_from(&new.content_language);
    input.content_type.clone_from(&new.content_type);
    input.expires = time(new.http_expires_date.as_deref())?;
    input.metadata =
        new.user_metadata.as_ref().map(|m| m.entry.iter().map(|e| (e.key.clone(), e.value.clone())).collect());
    Ok(())
}

fn time(text: Option<&str>) -> Result<Option<Timestamp>, S3Error> {
    text.map(|text| Timestamp::parse(TimestampFormat::DateTime, text)).transpose().map_err(S3Error::internal_error)
}

pub(super) fn refused(status: u16, code: &str, message: &str) -> TaskFailure {
    let request_id = uuid::Uuid::new_v4().simple().to_string()[..16].to_uppercase();
    let message =
        format!("{message} (Service: Amazon S3; Status Code: {status}; Error Code: {code}; Request ID: {request_id})");
    TaskFailure { status, code: code.to_owned(), message }
}

/// What S3 said, as the completion report tells it.
pub(super) fn failure(error: &S3Error) -> TaskFailure {
    let status = error.status_code().or_else(|| error.code().status_code()).map_or(500, |status| status.as_u16());
    refused(status, error.code().as_str(), error.message().unwrap_or("no message"))
}
