//! The calls that make an object out of ranges of another. Calls S3.

use std::collections::BTreeMap;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::types::{
    AnnotationDirective, ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, Part,
    ServerSideEncryption,
};
use jiff::Timestamp;

use super::copy::Copier;
use super::error::{LargeError, Side};
use super::record::{Finished, Identity, Place, Record, Upload};
use super::source::{Source, Tags};
use crate::error::AwsError;

/// The parts of an upload by their numbers.
pub(super) type There = BTreeMap<u64, Part>;

/// Uploads that a crash may have left without parts are looked for among so many of one key.
const MOST_UPLOADS: i32 = 100;

/// What the settings say of the copy, however it is made: the requests' builders have no trait in common.
macro_rules! as_set {
    ($request:expr, $settings:expr) => {{
        let settings: &crate::config::CopySettings = $settings;
        $request
            .set_storage_class(settings.storage_class.clone())
            .set_server_side_encryption(settings.kms_key.as_ref().map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(settings.kms_key.as_ref().map(ToString::to_string))
            .set_bucket_key_enabled(settings.bucket_key)
            .set_acl(settings.acl.clone())
            .set_checksum_algorithm(settings.checksum.clone())
    }};
}

impl Copier {
    /// Creates an upload that carries all of the source but its bytes. Not tried again by the SDK: an answer that is lost
    /// would leave an upload that nobody knows of.
    pub(super) async fn create(&self, source: &Source, tags: &Tags, place: &Place) -> Result<Upload, LargeError> {
        let request = self.destination.create_multipart_upload();
        let request = request.bucket(place.bucket.as_str()).key(place.key.as_str());
        let request = self.described(request.expected_bucket_owner(self.route.account.as_str()), source, tags);
        let once = aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled());
        let created = request
            .customize()
            .config_override(once)
            .send()
            .await
            .map_err(|error| LargeError::aws(Side::Destination, AwsError::new("CreateMultipartUpload", &error)))?;
        Ok(Upload { id: created.upload_id().unwrap_or_default().to_owned() })
    }

    fn described(
        &self,
        request: CreateMultipartUploadFluentBuilder,
        source: &Source,
        tags: &Tags,
    ) -> CreateMultipartUploadFluentBuilder {
        let (headers, settings) = (source.headers.clone(), &self.settings);
        let tagging = (!tags.is_empty()).then(|| tagging(tags));
        as_set!(request, settings)
            .set_content_type(headers.content_type)
            .set_cache_control(headers.cache_control)
            .set_content_disposition(headers.content_disposition)
            .set_content_encoding(headers.content_encoding)
            .set_content_language(headers.content_language)
            .set_expires(headers.expires)
            .set_metadata(Some(headers.metadata.into_iter().collect()))
            .set_tagging(tagging)
            .set_checksum_type(settings.checksum.as_ref().and_then(full_object))
    }

    /// The parts that are there; none if there is no such upload any more.
    pub(super) async fn parts_there(&self, place: &Place, upload: &Upload) -> Result<Option<There>, LargeError> {
        let request = self.destination.list_parts().bucket(place.bucket.as_str()).key(place.key.as_str());
        let request = request.upload_id(&upload.id).expected_bucket_owner(self.route.account.as_str());
        let mut pages = request.into_paginator().send();
        let mut there = There::new();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => there.extend(page.parts().iter().filter_map(|part| {
                    let number = part.part_number().and_then(|number| u64::try_from(number).ok())?;
                    Some((number, part.clone()))
                })),
                Err(error) => {
                    let error = AwsError::new("ListParts", &error);
                    return if is_gone(&error) { Ok(None) } else { Err(LargeError::aws(Side::Destination, error)) };
                }
            }
        }
        Ok(Some(there))
    }

    /// Copies one part, if the source still is what it was.
    pub(super) async fn copy_part(&self, record: &Record, upload: &Upload, number: u64) -> Result<(), PartError> {
        let range = record.parts().range(number);
        let number = i32::try_from(number).unwrap_or_default();
        let request = self.destination.upload_part_copy();
        let answer = request
            .bucket(record.destination.bucket.as_str())
            .key(record.destination.key.as_str())
            .upload_id(&upload.id)
            .part_number(number)
            .copy_source(copy_source(&record.source))
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1))
            .copy_source_if_match(format!("\"{}\"", record.source.etag))
            .expected_bucket_owner(self.route.account.as_str())
            .expected_source_bucket_owner(self.route.source_account.as_str())
            .send()
            .await;
        answer.map(drop).map_err(|error| PartError::of(AwsError::new("UploadPartCopy", &error), record))
    }

    /// Puts the object together; none if there is no such upload any more.
    pub(super) async fn complete(
        &self,
        record: &Record,
        upload: &Upload,
        there: There,
    ) -> Result<Option<Finished>, LargeError> {
        let parts = there.into_values().map(|part| {
            CompletedPart::builder()
                .set_part_number(part.part_number())
                .set_e_tag(part.e_tag().map(str::to_owned))
                .set_checksum_crc32(part.checksum_crc32().map(str::to_owned))
                .set_checksum_crc32_c(part.checksum_crc32_c().map(str::to_owned))
                .set_checksum_crc64_nvme(part.checksum_crc64_nvme().map(str::to_owned))
                .set_checksum_sha1(part.checksum_sha1().map(str::to_owned))
                .set_checksum_sha256(part.checksum_sha256().map(str::to_owned))
                .build()
        });
        let request = self.destination.complete_multipart_upload();
        let answer = request
            .bucket(record.destination.bucket.as_str())
            .key(record.destination.key.as_str())
            .upload_id(&upload.id)
            .mpu_object_size(i64::try_from(record.source.size).unwrap_or(i64::MAX))
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build())
            .expected_bucket_owner(self.route.account.as_str())
            .send()
            .await;
        match answer {
            Ok(done) => {
                let etag = done.e_tag().unwrap_or_default().parse()?;
                Ok(Some(Finished { etag, version_id: done.version_id().map(str::to_owned) }))
            }
            Err(error) => match AwsError::new("CompleteMultipartUpload", &error) {
                error if is_gone(&error) => Ok(None),
                error => Err(LargeError::aws(Side::Destination, error)),
            },
        }
    }

    /// Aborts an upload. A part that was still being copied may appear afterwards, so S3 is asked until it knows no upload.
    pub(super) async fn abort(&self, place: &Place, upload: &Upload) -> Result<(), LargeError> {
        for _ in 0..3 {
            let request = self.destination.abort_multipart_upload();
            let request = request.bucket(place.bucket.as_str()).key(place.key.as_str()).upload_id(&upload.id);
            if let Err(error) = request.expected_bucket_owner(self.route.account.as_str()).send().await {
                let error = AwsError::new("AbortMultipartUpload", &error);
                return if is_gone(&error) { Ok(()) } else { Err(LargeError::aws(Side::Destination, error)) };
            }
            if self.parts_there(place, upload).await?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Aborts what an invocation that was cut off has created and not recorded: uploads to this key since then that have no
    /// parts.
    pub(super) async fn abort_unrecorded(&self, place: &Place, since: Timestamp) -> Result<(), LargeError> {
        let request = self.destination.list_multipart_uploads().bucket(place.bucket.as_str());
        let request = request.prefix(place.key.as_str()).max_uploads(MOST_UPLOADS);
        let answer = request.expected_bucket_owner(self.route.account.as_str()).send().await;
        let listed = answer
            .map_err(|error| LargeError::aws(Side::Destination, AwsError::new("ListMultipartUploads", &error)))?;
        for found in listed.uploads().iter().filter(|found| found.key() == Some(place.key.as_str())) {
            // S3 tells whole seconds.
            let recent = found.initiated().is_some_and(|at| at.secs() >= since.as_second() - 1);
            let Some(id) = found.upload_id().filter(|_| recent) else { continue };
            let upload = Upload { id: id.to_owned() };
            if self.parts_there(place, &upload).await?.is_some_and(|parts| parts.is_empty()) {
                self.abort(place, &upload).await?;
            }
        }
        Ok(())
    }

    /// An object that a single request copies, as a copy job would.
    pub(super) async fn copy_whole(&self, source: &Identity, place: &Place) -> Result<(), LargeError> {
        let request = self.destination.copy_object().bucket(place.bucket.as_str()).key(place.key.as_str());
        let answer = as_set!(request, &self.settings)
            .copy_source(copy_source(source))
            .copy_source_if_match(format!("\"{}\"", source.etag))
            // Left out, it would mean COPY, which takes permissions that copy-large does not have.
            .annotation_directive(AnnotationDirective::Exclude)
            .expected_bucket_owner(self.route.account.as_str())
            .expected_source_bucket_owner(self.route.source_account.as_str())
            .send()
            .await;
        answer.map(drop).map_err(|error| {
            let error = AwsError::new("CopyObject", &error);
            match error.code.as_str() {
                "NoSuchKey" | "NoSuchVersion" => LargeError::NoSuchKey(source.key.clone()),
                "PreconditionFailed" => LargeError::SourceChanged,
                _ => LargeError::aws(Side::Both, error),
            }
        })
    }
}

/// Why a part was not copied.
#[derive(Debug)]
pub(super) enum PartError {
    /// There is no such upload any more.
    UploadGone,
    /// Anything else.
    Failed(LargeError),
}

impl PartError {
    fn of(error: AwsError, record: &Record) -> Self {
        Self::Failed(match error.code.as_str() {
            "NoSuchUpload" => return Self::UploadGone,
            "NoSuchKey" | "NoSuchVersion" => LargeError::NoSuchKey(record.source.key.clone()),
            "PreconditionFailed" => LargeError::SourceChanged,
            _ => LargeError::aws(Side::Both, error),
        })
    }

    /// Whether the source is not what the upload was begun for, so that nothing more can come of it. Whatever else a call is
    /// refused for, somebody can put right, and the parts that are there are copied.
    pub(super) fn ends_it(&self) -> bool {
        use LargeError::{Archived, NoSuchKey, SourceChanged};
        matches!(self, Self::Failed(SourceChanged | NoSuchKey(_) | Archived(_)))
    }
}

fn is_gone(error: &AwsError) -> bool {
    error.code == "NoSuchUpload"
}

/// A checksum of the whole object, where S3 can make one of its parts'.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>
fn full_object(algorithm: &ChecksumAlgorithm) -> Option<ChecksumType> {
    let can = [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32C, ChecksumAlgorithm::Crc64Nvme].contains(algorithm);
    can.then_some(ChecksumType::FullObject)
}

/// `bucket/key`, percent-encoded, with the version where there is one.
fn copy_source(source: &Identity) -> String {
    let version = source.version_id.as_ref().map(|id| format!("?versionId={id}")).unwrap_or_default();
    format!("{}/{}{version}", source.bucket, source.key.encode().as_str())
}

/// As a query string.
fn tagging(tags: &Tags) -> String {
    let encode = |text: &str| crate::names::ObjectKey::from_plain(text).encode().as_str().to_owned();
    let pairs: Vec<String> = tags.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    pairs.join("&")
}
