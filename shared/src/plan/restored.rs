//! Which archived objects can be read again: of those that earlier runs have asked to be restored. An inventory does not tell, so a
//! bounded number of them is asked for by HeadObject. Calls S3: the manifest bucket, and the source bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use futures::StreamExt;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::{PlanError, carry};
use crate::bucket::ManifestBucket;
use crate::config::Route;
use crate::delta::{CarryOver, HashKey};
use crate::job::JobKind;
use crate::ledger::{self, CarriedOver, Restores};
use crate::names::ObjectKey;

/// The most objects that are asked for in one run. Of more, so many are asked for at even distances, and all count as readable if
/// each of these is.
pub const MOST_ASKED: u64 = 1_000;
/// As many requests at a time.
const AT_A_TIME: usize = 16;

/// What is known of the objects that were asked to be restored.
#[derive(Debug)]
pub struct Restored {
    /// Those that need not be asked for again yet; none if they are too many to be known, and then nothing is asked for.
    pub(super) asked: Option<CarryOver>,
    /// Those that can be read.
    pub(super) readable: CarryOver,
    /// Of the latter, in one text.
    pub(super) fingerprint: String,
}

/// Asks for them.
pub struct Asker<'a> {
    /// The manifest bucket.
    pub bucket: &'a ManifestBucket,
    /// The route.
    pub route: &'a Route,
    /// A client that may read the source's objects.
    pub source: &'a Client,
    /// Bytes of memory that keys may take.
    pub memory: u64,
}

/// Whether an object can be read, as far as S3 says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Readable,
    Archived,
    Denied,
}

impl Restored {
    /// That nothing was asked for.
    pub fn nothing(key: &HashKey) -> Self {
        Self { asked: Some(CarryOver::new(key)), readable: CarryOver::new(key), fingerprint: String::new() }
    }
}

impl Asker<'_> {
    /// What is known of `records` for the report of a scan at `scan`.
    pub async fn ask(&self, mut records: Vec<Restores>, key: &HashKey, scan: Timestamp) -> Result<Restored, PlanError> {
        records.retain(|record| record.over() > scan);
        let mut restored = Restored::nothing(key);
        let objects: u64 = records.iter().map(|record| record.objects).sum();
        if objects.saturating_mul(carry::BYTES_A_KEY * 2) > self.memory {
            tracing::warn!(objects, "more objects were asked to be restored than memory holds: none is asked for now");
            restored.asked = None;
            return Ok(restored);
        }
        let every = objects.div_ceil(MOST_ASKED).max(1);
        let mut all = Sha256::new();
        for record in &records {
            let keys = self.keys(record).await?;
            if let Some(asked) = &mut restored.asked {
                for key in &keys {
                    asked.insert(key);
                }
            }
            for key in self.readable(record, keys, every, scan).await {
                restored.readable.insert(&key);
                all.update((key.len() as u64).to_be_bytes());
                all.update(key.as_bytes());
            }
        }
        restored.fingerprint = hex::encode(all.finalize());
        Ok(restored)
    }

    /// The keys that a record is about; none if its manifest is gone.
    async fn keys(&self, record: &Restores) -> Result<Vec<String>, PlanError> {
        let (bucket, runtime) = (self.bucket.clone(), Handle::current());
        let (run, which) = (record.run.clone(), CarriedOver::Plan(record.manifest.clone()));
        let kind = JobKind::Restore;
        let list = ledger::CarryOver { run, reason: String::new(), objects: record.objects, kind, which };
        let read = move || {
            let mut keys = Vec::new();
            let mut take = |key: &ObjectKey| {
                keys.push(key.as_str().to_owned());
                Ok(())
            };
            let whole = carry::each(&bucket, &runtime, &[list], &mut take)?;
            Ok::<_, PlanError>(if whole { keys } else { Vec::new() })
        };
        tokio::task::spawn_blocking(read).await?
    }

    /// Those of `keys` that can be read, of which each `every`th is asked for.
    async fn readable(&self, record: &Restores, keys: Vec<String>, every: u64, scan: Timestamp) -> Vec<String> {
        let step = usize::try_from(every).unwrap_or(usize::MAX);
        let asked: Vec<&String> = keys.iter().step_by(step).collect();
        let answers: Vec<Answer> =
            futures::stream::iter(&asked).map(|key| self.head(key)).buffered(AT_A_TIME).collect().await;
        // One that is gone is denied, too, to who may not list the bucket.
        if !answers.is_empty() && answers.iter().all(|answer| *answer == Answer::Denied) {
            let readable = record.readable_by() <= scan;
            tracing::warn!(
                run = %record.run,
                readable,
                "create-job may not ask for restored objects: they count as readable once their tier's longest time is over; \
                its role needs s3:GetObject on the source's objects, by its own policy and the source bucket's"
            );
            return if readable { keys } else { Vec::new() };
        }
        if step > 1 {
            return if answers.iter().all(|answer| *answer == Answer::Readable) { keys } else { Vec::new() };
        }
        let answered = keys.into_iter().zip(answers);
        answered.filter(|(_, answer)| *answer == Answer::Readable).map(|(key, _)| key).collect()
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>: `x-amz-restore` says
    /// `ongoing-request="false"` once the object can be read.
    async fn head(&self, key: &str) -> Answer {
        let head = self.source.head_object().bucket(self.route.source_bucket.as_str()).key(key);
        match head.expected_bucket_owner(self.route.source_account.as_str()).send().await {
            Ok(head) => match head.restore() {
                Some(restore) if restore.contains("ongoing-request=\"false\"") => Answer::Readable,
                _ => Answer::Archived,
            },
            // S3 answers a HEAD without a body, so without a code: the status tells.
            Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
                Some(404) => Answer::Archived,
                Some(403) => Answer::Denied,
                _ => {
                    tracing::warn!(code = error.code(), "HeadObject failed: the object counts as archived still");
                    Answer::Archived
                }
            },
        }
    }
}
