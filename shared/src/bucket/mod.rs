//! The manifest bucket: small objects read and written whole, conditionally; large ones as streams of bounded memory.
//! Every call is held to the account that owns the bucket. Calls S3.

mod error;
mod read;
mod write;

pub use error::BucketError;
pub use read::{Exactly, Head, Missing, Object, ObjectReader, Wanted};
pub use write::{Taken, Upload, Written};

use aws_sdk_s3::Client;

use crate::config::Route;
use crate::names::{AccountId, BucketName, ObjectKey};

/// The manifest bucket of a route. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ManifestBucket {
    s3: Client,
    name: BucketName,
    owner: AccountId,
}

impl ManifestBucket {
    /// The manifest bucket of `route`, read and written by `s3`.
    pub fn new(s3: Client, route: &Route) -> Self {
        Self { s3, name: route.manifest_bucket.clone(), owner: route.account.clone() }
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

    /// Deletes an object that nothing names any more; in a versioned bucket its bytes stay for a while.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), BucketError> {
        let request = self.s3.delete_object().bucket(self.name.as_str()).key(key.as_str());
        let answer = request.expected_bucket_owner(self.owner.as_str()).send().await;
        answer.map(drop).map_err(|error| BucketError::aws("DeleteObject", key, &error))
    }
}
