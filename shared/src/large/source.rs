//! The object that is copied, as S3 describes it, and whether the destination has it already. Calls S3.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass, Tag};
use jiff::Timestamp;

use super::copy::Copier;
use super::error::{LargeError, Side};
use super::parts::{LARGEST, Parts, Uploaded};
use super::record::{Finished, Identity, Place};
use crate::error::AwsError;
use crate::names::{ETag, ObjectKey};

/// An object that can be read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) identity: Identity,
    pub(super) headers: Headers,
    /// In which parts it is to be copied, should it be large.
    pub(super) parts: Option<Parts>,
}

/// What goes with its bytes, but for its tags.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Headers {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) expires: Option<DateTime>,
    pub(super) metadata: BTreeMap<String, String>,
    /// How many entries of its metadata S3 cannot show in headers.
    pub(super) missing: i32,
}

impl Headers {
    fn of(head: &HeadObjectOutput) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Self {
            content_type: text(head.content_type()),
            cache_control: text(head.cache_control()),
            content_disposition: text(head.content_disposition()),
            content_encoding: text(head.content_encoding()),
            content_language: text(head.content_language()),
            // What is no date cannot be sent as one.
            expires: head.expires_string().and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok()),
            metadata: head.metadata().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
            missing: head.missing_meta().unwrap_or_default(),
        }
    }
}

/// Tags by their keys.
pub(super) type Tags = BTreeMap<String, String>;

fn by_key(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

impl Copier {
    /// The object as it is now, or the version that is asked for.
    pub(super) async fn source(&self, key: &ObjectKey, version: Option<&str>) -> Result<Source, LargeError> {
        let bucket = &self.route.source_bucket;
        let head = |version: Option<&str>| {
            let request = self.source.head_object().bucket(bucket.as_str()).key(key.as_str());
            request.set_version_id(version.map(str::to_owned)).expected_bucket_owner(self.route.source_account.as_str())
        };
        let failed = |error: AwsError| match error.status {
            Some(404) => LargeError::NoSuchKey(key.clone()),
            Some(412) => LargeError::SourceChanged,
            _ => LargeError::aws(Side::Source, error),
        };
        let found = head(version).send().await.map_err(|error| failed(AwsError::new("HeadObject", &error)))?;
        readable(&found)?;
        let etag: ETag = found.e_tag().unwrap_or_default().parse()?;
        let identity = Identity {
            bucket: bucket.clone(),
            key: key.clone(),
            version_id: found.version_id().map(str::to_owned),
            size: size(&found),
            last_modified: modified(&found),
            etag,
        };
        let mut uploaded = None;
        if let Some(count) = Uploaded::count_of(identity.etag.as_str()).filter(|_| identity.size > LARGEST) {
            let first = head(identity.version_id.as_deref()).part_number(1).if_match(format!("\"{}\"", identity.etag));
            let first = first.send().await.map_err(|error| failed(AwsError::new("HeadObject", &error)))?;
            uploaded = Some(Uploaded { first: size(&first), count });
        }
        let parts = Parts::of(identity.size, uploaded);
        Ok(Source { identity, headers: Headers::of(&found), parts })
    }

    /// The source's tags.
    pub(super) async fn tags(&self, source: &Identity) -> Result<Tags, LargeError> {
        let request = self.source.get_object_tagging().bucket(source.bucket.as_str()).key(source.key.as_str());
        let request = request.set_version_id(source.version_id.clone());
        let answer = request.expected_bucket_owner(self.route.source_account.as_str()).send().await;
        let tags = answer.map_err(|error| {
            let error = AwsError::new("GetObjectTagging", &error);
            match error.status {
                Some(404) => LargeError::NoSuchKey(source.key.clone()),
                _ => LargeError::aws(Side::Source, error),
            }
        })?;
        Ok(by_key(tags.tag_set()))
    }

    /// What is at the destination; none if nothing is.
    pub(super) async fn there(&self, place: &Place) -> Result<Option<HeadObjectOutput>, LargeError> {
        let request = self.destination.head_object().bucket(place.bucket.as_str()).key(place.key.as_str());
        match request.expected_bucket_owner(self.route.account.as_str()).send().await {
            Ok(head) => Ok(Some(head)),
            Err(error) => match AwsError::new("HeadObject", &error) {
                AwsError { status: Some(404), .. } => Ok(None),
                error => Err(LargeError::aws(Side::Destination, error)),
            },
        }
    }

    /// Whether the destination holds what a copy would write, whoever wrote it: bytes by the ETag, and all that goes with
    /// them.
    pub(super) async fn is_identical(&self, source: &Source, place: &Place) -> Result<bool, LargeError> {
        let Some(head) = self.there(place).await? else { return Ok(false) };
        let settings = &self.settings;
        let class = head.storage_class().unwrap_or(&StorageClass::Standard);
        let key = settings.kms_key.as_ref().map(crate::names::KmsKeyArn::as_str);
        let same = head.e_tag().and_then(|etag| etag.parse().ok()) == Some(source.identity.etag.clone())
            && size(&head) == source.identity.size
            && Headers::of(&head) == source.headers
            && class == settings.storage_class.as_ref().unwrap_or(&StorageClass::Standard)
            && (key.is_none() || key == head.ssekms_key_id())
            && is_digest(&head);
        if !same {
            return Ok(false);
        }
        let request = self.destination.get_object_tagging().bucket(place.bucket.as_str()).key(place.key.as_str());
        let answer = request.expected_bucket_owner(self.route.account.as_str()).send().await;
        let there =
            answer.map_err(|error| LargeError::aws(Side::Destination, AwsError::new("GetObjectTagging", &error)))?;
        Ok(by_key(there.tag_set()) == self.tags(&source.identity).await?)
    }
}

/// What upload or copy became of a record's, if it is still what is at the destination.
pub(super) fn finished(head: &HeadObjectOutput) -> Option<Finished> {
    let etag = head.e_tag()?.parse().ok()?;
    Some(Finished { etag, version_id: head.version_id().map(str::to_owned) })
}

/// An ETag is made of the bytes' MD5s unless KMS or a customer's key encrypts them.
fn is_digest(head: &HeadObjectOutput) -> bool {
    let kms = [ServerSideEncryption::AwsKms, ServerSideEncryption::AwsKmsDsse];
    !head.server_side_encryption().is_some_and(|encryption| kms.contains(encryption))
        && head.sse_customer_algorithm().is_none()
}

pub(super) fn size(head: &HeadObjectOutput) -> u64 {
    head.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or_default()
}

pub(super) fn modified(head: &HeadObjectOutput) -> Timestamp {
    let seconds = head.last_modified().map(DateTime::secs).unwrap_or_default();
    Timestamp::from_second(seconds).unwrap_or_default()
}

/// An archived object can be read while it is restored; `x-amz-restore` tells.
fn readable(head: &HeadObjectOutput) -> Result<(), LargeError> {
    let class = head.storage_class().filter(|class| [StorageClass::Glacier, StorageClass::DeepArchive].contains(class));
    let restored = head.restore().is_some_and(|restore| restore.contains("ongoing-request=\"false\""));
    match (class, head.archive_status()) {
        (Some(class), _) if !restored => Err(LargeError::Archived(class.to_string())),
        (None, Some(status)) if !restored => Err(LargeError::Archived(status.to_string())),
        _ => Ok(()),
    }
}
