//! The record of a run: what it planned, which requests it sends, what came of it. Calls nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CarryOver, Destination, SCHEMA, Shard};
use crate::config::{CopyMode, Route};
use crate::cost::{Cost, Over};
use crate::inventory::Report;
pub use crate::job::report::ErrorGroup;
use crate::job::report::Errors;
use crate::job::{JobKind, JobRequest, RunId, Submitted};
use crate::names::{ETag, ObjectKey, RouteName};
use crate::plan::Plan;

/// The record of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`SCHEMA`]
    pub schema: u32,
    /// The route.
    pub route: RouteName,
    /// The run.
    pub run: RunId,
    /// What it copies.
    pub mode: CopyMode,
    /// How it stands.
    pub state: State,
    /// When it was planned.
    pub planned: Timestamp,
    /// Its report.
    pub report: ReportRef,
    /// Where its copies go.
    pub destination: Destination,
    /// The ETag of the `baseline.json` it was planned on; none in mode `Everything`.
    pub baseline: Option<ETag>,
    /// What it copies, and what not; none in mode `Everything`, where it is all that the report lists.
    pub plan: Option<Box<Plan>>,
    /// What `baseline.json` names once the run is committed.
    pub next: Option<NextBaseline>,
    /// The requests it sends, word for word; none if there is nothing to copy.
    pub requests: Vec<JobRequest>,
    /// What it is estimated to cost; none where nobody could count what it copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The limits that it is over: its jobs wait for a confirmation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<Over>,
    /// Its jobs, once they are made.
    pub jobs: Vec<Job>,
    /// Those of its requests that were refused for good, so that there is no job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// When its jobs were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driven: Option<Timestamp>,
    /// What it took over of earlier runs: the lists that `baseline.json` named when it was planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<CarryOver>,
    /// What came of it, once it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// When an invocation set about telling what came of it: until it has, or was cut off, no other does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<Timestamp>,
    /// When its metrics were written: once, whether or not anybody could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Timestamp>,
    /// When somebody was told what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Planned; it has no jobs yet. It is committed if `baseline.json` names it.
    #[serde(rename = "planned")]
    Planned,
    /// Its jobs are made, and not known to have ended.
    #[serde(rename = "open")]
    Open,
    /// Its job waits until a person confirms it.
    #[serde(rename = "waiting for confirmation")]
    Waiting,
    /// There was nothing to copy.
    #[serde(rename = "empty")]
    Empty,
    /// Every planned object was copied.
    #[serde(rename = "copied")]
    Copied,
    /// Some planned objects were not copied; they are carried over.
    #[serde(rename = "copied with failures")]
    CopiedWithFailures,
    /// A job ended without having tried every object; its whole plan is carried over.
    #[serde(rename = "failed")]
    Failed,
    /// Planned, to be looked at: it never has a job.
    #[serde(rename = "previewed")]
    Previewed,
    /// The baseline moved on before it was committed; or its jobs still waited for a person when a newer report came, whose run
    /// takes its plan over.
    #[serde(rename = "superseded")]
    Superseded,
}

impl State {
    /// Whether its jobs are not known to have ended.
    pub fn has_jobs_open(self) -> bool {
        matches!(self, Self::Open | Self::Waiting)
    }

    /// Whether nothing more comes of it.
    pub fn is_closed(self) -> bool {
        !matches!(self, Self::Planned) && !self.has_jobs_open()
    }
}

/// The report that a run is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRef {
    /// Its manifest.json.
    pub manifest: Submitted,
    /// When its scan started, `YYYY-MM-DDTHH-MMZ`.
    pub time: String,
    /// Its data files.
    pub files: u64,
    /// Their bytes, compressed.
    pub bytes: u64,
}

impl ReportRef {
    /// Of a report.
    pub fn of(report: &Report) -> Self {
        let files = &report.manifest.files;
        Self {
            manifest: Submitted::delivered(report),
            time: report.key.time().to_owned(),
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.size).sum(),
        }
    }
}

/// The baseline's files once the run is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextBaseline {
    /// Objects in them.
    pub objects: u64,
    /// One for each hash range.
    pub shards: Vec<Shard>,
}

/// A job of S3 Batch Operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Which of the run's.
    pub kind: JobKind,
    /// Its id.
    pub id: String,
}

/// A request that was refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which of the run's.
    pub kind: JobKind,
    /// What S3 Batch Operations said.
    pub why: String,
}

/// What came of a run's jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When that was learnt.
    pub settled: Timestamp,
    /// Tasks that succeeded.
    pub copied: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Of these, how many found no object: it was deleted after its report was made.
    #[serde(default)]
    pub not_found: u64,
    /// Objects that the next plan includes again.
    pub carried_over: u64,
    /// Archived objects whose restore has begun.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restoring: u64,
    /// The failed tasks by their errors, the most frequent first; a bounded number of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorGroup>,
    /// Objects that run after run has failed to copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Stuck>,
    /// One line for each thing a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Objects that were not copied by any of the last runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// In at least this many runs in a row.
    pub runs: u32,
    /// How many objects.
    pub objects: u64,
    /// The keys of the first three, decoded.
    pub examples: Vec<ObjectKey>,
}

impl Stuck {
    /// These together; none if there is none.
    pub fn of_all<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        all.into_iter().cloned().reduce(|mut one, other| {
            one.runs = one.runs.min(other.runs);
            one.objects += other.objects;
            one.examples.extend(other.examples);
            one.examples.truncate(Errors::EXAMPLES);
            one
        })
    }
}

impl RunRecord {
    /// A run of `report` with nothing in it yet.
    pub fn new(route: &Route, mode: CopyMode, report: &Report, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            route: route.name.clone(),
            run: RunId::of(report),
            mode,
            state: State::Planned,
            planned: now,
            report: ReportRef::of(report),
            destination: Destination::of(route),
            baseline: None,
            plan: None,
            next: None,
            requests: Vec::new(),
            cost: None,
            over: Vec::new(),
            jobs: Vec::new(),
            refused: Vec::new(),
            driven: None,
            carried: Vec::new(),
            outcome: None,
            telling: None,
            measured: None,
            told: None,
        }
    }

    /// Whether it was given up before it was committed: nothing ever came of it, and nobody need be told.
    pub fn is_discarded(&self) -> bool {
        self.state == State::Superseded && self.jobs.is_empty()
    }

    /// One line of what it would have copied.
    pub fn log_preview(&self) {
        tracing::info!(
            run = %self.run,
            objects = self.plan.as_ref().map(|plan| plan.objects),
            bytes = self.plan.as_ref().map(|plan| plan.bytes),
            cost = self.cost.as_ref().map(|cost| cost.total.dollars()),
            over = ?self.over,
            "previewed"
        );
    }

    /// One line of what came of it.
    pub fn log(&self) {
        let outcome = self.outcome.as_ref();
        let count = |of: fn(&Outcome) -> u64| outcome.map(of);
        tracing::info!(
            run = %self.run,
            state = ?self.state,
            copied = count(|o| o.copied),
            failed = count(|o| o.failed),
            carried_over = count(|o| o.carried_over),
            findings = ?outcome.map(|o| &o.findings),
            "settled"
        );
    }
}
