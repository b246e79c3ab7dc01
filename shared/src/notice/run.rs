//! One run, told in numbers: what the status page's table and a message have in common. Calls nothing.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Links, Severity, text};
use crate::config::CopyMode;
use crate::cost::Over;
use crate::job::RunId;
use crate::job::report::ErrorGroup;
use crate::ledger::{Outcome, RunRecord, State, Stuck};
use crate::names::ObjectKey;
use crate::plan::{Count, Filter, Reason};

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// When its report's scan started, `YYYY-MM-DDTHH-MMZ`, UTC.
    pub report_time: String,
    /// What it copies.
    pub mode: CopyMode,
    /// How it stands, as in the ledger.
    pub state: State,
    /// How much its outcome matters.
    pub severity: Severity,
    /// When it was planned.
    pub planned: Timestamp,
    /// When its outcome was learnt; none before.
    pub settled: Option<Timestamp>,
    /// Seconds from the report's time to `settled`.
    pub seconds: Option<i64>,
    /// Objects that are new or changed; none in mode `Everything`, which does not tell.
    pub changed: Option<u64>,
    /// Objects that were planned again, since an earlier run did not copy them.
    pub retried: Option<u64>,
    /// Of the planned objects, those over 5 GB, which have a job of their own; none if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large: Option<u64>,
    /// Archived objects whose restore has begun; none if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restoring: Option<u64>,
    /// Bytes planned; none in mode `Everything`.
    pub bytes: Option<u64>,
    /// Tasks that succeeded; none before it is settled.
    pub copied: Option<u64>,
    /// Tasks that failed; none before it is settled.
    pub failed: Option<u64>,
    /// Of these, how many found no object, which is nobody's fault; none before it is settled.
    pub not_found: Option<u64>,
    /// Objects that the next plan includes again; none before it is settled.
    pub carried_over: Option<u64>,
    /// Objects of its report that no job can copy, by reason.
    pub left_out: BTreeMap<Reason, Count>,
    /// Objects of its report that a filter passes over, by filter.
    #[serde(default)]
    pub filtered: BTreeMap<Filter, u64>,
    /// Estimated, in US dollars; none where it was not estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_cost: Option<f64>,
    /// The limits that it is over, so that its jobs wait, or waited, for a confirmation; in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<String>,
    /// The failed tasks by their errors, the most frequent first; the first few kinds.
    pub errors: Vec<ErrorGroup>,
    /// Objects that run after run has failed to copy.
    pub stuck: Option<Stuck>,
    /// One line for each other thing a person should know.
    pub findings: Vec<String>,
    /// Its jobs.
    pub jobs: Vec<JobLinks>,
}

/// A job, and where to look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLinks {
    /// Its id.
    pub id: String,
    /// Its page in the console.
    pub console: String,
    /// Its completion report's folder in the console; it is there once a task has run.
    pub report: String,
}

