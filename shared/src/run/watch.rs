//! The watchdog: what is not as it should be with a route, and what to do about it; [`due`] says when somebody is told. Calls
//! nothing.

mod due;

pub use due::{Changed, Due, TELL_AGAIN, TELLING, WARNING_LASTS, due, is_telling, see};

use jiff::{SignedDuration, Timestamp};

use super::tend::Tended;
use crate::config::CopyMode;
use crate::ledger::{CarryOver, RunRecord, State, Stuck};
use crate::notice::text;
use crate::notice::{Finding, Severity};

/// How often S3 delivers a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// Every day.
    Daily,
    /// On Sundays.
    Weekly,
}

impl std::str::FromStr for Frequency {
    type Err = crate::names::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "Daily" => Ok(Self::Daily),
            "Weekly" => Ok(Self::Weekly),
            _ => Err(crate::names::Invalid::new("Daily or Weekly", text)),
        }
    }
}

impl Frequency {
    /// How long the first report may take, by S3's documentation; and a day more where reports come by the week.
    fn first(self) -> SignedDuration {
        SignedDuration::from_hours(if self == Self::Daily { 48 } else { 9 * 24 })
    }

    /// How long after one report has come the next may. The scan tells nothing of it: S3 may take hours to deliver, each time.
    fn next(self) -> SignedDuration {
        SignedDuration::from_hours(if self == Self::Daily { 30 } else { 9 * 24 })
    }
}

/// What counts as too long.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often reports come.
    pub frequency: Frequency,
    /// How long a run may be open.
    pub run_open: SignedDuration,
}

/// A finding, and the name by which it is known as the same the next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// `no-report`, …
    pub name: String,
    /// The run or the report that it is about; empty if it is about the route. The same finding about another is another.
    pub about: String,
    /// What is so, and what to do.
    pub finding: Finding,
}

impl Raised {
    /// A finding that somebody has to do something about.
    pub fn alarm(name: impl Into<String>, what: impl Into<String>, do_next: impl Into<String>) -> Self {
        Self { name: name.into(), about: String::new(), finding: Finding::new(Severity::Alarm, what, do_next) }
    }

    /// About a run or a report.
    #[must_use]
    pub fn about(mut self, about: &impl ToString) -> Self {
        self.about = about.to_string();
        self
    }

    /// What `ledger/watch.json` knows it by.
    pub fn key(&self) -> String {
        if self.about.is_empty() { self.name.clone() } else { format!("{} {}", self.name, self.about) }
    }
}

/// How long a report that nothing stands in the way of may go unplanned.
const UNHANDLED: SignedDuration = SignedDuration::from_hours(1);

/// What is not as it should be. `since` is when the route was first looked at.
pub fn watch(tended: &Tended, since: Timestamp, patience: &Patience, now: Timestamp) -> Vec<Raised> {
    let found = [
        no_report(tended, since, patience, now),
        open_too_long(tended, patience, now),
        unhandled(tended, now),
        stuck(tended),
    ];
    let unconfirmed = tended.unconfirmed.iter().cloned();
    found.into_iter().flatten().chain(unconfirmed).chain(tended.failed.iter().map(failing)).collect()
}

fn no_report(tended: &Tended, since: Timestamp, patience: &Patience, now: Timestamp) -> Option<Raised> {
    let last = tended.reports.arrived.as_ref();
    let (from, may_take) = match last {
        Some(last) => (last.at, patience.frequency.next()),
        None => (since, patience.frequency.first()),
    };
    if now.duration_since(from) <= may_take {
        return None;
    }
    let what = match last {
        Some(last) => format!("no inventory report has come since that of {}", last.time),
        None => "no inventory report has come yet".to_owned(),
    };
    let do_next = "S3 tells nobody when an export fails: invoke setup with {\"action\":\"check\"}, which looks at the \
        inventory configuration, the manifest bucket's policy and the key of the reports";
    Some(Raised::alarm("no-report", what, do_next))
}

fn open_too_long(tended: &Tended, patience: &Patience, now: Timestamp) -> Option<Raised> {
    // A run that waits for a person has a finding of its own.
    let waits = |open: &&RunRecord| open.state != State::Waiting;
    let open = tended.open().filter(waits).filter(|open| now.duration_since(open.planned) > patience.run_open)?;
    let jobs: Vec<&str> = open.jobs.iter().map(|job| job.id.as_str()).collect();
    let (what, do_next) = match jobs.as_slice() {
        [] => (
            format!("run {} is committed and has no job", open.run),
            "the log of settle-job says why CreateJob fails; it is tried again every time",
        ),
        _ => (
            format!("run {} has been open since {}, with job {}", open.run, text::time(open.planned), jobs.join(", ")),
            "look at the job in the console; if it hangs, cancel it: what it was to copy is then carried over",
        ),
    };
    Some(Raised::alarm("run-open", what, do_next).about(&open.run))
}

fn unhandled(tended: &Tended, now: Timestamp) -> Option<Raised> {
    // Where not all of the ledger could be read, nobody can tell which reports have been handled.
    if !tended.failed.is_empty() {
        return None;
    }
    let report = tended.reports.waiting.first().filter(|_| tended.open().is_none())?;
    if now.duration_since(report.since) <= UNHANDLED {
        return None;
    }
    let what = format!(
        "{} has been there since {}, and no run has been made of it",
        report.manifest,
        text::time(report.since)
    );
    let do_next =
        "create-job is told of it each time: its log says in a line of level ERROR or WARN why it does not take it";
    Some(Raised::alarm("report-unhandled", what, do_next).about(&report.run))
}

fn stuck(tended: &Tended) -> Option<Raised> {
    // An empty run says that nothing is left to be copied.
    let tells = |run: &&RunRecord| run.outcome.is_some() || run.state == State::Empty;
    let last = tended.runs.iter().map(|(_, record)| &record.value).find(tells)?;
    // A retry takes over the lists of one run alone; the others wait as they were.
    let is_other = |list: &&CarryOver| last.mode == CopyMode::Changes && list.run != last.run;
    let others = tended.baseline.iter().flat_map(|baseline| &baseline.carry_over).filter(is_other);
    let its_own = last.outcome.as_ref().and_then(|outcome| outcome.stuck.as_ref());
    let stuck = Stuck::of_all(others.filter_map(|list| list.stuck.as_ref()).chain(its_own))?;
    let keys: Vec<String> =
        stuck.examples.iter().map(|key| format!("{:?}", crate::names::excerpt(key.as_str()))).collect();
    let (objects, have) = (text::objects(stuck.objects), if stuck.objects == 1 { "has" } else { "have" });
    let what = format!("{objects} {have} failed in {} runs in a row or more, such as {}", stuck.runs, keys.join(", "));
    let do_next = "the completion report of the last run says why each of them failed";
    Some(Raised::alarm("stuck", what, do_next))
}

fn failing(error: &super::RunError) -> Raised {
    let severity = if error.is_transient() { Severity::Warning } else { Severity::Alarm };
    let do_next = if error.is_transient() { "nothing at once: it is tried again" } else { "mend what the error names" };
    Raised {
        name: "failing".to_owned(),
        about: String::new(),
        finding: Finding::new(severity, error.to_string(), do_next),
    }
}

#[cfg(test)]
mod tests;
