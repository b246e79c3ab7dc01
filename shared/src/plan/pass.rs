//! One pass over a report, for one range of hashes. Calls S3, from threads that may block.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::runtime::Handle;

use super::author::Author;
use super::draft::{Pass, Step};
use super::select::{Selection, filtered};
use super::{Full, PlanError, verdict};
use crate::bucket::{ManifestBucket, ObjectReader, Upload, Wanted};
use crate::config::Route;
use crate::delta::{self, BaselineError, DeltaError, HashKey, Input, Range};
use crate::inventory::{DataFile, Report, Row, Schema};
use crate::ledger::{Baseline, Shard};
use crate::names::ObjectKey;

/// What all passes of a plan share.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) bucket: ManifestBucket,
    pub(super) route: Route,
    pub(super) report: Arc<Report>,
    pub(super) runtime: Handle,
    pub(super) schema: Arc<Schema>,
    pub(super) baseline: Arc<Baseline>,
    pub(super) plan_folder: String,
    pub(super) baseline_folder: String,
    /// Whether the next baseline's part is written.
    pub(super) keeps_baseline: bool,
    pub(super) key: HashKey,
    pub(super) carry_over: Arc<delta::CarryOver>,
    pub(super) full: Option<Full>,
    pub(super) selection: Arc<Selection>,
    /// Whether archived objects are asked to be restored.
    pub(super) restores: bool,
    pub(super) memory: u64,
}

/// What [`delta::ranges`] takes for what is not objects; here it is the function's own business.
const BESIDES: u64 = 64 * 1024 * 1024;

/// The data files of a report in the manifest bucket.
struct Files<'a> {
    bucket: &'a ManifestBucket,
    runtime: &'a Handle,
    listed: &'a [DataFile],
}

impl delta::Source for Files<'_> {
    fn open(&self, file: usize) -> io::Result<Box<dyn Read + Send>> {
        let file = self.listed.get(file).ok_or_else(|| io::Error::other("there is no such data file"))?;
        let wanted = Wanted { key: ObjectKey::from_plain(&file.key), size: file.size, etag: None, version_id: None };
        Ok(Box::new(ObjectReader::new(self.bucket.clone(), self.runtime.clone(), wanted)))
    }
}

impl Task {
    /// How many ranges the plan is cut into.
    pub(super) fn ranges(&self) -> u32 {
        let known = self.full.is_none().then_some(self.baseline.objects);
        delta::ranges(&self.report.manifest.files, known, self.carry_over.len() as u64, self.memory + BESIDES)
    }

    /// What a baseline file says it stands for.
    fn label(&self) -> String {
        format!("{} {}", self.route.name, self.route.source_bucket)
    }

    /// Does one step; it is stopped at `until`.
    pub(super) async fn pass(self, step: Step, until: Instant) -> Result<Pass, PlanError> {
        let cancel = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&cancel);
        let mut work = tokio::task::spawn_blocking(move || self.work(step, &seen));
        tokio::select! {
            done = &mut work => done?,
            () = tokio::time::sleep_until(until.into()) => {
                cancel.store(true, Ordering::Relaxed);
                work.await?
            }
        }
    }

    fn work(&self, step: Step, cancel: &AtomicBool) -> Result<Pass, PlanError> {
        let begun = Instant::now();
        let range = Range::new(step.range, step.of).ok_or(PlanError::TooLarge(step.of))?;
        let baseline = self.load(range)?;
        let name = format!("{:03}of{:03}", step.range, step.of);
        let mut author = Author::new(&self.bucket, &self.runtime, &self.route, &self.plan_folder, &name);
        // A full plan is looked at first: the delivered manifest may do.
        author.writes_rows = self.full.is_none() || !step.first;
        author.writes_lists = step.first;
        author.restored = self.restores.then(|| Arc::clone(&self.selection.restored));
        // Hashes spread evenly: each range has its share of what later runs can remember.
        author.most_restored = self.selection.restored.room / u64::from(step.of.max(1));
        let files = &self.report.manifest.files;
        let met_large = AtomicBool::new(false);
        let select = |row: &Row<'_>| self.selection.verdict(row, &met_large);
        let input = Input {
            files,
            source: &Files { bucket: &self.bucket, runtime: &self.runtime, listed: files },
            schema: &self.schema,
            bucket: self.route.source_bucket.as_str(),
            // Where nothing is set, nothing is asked.
            select: Some(if self.selection.is_plain() { &verdict } else { &select }),
            carry_over: &self.carry_over,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            budget: Some(self.memory),
            cancel,
            progress: &|_| {},
        };
        let found = delta::difference(&input, baseline, &mut author)?;
        let shard = if step.first && self.keeps_baseline { Some(self.write(&found.next, range, &name)?) } else { None };
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let written = author.finish()?;
        Ok(Pass {
            took,
            rows: found.rows,
            chosen: super::Count { objects: found.changed + found.carried, bytes: found.bytes },
            carried_over: found.carried,
            unchanged: found.unchanged,
            gone: found.gone,
            left_out: written.left_out,
            filtered: filtered(&found.left_out),
            large: written.large,
            large_parts: written.large_parts,
            met_large: met_large.load(Ordering::Relaxed),
            files: written.files,
            large_files: written.large_files,
            restore: written.restore,
            restore_files: written.restore_files,
            lists: written.lists,
            shard,
        })
    }

    /// The baseline's part for a range, out of the files that hold it.
    fn load(&self, range: Range) -> Result<delta::Baseline, PlanError> {
        if self.full.is_some() {
            return Ok(delta::Baseline::empty(self.key.clone(), range));
        }
        let mut parts = Vec::new();
        for shard in &self.baseline.shards {
            let Some(held) = Range::new(shard.range, shard.of) else {
                return Err(DeltaError::Baseline(BaselineError::Parts).into());
            };
            if !held.overlaps(range) {
                continue;
            }
            let file = shard.file.clone();
            let wanted = Wanted { key: file.key, size: file.size, etag: Some(file.etag), version_id: file.version_id };
            let mut reader = BufReader::new(ObjectReader::new(self.bucket.clone(), self.runtime.clone(), wanted));
            let part = if held.of() > range.of() { held } else { range };
            let part = delta::Baseline::read_from(&mut reader, &self.key, &self.label(), part);
            parts.push(part.map_err(DeltaError::Baseline)?);
        }
        let joined = delta::Baseline::join(parts).map_err(DeltaError::Baseline)?;
        if joined.range() == range { Ok(joined) } else { Err(DeltaError::Baseline(BaselineError::Parts).into()) }
    }

    fn write(&self, next: &delta::Baseline, range: Range, name: &str) -> Result<Shard, PlanError> {
        let key = ObjectKey::from_plain(format!("{}{name}.bin", self.baseline_folder));
        let mut upload = Upload::new(self.bucket.clone(), self.runtime.clone(), key);
        next.write_to(&self.label(), &mut upload).map_err(super::error::of_io)?;
        let objects = next.objects();
        Ok(Shard { range: range.index(), of: range.of(), objects, file: upload.finish()? })
    }
}
