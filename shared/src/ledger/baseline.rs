//! `ledger/baseline.json`: what was planned up to now, and what of it is not known to have been copied. Calls nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RunRecord, SCHEMA, Stuck};
use crate::bucket::Written;
use crate::config::Route;
use crate::job::{JobKind, RunId, Submitted};
use crate::names::{BucketName, ETag, ObjectKey, Prefix, RouteName};

/// The baseline of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`SCHEMA`]
    pub schema: u32,
    /// The route.
    pub route: RouteName,
    /// How often this file has been written: no two of its states have the same bytes, hence never the same ETag.
    pub writes: u64,
    /// The bucket whose objects it stands for.
    pub source: BucketName,
    /// Where it says that objects are planned to be.
    pub destination: Destination,
    /// Hex; the random key of all hashes in its files. Whoever has it could craft a change that goes unseen.
    pub hash_key: String,
    /// Objects in its files.
    pub objects: u64,
    /// Its files, one for each hash range; none before the first run.
    pub shards: Vec<Shard>,
    /// The run that wrote it, unless there was none yet.
    pub committed: Option<Committed>,
    /// What was planned and is not known to have been copied.
    pub carry_over: Vec<CarryOver>,
}

/// Where copies go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The bucket.
    pub bucket: BucketName,
    /// Put before every key, with a slash between.
    pub prefix: Option<Prefix>,
}

impl Destination {
    /// The destination of a route.
    pub fn of(route: &Route) -> Self {
        Self { bucket: route.destination_bucket.clone(), prefix: route.destination_prefix.clone() }
    }
}

/// One file of the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which hash range it holds, from 0.
    pub range: u32,
    /// How many ranges there are.
    pub of: u32,
    /// Objects in it.
    pub objects: u64,
    /// The file.
    pub file: Written,
}

/// The last run that moved the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The run.
    pub run: RunId,
    /// Its record.
    pub record: ObjectKey,
    /// The time of its report, `YYYY-MM-DDTHH-MMZ`. Older reports are superseded.
    pub report_time: String,
    /// The manifest ETags that were planned of this time: S3 may deliver a report again with another.
    pub etags: Vec<ETag>,
}

/// Objects that were planned and are not known to have been copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarryOver {
    /// The run that planned them.
    pub run: RunId,
    /// Why they are not known to have been copied.
    pub reason: String,
    /// How many.
    pub objects: u64,
    /// Which of the run's jobs was to copy them.
    #[serde(default, skip_serializing_if = "JobKind::is_copy")]
    pub kind: JobKind,
    /// Which of them have failed in many runs in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck: Option<Stuck>,
    /// Of a whole plan: the lists, as of [`CarriedOver::Keys`], that say in how many runs in a row some of its objects had failed
    /// before. Nobody knows of any one of them whether it has failed once more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted_in: Vec<Written>,
    /// Which.
    #[serde(flatten)]
    pub which: CarriedOver,
}

impl CarryOver {
    /// Objects of `run`, none of them known to have failed before.
    pub fn new(run: &RunId, reason: String, objects: u64, kind: JobKind, which: CarriedOver) -> Self {
        Self { run: run.clone(), reason, objects, kind, stuck: None, counted_in: Vec::new(), which }
    }
}

/// Which objects are carried over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CarriedOver {
    /// All that a job's manifest lists.
    Plan(Submitted),
    /// The keys in a file of `Bucket,Key,Runs` rows: keys percent-encoded, and in how many runs in a row each has failed.
    Keys(Written),
}

/// What a report is to the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not been planned, and nothing newer has.
    Next,
    /// It is the last that was planned.
    Committed,
    /// It, or a newer one, was planned before.
    Past,
}

impl Baseline {
    /// The baseline of a route that has never run, or starts anew: every object is new.
    pub fn new(route: &Route, hash_key: String) -> Self {
        Self {
            schema: SCHEMA,
            route: route.name.clone(),
            writes: 1,
            source: route.source_bucket.clone(),
            destination: Destination::of(route),
            hash_key,
            objects: 0,
            shards: Vec::new(),
            committed: None,
            carry_over: Vec::new(),
        }
    }

    /// Whether it says what is planned to be at the route's destination, of the route's source.
    pub fn stands_for(&self, route: &Route) -> bool {
        self.source == route.source_bucket && self.destination == Destination::of(route)
    }

