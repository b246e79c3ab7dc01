//! What the function answers, and the one decision whether Lambda tries again.

use std::fmt;

use lambda_runtime::Diagnostic;
use serde::Serialize;
use transship::bucket::BucketError;
use transship::inventory::FetchError;
use transship::job::RunId;
use transship::names::excerpt;
use transship::plan::ByHand;
use transship::run::{Handled, Rebuilt, Retried, RunError};

/// The answer to an invocation.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    /// One entry for each record of the event, in its order.
    pub(crate) results: Vec<Record>,
}

/// What happened to one record.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    key: String,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<String>,
    /// The run's other jobs: that for objects over 5 GB, that which has archived ones restored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    other_job_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What a record comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A job was created.
    Created,
    /// Its run has a job already.
    AlreadyCreated,
    /// There is nothing to copy.
    Empty,
    /// An earlier run of the route is open; the newest report that waits is planned when that is settled.
    Waiting,
    /// What it would copy is written down; there is no job.
    Previewed,
    /// It, or a newer report, was planned before.
    Superseded,
    /// Planning takes longer than one invocation; another goes on.
    Unfinished,
    /// A person had the baseline forgotten.
    Rebuilt,
    /// Not a report of this route, or one that a newer has replaced.
    Ignored,
    /// Something somebody has to change; trying again changes nothing.
    Refused,
    /// It did not work.
    Failed {
        /// Whether trying again can help.
        retry: bool,
    },
}

impl Outcome {
    /// What a report that could not be fetched comes to.
    pub(crate) fn of_fetch(error: &FetchError) -> Self {
        match error {
            FetchError::Superseded(_) => Self::Ignored,
            FetchError::Altered { .. }
            | FetchError::DataFile { .. }
            | FetchError::Manifest(_)
            | FetchError::Bucket(BucketError::TooLarge { .. } | BucketError::ETag { .. }) => Self::Refused,
            FetchError::NotYet { .. } | FetchError::Bucket(_) => Self::Failed { retry: error.is_transient() },
        }
    }

