//! The status of a route, for a person to look at: a JSON document and one HTML page of the same. [`publish`] writes both
//! to the manifest bucket; the rest calls nothing.

mod chart;
mod health;
mod html;
pub mod publish;

pub use health::Health;
pub use publish::publish;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::job::RunId;
use crate::ledger::{Baseline, CarryOver, Destination, RunRecord, State};
use crate::names::{AccountId, BucketName, ObjectKey, Region, RouteName};
use crate::notice::{Finding, Links, RunSummary};
use crate::plan::{Count, Filter, Reason};

/// The version of [`Status`]'s shape. Fields may be added without another; none is renamed or dropped.
pub const SCHEMA: u32 = 1;

/// How many runs it tells of, at most.
pub const RUNS: usize = 60;

/// `ledger/status.html`
pub fn page_key() -> ObjectKey {
    ObjectKey::from_plain("ledger/status.html")
}

/// `ledger/status.json`
pub fn json_key() -> ObjectKey {
    ObjectKey::from_plain("ledger/status.json")
}

/// How a route stands. As JSON it is `ledger/status.json`; times are RFC 3339 in UTC, sizes are bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`]
    pub schema: u32,
    /// When the ledger was read that this tells of. Of two, the one with the later time holds.
    pub as_of: Timestamp,
    /// The route.
    pub route: RouteName,
    /// What is copied.
    pub source: Source,
    /// Where to.
    pub destination: Destination,
    /// The destination bucket's Region, where jobs run.
    pub destination_region: Region,
    /// How it stands, in one line.
    pub health: Health,
    /// What somebody should know and do; the most severe first.
    pub findings: Vec<Finding>,
    /// When the newest report's scan started that was planned, `YYYY-MM-DDTHH-MMZ`; none before the first.
    pub newest_report: Option<String>,
    /// Objects that are planned to be at the destination.
    pub objects: u64,
    /// What is planned and not known to have been copied.
    pub carry_over: Vec<Carried>,
    /// Objects of the newest planned report that no job can copy, by reason.
    pub left_out: BTreeMap<Reason, Count>,
    /// Objects of it that a filter passes over, by filter.
    #[serde(default)]
    pub filtered: BTreeMap<Filter, u64>,
    /// The last [`RUNS`] runs, newest first.
    pub runs: Vec<RunSummary>,
}

/// The source of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its bucket.
    pub bucket: BucketName,
    /// The bucket's owner.
    pub account: AccountId,
}

/// Objects that a run planned and that are not known to have been copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The run that planned them.
    pub run: RunId,
    /// Why they are not known to have been copied.
    pub reason: String,
    /// How many.
    pub objects: u64,
}

impl From<&CarryOver> for Carried {
    fn from(carry: &CarryOver) -> Self {
        Self { run: carry.run.clone(), reason: carry.reason.clone(), objects: carry.objects }
    }
}

impl Status {
    /// Of what the ledger says: its baseline, and the records of at least the last [`RUNS`] runs in any order. `as_of` is a
    /// moment before they were read.
    pub fn of(
        links: &Links<'_>,
        baseline: Option<&Baseline>,
        records: &[RunRecord],
        findings: &[Finding],
        as_of: Timestamp,
    ) -> Self {
        let route = links.route;
        let runs = newest(records);
        let mut findings = findings.to_vec();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let carry_over: Vec<Carried> =
            baseline.map(|baseline| baseline.carry_over.iter().map(Carried::from).collect()).unwrap_or_default();
        // A retry plans what is carried over, and says nothing of the rest of its report.
        let of_report = |record: &&&RunRecord| record.state != State::Superseded && !record.run.is_retry();
        let planned = runs.iter().filter(of_report).find(|record| record.plan.is_some());
        let plan = planned.and_then(|record| record.plan.as_ref());
        let left_out = plan.map(|plan| plan.left_out.clone()).unwrap_or_default();
        let filtered = plan.map(|plan| plan.filtered.clone()).unwrap_or_default();
        let runs: Vec<RunSummary> = runs.into_iter().map(|record| RunSummary::of(links, record)).collect();
        Self {
            schema: SCHEMA,
            as_of,
            route: route.name.clone(),
            source: Source { bucket: route.source_bucket.clone(), account: route.source_account.clone() },
            destination: Destination::of(route),
            destination_region: route.destination_region.clone(),
            health: Health::of(&findings, &carry_over, &runs),
            findings,
            newest_report: baseline.and_then(|baseline| Some(baseline.committed.as_ref()?.report_time.clone())),
            objects: baseline.map(|baseline| baseline.objects).unwrap_or_default(),
            carry_over,
            left_out,
            filtered,
            runs,
        }
    }
}

/// The newest first. A run that was superseded on one baseline and planned on the next is told of once.
fn newest(records: &[RunRecord]) -> Vec<&RunRecord> {
    let replaced = |record: &RunRecord| {
        let same = |other: &&RunRecord| other.run == record.run && !other.is_discarded();
        record.is_discarded() && records.iter().any(|other| same(&other))
    };
    let mut runs: Vec<&RunRecord> = records.iter().filter(|record| !replaced(record)).collect();
    // Times of the reports' form sort as text.
    runs.sort_by(|a, b| (&b.report.time, b.planned).cmp(&(&a.report.time, a.planned)));
    runs.truncate(RUNS);
    runs
}

#[cfg(test)]
mod tests;
