//! Plans what is carried over by itself, without a report. Calls S3.

use std::io::{self, Write};

use tokio::runtime::Handle;

use super::author::{self, Series};
use super::error::of_io;
use super::{Count, Plan, PlanError, carry};
use crate::bucket::{ManifestBucket, Upload, Written};
use crate::config::{JobSettings, Route};
use crate::delta::{CarryOver, HashKey};
use crate::job::{JobKind, Submitted};
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
    /// By which keys are hashed.
    pub key: HashKey,
}

impl Retry {
    /// With these settings.
    pub fn partition(settings: &JobSettings) -> String {
        settings.role.partition().to_owned()
    }

    /// Writes the plan; none if a list is not there any more. Blocks.
    pub fn make(&self, runtime: &Handle) -> Result<Option<Plan>, PlanError> {
        let mut seen = CarryOver::new(&self.key);
        // What is in lists of both kinds is of any size: copy-large copies that too.
        let Some((large, large_manifest)) = self.kind(runtime, JobKind::Large, &mut seen)? else { return Ok(None) };
        let Some((copies, manifest)) = self.kind(runtime, JobKind::Copy, &mut seen)? else { return Ok(None) };
        let objects = large + copies;
        let large = Count { objects: large, bytes: 0 };
        Ok(Some(Plan { manifest, large_manifest, objects, large, carried_over: objects, ..Plan::default() }))
    }

    /// Writes the manifest of one kind of job over what is not `seen` yet; how many objects, and no manifest if there are none.
    /// None at all if a list is not there any more.
    fn kind(
        &self,
        runtime: &Handle,
        kind: JobKind,
        seen: &mut CarryOver,
    ) -> Result<Option<(u64, Option<Submitted>)>, PlanError> {
        let folder = match kind {
            JobKind::Copy => self.folder.clone(),
            JobKind::Large | JobKind::Restore => format!("{}large/", self.folder),
        };
        let mut files = Series::new(&self.bucket, runtime, format!("{folder}data/objects"));
        let source = self.route.source_bucket.as_str();
        let before = seen.len();
        let mut take = |key: &ObjectKey| -> io::Result<()> {
            if seen.contains(key.as_str()) {
                return Ok(());
            }
            seen.insert(key.as_str());
            files.line(&[source, key.encode().as_str()])
        };
        let lists: Vec<_> = self.lists.iter().filter(|list| list.kind == kind).cloned().collect();
        if !carry::each(&self.bucket, runtime, &lists, &mut take)? {
            return Ok(None);
        }
        let (objects, files) = ((seen.len() - before) as u64, files.finish()?);
        let manifest = if files.is_empty() { None } else { Some(self.manifest(runtime, &folder, &files)?) };
        Ok(Some((objects, manifest)))
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
