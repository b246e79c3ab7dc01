//! What is known of an upload, in the ledger: ListParts tells its parts, and not what they are copies of. Calls nothing.
//!
//! `ledger/uploads/<hash of the destination>-<hash of the source's identity>.json`; the first half finds what an older
//! version of the object left behind.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectCannedAcl, StorageClass};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::parts::Parts;
use crate::config::CopySettings;
use crate::ledger::SCHEMA;
use crate::names::{BucketName, ETag, KmsKeyArn, ObjectKey};

/// Which object, in which state, is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The source bucket.
    pub bucket: BucketName,
    /// The key there.
    pub key: ObjectKey,
    /// The version, where the bucket is versioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Its ETag.
    pub etag: ETag,
    /// Bytes.
    pub size: u64,
    /// When it was written: other metadata with the same bytes has another time.
    pub last_modified: Timestamp,
}

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The destination bucket.
    pub bucket: BucketName,
    /// The key there.
    pub key: ObjectKey,
}

/// How far a copy has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// An upload is about to be created. Whoever finds this knows that there may be one without parts.
    Starting,
    /// This upload is being filled.
    Copying(Upload),
    /// All its parts are there; it is being put together.
    Completing(Upload),
    /// The object is there.
    Done(Finished),
}

/// A multipart upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Its id.
    pub id: String,
}

/// What the copy became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// Its ETag.
    pub etag: ETag,
    /// Its version, where the destination is versioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// One copy of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// See [`SCHEMA`].
    pub schema: u32,
    /// What is copied.
    pub source: Identity,
    /// Where to.
    pub destination: Place,
    /// When this upload was begun, by S3's clock.
    pub began: Timestamp,
    /// Bytes of each part but the last.
    pub part_size: u64,
    /// A hash of the settings that the upload was created with; none in records of before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// A hash of the tags that it was created with: whoever changes tags leaves the source's identity as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// How far it has come.
    pub stage: Stage,
}

impl Record {
    /// Of a copy that begins now.
    pub fn starting(source: &Identity, destination: &Place, parts: Parts, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            source: source.clone(),
            destination: destination.clone(),
            began: now,
            part_size: parts.size,
            settings: None,
            tags: None,
            stage: Stage::Starting,
        }
    }

    /// Of an upload with these settings and tags.
    #[must_use]
    pub fn with(self, settings: &CopySettings, tags: &BTreeMap<String, String>) -> Self {
        Self { settings: Some(hash_of_settings(settings)), tags: Some(hash_of_tags(tags)), ..self }
    }

    /// Whether the upload may have been created with these settings.
    pub fn may_have(&self, settings: &CopySettings) -> bool {
        self.settings.as_ref().is_none_or(|hash| *hash == hash_of_settings(settings))
    }

    /// Whether the upload was created with these settings and tags.
    pub fn has(&self, settings: &CopySettings, tags: &BTreeMap<String, String>) -> bool {
        self.settings == Some(hash_of_settings(settings)) && self.tags == Some(hash_of_tags(tags))
    }

    /// Its parts.
    pub fn parts(&self) -> Parts {
        Parts { size: self.part_size, total: self.source.size }
    }

    /// At the next stage.
    #[must_use]
    pub fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    /// The upload that there is or was.
    pub fn upload(&self) -> Option<&Upload> {
        match &self.stage {
            Stage::Copying(upload) | Stage::Completing(upload) => Some(upload),
            Stage::Starting | Stage::Done(_) => None,
        }
    }
}

/// What the keys of all records of one destination begin with.
pub fn folder(destination: &Place) -> String {
    format!("ledger/uploads/{}-", hash(&[destination.bucket.as_str(), destination.key.as_str()]))
}

/// The record of the copy of `source` to `destination`.
pub fn record_key(source: &Identity, destination: &Place) -> ObjectKey {
    let (size, time) = (source.size.to_string(), source.last_modified.to_string());
    let version = source.version_id.as_deref().unwrap_or_default();
    let identity = hash(&[source.bucket.as_str(), source.key.as_str(), source.etag.as_str(), version, &size, &time]);
    ObjectKey::from_plain(format!("{}{identity}.json", folder(destination)))
}

fn hash_of_settings(settings: &CopySettings) -> String {
    let CopySettings { storage_class, kms_key, bucket_key, checksum, acl } = settings;
    let bucket_key = bucket_key.map(|enabled| if enabled { "true" } else { "false" });
    let fields = [
        storage_class.as_ref().map(StorageClass::as_str),
        kms_key.as_ref().map(KmsKeyArn::as_str),
        bucket_key,
        checksum.as_ref().map(ChecksumAlgorithm::as_str),
        acl.as_ref().map(ObjectCannedAcl::as_str),
    ];
    hash(&fields.map(Option::unwrap_or_default))
}

fn hash_of_tags(tags: &BTreeMap<String, String>) -> String {
    hash(&tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]).collect::<Vec<_>>())
}

/// Each field behind its length, so that no two lists give the same bytes; 128 bits tell apart whatever there is.
fn hash(fields: &[&str]) -> String {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}
