//! One job: its state machine, progress and time stamps. Pure: the time comes from the caller.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::error::BatchError;
use super::manifest::Task;
use super::model::Tag;
use super::script::JobScript;
use super::validate::JobSpec;
use crate::identity::AccountId;

/// A job that waits for confirmation fails after this.
const CONFIRM_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A job that has ended is forgotten after this.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The states of a job.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-job-status.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Created.
    New,
    /// The manifest is read.
    Preparing,
    /// Waits for a person.
    Suspended,
    /// About to run.
    Ready,
    /// Runs.
    Active,
    /// All tasks have run; the report is written.
    Completing,
    /// All tasks have run, which does not mean that any succeeded.
    Complete,
    /// Stops because somebody said so; the report is written.
    Cancelling,
    /// Stopped.
    Cancelled,
    /// Stops because it cannot go on.
    Failing,
    /// Did not run to its end.
    Failed,
}

impl Status {
    /// Every state a job can be in here; AWS also has Pausing and Paused.
    pub const ALL: [Self; 11] = [
        Self::New,
        Self::Preparing,
        Self::Suspended,
        Self::Ready,
        Self::Active,
        Self::Completing,
        Self::Complete,
        Self::Cancelling,
        Self::Cancelled,
        Self::Failing,
        Self::Failed,
    ];

    /// As the API says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Preparing => "Preparing",
            Self::Suspended => "Suspended",
            Self::Ready => "Ready",
            Self::Active => "Active",
            Self::Completing => "Completing",
            Self::Complete => "Complete",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::Failing => "Failing",
            Self::Failed => "Failed",
        }
    }

    /// Nothing comes after it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Complete | Self::Cancelled | Self::Failed)
    }

    /// Whether a job in this state may go to `next`.
    fn leads_to(self, next: Self) -> bool {
        use Status::{
            Active, Cancelled, Cancelling, Complete, Completing, Failed, Failing, New, Preparing, Ready, Suspended,
        };
        match self {
            New => matches!(next, Preparing | Cancelling | Failing),
            Preparing => matches!(next, Suspended | Ready | Cancelling | Failing),
            Suspended => matches!(next, Ready | Cancelling | Failing),
            Ready => matches!(next, Active | Cancelling | Failing),
            Active => matches!(next, Completing | Cancelling | Failing),
            Completing => matches!(next, Complete | Failing),
            Cancelling => next == Cancelled,
            Failing => next == Failed,
            Complete | Cancelled | Failed => false,
        }
    }
}

/// Why a job failed: the entry of its `FailureReasons`. AWS lists no codes; these are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// At most 64 characters.
    pub code: &'static str,
    /// At most 256 characters: a longer one is cut.
    pub reason: String,
}

impl Failure {
    /// A reason, cut to what the API takes.
    pub fn new(code: &'static str, reason: impl Into<String>) -> Self {
        let mut reason: String = reason.into();
        if let Some((end, _)) = reason.char_indices().nth(256) {
            reason.truncate(end);
        }
        Self { code, reason }
    }
}

/// One job.
#[derive(Debug, Clone)]
pub struct Job {
    /// A UUID.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// The Region `CreateJob` was signed for.
    pub region: String,
    /// What was asked for.
    pub spec: JobSpec,
    /// Its tags now.
    pub tags: Vec<Tag>,
    /// Its priority now.
    pub priority: i64,
    /// When it was created; jobs of one instant are told apart by `number`.
    pub created: Timestamp,
    /// Counts jobs, so that lists have an order.
    pub number: u64,
    /// When it ended.
    pub terminated: Option<Timestamp>,
    /// When it began to wait for confirmation.
    pub suspended: Option<Timestamp>,
    /// What whoever changed its status gave as the reason.
    pub status_update_reason: Option<String>,
    /// Why it failed.
    pub failures: Vec<Failure>,
    /// Rows of the manifest, once it is read.
    pub tasks: Option<Arc<Vec<Task>>>,
    /// How many rows that is; kept when the rows are let go.
    pub total: u64,
    /// Tasks that did what they should.
    pub succeeded: u64,
    /// Tasks that did not.
    pub failed: u64,
    /// What a test says becomes of it.
    pub script: JobScript,
    /// When `DescribeJob` first knows of it.
    pub described_from: Timestamp,
    /// When `ListJobs` does.
    pub listed_from: Timestamp,
    status: Status,
    active: Option<(Timestamp, Option<Timestamp>)>,
}

