//! Writes a plan: data files of bounded size, the list of what is left out, and the manifest.json over them. The same
//! report, baseline and settings give the same bytes. Knows S3 only as somewhere to write to.
//!
//! An inventory-format manifest written by a program is taken by S3 Batch Operations: `fileSchema` `Bucket, Key`, data files of
//! plain CSV, keys percent-encoded.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::reason::COPY_OBJECT_LIMIT;
use super::{Count, Reason, Restored};
use crate::bucket::{BucketError, ManifestBucket, Upload, Written};
use crate::config::Route;
use crate::delta::Sink;
use crate::inventory::Row;
use crate::large::Parts;
use crate::names::ObjectKey;

/// A data file is ended once it has this many bytes.
const FILE: u64 = 256 * 1024 * 1024;

/// Writes what one pass emits.
#[derive(Debug)]
pub(super) struct Author {
    files: Series,
    large_files: Series,
    restore_files: Series,
    left_out: Series,
    route: Route,
    counts: BTreeMap<Reason, Count>,
    large: Count,
    large_parts: u64,
    restore: Count,
    /// If archived objects are restored: those that have been asked for.
    pub(super) restored: Option<Arc<Restored>>,
    /// The most that are asked to be restored; a later run asks for the rest.
    pub(super) most_restored: u64,
    /// Whether rows to be copied are written.
    pub(super) writes_rows: bool,
    /// Whether rows that are left out are written.
    pub(super) writes_lists: bool,
}

/// What a pass has written.
#[derive(Debug)]
pub(super) struct Authored {
    /// Data files of what is to be copied.
    pub(super) files: Vec<Written>,
    /// Data files of what is to be copied and over 5 GB.
    pub(super) large_files: Vec<Written>,
    /// How much that is.
    pub(super) large: Count,
    /// In how many parts that is likely to be copied.
    pub(super) large_parts: u64,
    /// Data files of what is to be restored.
    pub(super) restore_files: Vec<Written>,
    /// How much that is.
    pub(super) restore: Count,
    /// Lists of what is left out.
    pub(super) lists: Vec<Written>,
    /// How much is left out, by reason.
    pub(super) left_out: Vec<(Reason, Count)>,
}

impl Author {
    /// Writes into `folder`; `pass` tells the files of one pass from another's.
    pub(super) fn new(
        bucket: &ManifestBucket,
        runtime: &tokio::runtime::Handle,
        route: &Route,
        folder: &str,
        pass: &str,
    ) -> Self {
        let series = |name: &str| Series::new(bucket, runtime, format!("{folder}{name}-{pass}"));
        Self {
            files: series("data/objects"),
            large_files: series("large/data/objects"),
            restore_files: series("restore/data/objects"),
            left_out: series("left-out"),
            route: route.clone(),
            counts: BTreeMap::new(),
            large: Count::default(),
            large_parts: 0,
            restore: Count::default(),
            restored: None,
            most_restored: u64::MAX,
            writes_rows: true,
            writes_lists: true,
        }
    }

    /// Ends the files.
    pub(super) fn finish(self) -> Result<Authored, BucketError> {
        let left_out = self.counts.into_iter().collect();
        Ok(Authored {
            files: self.files.finish()?,
            large_files: self.large_files.finish()?,
            large: self.large,
            large_parts: self.large_parts,
            restore_files: self.restore_files.finish()?,
            restore: self.restore,
            lists: self.left_out.finish()?,
            left_out,
        })
    }
}

impl Author {
    /// Not what has been asked for already. An archive tier of INTELLIGENT_TIERING takes no days, and is its owner's to leave.
    fn is_to_be_restored(&self, row: &Row<'_>) -> bool {
        let asked = self.restored.as_ref().and_then(|restored| restored.asked.as_ref());
        matches!(row.storage_class(), "GLACIER" | "DEEP_ARCHIVE")
            && self.restore.objects < self.most_restored
            && asked.is_some_and(|asked| !asked.contains(row.key().as_ref()))
    }
}

impl Sink for Author {
    fn wants_changed(&self) -> bool {
        self.writes_rows
    }

    fn changed(&mut self, row: &Row<'_>) -> io::Result<()> {
        if !self.writes_rows {
            return Ok(());
        }
        let key = row.manifest_key();
        let line = [self.route.source_bucket.as_str(), key.as_ref()];
        // Taken, though too large for a copy job: then there is one for such objects.
        match row.size() {
            Some(bytes) if bytes > COPY_OBJECT_LIMIT => {
                self.large.add(Count { objects: 1, bytes });
                self.large_parts += Parts::guess(bytes, row.etag());
                self.large_files.line(&line)
            }
            _ => self.files.line(&line),
        }
    }

    fn left_out(&mut self, row: &Row<'_>, reason: u8) -> io::Result<()> {
        let Some(reason) = Reason::ALL.get(usize::from(reason)) else { return Ok(()) };
        let size = row.size();
        self.counts.entry(*reason).or_default().add(Count { objects: 1, bytes: size.unwrap_or_default() });
        if !self.writes_lists {
            return Ok(());
        }
        if *reason == Reason::Archived && self.is_to_be_restored(row) {
            self.restore.add(Count { objects: 1, bytes: size.unwrap_or_default() });
            self.restore_files.line(&[self.route.source_bucket.as_str(), row.manifest_key().as_ref()])?;
        }
        let size = size.map(|size| size.to_string()).unwrap_or_default();
        self.left_out.line(&[row.manifest_key().as_ref(), reason.as_str(), &size])
    }
}

