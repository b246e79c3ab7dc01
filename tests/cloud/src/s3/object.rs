//! What is stored of an object's version.

use std::time::SystemTime;

use jiff::Timestamp;
use s3s::dto::{self, Metadata, ServerSideEncryption};

use super::checksum::Stored;
use super::content::Content;
use super::{ArchiveTier, Version};

/// One version of one key: an object, or a delete marker.
#[derive(Debug, Clone)]
pub(super) struct Object {
    /// `null` for a null version.
    pub(super) version_id: String,
    /// In whole seconds, as S3 keeps it.
    pub(super) last_modified: Timestamp,
    /// None: a delete marker.
    pub(super) data: Option<Data>,
}

/// An object's bytes and all that goes with them.
#[derive(Debug, Clone)]
pub(super) struct Data {
    pub(super) content: Content,
    /// Without quotes.
    pub(super) etag: String,
    /// The sizes of the parts it was uploaded in; empty if it was not a multipart upload.
    pub(super) parts: Vec<u64>,
    pub(super) headers: Headers,
    pub(super) metadata: Metadata,
    pub(super) tags: Vec<(String, String)>,
    pub(super) storage_class: String,
    /// If it was asked to be restored from its archive.
    pub(super) restored: Option<Restored>,
    /// If it is of INTELLIGENT_TIERING, and was not used for long.
    pub(super) archive_tier: Option<ArchiveTier>,
    pub(super) encryption: Encryption,
    pub(super) checksum: Option<Stored>,
    /// The canned ACL it was written with; remembered, never evaluated.
    pub(super) acl: Option<String>,
}

/// When the copy that was restored of an archived object is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Restored {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// The system-defined metadata that a client sets.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) expires: Option<dto::Timestamp>,
    pub(super) website_redirect: Option<String>,
}

/// The system-defined metadata of any of the inputs that create an object.
macro_rules! headers {
    ($input:expr) => {
        $crate::s3::object::Headers {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $crate::s3::object::without_chunked($input.content_encoding.take()),
            content_language: $input.content_language.take(),
            expires: $input.expires.take(),
            website_redirect: $input.website_redirect_location.take(),
        }
    };
}
pub(super) use headers;

/// `aws-chunked` tells how a body travels, not how it is stored.
pub(super) fn without_chunked(encoding: Option<String>) -> Option<String> {
    let kept: Vec<_> = encoding?.split(',').map(str::trim).filter(|e| *e != "aws-chunked").map(str::to_owned).collect();
    let kept: Vec<_> = kept.into_iter().filter(|e| !e.is_empty()).collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// How an object is encrypted at rest; remembered and shown, nothing here is really encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encryption {
    /// SSE-S3, what every object has if nobody asks for more.
    S3,
    /// SSE-KMS or DSSE-KMS.
    Kms { key_id: String, bucket_key: bool, dual_layer: bool },
    /// SSE-C: the MD5 of the customer's key, in Base64.
    Customer { key_md5: String },
}

impl Encryption {
    /// As inventories name it.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::S3 => "SSE-S3",
            Self::Kms { dual_layer: false, .. } => "SSE-KMS",
            Self::Kms { dual_layer: true, .. } => "DSSE-KMS",
            Self::Customer { .. } => "SSE-C",
        }
    }

    /// The `x-amz-server-side-encryption` header.
    pub(super) fn algorithm(&self) -> Option<ServerSideEncryption> {
        let name = match self {
            Self::S3 => ServerSideEncryption::AES256,
            Self::Kms { dual_layer: false, .. } => ServerSideEncryption::AWS_KMS,
            Self::Kms { dual_layer: true, .. } => ServerSideEncryption::AWS_KMS_DSSE,
            Self::Customer { .. } => return None,
        };
        Some(ServerSideEncryption::from_static(name))
    }

    /// The KMS key's ARN.
    pub(super) fn kms_key(&self) -> Option<String> {
        match self {
            Self::Kms { key_id, .. } => Some(key_id.clone()),
            Self::S3 | Self::Customer { .. } => None,
        }
    }

    /// Whether an S3 Bucket Key is used, where that is said at all.
    pub(super) fn bucket_key(&self) -> Option<bool> {
        match self {
            Self::Kms { bucket_key, .. } => Some(*bucket_key),
            Self::S3 | Self::Customer { .. } => None,
        }
    }

    /// The MD5 of the customer's key.
    pub(super) fn customer_key_md5(&self) -> Option<String> {
        match self {
            Self::Customer { key_md5 } => Some(key_md5.clone()),
            Self::S3 | Self::Kms { .. } => None,
        }
    }

    /// `AES256` for SSE-C.
    pub(super) fn customer_algorithm(&self) -> Option<String> {
        self.customer_key_md5().map(|_| "AES256".to_owned())
    }
}

