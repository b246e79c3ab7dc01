//! Sends a CreateJob request so that one run has one job, however often it is sent. Calls S3 Control.
//!
//! Three things hold together: ListJobs is searched for the run first, since nobody knows how long AWS remembers a
//! token; the token keeps two senders at the same moment apart; and an `IdempotencyException` sends us back to
//! ListJobs. So either answer of AWS to a replayed token ends in one job.

use std::time::{Duration, Instant};

use aws_sdk_s3control::Client;
use aws_sdk_s3control::error::ProvideErrorMetadata;

use super::request::{JobRequest, RequestError};
use super::run::RunId;
use crate::config::{JobSettings, Route};
use crate::error::{AwsError, Class};

/// How long to keep at a call that AWS denies, since a role or policy that was just made is not seen everywhere at
/// once.
#[derive(Debug, Clone, Copy)]
pub struct Persistence {
    /// How long to keep at a call, from its first attempt.
    pub patience: Duration,
    /// No new attempt starts after this.
    pub until: Instant,
    /// The pause after the first attempt; it doubles, up to [`Persistence::MOST`].
    pub pause: Duration,
}

impl Persistence {
    /// The longest pause between two attempts.
    const MOST: Duration = Duration::from_secs(10);
}

/// A job that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// CreateJob answered with this job id. (A replayed token may be answered so as well.)
    Created(String),
    /// An earlier event has made this job.
    AlreadyThere(String),
}

/// Why no job is known.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// AWS knows the token, yet lists no job for the run.
    #[error("CreateJob says that it knows the token of run {0}, but ListJobs shows no job for it yet")]
    TokenWithoutJob(RunId),
    /// CreateJob succeeded without a job id.
    #[error("CreateJob answered without a job id for run {0}")]
    NoJobId(RunId),
    /// AWS denies it.
    #[error("{error}; {advice}")]
    Denied {
        /// The call.
        error: AwsError,
        /// Who needs which permission.
        advice: String,
    },
    /// The request cannot be sent.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Any other failure.
    #[error("{0}")]
    Aws(AwsError),
}

impl SendError {
    /// Whether a later try can succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TokenWithoutJob(_) | Self::NoJobId(_) | Self::Denied { .. } => true,
            Self::Request(_) => false,
            Self::Aws(error) => error.class != Class::Permanent,
        }
    }
}

/// Creates the job of `request`, or finds the one that is there.
pub async fn send(
    client: &Client,
    route: &Route,
    settings: &JobSettings,
    request: &JobRequest,
    persistence: Persistence,
) -> Result<Sent, SendError> {
    if let Some(job) = find(client, route, request).await? {
        return Ok(Sent::AlreadyThere(job));
    }
    let input = request.input()?;
    let until = persistence.until.min(Instant::now() + persistence.patience);
    let mut pause = persistence.pause;
    loop {
        let error = match Box::pin(input.clone().send_with(client)).await {
            Ok(output) => {
                let id = output.job_id.ok_or_else(|| SendError::NoJobId(request.run.clone()))?;
                return Ok(Sent::Created(id));
            }
            Err(error) if error.code() == Some("IdempotencyException") => {
                return known(client, route, request, persistence.pause).await;
            }
            Err(error) => AwsError::new("CreateJob", &error),
        };
        if error.class != Class::Permission {
            return Err(SendError::Aws(error));
        }
        let wait = jittered(pause);
        if Instant::now() + wait >= until {
            return Err(SendError::Denied { error, advice: create_job_advice(settings) });
        }
        tracing::warn!(run = %request.run, %error, wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "CreateJob is denied; IAM may still be propagating");
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(Persistence::MOST);
    }
}

/// The job that AWS says it has for the request's token. A job that was just made may not be listed at once.
async fn known(client: &Client, route: &Route, request: &JobRequest, pause: Duration) -> Result<Sent, SendError> {
    for _ in 0..3 {
        if let Some(job) = find(client, route, request).await? {
            return Ok(Sent::AlreadyThere(job));
        }
        tokio::time::sleep(pause).await;
    }
    Err(SendError::TokenWithoutJob(request.run.clone()))
}

/// The job that has the request's description, in whatever state it is: it names route, run and mode.
async fn find(client: &Client, route: &Route, request: &JobRequest) -> Result<Option<String>, SendError> {
    let mut pages = client.list_jobs().account_id(route.account.as_str()).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            let error = AwsError::new("ListJobs", &error);
            if error.class == Class::Permission {
                SendError::Denied { error, advice: "the function's role needs s3:ListJobs on *".to_owned() }
            } else {
                SendError::Aws(error)
            }
        })?;
        let job = page.jobs().iter().find(|job| job.description() == Some(request.description()));
        if let Some(id) = job.and_then(|job| job.job_id()) {
            return Ok(Some(id.to_owned()));
        }
    }
    Ok(None)
}

fn create_job_advice(settings: &JobSettings) -> String {
    format!(
        "the function's role needs s3:CreateJob, s3:PutJobTagging, and iam:PassRole on {role} without a condition \
        on iam:PassedToService; {role} must exist and trust batchoperations.s3.amazonaws.com",
        role = settings.role
    )
}

/// Between half of `pause` and all of it, so that two senders do not keep meeting.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = u32::try_from(RandomState::new().hash_one(0u8) % 512).unwrap_or_default();
    pause / 2 + pause / 1024 * random
}
