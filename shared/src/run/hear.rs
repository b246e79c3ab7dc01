//! Reads a job's completion report from the manifest bucket, and writes down the keys of its failed tasks. Calls S3.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Instant;

use tokio::runtime::Handle;

use super::{RunError, Runner};
use crate::bucket::{BucketError, Exactly, ManifestBucket, ObjectReader, Upload, Wanted, Written};
use crate::job::JobRequest;
use crate::job::report::{self, Errors, FailedTask, ReportError, ResultsFile, TaskStatus};
use crate::large;
use crate::ledger::{CarriedOver, CarryOver, RunRecord, Stuck, carried_keys};
use crate::names::{BucketName, EncodedKey, ObjectKey};

/// The most of a report's manifest.json that is read.
const LIMIT: u64 = 16 * 1024 * 1024;
/// The most keys of carry-over whose earlier failures are counted on.
const MOST_KNOWN: usize = 500_000;

/// What a completion report says.
#[derive(Debug)]
pub(super) enum Heard {
    /// It is not there, or not yet.
    Nothing,
    /// This.
    Told(Box<Told>),
    /// It cannot be taken, and why.
    Wrong(String),
}

/// What its rows say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) tally: Tally,
    /// The failed tasks' keys, being written; none if there is none.
    pub(super) keys: Option<Upload>,
}

/// The rows, counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Of tasks that succeeded; none if there was no time to read them.
    pub(super) succeeded: Option<u64>,
    /// Of tasks that failed.
    pub(super) failed: u64,
    /// Of these, those that found no object.
    pub(super) not_found: u64,
    pub(super) errors: Errors,
    pub(super) stuck: Option<Stuck>,
    /// Why the failures of some count as their first, if they do.
    pub(super) forgot: Option<String>,
}

impl Tally {
    /// Counts a failed task whose object `before` runs in a row have not copied; how many it is now. A run that was only not
    /// done with an object is none of them.
    fn count(&mut self, task: &FailedTask<'_>, before: u32, stuck_after: u32) -> u32 {
        let runs = if task.code == large::TIME_UP { before } else { before.saturating_add(1) };
        self.failed += 1;
        self.errors.add(task);
        if task.is_not_found() {
            self.not_found += 1;
        } else if runs > before && runs >= stuck_after {
            let stuck = self.stuck.get_or_insert_with(|| Stuck { runs: stuck_after, objects: 0, examples: Vec::new() });
            stuck.objects += 1;
            if stuck.examples.len() < Errors::EXAMPLES {
                stuck.examples.push(task.key.clone());
            }
        }
        runs
    }
}

impl Runner {
    /// What the completion report of a job says, as far as it can be read until `until`.
    pub(super) async fn hear(
        &self,
        record: &RunRecord,
        (id, request): (&str, &JobRequest),
        until: Instant,
    ) -> Result<Heard, RunError> {
        let key = ObjectKey::from_plain(format!("{}manifest.json", request.report_folder(id)));
        let Ok(manifest) = self.bucket().get(&key, Exactly::default(), LIMIT).await? else { return Ok(Heard::Nothing) };
        let files = match report::results(&manifest.bytes, &key, self.route.manifest_bucket.as_str()) {
            Ok(Some(files)) => files,
            Ok(None) => return Ok(Heard::Nothing),
            Err(error) => return Ok(Heard::Wrong(error.to_string())),
        };
        let mut wanted = Vec::new();
        for file in files {
            let Some(head) = self.bucket().head(&file.key).await? else { return Ok(Heard::Nothing) };
            let key = file.key.clone();
            wanted.push((file, Wanted { key, size: head.size, etag: Some(head.etag), version_id: head.version_id }));
        }
        let listener = Listener {
            bucket: self.bucket().clone(),
            runtime: Handle::current(),
            source: self.route.source_bucket.clone(),
            keys: carried_keys(&record.run, id),
            stuck_after: self.settings.stuck_after,
            counted_in: counted_in(&record.carried),
            until,
        };
        let heard = tokio::task::spawn_blocking(move || listener.hear(&wanted)).await?;
        match heard {
            Ok(told) => Ok(Heard::Told(Box::new(told))),
            Err(ReportError::Read { error, .. }) => Err(match error.downcast::<BucketError>() {
                Ok(error) => error.into(),
                Err(error) => RunError::Io(error),
            }),
            Err(error) => Ok(Heard::Wrong(error.to_string())),
        }
    }
}

/// The lists that say how often objects of this carry-over have failed, each once.
pub(super) fn counted_in<'a>(carried: impl IntoIterator<Item = &'a CarryOver>) -> Vec<Written> {
    let mut lists: Vec<Written> = Vec::new();
    for list in carried {
        let own = match &list.which {
            CarriedOver::Keys(file) => Some(file),
            CarriedOver::Plan(_) => None,
        };
        for file in own.into_iter().chain(&list.counted_in) {
            if !lists.contains(file) {
                lists.push(file.clone());
            }
        }
    }
    lists
}

