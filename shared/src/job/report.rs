//! A job's completion report: its manifest.json, and the rows of its results files as they stream by. Knows readers, calls
//! nothing.
//!
//! The rows are in another order than manifest.json's `ReportSchema` says: HTTPStatusCode stands before ErrorCode.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-reports.html>

use std::collections::BTreeMap;
use std::io::{self, Read};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::names::{EncodedKey, ObjectKey, excerpt};

/// Why a completion report cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Its manifest.json is not what Batch Operations writes.
    #[error("{key} is not the manifest of a completion report ({reason})")]
    Manifest {
        /// The manifest.json.
        key: ObjectKey,
        /// What is wrong with it.
        reason: String,
    },
    /// A results file is not the one that the manifest lists.
    #[error("the MD5 of {key} is {found}, its manifest says {expected}")]
    Md5 {
        /// The results file.
        key: ObjectKey,
        /// Hex MD5 of what is there.
        found: String,
        /// What the manifest says.
        expected: String,
    },
    /// A row is not what Batch Operations writes.
    #[error("{key}, row {row}: {problem}")]
    Row {
        /// The results file.
        key: ObjectKey,
        /// From 1.
        row: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// It could not be read, or not be written down what it says.
    #[error("reading {key} failed: {error}")]
    Read {
        /// The results file.
        key: ObjectKey,
        /// How it failed.
        error: io::Error,
    },
}

/// How the tasks of one results file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// They failed. These come first.
    Failed,
    /// They succeeded.
    Succeeded,
}

/// One results file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultsFile {
    /// How its tasks ended.
    #[serde(rename = "TaskExecutionStatus")]
    pub status: TaskStatus,
    /// The bucket it is in.
    pub bucket: String,
    /// Hex MD5 of its bytes.
    #[serde(rename = "MD5Checksum")]
    pub md5: String,
    /// Its key.
    pub key: ObjectKey,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    format: String,
    results: Vec<ResultsFile>,
}

const FORMAT: &str = "Report_CSV_20180820";

/// The results files that the manifest.json at `key` in `bucket` lists, those of failed tasks first; none if it is only the
/// placeholder that may stand there before.
pub fn results(bytes: &[u8], key: &ObjectKey, bucket: &str) -> Result<Option<Vec<ResultsFile>>, ReportError> {
    let refuse = |reason: String| ReportError::Manifest { key: key.clone(), reason };
    let manifest: Manifest = match serde_json::from_slice(bytes) {
        Ok(manifest) => manifest,
        Err(_) if bytes.is_empty() || is_placeholder(bytes) => return Ok(None),
        Err(error) => return Err(refuse(error.to_string())),
    };
    if manifest.format != FORMAT {
        return Err(refuse(format!("its Format is {:?}, expected {FORMAT}", excerpt(&manifest.format))));
    }
    let folder = key.as_str().strip_suffix("manifest.json").unwrap_or_default();
    if let Some(foreign) = manifest.results.iter().find(|f| f.bucket != bucket || !f.key.as_str().starts_with(folder)) {
        return Err(refuse(format!("it lists {} in {}", excerpt(foreign.key.as_str()), excerpt(&foreign.bucket))));
    }
    let mut results = manifest.results;
    results.sort_by_key(|file| file.status);
    Ok(Some(results))
}

/// "This is a placeholder", whatever else it says.
fn is_placeholder(bytes: &[u8]) -> bool {
    bytes.len() < 4096 && String::from_utf8_lossy(bytes).to_ascii_lowercase().contains("placeholder")
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedTask<'a> {
    /// The object's key.
    pub key: &'a ObjectKey,
    /// HTTP status of its last request, if one was answered.
    pub status: Option<u16>,
    /// S3's error code, or Batch Operations'.
    pub code: &'a str,
    /// For a person.
    pub message: &'a str,
}

impl FailedTask<'_> {
    /// Whether there was no object of this key. Where there is no bucket, that is no object's fault, and nothing will mend itself.
    pub fn is_not_found(&self) -> bool {
        self.status == Some(404) && self.code != "NoSuchBucket"
    }
}

/// Reads a results file and holds it against its MD5; `failed` is told of each failed task. The rows that there are, by how
/// they ended: succeeded, failed.
pub fn read(
    reader: impl Read,
    file: &ResultsFile,
    mut failed: impl FnMut(&FailedTask<'_>) -> io::Result<()>,
) -> Result<(u64, u64), ReportError> {
    let key = &file.key;
    let io = |error| ReportError::Read { key: key.clone(), error };
    let mut hashed = Hashed { inner: reader, md5: Md5::new() };
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&mut hashed);
    let (mut row, mut number, mut counts) = (csv::StringRecord::new(), 0, (0, 0));
    loop {
        number += 1;
        let refuse = |problem: String| ReportError::Row { key: key.clone(), row: number, problem };
        match rows.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                let text = excerpt(&error.to_string());
                return Err(match error.into_kind() {
                    csv::ErrorKind::Io(error) => io(error),
                    _ => refuse(text),
                });
            }
        }
        match task(&row).map_err(refuse)? {
            None => counts.0 += 1,
            Some((key, status, code, message)) => {
                counts.1 += 1;
                failed(&FailedTask { key: &key, status, code, message }).map_err(io)?;
            }
        }
    }
    drop(rows);
    io::copy(&mut hashed, &mut io::sink()).map_err(io)?;
    let found = hex::encode(hashed.md5.finalize());
    if found == file.md5.to_ascii_lowercase() {
        return Ok(counts);
    }
    Err(ReportError::Md5 { key: key.clone(), found, expected: excerpt(&file.md5) })
}

