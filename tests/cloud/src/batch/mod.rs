//! S3 Batch Operations: the S3 Control API for jobs, and the jobs themselves.
//!
//! [`api`] answers requests; [`model`], [`xml`] and [`validate`] say what they look like; [`job`] is one job's state
//! machine; `run` works through its tasks, [`manifest`] being what goes in and [`report`] what comes out.

mod api;
mod copy;
mod describe;
pub mod error;
mod fetch;
mod invoke;
pub mod job;
pub mod manifest;
pub mod model;
pub mod report;
mod restore;
mod run;
mod script;
pub mod validate;
pub mod xml;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

pub use api::handle;
use error::BatchError;
use job::Job;
use model::CreateJobRequest;
pub use report::TaskFailure;
use script::Director;
pub use script::{JobScript, ReportScript, WholeFailure};
use validate::JobSpec;

use crate::Cloud;
use crate::activity::Ticket;
use crate::identity::AccountId;

/// What `CreateJob` answers when the same request comes again with the same token. AWS's answer is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplayedToken {
    /// The job that it made the first time.
    #[default]
    SameJob,
    /// `IdempotencyException`.
    Exception,
}

/// All jobs of both accounts.
#[derive(Debug, Default)]
pub struct Jobs {
    known: Mutex<Known>,
    placeholder: AtomicBool,
}

/// How often a task is tried whose function says `TemporaryFailure`, unless set.
const ATTEMPTS: u32 = 5;

#[derive(Debug, Default)]
struct Known {
    jobs: HashMap<String, Job>,
    tokens: HashMap<(AccountId, String, String), Token>,
    replayed: ReplayedToken,
    tokens_last: Option<SignedDuration>,
    active_limit: Option<usize>,
    attempts: Option<u32>,
    director: Director,
    waiting: HashMap<String, oneshot::Sender<Ticket>>,
    created: u64,
}

/// A `ClientRequestToken` that was used.
#[derive(Debug)]
struct Token {
    request: CreateJobRequest,
    job_id: String,
    used: Timestamp,
}

impl Jobs {
    /// From now on `script` says what becomes of each new job.
    pub fn script(&self, script: impl Fn(&Job) -> JobScript + Send + Sync + 'static) {
        self.known().director = Director(Some(std::sync::Arc::new(script)));
    }

    /// Lets a job go on that its script keeps Active. Says whether there is one.
    pub fn let_go(&self, cloud: &Cloud, id: &str) -> bool {
        let waiting = self.known().waiting.remove(id);
        waiting.is_some_and(|waiting| waiting.send(cloud.activity().begin()).is_ok())
    }

    /// Waits until a job is let go. It is in flight again then.
    fn wait(&self, id: &str) -> oneshot::Receiver<Ticket> {
        let (go, gone) = oneshot::channel();
        self.known().waiting.insert(id.to_owned(), go);
        gone
    }

    /// How long a token is remembered; for ever unless set. AWS does not say.
    pub fn set_tokens_last(&self, time: Option<SignedDuration>) {
        self.known().tokens_last = time;
    }

    /// How many jobs that have not ended an account may have in a Region before `CreateJob` is
    /// `TooManyRequestsException`; any number unless set.
    pub fn set_active_limit(&self, limit: Option<usize>) {
        self.known().active_limit = limit;
    }

    /// How often a task of `LambdaInvoke` is tried that ends in `TemporaryFailure`. AWS does not say.
    pub fn set_attempts(&self, attempts: u32) {
        self.known().attempts = Some(attempts);
    }

    fn attempts(&self) -> u32 {
        self.known().attempts.unwrap_or(ATTEMPTS)
    }

    /// What a replayed token is answered with from now on.
    pub fn set_replayed_token(&self, answer: ReplayedToken) {
        self.known().replayed = answer;
    }

    /// Whether jobs put a placeholder where the completion report's `manifest.json` will be.
    pub fn set_placeholder(&self, written: bool) {
        self.placeholder.store(written, Ordering::Relaxed);
    }

    fn writes_placeholder(&self) -> bool {
        self.placeholder.load(Ordering::Relaxed)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic elsewhere leaves every job whole: each change is one assignment or one `Job` method.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with one job; none if there is no such job.
    fn with<T>(&self, id: &str, change: impl FnOnce(&mut Job) -> T) -> Option<T> {
        self.known().jobs.get_mut(id).map(change)
    }

    /// Does something with a job of an account in a Region, as time has left it.
    fn of<T>(
        &self,
        (account, region): (&AccountId, &str),
        id: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Job) -> T,
    ) -> Result<T, BatchError> {
        let mut known = self.known();
        let job = known.jobs.get_mut(id).filter(|job| job.account == *account && job.region == region);
        let job = job.and_then(|job| (job.age(now) && job.described_from <= now).then_some(job));
        job.map(change).ok_or_else(|| BatchError::NoSuchJob(id.to_owned()))
    }

    /// Jobs of an account in a Region, newest first.
    fn list(&self, account: &AccountId, region: &str, now: Timestamp) -> Vec<Job> {
        let mut known = self.known();
        known.jobs.retain(|_, job| job.age(now));
        let mut jobs: Vec<_> =
            known.jobs.values().filter(|job| job.is_of(account, region) && job.listed_from <= now).cloned().collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.number));
        jobs
    }

    /// Takes a validated request: a new job, or the one that its token made before. Says whether it is new.
    fn create(
        &self,
        (account, region): (&AccountId, &str),
        request: CreateJobRequest,
        spec: JobSpec,
        now: Timestamp,
    ) -> Result<(String, bool), BatchError> {
        // Asked without the lock: a script may look at the jobs.
        let director = self.known().director.clone();
        let mut known = self.known();
        let token = (account.clone(), region.to_owned(), spec.token.clone());
        let lasts = known.tokens_last;
        known.tokens.retain(|_, token| lasts.is_none_or(|lasts| now.duration_since(token.used) <= lasts));
        if let Some(before) = known.tokens.get(&token) {
            return match known.replayed {
                _ if before.request != request => {
                    Err(BatchError::Idempotency("ClientRequestToken was used for a different request".to_owned()))
                }
                ReplayedToken::Exception => Err(BatchError::Idempotency(
                    "ClientRequestToken was used for a request that was taken already".to_owned(),
                )),
                ReplayedToken::SameJob => Ok((before.job_id.clone(), false)),
            };
        }
        let active =
            known.jobs.values().filter(|job| job.is_of(account, region) && !job.status().is_terminal()).count();
        if known.active_limit.is_some_and(|limit| active >= limit) {
            return Err(BatchError::TooManyRequests(format!("The account has {active} active jobs")));
        }
        known.created += 1;
        let id = uuid::Uuid::new_v4().to_string();
        let mut job = Job::new(id.clone(), known.created, (account.clone(), region.to_owned()), spec, now);
        job.script = director.of(&job);
        job.described_from = now.checked_add(job.script.undescribed_for).unwrap_or(now);
        job.listed_from = now.checked_add(job.script.unlisted_for).unwrap_or(now);
        known.jobs.insert(id.clone(), job);
        known.tokens.insert(token, Token { request, job_id: id.clone(), used: now });
        Ok((id, true))
    }
}
