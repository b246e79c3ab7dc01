//! Reads and writes the ledger's files. Calls S3.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Action, Baseline, RUNS, RunRecord, SCHEMA, baseline_key};
use crate::bucket::{BucketError, Exactly, ManifestBucket, Taken};
use crate::error::Class;
use crate::names::{ETag, ObjectKey};

/// Far more than any: a record holds two requests, a baseline a line for each of its files.
const LIMIT: u64 = 16 * 1024 * 1024;

/// A file of the ledger, as it was read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<T> {
    /// What it says.
    pub value: T,
    /// Its ETag: what a later write is held against.
    pub etag: ETag,
}

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The manifest bucket refused or failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// It is not what Transship writes.
    #[error(
        "{key} is not a file of this ledger ({reason}): restore the last version that Transship wrote{}",
        rebuild(key)
    )]
    Unreadable {
        /// The file.
        key: ObjectKey,
        /// What is wrong with it.
        reason: String,
    },
    /// A later release wrote it.
    #[error("{key} has schema {found}, this release knows {SCHEMA}: deploy the release that wrote it, or a later one")]
    Newer {
        /// The file.
        key: ObjectKey,
        /// Its schema.
        found: u32,
    },
}

impl LedgerError {
    /// What can be done about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Bucket(error) => error.class(),
            Self::Unreadable { .. } | Self::Newer { .. } => Class::Permanent,
        }
    }
}

/// The ledger of a route.
#[derive(Debug, Clone)]
pub struct Ledger {
    bucket: ManifestBucket,
}

#[derive(Deserialize)]
struct Versioned {
    schema: u32,
}

impl Ledger {
    /// The ledger in this bucket.
    pub fn new(bucket: ManifestBucket) -> Self {
        Self { bucket }
    }

    /// The bucket it lies in.
    pub fn bucket(&self) -> &ManifestBucket {
        &self.bucket
    }

    /// `baseline.json`; none before the first run.
    pub async fn baseline(&self) -> Result<Option<Kept<Baseline>>, LedgerError> {
        self.read(&baseline_key()).await
    }

    /// A run's record; none if it was not written.
    pub async fn run(&self, key: &ObjectKey) -> Result<Option<Kept<RunRecord>>, LedgerError> {
        self.read(key).await
    }

    /// The records of runs that were written last, at most `most`, newest report first and, of those of one report, the last planned
    /// first; what is no record of this ledger is passed over. A retry is of an old report, and yet among them.
    pub async fn newest_runs(&self, most: usize) -> Result<Vec<(ObjectKey, Kept<RunRecord>)>, LedgerError> {
        let mut listed = self.bucket.all_below(RUNS, None).await?;
        listed.sort_by(|a, b| (b.modified, &b.key).cmp(&(a.modified, &a.key)));
        let mut runs = Vec::new();
        for listed in listed.into_iter().take(most) {
            match self.run(&listed.key).await {
                Ok(Some(record)) => runs.push((listed.key, record)),
                Ok(None) => {}
                Err(LedgerError::Bucket(error)) => return Err(error.into()),
                Err(error) => tracing::warn!(key = %listed.key, %error, "passed over"),
            }
        }
        let newness = |(_, run): &(ObjectKey, Kept<RunRecord>)| (run.value.report.time.clone(), run.value.planned);
        runs.sort_by_cached_key(|run| std::cmp::Reverse(newness(run)));
        Ok(runs)
    }

    /// The bytes of `baseline.json`, whatever they are, unless a later release wrote them; none if it is not there.
    pub async fn damaged_baseline(&self) -> Result<Option<Kept<Vec<u8>>>, LedgerError> {
        let key = baseline_key();
        let Ok(object) = self.bucket.get(&key, Exactly::default(), LIMIT).await? else { return Ok(None) };
        match serde_json::from_slice(&object.bytes) {
            Ok(Versioned { schema }) if schema > SCHEMA => Err(LedgerError::Newer { key, found: schema }),
            _ => Ok(Some(Kept { value: object.bytes, etag: object.etag })),
        }
    }

    /// Keeps what a person told Transship to do.
    pub async fn note(&self, action: &Action) -> Result<ObjectKey, LedgerError> {
        let key = action.key();
        // If it is there already, the same invocation is tried again.
        let _ = self.create(&key, action).await?;
        Ok(key)
    }

    /// Reads a file of the ledger; none if it is not there.
    pub async fn read<T: DeserializeOwned>(&self, key: &ObjectKey) -> Result<Option<Kept<T>>, LedgerError> {
        let Ok(object) = self.bucket.get(key, Exactly::default(), LIMIT).await? else { return Ok(None) };
        let unreadable =
            |error: serde_json::Error| LedgerError::Unreadable { key: key.clone(), reason: error.to_string() };
        let Versioned { schema } = serde_json::from_slice(&object.bytes).map_err(unreadable)?;
        if schema > SCHEMA {
            return Err(LedgerError::Newer { key: key.clone(), found: schema });
        }
        let value = serde_json::from_slice(&object.bytes).map_err(unreadable)?;
        Ok(Some(Kept { value, etag: object.etag }))
    }

    /// Writes a file where there is none.
    pub async fn create<T: Serialize + Clone>(
        &self,
        key: &ObjectKey,
        value: &T,
    ) -> Result<Result<Kept<T>, Taken>, LedgerError> {
        let written = self.bucket.put_new(key, json(key, value)?).await?;
        Ok(written.map(|written| Kept { value: value.clone(), etag: written.etag }))
    }

    /// Writes a file in place of the one that was read.
    pub async fn swap<T: Serialize>(
        &self,
        key: &ObjectKey,
        value: T,
        read: &ETag,
    ) -> Result<Result<Kept<T>, Taken>, LedgerError> {
        let written = self.bucket.replace(key, json(key, &value)?, read).await?;
        Ok(written.map(|written| Kept { value, etag: written.etag }))
    }
}

/// What else can be done about a file.
fn rebuild(key: &ObjectKey) -> &'static str {
    if *key == baseline_key() {
        r#", or invoke create-job with {"action":"rebuild"} to plan everything anew"#
    } else {
        ""
    }
}

fn json<T: Serialize>(key: &ObjectKey, value: &T) -> Result<Vec<u8>, LedgerError> {
    let unreadable = |error: serde_json::Error| LedgerError::Unreadable { key: key.clone(), reason: error.to_string() };
    let mut bytes = serde_json::to_vec_pretty(value).map_err(unreadable)?;
    bytes.push(b'\n');
    Ok(bytes)
}
