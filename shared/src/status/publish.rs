//! Writes the page and its JSON twin to the manifest bucket. Calls S3.
//!
//! Several may write at once. The JSON goes first and tells whose state is newer; a page is written only while its own
//! JSON stands. So an older page never stays over a newer one.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Status, json_key, page_key};
use crate::bucket::{BucketError, Exactly, ManifestBucket};
use crate::error::Class;
use crate::names::{ETag, ObjectKey};

/// Far more than either is.
const LIMIT: u64 = 16 * 1024 * 1024;

/// How often to begin again when somebody else writes at the same moment.
const TRIES: u32 = 5;

/// Why the status could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The manifest bucket refused or failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// It has no form as JSON or as a page.
    #[error("the status cannot be written as {form} ({reason}): this is a fault of Transship")]
    Form {
        /// JSON or HTML.
        form: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Others kept writing it.
    #[error("{key} was written by others {TRIES} times while this one was: theirs stands")]
    Busy {
        /// The file.
        key: ObjectKey,
    },
}

impl PublishError {
    /// What can be done about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Bucket(error) => error.class(),
            Self::Form { .. } | Self::Busy { .. } => Class::Permanent,
        }
    }
}

/// What has become of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is what the page shows.
    Written,
    /// A newer one is there.
    Older,
}

/// Of a JSON twin, whatever release wrote it.
#[derive(Deserialize)]
struct Dated {
    as_of: Timestamp,
}

/// Writes both files, unless newer ones are there.
pub async fn publish(bucket: &ManifestBucket, status: &Status) -> Result<Published, PublishError> {
    let page = status.html().map_err(|error| PublishError::Form { form: "HTML", reason: error.to_string() })?;
    let form = |error: serde_json::Error| PublishError::Form { form: "JSON", reason: error.to_string() };
    let json = serde_json::to_vec_pretty(status).map_err(form)?;
    let Some(ours) = put_json(bucket, status.as_of, &json).await? else { return Ok(Published::Older) };
    put_page(bucket, &ours, page.as_bytes()).await
}

/// The ETag of the JSON as written; none if a newer one is there.
async fn put_json(bucket: &ManifestBucket, as_of: Timestamp, json: &[u8]) -> Result<Option<ETag>, PublishError> {
    let key = json_key();
    for _ in 0..TRIES {
        let there = bucket.get(&key, Exactly::default(), LIMIT).await?.ok();
        // One that cannot be read is replaced: it is a view, and nothing is lost by it.
        let dated = there.as_ref().and_then(|there| serde_json::from_slice::<Dated>(&there.bytes).ok());
        if dated.is_some_and(|dated| dated.as_of > as_of) {
            return Ok(None);
        }
        let written = put(bucket, &key, json, there.map(|there| there.etag)).await?;
        if written.is_some() {
            return Ok(written);
        }
    }
    Err(PublishError::Busy { key })
}

/// Writes the page while the JSON is ours. What is to be replaced is looked up first: had a newer JSON come before the
/// look, its page may be there already; had it come after, its page comes after.
async fn put_page(bucket: &ManifestBucket, ours: &ETag, page: &[u8]) -> Result<Published, PublishError> {
    let key = page_key();
    for _ in 0..TRIES {
        let there = bucket.head(&key).await?.map(|head| head.etag);
        if bucket.head(&json_key()).await?.is_none_or(|json| json.etag != *ours) {
            return Ok(Published::Older);
        }
        if put(bucket, &key, page, there).await?.is_some() {
            return Ok(Published::Written);
        }
    }
    Err(PublishError::Busy { key })
}

async fn put(
    bucket: &ManifestBucket,
    key: &ObjectKey,
    bytes: &[u8],
    there: Option<ETag>,
) -> Result<Option<ETag>, BucketError> {
    let written = match there {
        Some(etag) => bucket.replace(key, bytes.to_vec(), &etag).await?,
        None => bucket.put_new(key, bytes.to_vec()).await?,
    };
    Ok(written.ok().map(|written| written.etag))
}
