//! Work that is watched over: it ends by itself, panics, or runs out of time, and whoever asked learns which.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::Context;

/// What is left of the function's time for the answer.
const RESERVE: Duration = Duration::from_secs(10);
/// The longest that a Lambda function runs, for invocations that come without a deadline.
const LONGEST: Duration = Duration::from_mins(15);

/// How work ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended<T> {
    /// By itself.
    Done(T),
    /// It panicked; the panic's message is in the log.
    Panicked,
    /// It was stopped.
    TimedOut,
}

/// The times of one invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// When work is stopped.
    pub(crate) stop: Instant,
    /// When Lambda stops everything.
    pub(crate) end: Instant,
}

impl Times {
    /// By the deadline that Lambda gives: work stops 10 seconds before it, or at half of a very short time.
    pub(crate) fn of(context: &Context) -> Self {
        let left = match context.deadline {
            0 => LONGEST,
            _ => context.deadline().duration_since(SystemTime::now()).unwrap_or_default(),
        };
        let now = Instant::now();
        Self { stop: now + left.saturating_sub(RESERVE).max(left / 2), end: now + left }
    }
}

/// Runs `work` until `stop`.
pub(crate) async fn watch<T: Send + 'static>(
    stop: Instant,
    work: impl Future<Output = T> + Send + 'static,
) -> Ended<T> {
    let mut task = tokio::spawn(work);
    match tokio::time::timeout_at(stop.into(), &mut task).await {
        Ok(Ok(done)) => Ended::Done(done),
        Ok(Err(_)) => Ended::Panicked,
        Err(_) => {
            task.abort();
            Ended::TimedOut
        }
    }
}
