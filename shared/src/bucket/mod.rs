//! The manifest bucket: small objects read and written whole, conditionally; large ones as streams of bounded memory.
//! Every call is held to the account that owns the bucket. Calls S3.

mod clock;
mod error;
mod read;
mod write;

pub use error::BucketError;
pub use read::{Exactly, Head, Missing, Object, ObjectReader, Wanted};
pub use write::{Taken, Upload, Written};

use aws_sdk_s3::Client;
use jiff::Timestamp;

use crate::config::Route;
use crate::names::{AccountId, BucketName, ETag, ObjectKey};

/// The manifest bucket of a route. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ManifestBucket {
    s3: Client,
    name: BucketName,
    owner: AccountId,
    clock: clock::Clock,
}

/// An object, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: ObjectKey,
    /// Its ETag.
    pub etag: Option<ETag>,
    /// When it was written, by S3's clock.
    pub modified: Option<Timestamp>,
}

impl ManifestBucket {
    /// The manifest bucket of `route`, read and written by `s3`.
    pub fn new(s3: &Client, route: &Route) -> Self {
        let clock = clock::Clock::default();
        let s3 = Client::from_conf(s3.config().to_builder().interceptor(clock.clone()).build());
        Self { s3, name: route.manifest_bucket.clone(), owner: route.account.clone(), clock }
    }

    /// The time now, as S3's last answer told it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Its name.
    pub fn name(&self) -> &BucketName {
        &self.name
    }

    /// The keys below `folder` (with its slash), at most `most` of them, in S3's order.
    pub async fn keys_below(&self, folder: &str, most: i32) -> Result<Vec<ObjectKey>, BucketError> {
        let listed = self
            .s3
            .list_objects_v2()
            .bucket(self.name.as_str())
            .prefix(folder)
            .max_keys(most)
            .expected_bucket_owner(self.owner.as_str())
            .send()
            .await
            .map_err(|error| BucketError::aws("ListObjectsV2", &ObjectKey::from_plain(folder), &error))?;
        Ok(listed.contents().iter().filter_map(|object| object.key()).map(ObjectKey::from_plain).collect())
    }

    /// All objects below `folder` (with its slash) whose keys come after `after`, in S3's order.
    pub async fn all_below(&self, folder: &str, after: Option<&str>) -> Result<Vec<Listed>, BucketError> {
        let request = self.s3.list_objects_v2().bucket(self.name.as_str()).prefix(folder);
        let request = request.set_start_after(after.map(str::to_owned)).expected_bucket_owner(self.owner.as_str());
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| BucketError::aws("ListObjectsV2", &ObjectKey::from_plain(folder), &error))?;
            found.extend(page.contents().iter().filter_map(|object| {
                let modified = object.last_modified().and_then(|at| Timestamp::from_second(at.secs()).ok());
                let etag = object.e_tag().and_then(|etag| etag.parse().ok());
                Some(Listed { key: ObjectKey::from_plain(object.key()?), etag, modified })
            }));
        }
        Ok(found)
    }

    /// The folders right below `folder`, each with its slashes, in S3's order.
    pub async fn folders_below(&self, folder: &str) -> Result<Vec<String>, BucketError> {
        let request = self.s3.list_objects_v2().bucket(self.name.as_str()).prefix(folder).delimiter("/");
        let mut pages = request.expected_bucket_owner(self.owner.as_str()).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| BucketError::aws("ListObjectsV2", &ObjectKey::from_plain(folder), &error))?;
            found.extend(page.common_prefixes().iter().filter_map(|folder| folder.prefix().map(str::to_owned)));
        }
        Ok(found)
    }

    /// Deletes an object that nothing names any more; in a versioned bucket its bytes stay for a while.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), BucketError> {
        let request = self.s3.delete_object().bucket(self.name.as_str()).key(key.as_str());
        let answer = request.expected_bucket_owner(self.owner.as_str()).send().await;
        answer.map(drop).map_err(|error| BucketError::aws("DeleteObject", key, &error))
    }
}
