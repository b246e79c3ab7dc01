//! The message of a run or of findings: a text for a person, JSON for a program. Calls nothing.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::text::{count, dollars, inert, objects, size};
use super::{Finding, Links, RunSummary, Severity};
use crate::ledger::{RunRecord, State};
use crate::names::{excerpt, excerpt_of};

/// What one message lists at most of errors, of findings or of jobs: SNS takes 256 KB.
const MOST: usize = 10;

/// The most characters of a line with strangers' texts in it.
const LINE: usize = 600;

/// The most that SNS takes as a subject, in ASCII: fewer than 100.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT: usize = 99;

/// What a message may have in bytes, of the 262,144 that SNS takes; the rest is for subject and attributes.
const BODY: usize = 250_000;

/// What is told beside a run, or alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found<'a> {
    /// What is not as it should be.
    pub findings: &'a [Finding],
    /// What somebody was told, and is no longer so: a sentence each, without its full stop.
    pub resolved: &'a [String],
}

/// A message, ready for SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How much it matters: what [`super::Notices`] goes by.
    pub severity: Severity,
    /// The same for the same notice: it may come twice.
    pub id: String,
    /// One line of fewer than 100 ASCII characters, with route and outcome.
    pub subject: String,
    /// For a person.
    pub text: String,
    /// For a program: one JSON object, with `schema` 1.
    pub json: String,
    /// Message attributes of type String, for subscriptions' filter policies.
    pub attributes: Vec<(&'static str, String)>,
}

/// What a program reads. Fields may be added, never renamed.
#[derive(Serialize)]
struct Detail<'a> {
    /// 1
    schema: u32,
    /// The same for the same notice: it may come twice.
    notice: &'a str,
    route: &'a str,
    outcome: &'a str,
    /// The message's, which may be worse than the run's by what was found beside it. With a run it is in `run`: the name stands once.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    /// None in a message of findings alone.
    #[serde(flatten)]
    run: Option<&'a RunSummary>,
    /// What somebody should know and do.
    actions: &'a [Finding],
    /// What is no longer so.
    resolved: Vec<String>,
    status_page: String,
}

impl Message {
    /// What a run came to, and what else was found with it.
    pub fn of_run(links: &Links<'_>, record: &RunRecord, found: Found<'_>) -> Self {
        let all = RunSummary::of(links, record);
        let outcome = all.state_text();
        let subject = match (all.copied, all.failed) {
            (Some(copied), Some(failed)) if copied + failed > 0 => {
                format!("{outcome}: {} copied, {} failed", count(copied), count(failed))
            }
            _ => format!("{outcome}: {}", all.report_time),
        };
        let id = format!("{}/{}/{outcome}", links.route.name, all.run);
        let severity = all.severity.max(worst(found.findings));
        fitting(|most| {
            let mut run = RunSummary { severity, ..all.clone() };
            shorten(&mut run, most);
            let text = run_text(links, record, (&run, &all), found, most);
            Self::new(links, (&id, severity, &outcome), &subject, text, Some(&run), found, most)
        })
    }

    /// Of what belongs to no one run, such as a report that never came, or has come by now; none if there is nothing. `id`
    /// tells it from others.
    pub fn of_findings(links: &Links<'_>, id: &str, found: Found<'_>) -> Option<Self> {
        let severity = worst(found.findings);
        let (outcome, subject) = match found.findings.iter().find(|finding| finding.severity == severity) {
            Some(first) => (severity.as_str(), format!("{}: {}", severity.as_str(), first.what)),
            None => ("resolved", format!("resolved: {}", found.resolved.first()?)),
        };
        let id = format!("{}/{id}", links.route.name);
        Some(fitting(|most| {
            let mut text = heading(links);
            let _ = writeln!(text);
            actions(&mut text, found, most);
            Self::new(links, (&id, severity, outcome), &subject, text, None, found, most)
        }))
    }

    fn new(
        links: &Links<'_>,
        (id, severity, outcome): (&str, Severity, &str),
        subject: &str,
        mut text: String,
        run: Option<&RunSummary>,
        found: Found<'_>,
        most: usize,
    ) -> Self {
        let route = links.route.name.as_str();
        let status_page = links.status_page();
        let _ = writeln!(text, "\nStatus page: {status_page}\nNotice {id}. If it comes twice, it is the same.");
        let findings: Vec<Finding> = found.findings.iter().take(most).map(shortened).collect();
        let resolved = found.resolved.iter().take(most).map(|what| excerpt(what)).collect();
        let actions = &findings;
        let alone = run.is_none().then_some(severity);
        let detail =
            Detail { schema: 1, notice: id, route, outcome, severity: alone, run, actions, resolved, status_page };
        let mut attributes = vec![
            ("notice", id.to_owned()),
            ("route", route.to_owned()),
            ("outcome", outcome.to_owned()),
            ("severity", severity.as_str().to_owned()),
        ];
        attributes.extend(run.map(|run| ("run", run.run.to_string())));
        // None of its fields can fail to be JSON.
        let json = serde_json::to_string(&detail).unwrap_or_default();
        let subject = one_line(&format!("Transship {route}: {subject}"));
        Self { severity, id: id.to_owned(), subject, text, json, attributes }
    }

    /// The body for Publish with `MessageStructure` `json`: mail gets the text, a queue or a function the JSON.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html>
    pub fn structured(&self) -> String {
        json!({ "default": self.json, "email": self.text, "sms": self.subject }).to_string()
    }
}

