//! One object from beginning to end, or as far as the time goes. Calls S3, through [`super::source`], [`super::upload`] and
//! the ledger. Holds nothing of one object for the next.

use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;

use super::copied::Copied;
use super::error::LargeError;
use super::parts::{LARGEST, Parts};
use super::record::{Finished, Place, Record, Stage, Upload, folder, record_key};
use super::source::{Source, Tags, finished, modified, size};
use super::task::{ResultCode, Task, TaskResult};
use super::upload::{PartError, There};
use crate::bucket::ManifestBucket;
use crate::config::{CopySettings, Route};
use crate::ledger::{Kept, Ledger};
use crate::names::{ETag, ObjectKey};

/// Parts of one object that are copied at a time. S3 copies a part at some 100 MB a second, so that these are several GB a
/// second, and takes thousands of requests a second.
const CONCURRENCY: usize = 64;

/// How often an object is begun anew within one attempt, since others are at it too.
const ROUNDS: u32 = 3;

/// Attempts to create an upload, the first one included.
const ATTEMPTS: u32 = 4;

/// How long one attempt may take.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// No part, and no completion, is begun after this.
    pub stop: Instant,
    /// What is under way by then is not waited for: S3 finishes it, and the next attempt finds it.
    pub give_up: Instant,
}

impl Time {
    /// Of an invocation that has so long: a fifth of it, 90 seconds at most, for what was begun, and a tenth, 15 seconds at
    /// most, for the answer.
    pub fn within(left: Duration) -> Self {
        let now = Instant::now();
        let before = |reserve: Duration| now + left.saturating_sub(reserve);
        Self {
            stop: before((left / 5).min(Duration::from_secs(90))),
            give_up: before((left / 10).min(Duration::from_secs(15))),
        }
    }

    fn is_up(&self) -> bool {
        Instant::now() >= self.stop
    }
}

/// Copies objects of a route. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Copier {
    pub(super) route: Route,
    pub(super) settings: CopySettings,
    /// In the source bucket's Region.
    pub(super) source: Client,
    /// In the destination bucket's Region, patient.
    pub(super) destination: Client,
    ledger: Ledger,
}

/// What comes of a round.
enum Round {
    Copied(Copied),
    /// The upload is gone: another invocation has completed or aborted it.
    Again,
}

impl Copier {
    /// For a route: `source` is of the source bucket's Region, `destination` of the destination bucket's.
    pub fn new(route: Route, settings: CopySettings, source: Client, destination: Client) -> Self {
        let ledger = Ledger::new(ManifestBucket::new(&source, &route));
        Self { route, settings, source, destination, ledger }
    }

    /// Does one task, and says what became of it.
    pub async fn run(&self, task: &Task, time: &Time) -> TaskResult {
        let copied = match task.key() {
            // Whatever waits longer than that, an answer is better than none: Lambda would kill what has not answered.
            Ok(key) => {
                match tokio::time::timeout_at(time.give_up.into(), Box::pin(self.copy(task, &key, time))).await {
                    Ok(copied) => copied,
                    Err(_) => Err(LargeError::Late),
                }
            }
            Err(invalid) => Err(invalid.into()),
        };
        match copied {
            Ok(copied) => {
                tracing::info!(key = task.s3_key, %copied, "copied");
                TaskResult::new(&task.task_id, ResultCode::Succeeded, &copied.to_string())
            }
            Err(error) => {
                let code = error.result_code();
                tracing::warn!(key = task.s3_key, result = ?code, code = error.code(), %error, "not copied");
                TaskResult::new(&task.task_id, code, &format!("{}: {error}", error.code()))
            }
        }
    }

