//! What is measured of a run and of a route. Names never change: alarms and dashboards name them. Calls nothing.

use jiff::Timestamp;
use metrics::Unit;
use serde_json::{Number, Value};

use super::{Severity, text};
use crate::config::CopyMode;
use crate::ledger::{RunRecord, State};
use crate::plan::Reason;

/// One value of one metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// How many.
    pub value: u64,
}

impl Metric {
    pub(super) fn number(&self) -> Value {
        Value::Number(Number::from(self.value))
    }
}

/// What a run came to; emitted once, when it is settled. What its record does not tell is left out.
pub fn of_run(record: &RunRecord) -> Vec<Metric> {
    let count = |name, value| Metric { name, unit: Unit::Count, value };
    let mut metrics = vec![count("RunsFailed", u64::from(failed(record)))];
    if let Some(plan) = &record.plan {
        metrics.push(count("ObjectsPlanned", plan.objects));
        metrics.push(Metric { name: "BytesPlanned", unit: Unit::Bytes, value: plan.bytes });
        for reason in Reason::ALL {
            let left_out = plan.left_out.get(&reason).copied().unwrap_or_default();
            metrics.push(count(skipped(reason), left_out.objects));
        }
    }
    // What is only looked at costs nothing.
    let cost = record.cost.as_ref().filter(|_| record.mode != CopyMode::Preview);
    metrics.extend(cost.map(|cost| count("EstimatedCostCents", cost.total.cents())));
    if let Some(outcome) = &record.outcome {
        metrics.push(count("ObjectsCopied", outcome.copied));
        // An object that was deleted before its copy is counted apart, so that no alarm goes off for it.
        metrics.push(count("ObjectsFailed", outcome.failed.saturating_sub(outcome.not_found)));
        metrics.push(count("ObjectsNotFound", outcome.not_found));
        metrics.push(count("ObjectsStuck", outcome.stuck.as_ref().map_or(0, |stuck| stuck.objects)));
        metrics.push(count("ObjectsCarriedOver", outcome.carried_over));
        metrics.extend(since("ReportToSettled", text::report_time(&record.report.time), outcome.settled));
    }
    metrics
}

/// Whether a job failed whole, or what a job, its report and the plan say differs. Such a run may have no failed task, so that
/// no count of objects tells.
fn failed(record: &RunRecord) -> bool {
    let differs = || record.outcome.as_ref().is_some_and(|outcome| !outcome.findings.is_empty());
    record.state == State::Failed || (record.state == State::CopiedWithFailures && differs())
}

/// How a route stands; emitted by every scheduled look at it: the time of the newest report that arrived, if one did,
/// and since when a run is open, if one is.
pub fn of_route(newest_report: Option<&str>, open_since: Option<Timestamp>, now: Timestamp) -> Vec<Metric> {
    let newest = newest_report.and_then(text::report_time);
    let mut metrics: Vec<Metric> = since("NewestReportAge", newest, now).into_iter().collect();
    // Zero where none is open: an alarm on it ends by itself.
    metrics.extend(since("OpenRunAge", Some(open_since.unwrap_or(now)), now));
    metrics
}

/// What is not as it should be and somebody has to do something about; emitted by every look at a route, zeros too, so that an
/// alarm on it ends by itself. Each finding is counted in one of them. Findings by their names.
pub fn of_findings<'a>(raised: impl IntoIterator<Item = (&'a str, Severity)>) -> [Metric; 3] {
    let [mut missing, mut open, mut other] =
        ["ReportMissing", "RunOpenTooLong", "OtherFindings"].map(|name| Metric { name, unit: Unit::Count, value: 0 });
    for (name, severity) in raised {
        match name {
            "no-report" => missing.value = 1,
            "run-open" => open.value = 1,
            _ if severity == Severity::Alarm => other.value += 1,
            _ => {}
        }
    }
    [missing, open, other]
}

fn since(name: &'static str, from: Option<Timestamp>, to: Timestamp) -> Option<Metric> {
    let seconds = to.duration_since(from?).as_secs();
    Some(Metric { name, unit: Unit::Seconds, value: u64::try_from(seconds).unwrap_or_default() })
}

fn skipped(reason: Reason) -> &'static str {
    match reason {
        Reason::TooLarge => "ObjectsSkippedTooLarge",
        Reason::Archived => "ObjectsSkippedArchived",
        Reason::CustomerKey => "ObjectsSkippedCustomerKey",
        Reason::DeleteMarker => "ObjectsSkippedDeleteMarker",
    }
}