    /// What a report that could not be handled comes to.
    pub(crate) fn of_run(error: &RunError) -> Self {
        match error {
            RunError::Fetch(error) => Self::of_fetch(error),
            RunError::Plan(error) if error.is_about_the_report() => Self::Refused,
            _ => Self::Failed { retry: error.is_transient() },
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::AlreadyCreated => "already created",
            Self::Empty => "empty",
            Self::Waiting => "waiting",
            Self::Previewed => "previewed",
            Self::Superseded => "superseded",
            Self::Unfinished => "unfinished",
            Self::Rebuilt => "rebuilt",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Record {
    pub(crate) fn new(key: impl Into<String>, outcome: Outcome) -> Self {
        Self { key: key.into(), outcome, run: None, job_id: None, other_job_ids: Vec::new(), reason: None }
    }

    pub(crate) fn of_run(mut self, run: &RunId) -> Self {
        self.run = Some(run.to_string());
        self
    }

    /// What came of a report.
    pub(crate) fn handled(key: String, run: &RunId, handled: Handled) -> Self {
        let record = |outcome| Self::new(key, outcome).of_run(run);
        match handled {
            Handled::Created(jobs) => record(Outcome::Created).with_jobs(jobs),
            Handled::AlreadyCreated(jobs) => record(Outcome::AlreadyCreated).with_jobs(jobs),
            Handled::Previewed => record(Outcome::Previewed).because("CopyMode is Preview: no job is made"),
            Handled::Empty => record(Outcome::Empty).because("there is nothing to copy"),
            Handled::Waiting(other) => {
                record(Outcome::Waiting).because(format_args!("run {other} is open; this report is planned after it"))
            }
            Handled::Superseded(other) => {
                record(Outcome::Superseded).because(format_args!("run {other} has planned this report or a newer one"))
            }
            Handled::Unfinished => record(Outcome::Unfinished).because("another invocation goes on with the plan"),
        }
    }

    /// The baseline was forgotten.
    pub(crate) fn rebuilt(rebuilt: &Rebuilt) -> Self {
        let past = match &rebuilt.last {
            Some(last) => format!("the first report after {} is a full run", last.report_time),
            None => "the next report is a full run".to_owned(),
        };
        Self::new("ledger/baseline.json", Outcome::Rebuilt).because(format_args!("{past}; {} tells who", rebuilt.entry))
    }

    /// A run's carry-over was planned, or not.
    pub(crate) fn retried(run: &str, retried: Retried) -> Self {
        let run = excerpt(run);
        match retried {
            Retried::Run(id, handled, by_hand) => Self::handled(run, &id, handled).and_of(by_hand.as_ref()),
            Retried::Open(open) => Self::new(run, Outcome::Waiting)
                .because(format_args!("run {open} is open: retry when it is settled, or let the next report do it")),
            Retried::Nothing(by_hand) => Self::new(run, Outcome::Empty)
                .because(
                    "nothing of this run is carried over: it was copied, is gone, or a later run has taken it over",
                )
                .and_of(Some(&by_hand)),
        }
    }

    /// What was found of archived objects, if there are any.
    fn and_of(self, by_hand: Option<&ByHand>) -> Self {
        let Some(found) = by_hand.filter(|found| !found.is_nothing()) else { return self };
        match self.reason.clone() {
            None => self.because(found),
            Some(reason) => self.because(format_args!("{reason}; {found}")),
        }
    }

    /// A run has a job or several.
    fn with_jobs(mut self, jobs: Vec<String>) -> Self {
        let mut jobs = jobs.into_iter();
        (self.job_id, self.other_job_ids) = (jobs.next(), jobs.collect());
        self
    }

    pub(crate) fn because(mut self, reason: impl fmt::Display) -> Self {
        self.reason = Some(reason.to_string());
        self
    }

    /// One line for each record. What a person has to look at is an error.
    pub(crate) fn log(&self) {
        let Self { key: manifest_key, outcome, run, job_id, other_job_ids, reason } = self;
        let (run, job_id, reason) = (run.as_deref(), job_id.as_deref(), reason.as_deref());
        let other_job_ids = (!other_job_ids.is_empty()).then(|| other_job_ids.join(" "));
        match outcome {
            Outcome::Refused | Outcome::Failed { retry: false } => {
                tracing::error!(manifest_key, run, job_id, reason, "{}", outcome.as_str());
            }
            Outcome::Failed { retry: true } => {
                tracing::warn!(manifest_key, run, job_id, reason, "{}", outcome.as_str());
            }
            _ => tracing::info!(manifest_key, run, job_id, other_job_ids, reason, "{}", outcome.as_str()),
        }
    }
}

impl Answer {
    /// The answer, unless trying again can still help a record: then the invocation fails, and Lambda tries again.
    pub(crate) fn of(results: Vec<Record>) -> Result<Self, Retry> {
        let again = results.iter().filter(|record| record.outcome == Outcome::Failed { retry: true });
        let lines: Vec<String> =
            again.map(|r| format!("{}: {}", r.key, r.reason.as_deref().unwrap_or_default())).collect();
        if lines.is_empty() { Ok(Self { results }) } else { Err(Retry { lines, of: results.len() }) }
    }
}

/// Records that may succeed when the event is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Retry {
    lines: Vec<String>,
    of: usize,
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} records to be tried again: {}", self.lines.len(), self.of, self.lines.join("; "))
    }
}

impl From<Retry> for Diagnostic {
    fn from(retry: Retry) -> Self {
        Self { error_type: "Retry".to_owned(), error_message: retry.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_job_of_a_run_is_in_its_answer() {
        let jobs = |n: usize| ["copy", "large", "restore"].into_iter().take(n).map(str::to_owned).collect();
        for (n, ids) in [
            (1, json!({ "job_id": "copy" })),
            (2, json!({ "job_id": "copy", "other_job_ids": ["large"] })),
            (3, json!({ "job_id": "copy", "other_job_ids": ["large", "restore"] })),
        ] {
            let record = serde_json::to_value(Record::new("key", Outcome::Created).with_jobs(jobs(n))).unwrap();
            let mut expected = ids;
            (expected["key"], expected["outcome"]) = ("key".into(), "created".into());
            assert_eq!(record, expected);
        }
    }
}