/// Reads on a thread that may block.
struct Listener {
    bucket: ManifestBucket,
    runtime: Handle,
    source: BucketName,
    /// Where the failed tasks' keys go.
    keys: ObjectKey,
    stuck_after: u32,
    /// The lists that say how often each object has failed.
    counted_in: Vec<Written>,
    until: Instant,
}

impl Listener {
    fn hear(&self, files: &[(ResultsFile, Wanted)]) -> Result<Told, ReportError> {
        let mut told = Told::default();
        let failed = files.iter().any(|(file, _)| file.status == TaskStatus::Failed);
        let known = if failed { self.known(&mut told.tally)? } else { HashMap::new() };
        told.tally.succeeded = Some(0);
        for (file, wanted) in files {
            if file.status == TaskStatus::Succeeded && Instant::now() >= self.until {
                told.tally.succeeded = None;
                break;
            }
            let reader = self.reader(wanted.clone());
            let (succeeded, _) = report::read(reader, file, |task| self.failed(task, &known, &mut told))?;
            if let Some(all) = &mut told.tally.succeeded {
                *all += succeeded;
            }
        }
        Ok(told)
    }

    /// Counts a failed task, and writes its key with the number of runs in a row that have not copied it.
    fn failed(&self, task: &FailedTask<'_>, known: &HashMap<ObjectKey, u32>, told: &mut Told) -> io::Result<()> {
        let runs = told.tally.count(task, known.get(task.key).copied().unwrap_or_default(), self.stuck_after);
        let new = || Upload::new(self.bucket.clone(), self.runtime.clone(), self.keys.clone());
        let keys = told.keys.get_or_insert_with(new);
        // No field needs quotes: keys are percent-encoded.
        writeln!(keys, "{},{},{runs}", self.source, task.key.encode().as_str())
    }

    /// How many runs in a row have not copied the objects that this run took over. What cannot be told of them any more must not
    /// keep it open.
    fn known(&self, tally: &mut Tally) -> Result<HashMap<ObjectKey, u32>, ReportError> {
        let mut known = HashMap::new();
        for list in &self.counted_in {
            match self.counts(list, &mut known) {
                Ok(()) if known.len() > MOST_KNOWN => {
                    let forgot = "too much was carried over to count on how often each object has failed";
                    tally.forgot = Some(forgot.to_owned());
                    return Ok(HashMap::new());
                }
                Ok(()) => {}
                Err(error) => match error.downcast::<BucketError>() {
                    Ok(error) if !error.is_lost() => {
                        return Err(ReportError::Read { key: list.key.clone(), error: io::Error::other(error) });
                    }
                    lost => {
                        let error = lost.map_or_else(|error| error.to_string(), |error| error.to_string());
                        tracing::warn!(key = %list.key, error, "how often objects have failed is not known any more");
                        tally.forgot = Some(format!(
                            "{} cannot be read any more: how often its objects have failed is counted anew",
                            list.key
                        ));
                    }
                },
            }
        }
        Ok(known)
    }

    /// Takes up what one list says, as far as there is room.
    fn counts(&self, list: &Written, known: &mut HashMap<ObjectKey, u32>) -> io::Result<()> {
        let (key, etag, version_id) = (list.key.clone(), Some(list.etag.clone()), list.version_id.clone());
        let reader = self.reader(Wanted { key, size: list.size, etag, version_id });
        let rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader);
        for row in rows.into_records() {
            let row = row?;
            let runs = row.get(2).and_then(|runs| runs.parse().ok()).unwrap_or(1);
            if let Some(Ok(key)) = row.get(1).map(|key| EncodedKey::new(key).decode()) {
                let most = known.entry(key).or_insert(runs);
                *most = runs.max(*most);
            }
            if known.len() > MOST_KNOWN {
                break;
            }
        }
        Ok(())
    }

    fn reader(&self, wanted: Wanted) -> ObjectReader {
        ObjectReader::new(self.bucket.clone(), self.runtime.clone(), wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object that takes more than one run, and gets on in each, is not stuck; one that does not get on is.
    #[test]
    fn an_object_that_gets_on_is_not_stuck() {
        let key = ObjectKey::from_plain("k");
        let task = |code| FailedTask { key: &key, status: None, code, message: "" };
        let mut tally = Tally::default();
        let mut runs = 0;
        for _ in 0..10 {
            runs = tally.count(&task("TimeUp"), runs, 3);
        }
        assert_eq!((runs, tally.failed, &tally.stuck), (0, 10, &None));
        for _ in 0..3 {
            assert_eq!(tally.stuck, None);
            runs = tally.count(&task("NoProgress"), runs, 3);
        }
        assert_eq!((runs, tally.stuck.as_ref().map(|stuck| stuck.objects)), (3, Some(1)));
        let mut gone = Tally::default();
        gone.count(&FailedTask { status: Some(404), ..task("NoSuchKey") }, 9, 3);
        assert_eq!((gone.not_found, gone.stuck), (1, None));
        // Its bucket is gone: no object will ever be copied, and somebody has to know.
        let mut nowhere = Tally::default();
        nowhere.count(&FailedTask { status: Some(404), ..task("NoSuchBucket") }, 9, 3);
        assert_eq!((nowhere.not_found, nowhere.stuck.is_some()), (0, true));
    }
}