    async fn copy(&self, task: &Task, key: &ObjectKey, time: &Time) -> Result<Copied, LargeError> {
        if task.s3_bucket != self.route.source_bucket.as_str() {
            let (found, expected) = (task.s3_bucket.clone(), self.route.source_bucket.to_string());
            return Err(LargeError::NotOurs { found, expected });
        }
        let place = self.place(key);
        let copied = self.rounds(task, key, &place, time).await;
        // What an earlier attempt has begun comes to nothing: nobody else would see to it.
        if let Err(LargeError::NoSuchKey(_) | LargeError::Archived(_)) = &copied
            && let Err(left) = self.clear(&place, None).await
        {
            tracing::warn!(%key, %left, "what was begun for an object that cannot be read may be left");
        }
        copied
    }

    async fn rounds(&self, task: &Task, key: &ObjectKey, place: &Place, time: &Time) -> Result<Copied, LargeError> {
        for _ in 0..ROUNDS {
            let source = self.source(key, task.version()).await?;
            if source.identity.size <= LARGEST {
                return self.copy_small(&source, place).await;
            }
            if let Round::Copied(copied) = Box::pin(self.round(&source, place, time)).await? {
                return Ok(copied);
            }
        }
        Err(LargeError::Contended)
    }

    /// As a copy job puts its TargetKeyPrefix before the whole key.
    fn place(&self, key: &ObjectKey) -> Place {
        let prefix = self.route.destination_prefix.as_ref();
        let key = prefix.map_or_else(|| key.clone(), |prefix| ObjectKey::from_plain(format!("{prefix}/{key}")));
        Place { bucket: self.route.destination_bucket.clone(), key }
    }

    /// What has shrunk since it was planned.
    async fn copy_small(&self, source: &Source, place: &Place) -> Result<Copied, LargeError> {
        self.clear(place, None).await?;
        self.copy_whole(&source.identity, place).await.map(|()| Copied::Whole)
    }

    /// Begins an upload, or finds the one that was begun, and goes on with it.
    async fn round(&self, source: &Source, place: &Place, time: &Time) -> Result<Round, LargeError> {
        let key = record_key(&source.identity, place);
        self.clear(place, Some(&key)).await?;
        let found = match self.ledger.read::<Record>(&key).await? {
            // An upload keeps the settings that it was created with.
            Some(kept) if kept.value.upload().is_some() && !kept.value.may_have(&self.settings) => {
                self.forget(&key, &kept.value).await?;
                None
            }
            found => found,
        };
        let kept = match found {
            Some(kept) => kept,
            None if self.is_identical(source, place).await? => return Ok(Round::Copied(Copied::AlreadyThere)),
            None => self.begin(source, &key, None).await?,
        };
        match &kept.value.stage {
            Stage::Done(done) if self.is_still(done, &kept.value).await? => Ok(Round::Copied(Copied::AlreadyThere)),
            Stage::Starting | Stage::Done(_) => {
                let kept = self.begin(source, &key, Some(kept)).await?;
                Box::pin(self.go_on(source, &key, kept, time)).await
            }
            Stage::Copying(_) | Stage::Completing(_) => Box::pin(self.go_on(source, &key, kept, time)).await,
        }
    }

    /// Takes away what was begun for another version of the object: its record and its upload.
    async fn clear(&self, place: &Place, but: Option<&ObjectKey>) -> Result<(), LargeError> {
        let found = self.ledger.bucket().all_below(&folder(place), None).await;
        let found = found.map_err(crate::ledger::LedgerError::from)?;
        for listed in found.into_iter().filter(|listed| Some(&listed.key) != but) {
            if let Some(kept) = self.ledger.read::<Record>(&listed.key).await? {
                self.forget(&listed.key, &kept.value).await?;
            }
        }
        Ok(())
    }

    /// Aborts a record's upload and deletes the record.
    async fn forget(&self, key: &ObjectKey, record: &Record) -> Result<(), LargeError> {
        match &record.stage {
            Stage::Copying(upload) | Stage::Completing(upload) => self.abort(&record.destination, upload).await?,
            Stage::Starting => self.abort_unrecorded(&record.destination, record.began).await?,
            Stage::Done(_) => {}
        }
        self.ledger.bucket().delete(key).await.map_err(|error| LargeError::Ledger(error.into()))
    }

