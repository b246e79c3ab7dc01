//! Plans what is carried over, and what was left out and can be read by now, by itself, without a report. Calls S3.

use std::io::{self, Write};

use tokio::runtime::Handle;

use super::author::{self, Series};
use super::by_hand::LeftOut;
use super::error::of_io;
use super::{Count, Plan, PlanError, carry};
use crate::bucket::{ManifestBucket, Upload, Written};
use crate::config::{JobSettings, Route};
use crate::delta::{CarryOver, HashKey};
use crate::job::{JobKind, Submitted};
use crate::large::Parts;
use crate::ledger;
use crate::names::ObjectKey;

/// What is to be planned, and where the plan goes.
#[derive(Debug, Clone)]
pub struct Retry {
    /// The manifest bucket.
    pub bucket: ManifestBucket,
    /// The route.
    pub route: Route,
    /// The partition of all ARNs.
    pub partition: String,
    /// The plan's folder, with a slash at its end.
    pub folder: String,
    /// The time of the report that the objects were planned by, `YYYY-MM-DDTHH-MMZ`.
    pub time: String,
    /// What is to be copied: each object once, in whatever list it is.
    pub lists: Vec<ledger::CarryOver>,
    /// And what was left out: each that is in no list.
    pub readable: Vec<LeftOut>,
    /// By which keys are hashed.
    pub key: HashKey,
}

/// What one of its jobs copies.
struct Kind {
    manifest: Option<Submitted>,
    all: Count,
    /// Of what was left out, in how many parts it is likely to be copied.
    parts: u64,
    carried_over: u64,
}

impl Retry {
    /// With these settings.
    pub fn partition(settings: &JobSettings) -> String {
        settings.role.partition().to_owned()
    }

    /// Writes the plan; none if a list is not there any more. Bytes are known of what was left out alone. Blocks.
    pub fn make(&self, runtime: &Handle) -> Result<Option<Plan>, PlanError> {
        let mut seen = CarryOver::new(&self.key);
        // What is in lists of both kinds is of any size: copy-large copies that too.
        let Some(large) = self.kind(runtime, JobKind::Large, &mut seen)? else { return Ok(None) };
        let Some(copies) = self.kind(runtime, JobKind::Copy, &mut seen)? else { return Ok(None) };
        Ok(Some(Plan {
            manifest: copies.manifest,
            large_manifest: large.manifest,
            objects: large.all.objects + copies.all.objects,
            bytes: large.all.bytes + copies.all.bytes,
            large: large.all,
            large_parts: large.parts,
            carried_over: large.carried_over + copies.carried_over,
            ..Plan::default()
        }))
    }

    /// Writes the manifest of one kind of job over what is not `seen` yet. None if a list is not there any more.
    fn kind(&self, runtime: &Handle, kind: JobKind, seen: &mut CarryOver) -> Result<Option<Kind>, PlanError> {
        let folder = match kind {
            JobKind::Copy => self.folder.clone(),
            JobKind::Large | JobKind::Restore => format!("{}large/", self.folder),
        };
        let mut files = Series::new(&self.bucket, runtime, format!("{folder}data/objects"));
        let source = self.route.source_bucket.as_str();
        let mut write = |key: &ObjectKey| -> io::Result<bool> {
            if seen.contains(key.as_str()) {
                return Ok(false);
            }
            seen.insert(key.as_str());
            files.line(&[source, key.encode().as_str()]).map(|()| true)
        };
        let lists: Vec<_> = self.lists.iter().filter(|list| list.kind == kind).cloned().collect();
        let mut carried_over = 0;
        let mut take =
            |key: &ObjectKey, _: &csv::StringRecord| write(key).map(|is_new| carried_over += u64::from(is_new));
        if !carry::each(&self.bucket, runtime, &lists, &mut take)? {
            return Ok(None);
        }
        let (mut all, mut parts) = (Count { objects: carried_over, bytes: 0 }, 0);
        for LeftOut { key, bytes } in self.readable.iter().filter(|left_out| left_out.kind() == kind) {
            if write(key).map_err(of_io)? {
                all.add(Count { objects: 1, bytes: *bytes });
                parts += Parts::guess(*bytes, "");
            }
        }
        let files = files.finish()?;
        let manifest = if files.is_empty() { None } else { Some(self.manifest(runtime, &folder, &files)?) };
        Ok(Some(Kind { manifest, all, parts, carried_over }))
    }

    fn manifest(&self, runtime: &Handle, folder: &str, files: &[Written]) -> Result<Submitted, PlanError> {
        let bytes = author::manifest(&self.route, &self.partition, &self.time, files)?;
        let key = ObjectKey::from_plain(format!("{folder}manifest.json"));
        let mut upload = Upload::new(self.bucket.clone(), runtime.clone(), key);
        upload.write_all(&bytes).map_err(of_io)?;
        let Written { key, etag, version_id, .. } = upload.finish()?;
        Ok(Submitted { key, etag, version_id })
    }
}