    /// What the report of this run, time and ETag is to it.
    pub fn standing(&self, run: &RunId, time: &str, etag: &ETag) -> Standing {
        let Some(committed) = &self.committed else { return Standing::Next };
        if committed.run == *run {
            return Standing::Committed;
        }
        // Times of this form sort as text.
        match time.cmp(&committed.report_time) {
            std::cmp::Ordering::Less => Standing::Past,
            std::cmp::Ordering::Equal if committed.etags.contains(etag) => Standing::Past,
            _ => Standing::Next,
        }
    }

    /// What it becomes by the commit of `record`, which was planned on it. Takes all carry-over out: each object of it
    /// is in the plan, or left the source, or is left out and so not in the baseline. None if the record moves no baseline.
    pub fn after(&self, route: &Route, record: &RunRecord, key: &ObjectKey) -> Option<Self> {
        let next = record.next.as_ref()?;
        let etag = record.report.manifest.etag.clone();
        let same_time = self.committed.as_ref().filter(|last| last.report_time == record.report.time);
        let mut etags = same_time.map(|last| last.etags.clone()).unwrap_or_default();
        etags.push(etag);
        Some(Self {
            schema: SCHEMA,
            route: self.route.clone(),
            writes: self.writes + 1,
            source: route.source_bucket.clone(),
            // Where the run's own requests copy to, whatever the settings have become since it was planned.
            destination: record.destination.clone(),
            hash_key: self.hash_key.clone(),
            objects: next.objects,
            shards: next.shards.clone(),
            committed: Some(Committed {
                run: record.run.clone(),
                record: key.clone(),
                report_time: record.report.time.clone(),
                etags,
            }),
            carry_over: Vec::new(),
        })
    }

    /// What it becomes by the commit of `record`, which plans again what it took over of this baseline, and nothing else. Reports
    /// stay as past as they are.
    #[must_use]
    pub fn retrying(&self, record: &RunRecord, key: &ObjectKey) -> Self {
        let last = self.committed.clone();
        let (report_time, etags) = last.map_or_else(
            || (record.report.time.clone(), vec![record.report.manifest.etag.clone()]),
            |last| (last.report_time, last.etags),
        );
        let committed = Committed { run: record.run.clone(), record: key.clone(), report_time, etags };
        let mut next = Self { writes: self.writes + 1, committed: Some(committed), ..self.clone() };
        next.carry_over.retain(|list| !record.carried.contains(list));
        next
    }

    /// What it becomes when objects of a run are carried over; none if they are already.
    pub fn carrying(&self, carry_over: Vec<CarryOver>) -> Option<Self> {
        let is_there = |new: &CarryOver| self.carry_over.iter().any(|c| c.run == new.run && c.which == new.which);
        let new: Vec<CarryOver> = carry_over.into_iter().filter(|new| !is_there(new)).collect();
        if new.is_empty() {
            return None;
        }
        let mut next = Self { writes: self.writes + 1, ..self.clone() };
        next.carry_over.extend(new);
        Some(next)
    }
}

/// What can be kept of a `baseline.json` that is to be forgotten, however damaged it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// [`Baseline::writes`]
    pub writes: u64,
    /// The last committed run: older reports stay past, and an open run stays the only one.
    pub committed: Option<Committed>,
    /// [`Baseline::carry_over`]
    pub carry_over: Vec<CarryOver>,
}

impl Remains {
    /// Of these bytes. A part that cannot be read does not take the others with it.
    pub fn of(bytes: &[u8]) -> Self {
        let file: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let lists = file["carry_over"].as_array().into_iter().flatten();
        Self {
            writes: file["writes"].as_u64().unwrap_or_default(),
            committed: Committed::deserialize(&file["committed"]).ok(),
            carry_over: lists.filter_map(|list| CarryOver::deserialize(list).ok()).collect(),
        }
    }

    /// A baseline that knows no object: the next report is planned in full.
    pub fn baseline(self, route: &Route, hash_key: String) -> Baseline {
        let Self { writes, committed, carry_over } = self;
        Baseline { writes: writes.saturating_add(1), committed, carry_over, ..Baseline::new(route, hash_key) }
    }
}