impl RunSummary {
    /// Of a record.
    pub fn of(links: &Links<'_>, record: &RunRecord) -> Self {
        let (plan, outcome) = (record.plan.as_ref(), record.outcome.as_ref());
        let settled = outcome.map(|outcome| outcome.settled);
        // An empty run is settled by its plan.
        let nothing = (record.state == State::Empty && outcome.is_none()).then_some(0);
        let job = |id: &str| JobLinks { id: id.to_owned(), console: links.job(id), report: links.report(id) };
        Self {
            run: record.run.clone(),
            report_time: record.report.time.clone(),
            mode: record.mode,
            state: record.state,
            severity: severity(record),
            planned: record.planned,
            settled,
            seconds: settled.and_then(|at| seconds_since(&record.report.time, at)),
            changed: plan.map(|plan| plan.objects.saturating_sub(plan.carried_over)),
            retried: plan.map(|plan| plan.carried_over),
            restoring: outcome.map(|outcome| outcome.restoring).filter(|n| *n > 0),
            large: plan.map(|plan| plan.large.objects).filter(|n| *n > 0),
            // Of failed tasks a retry knows the keys alone.
            bytes: plan.map(|plan| plan.bytes).filter(|bytes| *bytes > 0 || !record.run.is_retry()),
            copied: outcome.map(|outcome| outcome.copied).or(nothing),
            failed: outcome.map(|outcome| outcome.failed).or(nothing),
            not_found: outcome.map(|outcome| outcome.not_found).or(nothing),
            carried_over: outcome.map(|outcome| outcome.carried_over).or(nothing),
            left_out: plan.map(|plan| plan.left_out.clone()).unwrap_or_default(),
            filtered: plan.map(|plan| plan.filtered.clone()).unwrap_or_default(),
            estimated_cost: record.cost.as_ref().map(|cost| cost.total.dollars()),
            over: record.over.iter().map(Over::text).collect(),
            errors: outcome.map(|outcome| outcome.errors.clone()).unwrap_or_default(),
            stuck: outcome.and_then(|outcome| outcome.stuck.clone()),
            findings: outcome.map(|outcome| outcome.findings.clone()).unwrap_or_default(),
            jobs: record.jobs.iter().map(|record| job(&record.id)).collect(),
        }
    }

    /// What was found, in lines: what is stuck, what went wrong besides, then the errors. Keys in them are as they are.
    pub fn lines(&self) -> Vec<String> {
        let stuck = self.stuck.as_ref().map(|stuck| {
            let objects = text::objects(stuck.objects);
            format!("{objects} failed in {} runs in a row or more{}", stuck.runs, such_as(&stuck.examples))
        });
        let errors = self.errors.iter().map(|group| {
            let status = group.status.map(|status| format!(" ({status})")).unwrap_or_default();
            let message = if group.message.is_empty() { String::new() } else { format!(": {}", group.message) };
            format!("{}{status}, {}{}{message}", group.code, text::objects(group.objects), such_as(&group.examples))
        });
        let over = self.over.iter().map(|over| format!("Over a limit: {over}"));
        over.chain(stuck).chain(self.findings.iter().cloned()).chain(errors).collect()
    }

    /// Its state, by its name in the ledger.
    pub fn state_text(&self) -> String {
        text::state(self.state)
    }

    /// When its report's scan started, as a person reads it.
    pub fn report_text(&self) -> String {
        text::report_time(&self.report_time).map_or_else(|| self.report_time.clone(), text::time)
    }

    /// From its report to its outcome, as a person reads it.
    pub fn duration_text(&self) -> Option<String> {
        self.seconds.map(|seconds| text::duration(SignedDuration::from_secs(seconds)))
    }
}

/// None where the clocks of S3 and of the function disagree so far that nothing can be said.
fn seconds_since(report_time: &str, at: Timestamp) -> Option<i64> {
    let seconds = at.duration_since(text::report_time(report_time)?).as_secs();
    (seconds >= 0).then_some(seconds)
}

fn such_as(examples: &[ObjectKey]) -> String {
    let keys: Vec<&str> = examples.iter().map(ObjectKey::as_str).collect();
    if keys.is_empty() { String::new() } else { format!(", such as {}", keys.join(", ")) }
}

/// An object that was deleted before its copy is nothing to tell anybody of.
fn severity(record: &RunRecord) -> Severity {
    let only_not_found = |outcome: &Outcome| {
        outcome.failed == outcome.not_found && outcome.stuck.is_none() && outcome.findings.is_empty()
    };
    match record.state {
        State::Failed => Severity::Alarm,
        State::CopiedWithFailures if record.outcome.as_ref().is_some_and(only_not_found) => Severity::Note,
        State::CopiedWithFailures | State::Waiting => Severity::Warning,
        // All is copied, and something was found all the same: who asks for problems only is told of it, too.
        State::Copied if record.outcome.as_ref().is_some_and(|outcome| !outcome.findings.is_empty()) => {
            Severity::Warning
        }
        _ => Severity::Note,
    }
}