/// With as much in it as SNS takes: keys and messages of strangers, escaped twice, may be long.
fn fitting(make: impl Fn(usize) -> Message) -> Message {
    let fits = |message: &Message| message.structured().len() <= BODY;
    [MOST, 3, 1].into_iter().map(&make).find(fits).unwrap_or_else(|| make(0))
}

fn worst(findings: &[Finding]) -> Severity {
    findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Note)
}

/// Strangers' texts in it, such as keys, may be of any length and number.
fn shorten(run: &mut RunSummary, most: usize) {
    run.findings.truncate(most);
    run.findings.iter_mut().for_each(|finding| *finding = excerpt_of(finding, LINE));
    run.errors.truncate(most);
    run.errors.iter_mut().for_each(|group| group.message = excerpt(&group.message));
    run.jobs.truncate(MOST);
    if most == 0 {
        run.stuck.iter_mut().for_each(|stuck| stuck.examples.clear());
    }
}

fn shortened(finding: &Finding) -> Finding {
    Finding {
        what: excerpt_of(&finding.what, LINE),
        do_next: finding.do_next.chars().take(2000).collect(),
        ..finding.clone()
    }
}

/// SNS refuses a subject with anything but ASCII, with a line break, or longer than 100.
fn one_line(text: &str) -> String {
    let shown = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    let line: String = text.chars().map(shown).collect();
    if line.len() <= SUBJECT { line } else { format!("{}...", &line[..SUBJECT - 3]) }
}

fn heading(links: &Links<'_>) -> String {
    let route = links.route;
    let (from, to) = (&route.source_bucket, &route.destination_bucket);
    let below = route.destination_prefix.as_ref().map(|prefix| format!("/{prefix}")).unwrap_or_default();
    format!("Route {}: {from} ({}) to {to}{below} ({})\n", route.name, route.source_account, route.account)
}

fn run_text(
    links: &Links<'_>,
    record: &RunRecord,
    (run, all): (&RunSummary, &RunSummary),
    found: Found<'_>,
    most: usize,
) -> String {
    let mut text = heading(links);
    let _ = writeln!(text, "The run of the report of {} UTC: {}.\n", run.report_text(), run.state_text());
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{name:<26}{value:>14}");
        }
    };
    line("New or changed", run.changed.map(count));
    line("Carried over to this run", run.retried.filter(|n| *n > 0).map(count));
    line("Of these, over 5 GiB", run.large.map(count));
    line("Copied", run.copied.map(count));
    line("Failed", run.failed.map(count));
    line("Of these, not found", run.not_found.filter(|n| *n > 0).map(count));
    line("Carried over to the next", run.carried_over.filter(|n| *n > 0).map(count));
    line("Restores begun", run.restoring.map(count));
    line("Bytes planned", run.bytes.map(size));
    line("From report to outcome", run.duration_text());
    line("Estimated cost", run.estimated_cost.map(dollars));
    for (reason, left_out) in &run.left_out {
        let _ = writeln!(text, "Left out, {}: {}", reason.as_str(), objects(left_out.objects));
    }
    for (filter, passed_over) in &run.filtered {
        let _ = writeln!(text, "Passed over, {}: {}", filter.as_str(), objects(*passed_over));
    }
    let shown = run.lines();
    if !shown.is_empty() {
        let _ = writeln!(text, "\nWhat was found:");
        for line in shown.iter().take(MOST) {
            let _ = writeln!(text, "- {}", inert(&excerpt_of(line, LINE)));
        }
    }
    if let Some(more) = all.lines().len().checked_sub(shown.len().min(MOST)).filter(|more| *more > 0) {
        let _ = writeln!(text, "And {more} more: see the status page.");
    }
    let _ = writeln!(text);
    if found.findings.is_empty() {
        let _ = writeln!(text, "What to do: {}", advice(record.state));
    }
    actions(&mut text, found, most);
    for job in &run.jobs {
        let _ = writeln!(text, "\nJob: {}\nCompletion report: {}", job.console, job.report);
    }
    text
}

fn actions(text: &mut String, found: Found<'_>, most: usize) {
    for finding in found.findings.iter().take(most).map(shortened) {
        let _ = writeln!(text, "{}: {}.", finding.severity.as_str().to_uppercase(), inert(&finding.what));
        if !finding.do_next.is_empty() {
            let _ = writeln!(text, "What to do: {}", inert(&finding.do_next));
        }
    }
    for what in found.resolved.iter().take(most) {
        let _ = writeln!(text, "RESOLVED: {}.", inert(&excerpt(what)));
    }
    let listed = found.findings.len().min(most) + found.resolved.len().min(most);
    if let Some(more) = (found.findings.len() + found.resolved.len()).checked_sub(listed).filter(|more| *more > 0) {
        let _ = writeln!(text, "And {more} more: see the status page.");
    }
}

/// What to do after a run that nothing else was found with.
fn advice(state: State) -> &'static str {
    match state {
        State::Failed => {
            "look at the job in the console: its failure reasons say what to mend. The whole plan is carried over, and the \
             next report brings it again."
        }
        State::Waiting => {
            "confirm or cancel the job: the finding of the run has the commands, the console its buttons (Run job, Cancel job). Until then no later report is planned, unless it \
             takes this one's place; after 30 days the job fails."
        }
        State::Previewed => {
            "nothing: no job was made. The run's record in ledger/runs/ names the plan; CopyMode=Changes has it copied."
        }
        State::Superseded => {
            "nothing: the run of the newer report takes over all that this one was to copy; if it waits for a confirmation as \
             well, it has a finding of its own."
        }
        State::CopiedWithFailures => {
            "nothing at once. What failed is carried over to the next run. If the same objects fail again, the completion \
             report says why."
        }
        _ => "nothing.",
    }
}
