//! S3: an in-memory [`Store`] behind [`s3s`], every request decided by [`Cloud::authorize`].

use s3s::S3Request;
use serde_json::Value;

use crate::Cloud;
use crate::identity::{AccountId, Principal};

/// Buckets and objects, in memory.
#[derive(Debug, Default)]
pub struct Store {}

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
}

/// An inventory configuration as `PutBucketInventoryConfiguration` took it.
pub type InventoryConfiguration = s3s::dto::InventoryConfiguration;

impl Store {
    /// The account that owns a bucket; none if there is no such bucket.
    pub fn owner(&self, _bucket: &str) -> Option<AccountId> {
        None
    }

    /// A bucket's policy, parsed.
    pub fn policy(&self, _bucket: &str) -> Option<Value> {
        None
    }

    /// A bucket's Region.
    pub fn region(&self, _bucket: &str) -> Option<String> {
        None
    }

    /// A bucket's inventory configurations.
    pub fn inventory_configurations(&self, _bucket: &str) -> Vec<InventoryConfiguration> {
        Vec::new()
    }

    /// A bucket's notification configuration.
    pub fn notification_configuration(&self, _bucket: &str) -> Option<s3s::dto::NotificationConfiguration> {
        None
    }

    /// Every version under a prefix, by key, newest first. `current_only` leaves out older versions and delete markers.
    pub fn list(&self, _bucket: &str, _prefix: &str, _current_only: bool) -> Vec<Version> {
        Vec::new()
    }
}

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

#[async_trait::async_trait]
impl s3s::S3 for Backend {}

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
    s3s::service::S3ServiceBuilder::new(cloud.s3()).build()
}
