//! Which archived objects can be read again: of those that earlier runs have asked to be restored. An inventory does not tell, so a
//! bounded number of them is asked for by HeadObject. Calls S3: the manifest bucket, and the source bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::StorageClass;
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
/// one of these is and none is still archived.
pub const MOST_ASKED: u64 = 1_000;
/// As many requests at a time.
const AT_A_TIME: usize = 16;

/// What is known of the objects that were asked to be restored.
#[derive(Debug)]
pub struct Restored {
    /// Those that need not be asked for again yet; none if they are too many to be known, and then nothing is asked for.
    pub(super) asked: Option<CarryOver>,
    /// How many more may be asked to be restored: as many as later runs can remember.
    pub(super) room: u64,
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
pub(super) enum Answer {
    Readable,
    Archived,
    /// Deleted, overwritten in a class that is not archived, or out of its archive tier: the next report tells of it.
    Gone,
    /// May not be asked for; or is gone, if others may: so S3 answers who may not list the bucket.
    Denied,
    /// S3 did not say.
    Unknown,
}

/// What the answers come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sample {
    /// Nothing may be asked for.
    Denied,
    /// One can be read, and none is still archived.
    Readable,
    /// That is not known.
    Unreadable,
}

fn sample(answers: &[Answer]) -> Sample {
    let has = |wanted| answers.contains(&wanted);
    match (has(Answer::Readable), has(Answer::Archived)) {
        (true, false) => Sample::Readable,
        (false, false) if has(Answer::Denied) && !has(Answer::Gone) => Sample::Denied,
        _ => Sample::Unreadable,
    }
}

impl Restored {
    /// That nothing was asked for.
    pub fn nothing(key: &HashKey) -> Self {
        let (asked, readable) = (Some(CarryOver::new(key)), CarryOver::new(key));
        Self { asked, room: u64::MAX, readable, fingerprint: String::new() }
    }
}

impl Asker<'_> {
    /// What is known of `records` for the report of a scan at `scan`.
    pub async fn ask(&self, mut records: Vec<Restores>, key: &HashKey, scan: Timestamp) -> Result<Restored, PlanError> {
        records.retain(|record| record.over() > scan);
        let mut restored = Restored::nothing(key);
        let objects: u64 = records.iter().map(|record| record.objects).sum();
        let Some(room) = self.most().checked_sub(objects) else {
            tracing::warn!(objects, "more objects were asked to be restored than memory holds: none is asked for now");
            (restored.asked, restored.room) = (None, 0);
            return Ok(restored);
        };
        restored.room = room;
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

    /// How many keys memory holds.
    pub(super) fn most(&self) -> u64 {
        self.memory / (carry::BYTES_A_KEY * 2)
    }

    /// The keys that a record is about; none if its manifest is gone.
    pub(super) async fn keys(&self, record: &Restores) -> Result<Vec<String>, PlanError> {
        let (bucket, runtime) = (self.bucket.clone(), Handle::current());
        let which = CarriedOver::Plan(record.manifest.clone());
        let list = ledger::CarryOver::new(&record.run, String::new(), record.objects, JobKind::Restore, which);
        let read = move || {
            let mut keys = Vec::new();
            let mut take = |key: &ObjectKey, _: &csv::StringRecord| {
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
        let sample = sample(&answers);
        if sample == Sample::Denied {
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
            return if sample == Sample::Readable { keys } else { Vec::new() };
        }
        let answered = keys.into_iter().zip(answers);
        answered.filter(|(_, answer)| *answer == Answer::Readable).map(|(key, _)| key).collect()
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>: `x-amz-restore` says
    /// `ongoing-request="false"` once the object can be read.
    pub(super) async fn head(&self, key: &str) -> Answer {
        let head = self.source.head_object().bucket(self.route.source_bucket.as_str()).key(key);
        match head.expected_bucket_owner(self.route.source_account.as_str()).send().await {
            Ok(head) => match head.restore() {
                Some(restore) if restore.contains("ongoing-request=\"false\"") => Answer::Readable,
                _ if matches!(head.storage_class(), Some(StorageClass::Glacier | StorageClass::DeepArchive)) => {
                    Answer::Archived
                }
                // INTELLIGENT_TIERING, while it is in an archive tier.
                _ if head.archive_status().is_some() => Answer::Archived,
                _ => Answer::Gone,
            },
            // S3 answers a HEAD without a body, so without a code: the status tells.
            Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
                Some(404) => Answer::Gone,
                Some(403) => Answer::Denied,
                _ => {
                    tracing::warn!(
                        code = error.code(),
                        "HeadObject failed: whether the object can be read is not known"
                    );
                    Answer::Unknown
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{Archived, Denied, Gone, Readable, Unknown};
    use super::*;

    #[test]
    fn one_that_is_gone_or_did_not_answer_keeps_no_other_from_being_read() {
        for (answers, expected) in [
            (vec![Readable, Readable], Sample::Readable),
            (vec![Readable, Gone, Unknown, Denied], Sample::Readable),
            (vec![Readable, Archived], Sample::Unreadable),
            (vec![Gone, Unknown], Sample::Unreadable),
            (vec![Gone, Denied], Sample::Unreadable),
            (vec![Archived, Denied], Sample::Unreadable),
            (vec![Unknown], Sample::Unreadable),
            (vec![], Sample::Unreadable),
            (vec![Denied, Denied], Sample::Denied),
            (vec![Denied, Unknown], Sample::Denied),
        ] {
            assert_eq!(sample(&answers), expected, "{answers:?}");
        }
    }
}
