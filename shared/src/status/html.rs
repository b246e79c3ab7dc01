//! The page, as texts for its template, which escapes every one of them. Calls nothing.

use askama::Template;

use super::chart::Chart;
use super::{Carried, Status};
use crate::ledger::State;
use crate::notice::text::{count, dollars, inert, objects, report_time, size, time};
use crate::notice::{Finding, RunSummary, Severity};
use crate::plan::{Count, Reason};

/// What a cell says where nothing is known.
const UNKNOWN: &str = "–";

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    route: String,
    from: String,
    to: String,
    region: String,
    as_of: String,
    health: Note,
    findings: Vec<Note>,
    objects: String,
    newest_report: String,
    carried: Total,
    left: Total,
    chart: Option<Chart>,
    rows: Vec<Row>,
    costs: bool,
    carry_over: Vec<CarriedRow>,
    left_out: Vec<LeftOutRow>,
    filtered: String,
}

/// A sentence and how much it matters.
struct Note {
    severity: &'static str,
    label: &'static str,
    what: String,
    do_next: String,
}

struct Total {
    objects: String,
    any: bool,
}

struct Row {
    time: String,
    mode: &'static str,
    state: String,
    class: &'static str,
    findings: Vec<String>,
    changed: String,
    retried: Option<String>,
    copied: String,
    failed: String,
    failing: bool,
    size: String,
    duration: String,
    cost: String,
    links: Vec<[String; 2]>,
}

struct CarriedRow {
    time: String,
    objects: String,
    reason: String,
}

struct LeftOutRow {
    reason: &'static str,
    what_to_do: &'static str,
    objects: String,
    size: String,
}

impl Status {
    /// `ledger/status.html`: whole, with no script and nothing to load.
    pub fn html(&self) -> Result<String, askama::Error> {
        Page::of(self).render()
    }
}

impl Page {
    fn of(status: &Status) -> Self {
        let below = status.destination.prefix.as_ref().map(|prefix| format!("/{prefix}")).unwrap_or_default();
        let newest = status.newest_report.as_deref();
        let health = Finding::new(status.health.severity, status.health.line.clone(), "");
        Self {
            route: inert(status.route.as_str()),
            from: format!("{} ({})", status.source.bucket, status.source.account),
            to: format!("{}{below}", status.destination.bucket),
            region: status.destination_region.to_string(),
            as_of: time(status.as_of),
            health: Note::of(&health, "All is well"),
            findings: status.findings.iter().map(|finding| Note::of(finding, "Note")).collect(),
            objects: count(status.objects),
            newest_report: newest
                .map_or_else(|| "none yet".to_owned(), |at| report_time(at).map_or(at.to_owned(), time)),
            carried: Total::of(status.carry_over.iter().map(|carried| carried.objects)),
            left: Total::of(status.left_out.values().map(|left| left.objects)),
            chart: Chart::of(&status.runs),
            rows: status.runs.iter().map(Row::of).collect(),
            costs: status.runs.iter().any(|run| run.estimated_cost.is_some()),
            carry_over: status.carry_over.iter().map(|carried| CarriedRow::of(carried, status)).collect(),
            left_out: status.left_out.iter().map(LeftOutRow::of).collect(),
            filtered: filtered(status),
        }
    }
}

impl Note {
    fn of(finding: &Finding, note: &'static str) -> Self {
        let label = match finding.severity {
            Severity::Note => note,
            Severity::Warning => "Warning",
            Severity::Alarm => "Alarm",
        };
        let (what, do_next) = (inert(&finding.what), inert(&finding.do_next));
        Self { severity: finding.severity.as_str(), label, what, do_next }
    }
}

impl Total {
    fn of(objects: impl Iterator<Item = u64>) -> Self {
        let sum: u64 = objects.sum();
        Self { objects: count(sum), any: sum > 0 }
    }
}

impl Row {
    fn of(run: &RunSummary) -> Self {
        let known = |n: Option<u64>| n.map_or_else(|| UNKNOWN.to_owned(), count);
        Self {
            time: run.report_text(),
            mode: match run.mode {
                crate::config::CopyMode::Changes => "",
                crate::config::CopyMode::Everything => "everything",
                crate::config::CopyMode::Preview => "preview",
            },
            state: run.state_text(),
            class: class(run.state),
            findings: run.lines().iter().map(|line| inert(line)).collect(),
            changed: known(run.changed),
            retried: run.retried.filter(|n| *n > 0).map(count),
            copied: known(run.copied),
            failed: known(run.failed),
            failing: run.failed > run.not_found,
            size: run.bytes.map_or_else(|| UNKNOWN.to_owned(), size),
            duration: run.duration_text().unwrap_or_else(|| UNKNOWN.to_owned()),
            cost: run.estimated_cost.map_or_else(|| UNKNOWN.to_owned(), dollars),
            links: run.jobs.iter().map(|job| [job.console.clone(), job.report.clone()]).collect(),
        }
    }
}

impl CarriedRow {
    fn of(carried: &Carried, status: &Status) -> Self {
        let run = status.runs.iter().find(|run| run.run == carried.run);
        Self {
            time: run.map_or_else(|| of_old(carried), RunSummary::report_text),
            objects: objects(carried.objects),
            reason: inert(&carried.reason),
        }
    }
}

/// The report's time of a run that the page does not tell of any more: its id begins with it.
fn of_old(carried: &Carried) -> String {
    let id = carried.run.as_str();
    let at = id.get(..17).and_then(report_time);
    at.map_or_else(|| inert(id), time)
}

impl LeftOutRow {
    fn of((reason, left_out): (&Reason, &Count)) -> Self {
        let (reason, what_to_do) = match reason {
            Reason::TooLarge => (
                "Over 5 GiB",
                "The destination is in another Region. Deploy with CopyLargeAcrossRegions, or copy them by other means.",
            ),
            Reason::Archived => (
                "Archived",
                "Deploy with RestoreArchived; or restore them and then have create-job retry the run, as no report tells \
                 that they can be read. Those of Intelligent-Tiering are planned by themselves.",
            ),
            Reason::CustomerKey => {
                ("Encrypted with their owner's key (SSE-C)", "Nobody but the key's owner can read them.")
            }
            Reason::DeleteMarker => ("Delete markers", "There is nothing to copy."),
        };
        Self { reason, what_to_do, objects: count(left_out.objects), size: size(left_out.bytes) }
    }
}

/// `include-prefixes: 12 objects, min-age: 1 object`; empty if no filter passes over anything.
fn filtered(status: &Status) -> String {
    let each = status.filtered.iter().map(|(filter, n)| format!("{}: {}", filter.as_str(), objects(*n)));
    each.collect::<Vec<_>>().join(", ")
}

/// What the state looks like.
fn class(state: State) -> &'static str {
    match state {
        State::Copied | State::Empty => "good",
        State::CopiedWithFailures | State::Waiting => "warning",
        State::Failed => "alarm",
        State::Planned | State::Open | State::Previewed | State::Superseded => "quiet",
    }
}
