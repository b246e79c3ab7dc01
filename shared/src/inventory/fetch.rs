//! Fetches the report that an event is about: manifest.json, held against manifest.checksum. Calls S3.

use std::time::Duration;

use super::{Manifest, ManifestError, ReportFile, ReportKey};
use crate::bucket::{BucketError, Exactly, ManifestBucket, Missing, Object};
use crate::config::Route;
use crate::error::Class;
use crate::event::Notice;
use crate::names::{ETag, ObjectKey, excerpt};

/// About 80,000 data files. A job takes 20 billion objects at most, and a data file holds a million and more; parsed, this
/// much needs about 100 MB of the function's memory.
const MANIFEST_LIMIT: u64 = 16 * 1024 * 1024;
/// A checksum is 32 characters; white space around it is allowed.
const CHECKSUM_LIMIT: u64 = 1024;

/// The only version of manifest.json that AWS documents, and the one that Batch Operations' manifest format is named for.
const KNOWN_VERSION: &str = "2016-11-30";

const REPLACED: &str = "a newer manifest.json has taken its place, and has an event of its own";

/// How long to wait for a file that should appear within moments.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often to look, at least once.
    pub tries: u32,
    /// The pause between two looks.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 4, pause: Duration::from_millis(700) }
    }
}

/// A delivered inventory report, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where it lies.
    pub key: ReportKey,
    /// The manifest.json's ETag; with the key it is the report's identity, since a redelivery takes the same key.
    pub etag: ETag,
    /// The manifest.json's version, where the manifest bucket is versioned.
    pub version_id: Option<String>,
    /// What it says.
    pub manifest: Manifest,
}

/// Why there is no report to run.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The event is about a manifest.json that is no longer there. The newer one has an event of its own.
    #[error("superseded: {0}")]
    Superseded(&'static str),
    /// A part of the delivery is not there yet; its own event, or a retry, will find it.
    #[error("{key} is not there yet; S3 may still be delivering the report")]
    NotYet {
        /// What is missing.
        key: ObjectKey,
    },
    /// manifest.json is not what S3 wrote.
    #[error(
        "{manifest} does not match its manifest.checksum (its MD5 is {found}, expected {expected}); \
        it was altered after delivery: see who else writes to the manifest bucket"
    )]
    Altered {
        /// The key of the manifest.json.
        manifest: ObjectKey,
        /// Hex MD5 of what is there.
        found: String,
        /// What manifest.checksum says.
        expected: String,
    },
    /// A data file is not the one that the manifest lists.
    #[error("{key} has {found} bytes, manifest.json says {expected}; it was altered after delivery")]
    DataFile {
        /// The data file.
        key: ObjectKey,
        /// Its size in bytes.
        found: u64,
        /// The size that manifest.json gives.
        expected: u64,
    },
    /// The manifest says something that this route cannot take.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest bucket refused or failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

impl FetchError {
    /// Whether a later try can succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotYet { .. } => true,
            Self::Bucket(error) => error.class() != Class::Permanent,
            Self::Superseded(_) | Self::Altered { .. } | Self::DataFile { .. } | Self::Manifest(_) => false,
        }
    }
}

/// Fetches the report `key` that `notice` announced by its `file`.
pub async fn fetch(
    bucket: &ManifestBucket,
    route: &Route,
    (key, file): (ReportKey, ReportFile),
    notice: &Notice,
    patience: Patience,
) -> Result<Report, FetchError> {
    let reader = Reader { bucket, patience };
    let mut object = match file {
        ReportFile::Manifest => reader.announced(&key, notice).await?,
        ReportFile::Checksum => reader.awaited(&key.manifest(), MANIFEST_LIMIT).await?,
    };
    let checksum = reader.checksum(&key).await?;
    if object.md5() != checksum {
        object = reader.second_look(&key, file, &object).await?;
    }
    let manifest = Manifest::parse(&object.bytes, &key, &route.source_bucket, &route.manifest_bucket)?;
    if manifest.version.as_deref() != Some(KNOWN_VERSION) {
        tracing::warn!(manifest_key = %key.manifest(), version = manifest.version, "manifest.json is of another version than {KNOWN_VERSION}");
    }
    Ok(Report { key, etag: object.etag, version_id: object.version_id, manifest })
}

struct Reader<'a> {
    bucket: &'a ManifestBucket,
    patience: Patience,
}

impl Reader<'_> {
    /// The manifest.json that an event is about, no other.
    async fn announced(&self, key: &ReportKey, notice: &Notice) -> Result<Object, FetchError> {
        let exactly = Exactly { version_id: notice.version_id.as_deref(), etag: notice.etag.as_ref() };
        self.bucket.get(&key.manifest(), exactly, MANIFEST_LIMIT).await?.map_err(|missing| match missing {
            Missing::Gone => FetchError::Superseded("the manifest.json of the event has been deleted since"),
            Missing::Changed => FetchError::Superseded(REPLACED),
        })
    }

    /// An object that should be there, or will be within moments.
    async fn awaited(&self, key: &ObjectKey, limit: u64) -> Result<Object, FetchError> {
        for _ in 1..self.patience.tries {
            if let Ok(object) = self.bucket.get(key, Exactly::default(), limit).await? {
                return Ok(object);
            }
            tokio::time::sleep(self.patience.pause).await;
        }
        let last = self.bucket.get(key, Exactly::default(), limit).await?;
        last.map_err(|_| FetchError::NotYet { key: key.clone() })
    }

    /// The hex MD5 in manifest.checksum.
    async fn checksum(&self, key: &ReportKey) -> Result<String, FetchError> {
        let object = self.awaited(&key.checksum(), CHECKSUM_LIMIT).await?;
        Ok(String::from_utf8_lossy(&object.bytes).trim().to_ascii_lowercase())
    }

    /// When manifest and checksum differ, S3 may be in the middle of delivering the report again under the same key:
    /// both are read once more, as they are now. If they still differ, one was altered; and should it be a slow
    /// redelivery after all, the file that comes second has an event of its own, and finds both.
    async fn second_look(&self, key: &ReportKey, file: ReportFile, first: &Object) -> Result<Object, FetchError> {
        tokio::time::sleep(self.patience.pause).await;
        let now = self.awaited(&key.manifest(), MANIFEST_LIMIT).await?;
        if file == ReportFile::Manifest && now.etag != first.etag {
            return Err(FetchError::Superseded(REPLACED));
        }
        let expected = self.checksum(key).await?;
        let found = now.md5();
        if found == expected {
            return Ok(now);
        }
        Err(FetchError::Altered { manifest: key.manifest(), found, expected: excerpt(&expected) })
    }
}
