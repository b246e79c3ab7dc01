//! What a run comes to: what its jobs say of themselves, what their completion reports say and what was planned, held against
//! each other. Calls nothing.

use jiff::{SignedDuration, Timestamp};

use super::hear::{Tally, counted_in};
use super::settle::Ended;
use crate::bucket::Written;
use crate::config::CopyMode;
use crate::job::report::Errors;
use crate::job::{JobKind, JobRequest};
use crate::ledger::{CarriedOver, CarryOver, Outcome, RunRecord, State, Stuck};
use crate::names::excerpt;
use crate::notice::text;

/// How long after a job's end its completion report may still come. Then it counts as lost.
pub const REPORT_COMES_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// What was asked of a job.
pub(super) struct Asked<'a> {
    pub(super) id: &'a str,
    /// Objects of the plan; none in mode `Everything`, where nobody has counted.
    pub(super) planned: Option<u64>,
    /// Whether its report lists the tasks that succeeded too.
    pub(super) all_tasks: bool,
}

/// What its completion report says.
#[derive(Debug, Clone)]
pub(super) enum Report {
    Missing,
    Wrong(String),
    Says(Tally),
}

/// What has to be carried over of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Nothing,
    /// The failed tasks.
    Keys,
    /// All that it was to copy.
    Plan,
}

/// What has become of a job's tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Tasks {
    /// There was no job: its request was refused.
    #[default]
    None,
    /// Each was tried.
    Tried,
    /// Not each: the job failed, was cancelled, or is not known any more.
    Broken,
    /// The job waited for a person until a newer report took its place.
    Replaced,
}

/// What one job comes to.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) kind: JobKind,
    /// Tasks of a restore job that succeeded.
    restoring: u64,
    copied: u64,
    failed: u64,
    not_found: u64,
    errors: Errors,
    stuck: Option<Stuck>,
    tasks: Tasks,
    /// Objects that are carried over.
    carried: u64,
    /// Why.
    reason: String,
    pub(super) which: Option<CarriedOver>,
    /// Where a whole plan is carried over: the lists that say how often each object has failed.
    counted_in: Vec<Written>,
    pub(super) findings: Vec<String>,
}

impl Part {
    /// Of a restore job that has ended: nothing is copied by it, and nothing carried over.
    pub(super) fn of_restores(restoring: u64, ended: &Ended) -> Self {
        Self { kind: JobKind::Restore, restoring, tasks: tasks(ended), ..Self::default() }
    }

    /// Of a job that was never made: what it was to copy is carried over.
    pub(super) fn refused(record: &RunRecord, request: &JobRequest, why: &str) -> Self {
        let mut part = Self { kind: request.kind, ..Self::default() };
        if request.kind == JobKind::Restore {
            part.findings.push(format!(
                "the restore job was refused ({why}): a later run asks again; put right RestoreArchived, RestoreDays or the copy role"
            ));
            return part;
        }
        part.reason = format!("the job of objects over 5 GB was refused ({why})");
        part.findings.push(format!(
            "{}: they are carried over; put right the function or the copy role of copy-large",
            part.reason
        ));
        part.carried = planned(record, request.kind).unwrap_or_default();
        part.carry_whole(record, request);
        part
    }

    /// Of a job that AWS has forgotten.
    pub(super) fn unknown(record: &RunRecord, id: &str, request: &JobRequest) -> Self {
        let mut part = Self { kind: request.kind, tasks: Tasks::Broken, ..Self::default() };
        if request.kind == JobKind::Restore {
            return part;
        }
        part.reason = format!("job {id} is not known any more");
        part.findings.push(part.reason.clone());
        part.carried = planned(record, request.kind).unwrap_or_default();
        part.carry_whole(record, request);
        part
    }

    /// Carries over all that the job was to copy. Nobody knows which of its objects failed: those that the run took over are as
    /// stuck as they were, and the lists in which they are counted stay with them.
    pub(super) fn carry_whole(&mut self, record: &RunRecord, request: &JobRequest) {
        self.which = Some(CarriedOver::Plan(request.manifest.clone()));
        let taken_over = || record.carried.iter().filter(|list| list.kind == request.kind);
        self.stuck = Stuck::of_all(taken_over().filter_map(|list| list.stuck.as_ref()));
        self.counted_in = counted_in(taken_over());
    }
}

/// Objects of the plan that a run's job of this kind was to copy; none in mode `Everything`, where nobody has counted.
pub(super) fn planned(record: &RunRecord, kind: JobKind) -> Option<u64> {
    record.plan.as_ref().map(|plan| plan.of(kind).objects)
}

fn tasks(ended: &Ended) -> Tasks {
    match ended {
        Ended { whole: true, .. } => Tasks::Tried,
        Ended { replaced: true, .. } => Tasks::Replaced,
        Ended { .. } => Tasks::Broken,
    }
}