    /// Creates an upload. The record says so before, so that whoever comes after a crash in between knows where to look.
    async fn begin(
        &self,
        source: &Source,
        key: &ObjectKey,
        before: Option<Kept<Record>>,
    ) -> Result<Kept<Record>, LargeError> {
        let place = self.place(&source.identity.key);
        let parts = source.parts.ok_or(LargeError::TooLarge(source.identity.size))?;
        let tags = self.tags(&source.identity).await?;
        let starting = Record::starting(&source.identity, &place, parts, self.ledger.bucket().now());
        let starting = starting.with(&self.settings, &tags);
        let kept = match &before {
            None => self.ledger.create(key, &starting).await?,
            Some(before) => self.ledger.swap(key, starting.clone(), &before.etag).await?,
        };
        let kept = kept.map_err(|_| LargeError::Contended)?;
        if let Some(Kept { value: Record { stage: Stage::Starting, began, .. }, .. }) = before {
            self.abort_unrecorded(&place, began).await?;
        }
        let upload = match self.create_once(source, &tags, &place, starting.began).await {
            Ok(upload) => upload,
            Err(error) => {
                if error.result_code() == ResultCode::PermanentFailure {
                    self.ledger.bucket().delete(key).await.map_err(crate::ledger::LedgerError::from)?;
                }
                return Err(error);
            }
        };
        if let Ok(kept) = self.ledger.swap(key, starting.at(Stage::Copying(upload.clone())), &kept.etag).await? {
            Ok(kept)
        } else {
            self.abort(&place, &upload).await?;
            Err(LargeError::Contended)
        }
    }

