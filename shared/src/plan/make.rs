//! Makes a plan: reads the report, holds it against the baseline, writes what is to be copied. Calls S3.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::draft::{Draft, Drafts};
use super::error::{PlanError, of_io};
use super::pass::Task;
use super::select::Selection;
use super::{Full, Plan, Restored, author, carry};
use crate::bucket::{Upload, Written};
use crate::config::{Filters, JobSettings, Route};
use crate::delta::{self, DeltaError, HashKey};
use crate::inventory::{Report, Schema};
use crate::job::{RunId, Submitted};
use crate::ledger::{
    Baseline, Kept, Ledger, NextBaseline, Shard, baseline_folder, draft_key, plan_folder, preview_draft_key,
};
use crate::names::ObjectKey;

/// What planning may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of memory, for hashes.
    pub memory: u64,
    /// When it has to stop.
    pub until: Instant,
    /// How long it would have where an invocation does nothing before it.
    pub whole: Duration,
}

/// What came of planning.
#[derive(Debug)]
pub enum Made {
    /// The plan, and the baseline once it is committed.
    Whole(Box<Plan>, NextBaseline),
    /// Some of its passes are done and kept; the next invocation goes on.
    Unfinished,
}

/// Plans one report.
#[derive(Debug, Clone)]
pub struct Planner {
    ledger: Ledger,
    route: Route,
    partition: String,
    report: Arc<Report>,
    run: RunId,
    /// Where the plan goes, if it is only to be looked at.
    preview: Option<String>,
    filters: Filters,
    /// Whether there is a job for what is over 5 GB.
    large: bool,
    /// Whether there is one that restores what is archived.
    restores: bool,
    restored: Option<Arc<Restored>>,
}

impl Planner {
    /// Plans `report`.
    pub fn new(ledger: &Ledger, route: &Route, settings: &JobSettings, report: &Report) -> Self {
        Self {
            ledger: ledger.clone(),
            route: route.clone(),
            partition: settings.role.partition().to_owned(),
            report: Arc::new(report.clone()),
            run: RunId::of(report),
            preview: None,
            filters: Filters::default(),
            large: settings.copy_large.is_some(),
            restores: settings.restoring.is_some(),
            restored: None,
        }
    }

    /// A plan to be looked at: it writes no part of a baseline, and lies in a folder of its own, another one for each attempt.
    #[must_use]
    pub fn preview(mut self, attempt: u32) -> Self {
        self.preview = Some(if attempt == 0 { "preview".to_owned() } else { format!("preview-{attempt}") });
        self
    }

    /// Passes over what these filters do not let pass.
    #[must_use]
    pub fn filtered(self, filters: &Filters) -> Self {
        Self { filters: filters.clone(), ..self }
    }

    /// Takes archived objects that are known to be readable.
    #[must_use]
    pub fn restored(self, restored: Restored) -> Self {
        Self { restored: Some(Arc::new(restored)), ..self }
    }

    /// Plans on a baseline, or goes on with the plan that an earlier invocation began.
    pub async fn make(&self, baseline: &Kept<Baseline>, limits: Limits) -> Result<Made, PlanError> {
        let begun = Instant::now();
        let task = self.task(baseline, limits.memory).await?;
        let key = match &self.preview {
            None => draft_key(&self.run, &baseline.etag),
            Some(preview) => preview_draft_key(&self.run, &baseline.etag, preview),
        };
        let mut drafts =
            Drafts::open(&self.ledger, key, task.full, &task.selection.fingerprint, || task.ranges()).await?;
        let mut fresh = true;
        while let Some(step) = drafts.draft.next(task.full.is_some()) {
            let left = limits.until.saturating_duration_since(Instant::now());
            if !fresh && drafts.draft.last_took().is_some_and(|took| took + took / 4 > left) {
                return Ok(Made::Unfinished);
            }
            match task.clone().pass(step, limits.until).await {
                Ok(pass) => drafts.done(step, pass, task.full.is_some()).await?,
                Err(PlanError::Delta(DeltaError::OverMemory { .. })) => drafts.twice_as_many_ranges().await?,
                // What was begun in the middle of an invocation has more time in the next.
                Err(PlanError::Delta(DeltaError::Cancelled)) if !fresh => return Ok(Made::Unfinished),
                // So has what was begun after other work, such as settling the run before.
                Err(PlanError::Delta(DeltaError::Cancelled))
                    if left < limits.whole / 4 * 3 && drafts.may_try_again().await? =>
                {
                    return Ok(Made::Unfinished);
                }
                Err(PlanError::Delta(DeltaError::Cancelled)) => return Err(self.too_slow(begun)),
                Err(error) => return Err(error),
            }
            fresh = false;
        }
        self.whole(&task, drafts.draft).await
    }