/// Holds against each other what was planned, what the job says and what its report says; none if the report may still
/// come. Where they differ, or a job has not tried every task, its whole plan is carried over.
pub(super) fn judge(asked: &Asked<'_>, ended: &Ended, report: Report, now: Timestamp) -> Option<(Part, Verdict)> {
    let Ended { whole, total, succeeded, failed, .. } = *ended;
    let planned = asked.planned.unwrap_or(total);
    let mut part = Part { copied: succeeded, failed, tasks: tasks(ended), ..Part::default() };
    let adds_up = total == planned && succeeded + failed == total;
    let wrong = match report {
        _ if part.tasks == Tasks::Replaced => Some(replaced(asked.id, planned)),
        _ if !whole => Some(told(asked.id, ended, planned)),
        _ if !adds_up => Some(told(asked.id, ended, planned)),
        // Nobody has said whether there is a report if it has nothing to list.
        Report::Missing if total == 0 || (failed == 0 && !asked.all_tasks) => None,
        Report::Missing if ended.at.is_some_and(|at| now.duration_since(at) < REPORT_COMES_WITHIN) => return None,
        Report::Missing => Some(format!("job {} has left no completion report", asked.id)),
        Report::Wrong(ref why) => Some(format!("the completion report of job {}: {why}", asked.id)),
        Report::Says(ref tally) => differs(asked, ended, tally),
    };
    if let Report::Says(tally) = report {
        if tally.succeeded.is_none() {
            part.findings.push(format!("no time was left to read what job {} says has succeeded", asked.id));
        }
        part.findings.extend(tally.forgot);
        (part.not_found, part.errors, part.stuck) = (tally.not_found, tally.errors, tally.stuck);
    }
    let verdict = match (&wrong, failed) {
        (Some(_), _) => Verdict::Plan,
        (None, 0) => Verdict::Nothing,
        (None, _) => Verdict::Keys,
    };
    if let Some(wrong) = wrong {
        part.carried = planned;
        part.findings.insert(0, wrong.clone());
        part.reason = wrong;
    } else {
        part.carried = failed;
        let found = format!("{failed} tasks of job {} failed", asked.id);
        part.reason = format!("{found}, {} of them since there was no object", part.not_found);
    }
    Some((part, verdict))
}

/// How a job ended that did not do what was planned.
fn told(id: &str, ended: &Ended, planned: u64) -> String {
    let Ended { total, succeeded, failed, .. } = ended;
    let how = if ended.whole { "is Complete" } else { "did not complete" };
    let why = ended.why.first().map(|why| format!(" ({})", excerpt(why))).unwrap_or_default();
    format!("job {id} {how}{why}: of {planned} objects {total} were tasks, {succeeded} succeeded, {failed} failed")
}

/// Nothing failed, and yet it copied nothing.
fn replaced(id: &str, planned: u64) -> String {
    let objects = text::objects(planned);
    format!("job {id} still waited for its confirmation when a newer report came: its run takes over the {objects}")
}

/// How a report differs from what the job says of itself, if it does.
fn differs(asked: &Asked<'_>, ended: &Ended, tally: &Tally) -> Option<String> {
    let succeeded = match tally.succeeded {
        None => true,
        Some(0) if !asked.all_tasks => true,
        Some(rows) => rows == ended.succeeded,
    };
    if succeeded && tally.failed == ended.failed {
        return None;
    }
    let rows = tally.succeeded.unwrap_or_default();
    Some(format!(
        "job {} says that {} tasks succeeded and {} failed, its completion report lists {rows} and {}",
        asked.id, ended.succeeded, ended.failed, tally.failed
    ))
}

/// What a run comes to by its jobs.
pub(super) fn together(record: &RunRecord, parts: Vec<Part>, now: Timestamp) -> (State, Outcome, Vec<CarryOver>) {
    let mut outcome = Outcome { settled: now, ..Outcome::default() };
    let state = state(&parts);
    let (mut errors, mut carry_over, mut stuck) = (Errors::default(), Vec::new(), Vec::new());
    for part in parts {
        outcome.copied += part.copied;
        outcome.restoring += part.restoring;
        outcome.failed += part.failed;
        outcome.not_found += part.not_found;
        outcome.findings.extend(part.findings);
        errors.join(part.errors);
        stuck.extend(part.stuck.clone());
        if let Some(which) = part.which {
            outcome.carried_over += part.carried;
            let mut list = CarryOver::new(&record.run, part.reason, part.carried, part.kind, which);
            (list.stuck, list.counted_in) = (part.stuck, part.counted_in);
            carry_over.push(list);
        }
    }
    outcome.stuck = Stuck::of_all(&stuck);
    outcome.errors = errors.groups();
    if record.mode == CopyMode::Everything {
        // It takes nothing over: the next report brings everything again.
        outcome.carried_over = 0;
    }
    (state, outcome, carry_over)
}

/// The state of a run, by its jobs. A restore job counts only where it is all there was: what it has not asked for, the next
/// run asks for.
fn state(parts: &[Part]) -> State {
    let copying: Vec<&Part> = parts.iter().filter(|part| part.kind != JobKind::Restore).collect();
    let is_left = |part: &Part| part.which.is_some() || part.failed > 0;
    let is_replaced = |part: &Part| part.tasks == Tasks::Replaced;
    let any = |tasks| copying.iter().any(|part| part.tasks == tasks);
    if copying.is_empty() && parts.iter().any(is_replaced) {
        State::Superseded
    } else if !copying.iter().any(|part| is_left(part)) {
        State::Copied
    } else if any(Tasks::Broken) {
        State::Failed
    } else if copying.iter().all(|part| is_replaced(part) || !is_left(part)) {
        // All that is left is what the newer run takes over.
        State::Superseded
    } else if any(Tasks::Tried) || any(Tasks::Replaced) {
        State::CopiedWithFailures
    } else {
        State::Failed
    }
}

#[cfg(test)]
mod tests;
