//! The guard: what a run is estimated to cost, and whether it needs a person's leave. Calls nothing.
//!
//! A run over a limit gets its jobs all the same, but they wait for a confirmation (state Suspended). The requests in the
//! record say so, so that whoever sends them sends the same.

use jiff::{SignedDuration, Timestamp};

use super::watch::Raised;
use crate::config::{Budget, Route};
use crate::cost::{Cost, Large, Work};
use crate::job::JobKind;
use crate::ledger::{RunRecord, State};
use crate::notice::text;
use crate::notice::{Finding, Severity};
use crate::plan::{Count, Plan};

/// A job that nobody has confirmed by then fails.
const CONFIRM_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a plan has its jobs do.
pub(super) fn work(plan: &Plan) -> Work {
    let large = plan.of(JobKind::Large);
    let (copied, restored) = (plan.of(JobKind::Copy), plan.of(JobKind::Restore));
    Work { listed: plan.rows, copied, large: Large { all: large, parts: plan.large_parts }, restored }
}

/// Notes what a run will cost and which limits it is over; if any, its jobs will wait. `work` is none where nobody could count.
pub(super) fn guard(budget: &Budget, record: &mut RunRecord, work: Option<&Work>) {
    record.cost = work.map(|work| Cost::estimate(&budget.prices, &budget.how, work));
    record.over = if record.cost.as_ref().is_some_and(|cost| cost.objects + cost.restored.objects == 0) {
        Vec::new()
    } else {
        budget.limits.over(record.cost.as_ref())
    };
    if !record.over.is_empty() {
        tracing::warn!(run = %record.run, over = ?record.over, "its jobs will wait for a confirmation");
        record.requests.iter_mut().for_each(crate::job::JobRequest::wait_for_confirmation);
    }
}

/// A finding for each run whose jobs wait for a person, with the commands that confirm or cancel them.
pub(super) fn unconfirmed<'r>(route: &Route, runs: impl Iterator<Item = &'r RunRecord>, now: Timestamp) -> Vec<Raised> {
    runs.filter(|run| run.state == State::Waiting).map(|run| raised(route, run, now)).collect()
}

fn raised(route: &Route, run: &RunRecord, now: Timestamp) -> Raised {
    let jobs: Vec<&str> = run.jobs.iter().map(|job| job.id.as_str()).collect();
    let (noun, verb) = if jobs.len() == 1 { ("job", "waits for its") } else { ("jobs", "wait for their") };
    let numbers = |count: Count| format!("{}, {}", text::objects(count.objects), text::size(count.bytes));
    let size = run.cost.as_ref().map(|cost| {
        let copied = numbers(Count { objects: cost.objects, bytes: cost.bytes });
        let restored = match cost.restored.objects {
            0 => String::new(),
            _ => format!(", and to be restored {}", numbers(cost.restored)),
        };
        format!(": {copied}{restored}, estimated at {}", cost.total)
    });
    let over: Vec<String> = run.over.iter().map(|over| format!("; {}", over.text())).collect();
    let since = run.driven.unwrap_or(run.planned);
    let what = format!(
        "{noun} {} of run {} {verb} confirmation{}{}",
        jobs.join(", "),
        run.run,
        size.unwrap_or_default(),
        over.concat()
    );
    let command = |job: &str, status: &str| {
        format!(
            "aws s3control update-job-status --region {} --account-id {} --job-id {job} --requested-job-status {status}",
            route.destination_region, route.account
        )
    };
    let each = |status| jobs.iter().map(|job| command(job, status)).collect::<Vec<_>>().join("; ");
    let do_next = format!(
        "confirm by: {} -- or cancel, and what it was to copy is carried over: {} -- The next report takes its place; \
        nobody having decided by {}, the job fails, and its plan is carried over",
        each("Ready"),
        each("Cancelled"),
        text::time(since.saturating_add(CONFIRM_WITHIN).unwrap_or(now)),
    );
    let severity = if run.over.is_empty() { Severity::Warning } else { Severity::Alarm };
    Raised {
        name: format!("unconfirmed {}", run.run),
        about: String::new(),
        finding: Finding::new(severity, what, do_next),
    }
}

#[cfg(test)]
mod tests;