/// CSV files, one after the other. No field of ours needs quotes: keys are percent-encoded.
#[derive(Debug)]
pub(super) struct Series {
    bucket: ManifestBucket,
    runtime: tokio::runtime::Handle,
    stem: String,
    open: Option<Upload>,
    done: Vec<Written>,
}

impl Series {
    /// Files whose keys begin with `stem`.
    pub(super) fn new(bucket: &ManifestBucket, runtime: &tokio::runtime::Handle, stem: String) -> Self {
        Self { bucket: bucket.clone(), runtime: runtime.clone(), stem, open: None, done: Vec::new() }
    }

    /// Writes one row.
    pub(super) fn line(&mut self, fields: &[&str]) -> io::Result<()> {
        let upload = self.open.get_or_insert_with(|| {
            let key = ObjectKey::from_plain(format!("{}-{:05}.csv", self.stem, self.done.len()));
            Upload::new(self.bucket.clone(), self.runtime.clone(), key)
        });
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                upload.write_all(b",")?;
            }
            upload.write_all(field.as_bytes())?;
        }
        upload.write_all(b"\n")?;
        if upload.size() >= FILE {
            self.end().map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), BucketError> {
        if let Some(upload) = self.open.take() {
            self.done.push(upload.finish()?);
        }
        Ok(())
    }

    /// Ends the files.
    pub(super) fn finish(mut self) -> Result<Vec<Written>, BucketError> {
        self.end()?;
        Ok(self.done)
    }
}

/// manifest.json as S3 Inventory writes it, as far as Batch Operations reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    source_bucket: &'a str,
    destination_bucket: String,
    version: &'a str,
    creation_timestamp: String,
    file_format: &'a str,
    file_schema: &'a str,
    files: Vec<File<'a>>,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    key: &'a str,
    size: u64,
    #[serde(rename = "MD5checksum")]
    md5: &'a str,
}

/// When the scan of a report of this time, `YYYY-MM-DDTHH-MMZ`, started; keys of reports are of no other form.
pub fn scan_started(time: &str) -> Timestamp {
    let time = DateTime::strptime("%Y-%m-%dT%H-%MZ", time).ok().and_then(|t| t.to_zoned(TimeZone::UTC).ok());
    time.map(|time| time.timestamp()).unwrap_or_default()
}

/// The manifest.json of these data files. `time` is the report's, so that nothing in it depends on when it is written.
pub(super) fn manifest(route: &Route, partition: &str, time: &str, files: &[Written]) -> serde_json::Result<Vec<u8>> {
    let manifest = Manifest {
        source_bucket: route.source_bucket.as_str(),
        destination_bucket: route.manifest_bucket.arn(partition),
        version: "2016-11-30",
        creation_timestamp: scan_started(time).as_millisecond().to_string(),
        file_format: "CSV",
        file_schema: "Bucket, Key",
        files: files.iter().map(|f| File { key: f.key.as_str(), size: f.size, md5: &f.md5 }).collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&manifest)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::{CarryOver, HashKey};
    use crate::inventory::{BadRow, RowReader, Schema};
    use crate::job::tests::route;

    #[derive(Debug)]
    #[expect(dead_code, reason = "shown where the test fails")]
    struct Broken(String);

    impl From<BadRow> for Broken {
        fn from(bad: BadRow) -> Self {
            Self(format!("{bad:?}"))
        }
    }

    /// Of `rows` in GLACIER, as many are asked to be restored as may be, none twice; all are listed.
    #[tokio::test]
    async fn no_more_is_asked_to_be_restored_than_later_runs_can_remember() {
        let config = aws_sdk_s3::Config::builder().behavior_version_latest().build();
        let (route, runtime) = (route(), tokio::runtime::Handle::current());
        let bucket = ManifestBucket::new(&aws_sdk_s3::Client::from_conf(config), &route);
        let key = HashKey::from_hex(&"01".repeat(32)).unwrap();
        let columns = ["Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass"].map(str::to_owned);
        let schema = Schema::of(&columns).unwrap();
        let row = |n: u32| format!("\"b\",\"k{n}\",\"10\",\"2026-01-01T00:00:00.000Z\",\"e\",\"GLACIER\"\n");
        let rows: String = (0..8).map(row).collect();
        for (most, already, expected) in [(u64::MAX, 0, 8), (5, 0, 5), (5, 2, 5), (u64::MAX, 2, 6), (0, 0, 0)] {
            let mut asked = CarryOver::new(&key);
            (0..already).for_each(|n| asked.insert(&format!("k{n}")));
            let mut author = Author::new(&bucket, &runtime, &route, "plans/x/", "000of001");
            author.restored = Some(Arc::new(Restored { asked: Some(asked), ..Restored::nothing(&key) }));
            author.most_restored = most;
            let reason = Reason::Archived.number();
            let mut reader = RowReader::new(&schema);
            let split = reader.split(rows.as_bytes(), true, |row| {
                author.left_out(&row, reason).map_err(|error| Broken(error.to_string()))
            });
            split.unwrap();
            let expected = Count { objects: expected, bytes: expected * 10 };
            assert_eq!((author.restore, author.counts[&Reason::Archived].objects), (expected, 8), "{most} {already}");
        }
    }
}
