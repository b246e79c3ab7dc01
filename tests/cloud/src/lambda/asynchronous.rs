//! Asynchronous invocations: S3 notifications and `InvocationType=Event`. A failed one is tried again after one minute,
//! then after two, by the cloud's clock; then it is recorded as a [`Failure`] and goes to the on-failure destination.
//! See <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::destination;
use super::function::Outcome;
use crate::Cloud;
use crate::activity::Ticket;

/// How long Lambda waits before the first and the second retry of a function's error.
const WAITS: [SignedDuration; 2] = [SignedDuration::from_mins(1), SignedDuration::from_mins(2)];

/// An event on its way to a function.
#[derive(Debug, Clone)]
struct AsyncInvocation {
    function: String,
    /// Stays the same for every attempt, as on AWS.
    request_id: String,
    payload: Bytes,
    /// 1 for the first.
    attempt: usize,
    received: Timestamp,
}

/// An event that a function did not manage in any attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The function's name.
    pub function: String,
    /// The invocation's request id.
    pub request_id: String,
    /// The event.
    pub payload: Bytes,
    /// How often it was tried.
    pub attempts: usize,
    /// `RetriesExhausted` or `EventAgeExceeded`.
    pub condition: &'static str,
    /// The last error: the function's, or why it was not run.
    pub error: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, request_id, attempts, error, .. } = self;
        write!(f, "{function} failed at event {request_id} (attempts: {attempts}): {error}")
    }
}

impl Failure {
    /// As `GET /_cloud/functions/NAME/logs` shows it.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "request_id": self.request_id,
            "event": String::from_utf8_lossy(&self.payload),
            "attempts": self.attempts,
            "condition": self.condition,
            "error": self.error,
        })
    }
}

/// Events that failed, oldest first.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Vec<Failure>>);

impl Failures {
    pub(super) fn all(&self) -> Vec<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, failure: Failure) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
    }
}

/// One attempt at an event that failed: what CloudWatch counts in a function's `Errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The function's name.
    pub function: String,
    /// The invocation's request id.
    pub request_id: String,
    /// Which attempt, from 1.
    pub attempt: usize,
    /// When it had failed.
    pub at: Timestamp,
    /// Whether it is tried again.
    pub again: bool,
    /// The function's error, or why it was not run.
    pub error: String,
}

/// Attempts that failed, oldest first.
#[derive(Debug, Default)]
pub(super) struct FailedAttempts(Mutex<Vec<FailedAttempt>>);

impl FailedAttempts {
    pub(super) fn all(&self) -> Vec<FailedAttempt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, attempt: FailedAttempt) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    }
}

/// Queues an event for a function and returns its request id. It is in flight while it runs, not while it waits to be
/// tried again.
pub(super) fn enqueue(cloud: &Cloud, function: &str, payload: Bytes) -> String {
    let request_id = uuid::Uuid::new_v4().to_string();
    let invocation = AsyncInvocation {
        function: function.to_owned(),
        request_id: request_id.clone(),
        payload,
        attempt: 1,
        received: cloud.clock().now(),
    };
    let ticket = cloud.activity().begin();
    let cloud = cloud.clone();
    tokio::spawn(async move { deliver(&cloud, invocation, ticket).await });
    request_id
}

/// Tries until the function manages, or the attempts or the time are used up.
async fn deliver(cloud: &Cloud, mut invocation: AsyncInvocation, mut ticket: Ticket) {
    loop {
        let AsyncInvocation { function, request_id, payload, attempt, received } = &invocation;
        let error = match cloud.functions().invoke(cloud, function, request_id, payload.clone()).await {
            Ok(Outcome::Success(_)) => return,
            Ok(Outcome::Error(error)) => String::from_utf8_lossy(&error).into_owned(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(function, request_id, attempt, error, "an asynchronous invocation failed");
        let config = cloud.functions().event_invoke_config(function);
        let wait = WAITS.get(attempt - 1).filter(|_| *attempt <= usize::from(config.maximum_retry_attempts));
        let due = wait.and_then(|wait| cloud.clock().now().checked_add(*wait).ok());
        let age = due.map(|due| due.duration_since(*received));
        let too_old =
            age.is_some_and(|age| age > SignedDuration::from_secs(config.maximum_event_age_in_seconds.into()));
        let wait = wait.filter(|_| !too_old);
        cloud.functions().errors.push(FailedAttempt {
            function: function.clone(),
            request_id: request_id.clone(),
            attempt: *attempt,
            at: cloud.clock().now(),
            again: wait.is_some(),
            error: error.clone(),
        });
        let Some(wait) = wait else {
            let condition = if too_old { "EventAgeExceeded" } else { "RetriesExhausted" };
            let (attempts, AsyncInvocation { function, request_id, payload, .. }) = (*attempt, invocation);
            let failure = Failure { function, request_id, payload, attempts, condition, error };
            if let Some(to) = &config.destination_config.on_failure {
                destination::send(cloud, &failure, to);
            }
            cloud.functions().failed.push(failure);
            return;
        };
        let alarm = cloud.clock().alarm(*wait, cloud.activity());
        drop(ticket);
        ticket = alarm.rings().await;
        invocation.attempt += 1;
    }
}
