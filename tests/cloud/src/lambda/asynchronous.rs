//! Asynchronous invocations: S3 notifications and `InvocationType=Event`. Failed ones are tried again, as the function's
//! [`Limits::retry_delays`](super::Limits) say, then recorded as a [`Failure`].
//!
//! Seams for later: an on-failure destination takes what [`Failure`] holds; duplicates and reordering of events belong
//! into [`enqueue`], where every asynchronous event passes.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::function::Outcome;
use crate::Cloud;

/// An event on its way to a function.
#[derive(Debug, Clone)]
struct AsyncInvocation {
    function: String,
    /// Stays the same for every attempt, as on AWS.
    request_id: String,
    payload: Bytes,
    /// 1 for the first.
    attempt: usize,
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

/// Queues an event for a function and returns its request id. It is in flight until it succeeded or failed for good.
pub(super) fn enqueue(cloud: &Cloud, function: &str, payload: Bytes) -> String {
    let request_id = uuid::Uuid::new_v4().to_string();
    let invocation =
        AsyncInvocation { function: function.to_owned(), request_id: request_id.clone(), payload, attempt: 1 };
    let ticket = cloud.activity().begin();
    let cloud = cloud.clone();
    tokio::spawn(async move {
        deliver(&cloud, invocation).await;
        drop(ticket);
    });
    request_id
}

/// Tries until the function manages or the attempts are used up.
async fn deliver(cloud: &Cloud, mut invocation: AsyncInvocation) {
    loop {
        let AsyncInvocation { function, request_id, payload, attempt } = &invocation;
        let error = match cloud.functions().invoke(cloud, function, request_id, payload.clone()).await {
            Ok(Outcome::Success(_)) => return,
            Ok(Outcome::Error(error)) => String::from_utf8_lossy(&error).into_owned(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(function, request_id, attempt, error, "an asynchronous invocation failed");
        let delays = cloud.functions().limits(function).map(|limits| limits.retry_delays).unwrap_or_default();
        let Some(delay) = delays.get(attempt - 1) else {
            let (attempts, AsyncInvocation { function, request_id, payload, .. }) = (*attempt, invocation);
            cloud.functions().failed.push(Failure { function, request_id, payload, attempts, error });
            return;
        };
        tokio::time::sleep(*delay).await;
        invocation.attempt += 1;
    }
}
