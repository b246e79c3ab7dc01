//! S3: an in-memory [`Store`] behind [`s3s`], every request decided by [`Cloud::authorize`].

mod acl;
mod api;
mod auth;
mod buckets;
mod caller;
mod checksum;
mod conditions;
mod content;
mod copy;
mod delete;
mod error;
mod get;
mod inventory;
mod listing;
mod multipart;
mod notification;
mod object;
mod part_copy;
mod policy;
mod put;
mod restore;
mod settings;
mod sparse;
mod store;
mod tags;
mod uploads;
mod wanted;

use std::sync::Arc;

use s3s::S3Request;

use crate::Cloud;
use crate::identity::Principal;

pub use store::Store;

/// One version of one object, as inventories list it.
#[derive(Debug, Clone)]
pub struct Version {
    /// Decoded key.
    pub key: String,
    /// `null` for a null version.
    pub version_id: String,
    /// The newest of its key.
    pub is_latest: bool,
    /// A delete marker has no size, ETag or storage class.
    pub is_delete_marker: bool,
    /// Bytes.
    pub size: u64,
    /// When it was written (for multipart: initiated).
    pub last_modified: jiff::Timestamp,
    /// Without quotes.
    pub etag: String,
    /// `STANDARD`, `GLACIER`, …
    pub storage_class: String,
    /// Written by multipart upload.
    pub is_multipart: bool,
    /// `SSE-S3`, `SSE-KMS`, `SSE-C`, …
    pub encryption_status: String,
    /// `CRC32`, … or empty
    pub checksum_algorithm: String,
    /// The archive tier that an object of INTELLIGENT_TIERING is or was in.
    pub archive_tier: Option<ArchiveTier>,
}

/// An archive tier of INTELLIGENT_TIERING.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveTier {
    /// `DEEP_ARCHIVE`, not `ARCHIVE`.
    pub deep: bool,
    /// When the object leaves it, since it was asked to be restored.
    pub until: Option<jiff::Timestamp>,
}

impl ArchiveTier {
    /// Whether the object is in it.
    pub fn holds(self, now: jiff::Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// An inventory configuration as `PutBucketInventoryConfiguration` took it.
pub type InventoryConfiguration = s3s::dto::InventoryConfiguration;

/// The S3 operations. Each authorises first, whoever calls: [`s3s`] for HTTP requests, jobs and the inventory in process.
#[derive(Clone)]
pub struct Backend {
    cloud: Cloud,
}

impl Backend {
    /// Of this cloud.
    pub fn new(cloud: Cloud) -> Self {
        Self { cloud }
    }

    /// The cloud it works on.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }
}

/// An in-process request by `principal`, as [`Backend`]'s operations take it.
pub fn request<T>(principal: &Principal, input: T) -> S3Request<T> {
    let mut extensions = http::Extensions::new();
    extensions.insert(principal.clone());
    S3Request {
        input,
        method: http::Method::GET,
        uri: http::Uri::from_static("/"),
        headers: http::HeaderMap::new(),
        extensions,
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

/// The HTTP service over [`Backend`].
pub fn service(cloud: &Cloud) -> s3s::service::S3Service {
    let mut builder = s3s::service::S3ServiceBuilder::new(cloud.s3());
    builder.set_auth(auth::Gate(cloud.clone()));
    builder.set_access(auth::Gate(cloud.clone()));
    // The clock can be turned, and clients that are told so by `Date` sign by it.
    let mut config = s3s::config::S3Config::default();
    config.presigned_url_max_skew_time_secs = u32::MAX;
    builder.set_config(Arc::new(s3s::config::StaticConfigProvider::new(Arc::new(config))));
    builder.build()
}