impl Data {
    /// Not readable now: of an archive, and not restored.
    pub(super) fn is_archived(&self, now: Timestamp) -> bool {
        let restored = self.restored.is_some_and(|copy| copy.from <= now && now < copy.until);
        (self.is_of_an_archive() && !restored) || self.archive_tier.is_some_and(|tier| tier.holds(now))
    }

    /// The `x-amz-archive-status` header.
    pub(super) fn archive_status(&self, now: Timestamp) -> Option<dto::ArchiveStatus> {
        let tier = self.archive_tier.filter(|tier| tier.holds(now))?;
        let name = if tier.deep { "DEEP_ARCHIVE_ACCESS" } else { "ARCHIVE_ACCESS" };
        Some(dto::ArchiveStatus::from_static(name))
    }

    /// Not readable before it is restored.
    pub(super) fn is_of_an_archive(&self) -> bool {
        matches!(self.storage_class.as_str(), "GLACIER" | "DEEP_ARCHIVE")
    }

    /// The `x-amz-restore` header.
    pub(super) fn restore_header(&self, now: Timestamp) -> Option<String> {
        if self.archive_tier.is_some_and(|tier| tier.until.is_some() && tier.holds(now)) {
            return Some("ongoing-request=\"true\"".to_owned());
        }
        let copy = self.restored.filter(|copy| now < copy.until)?;
        if now < copy.from {
            return Some("ongoing-request=\"true\"".to_owned());
        }
        let until = copy.until.strftime("%a, %d %b %Y %H:%M:%S GMT");
        Some(format!("ongoing-request=\"false\", expiry-date=\"{until}\""))
    }

    /// The `x-amz-storage-class` header, which S3 leaves out for STANDARD.
    pub(super) fn storage_class_header(&self) -> Option<dto::StorageClass> {
        (self.storage_class != "STANDARD").then(|| self.storage_class.clone().into())
    }

    /// The ETag as s3s writes it, with quotes.
    pub(super) fn etag_header(&self) -> dto::ETag {
        dto::ETag::Strong(self.etag.clone())
    }
}

impl Object {
    /// As inventories and events see it.
    pub(super) fn summary(&self, key: &str, is_latest: bool) -> Version {
        let data = self.data.as_ref();
        Version {
            key: key.to_owned(),
            version_id: self.version_id.clone(),
            is_latest,
            is_delete_marker: data.is_none(),
            size: data.map_or(0, |d| d.content.len()),
            last_modified: self.last_modified,
            etag: data.map(|d| d.etag.clone()).unwrap_or_default(),
            storage_class: data.map(|d| d.storage_class.clone()).unwrap_or_default(),
            is_multipart: data.is_some_and(|d| !d.parts.is_empty()),
            encryption_status: data.map(|d| d.encryption.status().to_owned()).unwrap_or_default(),
            checksum_algorithm: data
                .and_then(|d| d.checksum.as_ref())
                .map(|c| c.algorithm.name().to_owned())
                .unwrap_or_default(),
            archive_tier: data.and_then(|d| d.archive_tier),
        }
    }
}

/// As s3s writes times.
pub(super) fn timestamp(time: Timestamp) -> dto::Timestamp {
    SystemTime::from(time).into()
}

/// S3's own times have whole seconds.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A size as s3s writes it.
pub(super) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