    /// Creates one upload: what a lost answer may have left is aborted before the call is made again.
    async fn create_once(
        &self,
        source: &Source,
        tags: &Tags,
        place: &Place,
        began: Timestamp,
    ) -> Result<Upload, LargeError> {
        let mut pause = Duration::from_millis(200);
        for _ in 1..ATTEMPTS {
            match self.create(source, tags, place).await {
                Err(error) if error.result_code() == ResultCode::TemporaryFailure => {}
                answer => return answer,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            self.abort_unrecorded(place, began).await?;
        }
        self.create(source, tags, place).await
    }

    /// Copies the parts that are missing, and puts the object together.
    async fn go_on(
        &self,
        source: &Source,
        key: &ObjectKey,
        kept: Kept<Record>,
        time: &Time,
    ) -> Result<Round, LargeError> {
        let record = kept.value.clone();
        let Some(upload) = record.upload() else { return Ok(Round::Again) };
        let parts = record.parts();
        let Some(there) = self.parts_there(&record.destination, upload).await? else {
            return self.gone(source, key, kept).await;
        };
        let missing: Vec<u64> = (1..=parts.count()).filter(|number| !is_whole(&there, parts, *number)).collect();
        let before = parts.count() - missing.len() as u64;
        let copied = match self.copy_parts(&record, upload, &missing, time).await {
            Ok(copied) => copied,
            Err(PartError::UploadGone) => return self.gone(source, key, kept).await,
            Err(error @ PartError::Failed(_)) => return self.failed(key, &record, error).await,
        };
        if before + copied < parts.count() || time.is_up() {
            return Err(LargeError::TimeUp { now: copied, copied: before + copied, parts: parts.count() });
        }
        // Listed once more: what is put together is what S3 says is there.
        let Some(there) = self.parts_there(&record.destination, upload).await? else {
            return self.gone(source, key, kept).await;
        };
        if !(1..=parts.count()).all(|number| is_whole(&there, parts, number)) {
            return Err(LargeError::Contended);
        }
        let there = there.into_iter().filter(|(number, _)| *number <= parts.count()).collect();
        let completing = record.at(Stage::Completing(upload.clone()));
        let Ok(kept) = self.ledger.swap(key, completing, &kept.etag).await? else { return Ok(Round::Again) };
        let Some(finished) = self.complete(&record, upload, there).await? else {
            return self.gone(source, key, kept).await;
        };
        let keeps_etag = finished.etag == record.source.etag;
        // Whoever else has written it says the same.
        let _ = self.ledger.swap(key, record.at(Stage::Done(finished)), &kept.etag).await?;
        let missing = source.headers.missing;
        Ok(Round::Copied(Copied::InParts { parts, now: copied, keeps_etag, missing }))
    }

    /// How many of the parts were copied: all, unless the time is up. After the first failure none is begun; those under
    /// way are waited for, since an upload can be aborted cleanly only then.
    async fn copy_parts(
        &self,
        record: &Record,
        upload: &Upload,
        numbers: &[u64],
        time: &Time,
    ) -> Result<u64, PartError> {
        let (mut copied, mut failed) = (0, None);
        let mut running = FuturesUnordered::new();
        let mut numbers = numbers.iter();
        loop {
            while running.len() < CONCURRENCY && failed.is_none() && !time.is_up() {
                let Some(number) = numbers.next() else { break };
                running.push(self.copy_part(record, upload, *number));
            }
            match tokio::time::timeout_at(time.give_up.into(), running.next()).await {
                Ok(Some(Ok(()))) => copied += 1,
                Ok(Some(Err(error))) => {
                    failed.get_or_insert(error);
                }
                // None is under way any more; or S3 finishes those that are.
                Ok(None) | Err(_) => return failed.map_or(Ok(copied), Err),
            }
        }
    }

    /// An upload stays only if the same task can go on with it.
    async fn failed(&self, key: &ObjectKey, record: &Record, error: PartError) -> Result<Round, LargeError> {
        if error.ends_it()
            && let Err(left) = self.forget(key, record).await
        {
            tracing::warn!(key = %record.source.key, %left, "an upload that came to nothing was not aborted");
        }
        match error {
            PartError::UploadGone => Ok(Round::Again),
            PartError::Failed(error) => Err(error),
        }
    }

    /// The upload is gone. Another invocation, or this one's completion whose answer was lost, may have put the object
    /// together: then it is there. Otherwise it is begun anew.
    async fn gone(&self, source: &Source, key: &ObjectKey, kept: Kept<Record>) -> Result<Round, LargeError> {
        let now = match self.ledger.read::<Record>(key).await? {
            Some(now) if now.etag != kept.etag => return Ok(Round::Again),
            Some(now) => now,
            None => return Ok(Round::Again),
        };
        let record = &now.value;
        if matches!(record.stage, Stage::Completing(_))
            && let Some(head) = self.there(&record.destination).await?
            && let Some(finished) = finished(&head)
            && size(&head) == record.source.size
            && parts_of(&finished.etag) == Some(record.parts().count())
            // S3 dates an object by the beginning of its upload, in whole seconds.
            && modified(&head).as_second() >= record.began.as_second() - 1
        {
            let keeps_etag = finished.etag == record.source.etag;
            let (parts, missing) = (record.parts(), source.headers.missing);
            let _ = self.ledger.swap(key, record.at(Stage::Done(finished)), &now.etag).await?;
            return Ok(Round::Copied(Copied::InParts { parts, now: 0, keeps_etag, missing }));
        }
        self.ledger.bucket().delete(key).await.map_err(crate::ledger::LedgerError::from)?;
        Ok(Round::Again)
    }

    /// Whether what was copied is what is there, and what a copy would write now.
    async fn is_still(&self, done: &Finished, record: &Record) -> Result<bool, LargeError> {
        let there = self.there(&record.destination).await?;
        let is = |head: HeadObjectOutput| size(&head) == record.source.size && finished(&head).as_ref() == Some(done);
        Ok(there.is_some_and(is) && record.has(&self.settings, &self.tags(&record.source).await?))
    }
}

fn parts_of(etag: &ETag) -> Option<u64> {
    super::parts::Uploaded::count_of(etag.as_str())
}

fn is_whole(there: &There, parts: Parts, number: u64) -> bool {
    let range = parts.range(number);
    let expected = range.end - range.start;
    there.get(&number).and_then(aws_sdk_s3::types::Part::size).and_then(|size| u64::try_from(size).ok())
        == Some(expected)
}
