//! One report: manifest.json, manifest.checksum and the data files, written several at once.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use serde::Serialize;

use super::object::{Object, SCHEMA};
use super::order::Order;
use super::{FIRST_REPORT, GenerateError, MANIFEST_BUCKET, Options, SOURCE_BUCKET, mix, report_folder};
use crate::answer::Answer;

/// A report to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report<'a> {
    pub(super) folder: &'a Path,
    pub(super) options: &'a Options,
    pub(super) time: &'static str,
    /// When the scan began, in milliseconds since 1970.
    pub(super) created: i64,
    /// Objects that may be in it.
    pub(super) candidates: u64,
    /// What makes its order and its files differ from the other report's.
    pub(super) salt: u64,
}

/// What was written of a report, or into one of its files.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) rows: u64,
    pub(super) raw: u64,
    pub(super) gzip: u64,
    /// Keys of rows that are new or changed.
    pub(super) difference: Answer,
}

/// An object's number, whether it has changed, whether it is new; none if it is not in the report.
pub(super) type Fates<'a> = dyn Fn(u64) -> Option<(u64, bool, bool)> + Sync + 'a;

/// As manifest.json has it, in AWS's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestJson {
    source_bucket: &'static str,
    destination_bucket: String,
    version: &'static str,
    creation_timestamp: String,
    file_format: &'static str,
    file_schema: &'static str,
    files: Vec<DataFile>,
}

#[derive(Serialize)]
struct DataFile {
    key: String,
    size: u64,
    #[serde(rename = "MD5checksum")]
    md5: String,
}

impl Report<'_> {
    pub(super) fn write(&self, wrote: &(dyn Fn(u64) + Sync), fates: &Fates<'_>) -> Result<Part, GenerateError> {
        let data = self.folder.join(report_folder()).join("data");
        fs::create_dir_all(&data).map_err(GenerateError::at(&data))?;
        let next = AtomicU64::new(0);
        let written = Mutex::new(Vec::new());
        let count = u64::from(self.options.files);
        std::thread::scope(|scope| {
            let work = || -> Result<(), GenerateError> {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return Ok(());
                    }
                    let file = self.data_file(index, wrote, fates)?;
                    written.lock().unwrap_or_else(PoisonError::into_inner).push((index, file));
                }
            };
            let threads: Vec<_> = (0..self.options.threads).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        let mut written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
        written.sort_by_key(|(index, _)| *index);
        self.manifest(written.into_iter().map(|(_, file)| file))
    }

    /// Where file `index` begins among the report's positions; the files' lengths differ by some percent.
    fn cut(&self, index: u64) -> u64 {
        let files = u64::from(self.options.files);
        if index == 0 || index >= files {
            return if index == 0 { 0 } else { self.candidates };
        }
        let even = self.candidates / files;
        let jitter = mix(self.options.seed ^ mix(index << 1 | self.salt)) % 200;
        // Up to a tenth of a file's length before the even cut, or after it.
        u64::try_from(u128::from(self.candidates) * u128::from(index) / u128::from(files)).unwrap_or(self.candidates)
            + even * jitter / 2000
            - even / 20
    }

    fn data_file(
        &self,
        index: u64,
        wrote: &(dyn Fn(u64) + Sync),
        fates: &Fates<'_>,
    ) -> Result<(DataFile, Part), GenerateError> {
        let seed = self.options.seed;
        let [high, low] = [0, 1].map(|half| mix(seed ^ mix(index << 2 | self.salt << 1 | half)));
        let name = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}.csv.gz",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        );
        let key = format!("{}/data/{name}", report_folder());
        let path = self.folder.join(&key);
        let rows = || -> io::Result<(DataFile, Part)> {
            let file =
                Summed { inner: BufWriter::with_capacity(1 << 18, File::create(&path)?), md5: Md5::new(), size: 0 };
            let mut gzip = GzEncoder::new(file, Compression::new(self.options.level.clamp(1, 9)));
            let mut part = self.rows(index, &mut gzip, wrote, fates)?;
            let mut file = gzip.finish()?;
            file.flush()?;
            part.gzip = file.size;
            Ok((DataFile { key: key.clone(), size: file.size, md5: hex::encode(file.md5.finalize()) }, part))
        };
        rows().map_err(GenerateError::at(&path))
    }

    fn rows(
        &self,
        file: u64,
        out: &mut impl Write,
        wrote: &(dyn Fn(u64) + Sync),
        fates: &Fates<'_>,
    ) -> io::Result<Part> {
        let seed = self.options.seed;
        let order = Order::new(self.candidates, mix(seed ^ self.salt));
        let mut part = Part::default();
        let mut buffer = Vec::with_capacity(1 << 17);
        let mut reported = 0;
        for position in self.cut(file)..self.cut(file + 1) {
            let Some((number, changed, new)) = fates(order.at(position)) else { continue };
            let object = Object::new(seed, number, changed, new, FIRST_REPORT);
            if changed || new {
                part.difference.add(object.key.as_bytes());
            }
            object.write(&mut buffer);
            part.rows += 1;
            if buffer.len() >= 1 << 16 {
                out.write_all(&buffer)?;
                part.raw += buffer.len() as u64;
                buffer.clear();
                wrote(part.rows - reported);
                reported = part.rows;
            }
        }
        out.write_all(&buffer)?;
        part.raw += buffer.len() as u64;
        wrote(part.rows - reported);
        Ok(part)
    }

    fn manifest(&self, written: impl Iterator<Item = (DataFile, Part)>) -> Result<Part, GenerateError> {
        let mut whole = Part::default();
        let mut files = Vec::new();
        for (file, part) in written {
            files.push(file);
            whole.rows += part.rows;
            whole.raw += part.raw;
            whole.gzip += part.gzip;
            whole.difference = whole.difference.and(part.difference);
        }
        let manifest = ManifestJson {
            source_bucket: SOURCE_BUCKET,
            destination_bucket: format!("arn:aws:s3:::{MANIFEST_BUCKET}"),
            version: "2016-11-30",
            creation_timestamp: self.created.to_string(),
            file_format: "CSV",
            file_schema: SCHEMA,
            files,
        };
        let folder = self.folder.join(report_folder()).join(self.time);
        let write = || -> io::Result<()> {
            fs::create_dir_all(&folder)?;
            let json = serde_json::to_vec_pretty(&manifest)?;
            fs::write(folder.join("manifest.json"), &json)?;
            fs::write(folder.join("manifest.checksum"), hex::encode(Md5::digest(&json)))
        };
        write().map_err(GenerateError::at(&folder))?;
        Ok(whole)
    }
}

/// Sums what is written through it.
struct Summed<W> {
    inner: W,
    md5: Md5,
    size: u64,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.md5.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
