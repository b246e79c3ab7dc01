//! Realistic inventory reports of any size: one, and the one a day later, of a bucket that has millions of objects, in the
//! shape in which S3 delivers them, with the difference that has to be found. Writes local files only.
//!
//! Everything follows from the seed and the object's number, so nothing is kept in memory and files are written in
//! parallel; the same options give the same bytes.

mod object;
mod order;
mod report;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use object::{Fate, fate};
use order::mix;
use report::{Part, Report};

/// The bucket that the reports are about.
pub const SOURCE_BUCKET: &str = "vendor-data";
/// The bucket that they are delivered to.
pub const MANIFEST_BUCKET: &str = "transship-manifests";
/// The inventory configuration's id.
pub const INVENTORY_ID: &str = "transship";
/// When the two scans began.
const TIMES: [&str; 2] = ["2026-11-21T01-00Z", "2026-11-22T01-00Z"];
/// The first of them, in milliseconds since 1970.
const FIRST_REPORT: i64 = 1_795_222_800_000;
const DAY: i64 = 86_400_000;
/// To be raised with every change of what is written, so that nothing older is taken for it.
const VERSION: u32 = 1;

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Rows of the first report. The second has half a percent more: 1 % new, 0.5 % gone.
    pub rows: u64,
    /// Data files of each report.
    pub files: u32,
    /// Other seeds give other objects.
    pub seed: u64,
    /// gzip's level, 1 to 9.
    pub level: u32,
    /// Files written at once.
    pub threads: usize,
}

/// Two reports and what is between them, as `reports.json` in the folder has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    version: u32,
    options: Options,
    /// Rows of the first and the second report.
    pub rows: [u64; 2],
    /// Bytes of their data files, inflated.
    pub raw_bytes: [u64; 2],
    /// Bytes of their data files.
    pub gzip_bytes: [u64; 2],
    /// Objects that only the second report has.
    pub new: u64,
    /// Objects that both have, but not as the same row.
    pub changed: u64,
    /// Objects that only the first has.
    pub gone: u64,
    /// The keys that a difference has to find: new and changed.
    pub expected: Answer,
}

/// Why there are no reports.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A file could not be written or read.
    #[error("{path}: {source}; is there room on the disk?")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There must be something to write.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

impl GenerateError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }
}

impl Options {
    /// Reports of `rows` objects in `files` files each.
    pub fn new(rows: u64, files: u32) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { rows, files, seed: 1, level: 6, threads }
    }

    /// Whether both give the same bytes.
    fn same_bytes(&self, other: &Self) -> bool {
        *self == Self { threads: self.threads, ..*other }
    }
}

/// The manifest.json of the first (0) or second (1) report in `folder`, which stands for the manifest bucket.
pub fn manifest(folder: &Path, which: usize) -> PathBuf {
    folder.join(manifest_key(which))
}

/// Its key in the manifest bucket.
pub fn manifest_key(which: usize) -> String {
    format!("{}/{}/manifest.json", report_folder(), TIMES[which])
}

fn report_folder() -> String {
    format!("inventory/{SOURCE_BUCKET}/{INVENTORY_ID}")
}

/// The reports that `folder` already holds, if they are what `options` would give.
pub fn existing(folder: &Path, options: &Options) -> Option<Pair> {
    let pair: Pair = serde_json::from_slice(&fs::read(folder.join("reports.json")).ok()?).ok()?;
    (pair.version == VERSION && pair.options.same_bytes(options)).then_some(pair)
}

/// Writes both reports into `folder`. `wrote` is called with numbers of rows as they are written, by several threads.
pub fn generate(folder: &Path, options: &Options, wrote: &(dyn Fn(u64) + Sync)) -> Result<Pair, GenerateError> {
    for (name, number) in [("rows", options.rows), ("files", options.files.into()), ("threads", options.threads as u64)]
    {
        if number == 0 {
            return Err(GenerateError::Zero(name));
        }
    }
    let done = folder.join("reports.json");
    // What says that all is there goes first and comes last.
    match fs::remove_file(&done) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(GenerateError::at(&done)(error)),
        _ => {}
    }
    let new = (options.rows / 100).max(1);
    let first = Report { folder, options, time: TIMES[0], created: FIRST_REPORT, candidates: options.rows, salt: 0 };
    let second =
        Report { time: TIMES[1], created: FIRST_REPORT + DAY, candidates: options.rows + new, salt: 1, ..first };
    let before = first.write(wrote, &|number| Some((number, false, false)))?;
    let after = second.write(wrote, &|number| {
        if number >= options.rows {
            return Some((number, false, true));
        }
        match fate(options.seed, number) {
            Fate::Gone => None,
            fate => Some((number, fate == Fate::Changed, false)),
        }
    })?;
    let pair = pair(options, &before, &after, new);
    let json = serde_json::to_vec_pretty(&pair).map_err(io::Error::from).map_err(GenerateError::at(&done))?;
    fs::write(&done, json).map_err(GenerateError::at(&done))?;
    Ok(pair)
}

fn pair(options: &Options, before: &Part, after: &Part, new: u64) -> Pair {
    Pair {
        version: VERSION,
        options: *options,
        rows: [before.rows, after.rows],
        raw_bytes: [before.raw, after.raw],
        gzip_bytes: [before.gzip, after.gzip],
        new,
        changed: after.difference.count - new,
        gone: options.rows + new - after.rows,
        expected: after.difference,
    }
}

#[cfg(test)]
mod tests;