impl Job {
    /// A new job.
    pub fn new(
        id: String,
        number: u64,
        (account, region): (AccountId, String),
        spec: JobSpec,
        created: Timestamp,
    ) -> Self {
        Self {
            id,
            account,
            region,
            tags: spec.tags.clone(),
            priority: spec.priority,
            spec,
            created,
            number,
            terminated: None,
            suspended: None,
            status_update_reason: None,
            failures: Vec::new(),
            tasks: None,
            total: 0,
            succeeded: 0,
            failed: 0,
            script: JobScript::default(),
            described_from: created,
            listed_from: created,
            status: Status::New,
            active: None,
        }
    }

    /// Whether it is of this account and Region.
    pub fn is_of(&self, account: &AccountId, region: &str) -> bool {
        self.account == *account && self.region == region
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// `arn:aws:s3:REGION:ACCOUNT:job/ID`
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:{}:{}:job/{}", self.region, self.account, self.id)
    }

    /// Takes the rows of the manifest.
    pub fn set_tasks(&mut self, tasks: Vec<Task>) {
        self.total = tasks.len() as u64;
        self.tasks = Some(Arc::new(tasks));
    }

    /// Whole seconds in Active.
    pub fn active_seconds(&self, now: Timestamp) -> i64 {
        self.active.map_or(0, |(from, to)| to.unwrap_or(now).duration_since(from).as_secs())
    }

    /// Goes to another state, if this one leads there. Says whether it did: a cancelled job does not become Active.
    pub fn go(&mut self, next: Status, now: Timestamp) -> bool {
        if !self.status.leads_to(next) {
            return false;
        }
        if let (Status::Active, Some((_, to @ None))) = (self.status, &mut self.active) {
            *to = Some(now);
        }
        match next {
            Status::Active => self.active = Some((now, None)),
            Status::Suspended => self.suspended = Some(now),
            _ if next.is_terminal() => {
                self.terminated = Some(now);
                self.tasks = None;
            }
            _ => {}
        }
        self.status = next;
        true
    }

    /// Begins to fail; the first reason stays.
    pub fn fail(&mut self, failure: Failure, now: Timestamp) {
        if self.go(Status::Failing, now) {
            self.failures.push(failure);
        }
    }

    /// `UpdateJobStatus`: says whether the job is to be started, or to be ended, by whoever calls.
    pub fn update(&mut self, requested: &str, reason: Option<String>, now: Timestamp) -> Result<Update, BatchError> {
        let refused = || {
            let message = format!("The job is {} and cannot become {requested}", self.status.as_str());
            Err(BatchError::JobStatus(message))
        };
        let waiting = self.status == Status::Suspended;
        let update = match requested {
            "Ready" if waiting => Update::Start,
            "Cancelled" if waiting => Update::Nothing,
            "Cancelled" if self.status.leads_to(Status::Cancelling) => Update::Nothing,
            "Ready" | "Cancelled" => return refused(),
            other => {
                return Err(BatchError::BadRequest(format!(
                    "requestedJobStatus must be Ready or Cancelled, not {other:?}"
                )));
            }
        };
        self.status_update_reason = reason.or(self.status_update_reason.take());
        if update == Update::Start {
            self.go(Status::Ready, now);
        } else {
            self.go(Status::Cancelling, now);
            if waiting {
                self.go(Status::Cancelled, now); // no task runs, so nobody else would
            }
        }
        Ok(update)
    }

    /// What time alone does to a job. Says whether it is still remembered.
    pub fn age(&mut self, now: Timestamp) -> bool {
        if self.status == Status::Suspended
            && self.suspended.is_some_and(|since| now.duration_since(since) > CONFIRM_WITHIN)
        {
            self.fail(Failure::new("ConfirmationExpired", "The job was not confirmed within 30 days"), now);
            self.go(Status::Failed, now);
        }
        self.terminated.is_none_or(|at| now.duration_since(at) <= REMEMBERED)
    }
}

/// What follows from `UpdateJobStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// The job was confirmed and must be run.
    Start,
    /// Whoever runs it sees the new state; a waiting job has ended already.
    Nothing,
}

#[cfg(test)]
mod tests;