type Failed<'a> = (ObjectKey, Option<u16>, &'a str, &'a str);

/// Bucket, Key, VersionId, TaskStatus, HTTPStatusCode, ErrorCode, ResultMessage; none if it succeeded. Should AWS ever
/// write the columns as documented, the number tells which is which.
fn task(row: &csv::StringRecord) -> Result<Option<Failed<'_>>, String> {
    let field = |column: usize| row.get(column).ok_or_else(|| format!("{} columns, expected 7", row.len()));
    let (key, ended, message) = (field(1)?, field(3)?, field(6)?);
    match ended {
        "succeeded" => return Ok(None),
        "failed" => {}
        other => return Err(format!("TaskStatus is {:?}, expected succeeded or failed", excerpt(other))),
    }
    let (status, code) = match (field(4)?, field(5)?) {
        (status, code) if status.parse::<u16>().is_ok() => (status, code),
        (code, status) if status.parse::<u16>().is_ok() => (status, code),
        ("", code) | (code, _) => ("", code),
    };
    let key = EncodedKey::new(key).decode().map_err(|invalid| invalid.to_string())?;
    Ok(Some(match said_by_function(code, message) {
        Some((code, message)) => (key, (code == "NoSuchKey").then_some(404), code, message),
        None => (key, status.parse().ok(), code, message),
    }))
}

/// What copy-large says of a task that it did not do begins with a code of its own; status 200 is that of its invocation.
fn said_by_function<'a>(code: &str, message: &'a str) -> Option<(&'a str, &'a str)> {
    if !["PermanentFailure", "TemporaryFailure"].contains(&code) {
        return None;
    }
    let (code, message) = message.split_once(": ")?;
    // AWS's own codes among them, such as KMS.DisabledException.
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
    code.split('.').all(is_word).then_some((code, message))
}

/// Hashes what passes.
struct Hashed<R> {
    inner: R,
    md5: Md5,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.md5.update(&buffer[..read]);
        Ok(read)
    }
}

/// Failed tasks with one error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorGroup {
    /// S3's error code, or Batch Operations'.
    pub code: String,
    /// HTTP status; none where no request was answered.
    pub status: Option<u16>,
    /// How many tasks.
    pub objects: u64,
    /// The message of the first.
    pub message: String,
    /// The keys of the first three, decoded.
    pub examples: Vec<ObjectKey>,
}

/// Failed tasks by their errors, in bounded memory: what comes after so many different errors is counted as "others".
#[derive(Debug, Clone, Default)]
pub struct Errors {
    groups: BTreeMap<(String, Option<u16>), ErrorGroup>,
    others: u64,
}

impl Errors {
    /// The most kinds of errors that are told apart.
    const KINDS: usize = 200;
    /// The most that are kept in the end.
    const KEPT: usize = 20;
    /// Examples of each.
    pub(crate) const EXAMPLES: usize = 3;

    /// Counts a failed task.
    pub fn add(&mut self, task: &FailedTask<'_>) {
        let kind = (excerpt(task.code), task.status);
        if !self.groups.contains_key(&kind) && self.groups.len() == Self::KINDS {
            self.others += 1;
            return;
        }
        let (code, status) = kind.clone();
        let new = || ErrorGroup { code, status, objects: 0, message: excerpt(task.message), examples: Vec::new() };
        let group = self.groups.entry(kind).or_insert_with(new);
        group.objects += 1;
        if group.examples.len() < Self::EXAMPLES {
            group.examples.push(task.key.clone());
        }
    }

    /// The most frequent first; what is not told of by itself is one group more, `others`.
    pub fn groups(self) -> Vec<ErrorGroup> {
        let mut groups: Vec<ErrorGroup> = self.groups.into_values().collect();
        groups.sort_by(|a, b| b.objects.cmp(&a.objects).then_with(|| a.code.cmp(&b.code)));
        let rest = groups.split_off(groups.len().min(Self::KEPT));
        let objects = self.others + rest.iter().map(|group| group.objects).sum::<u64>();
        if objects > 0 {
            let message = "other errors; the completion report has them all".to_owned();
            let (code, examples) = ("others".to_owned(), Vec::new());
            groups.push(ErrorGroup { code, status: None, objects, message, examples });
        }
        groups
    }

    /// Takes in those of another of the run's jobs.
    pub fn join(&mut self, other: Self) {
        self.others += other.others;
        for (kind, group) in other.groups {
            if let Some(known) = self.groups.get_mut(&kind) {
                known.objects += group.objects;
                known.examples.extend(group.examples);
                known.examples.truncate(Self::EXAMPLES);
            } else if self.groups.len() < Self::KINDS {
                self.groups.insert(kind, group);
            } else {
                self.others += group.objects;
            }
        }
    }
}

#[cfg(test)]
mod tests;