    async fn task(&self, baseline: &Kept<Baseline>, memory: u64) -> Result<Task, PlanError> {
        let known = &baseline.value;
        let key = HashKey::from_hex(&known.hash_key).ok_or(PlanError::HashKey)?;
        let mut full = if !known.stands_for(&self.route) {
            Some(Full::OtherRoute)
        } else if known.shards.is_empty() {
            Some(Full::NoBaseline)
        } else {
            None
        };
        let mut carry_over = delta::CarryOver::new(&key);
        if full.is_none() {
            let (bucket, runtime) = (self.ledger.bucket().clone(), Handle::current());
            let (lists, key) = (known.carry_over.clone(), key.clone());
            let most = memory / 2;
            let loaded = tokio::task::spawn_blocking(move || carry::load(&bucket, &runtime, &lists, &key, most));
            match loaded.await?? {
                Some(loaded) => carry_over = loaded,
                None => full = Some(Full::CarryOver),
            }
        }
        let schema = Schema::of(&self.report.manifest.columns)?;
        if !self.filters.storage_classes.is_empty() && !schema.has_storage_class() {
            return Err(PlanError::NoStorageClass);
        }
        let scan = author::scan_started(self.report.key.time());
        let restored = self.restored.clone().unwrap_or_else(|| Arc::new(Restored::nothing(&key)));
        Ok(Task {
            bucket: self.ledger.bucket().clone(),
            route: self.route.clone(),
            report: Arc::clone(&self.report),
            runtime: Handle::current(),
            schema: Arc::new(schema),
            baseline: Arc::new(known.clone()),
            plan_folder: match &self.preview {
                None => plan_folder(&self.run, &baseline.etag),
                Some(preview) => format!("{}{preview}/", plan_folder(&self.run, &baseline.etag)),
            },
            keeps_baseline: self.preview.is_none(),
            baseline_folder: baseline_folder(&self.run, &baseline.etag),
            key,
            carry_over: Arc::new(carry_over),
            full,
            selection: Arc::new(Selection::new(&self.filters, self.large, restored, scan)),
            restores: self.restores,
            memory,
        })
    }

    fn too_slow(&self, begun: Instant) -> PlanError {
        let files = &self.report.manifest.files;
        let bytes = files.iter().map(|file| file.size).sum();
        PlanError::TooSlow { bytes, files: files.len(), seconds: begun.elapsed().as_secs() }
    }

    /// The plan of all passes, with its manifest.
    async fn whole(&self, task: &Task, draft: Draft) -> Result<Made, PlanError> {
        let shards: Vec<Shard> = draft.passes.iter().filter_map(|pass| pass.shard.clone()).collect();
        let next = NextBaseline { objects: shards.iter().map(|shard| shard.objects).sum(), shards };
        let pass = draft.whole();
        let mut plan = Plan {
            full: task.full,
            rows: pass.rows,
            objects: pass.chosen.objects,
            bytes: pass.chosen.bytes,
            carried_over: pass.carried_over,
            unchanged: pass.unchanged,
            gone: pass.gone,
            large: pass.large,
            large_parts: pass.large_parts,
            restore: pass.restore,
            left_out_lists: pass.lists,
            ..Plan::default()
        };
        for (reason, count) in pass.left_out {
            plan.left_out.entry(reason).or_default().add(count);
        }
        for (filter, objects) in pass.filtered {
            *plan.filtered.entry(filter).or_default() += objects;
        }
        plan.repeated = plan.rows.saturating_sub(plan.told());
        plan.delivered = plan.objects > 0 && pass.files.is_empty() && pass.large_files.is_empty();
        if plan.delivered {
            plan.manifest = Some(Submitted::delivered(&self.report));
        }
        if !pass.files.is_empty() {
            plan.manifest = Some(self.author(&task.plan_folder, &pass.files).await?);
        }
        if !pass.large_files.is_empty() {
            plan.large_manifest = Some(self.author(&format!("{}large/", task.plan_folder), &pass.large_files).await?);
        }
        if !pass.restore_files.is_empty() {
            let folder = format!("{}restore/", task.plan_folder);
            plan.restore_manifest = Some(self.author(&folder, &pass.restore_files).await?);
        }
        Ok(Made::Whole(Box::new(plan), next))
    }

    /// Writes the manifest.json over the plan's data files.
    async fn author(&self, folder: &str, files: &[Written]) -> Result<Submitted, PlanError> {
        let time = self.report.key.time();
        let bytes = author::manifest(&self.route, &self.partition, time, files)?;
        let key = ObjectKey::from_plain(format!("{folder}manifest.json"));
        let (bucket, runtime) = (self.ledger.bucket().clone(), Handle::current());
        let write = move || {
            let mut upload = Upload::new(bucket, runtime, key);
            upload.write_all(&bytes).map_err(of_io)?;
            upload.finish().map_err(PlanError::from)
        };
        let Written { key, etag, version_id, .. } = tokio::task::spawn_blocking(write).await??;
        Ok(Submitted { key, etag, version_id })
    }
}
