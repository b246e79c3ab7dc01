//! Faults by a script: which request is answered with an error, never answered, or cut off, before or after it takes
//! effect, and whose process is killed over it.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use s3s::Body;

use super::operation;
use crate::{Cloud, iam};

/// A request, before it is handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which it is of the requests that the script counts, from 1.
    pub number: usize,
    /// Which call it belongs to, from 1: an SDK's attempts of one call are one call.
    pub call: usize,
    /// Which of the call's attempts it is, from 1, as the SDK says.
    pub attempt: usize,
    /// `s3`, `s3control`, `iam`, `sts`, `lambda`.
    pub service: String,
    /// `CreateJob`, `PutObject`, …; of what is not called by name here, `METHOD` and the subresource.
    pub operation: String,
    /// The path, percent-encoded; `/BUCKET/KEY` for S3.
    pub path: String,
    /// The query, percent-encoded.
    pub query: String,
    /// The ARN of whoever signed it.
    pub principal: String,
    /// The function whose process sent it.
    pub function: Option<String>,
}

/// Whether a request takes effect before its fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It never takes effect.
    Before,
    /// It takes effect, and its client does not learn that.
    After,
}

/// What becomes of a request.
pub enum Fault {
    /// It is handled as ever.
    None,
    /// It is answered with an error.
    Answer {
        /// HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// The error's message.
        message: &'static str,
        /// With or without effect.
        when: When,
    },
    /// The connection is closed without an answer.
    Cut(When),
    /// The function's process that sent it is killed. If no function did, this is [`Fault::Cut`].
    Crash(When),
    /// No answer comes for so long; then the request is handled, or its answer given, if its client still waits.
    Hang(When, Duration),
    /// It is handled, this happens, and then it is answered.
    Then(BoxFuture<'static, ()>),
    /// This happens, and then it is handled.
    First(BoxFuture<'static, ()>),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "None"),
            Self::Answer { status, code, when, .. } => write!(f, "{status} {code} {when:?}"),
            Self::Cut(when) => write!(f, "Cut {when:?}"),
            Self::Crash(when) => write!(f, "Crash {when:?}"),
            Self::Hang(when, time) => write!(f, "Hang {when:?} {time:?}"),
            Self::Then(_) => write!(f, "Then"),
            Self::First(_) => write!(f, "First"),
        }
    }
}

/// The ways a call can go wrong that a loop over all calls tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// 503 `ServiceUnavailable`. (`SlowDown` would make the SDK wait for up to a second.)
    Unavailable(When),
    /// See [`Fault::Cut`].
    Cut(When),
    /// See [`Fault::Crash`].
    Crash(When),
}

impl Mishap {
    /// Each, with and without effect.
    pub const ALL: [Self; 6] = [
        Self::Unavailable(When::Before),
        Self::Unavailable(When::After),
        Self::Cut(When::Before),
        Self::Cut(When::After),
        Self::Crash(When::Before),
        Self::Crash(When::After),
    ];

    /// As a script answers it.
    pub fn fault(self) -> Fault {
        match self {
            Self::Unavailable(when) => {
                Fault::Answer { status: 503, code: "ServiceUnavailable", message: "Service is unable.", when }
            }
            Self::Cut(when) => Fault::Cut(when),
            Self::Crash(when) => Fault::Crash(when),
        }
    }
}

type Script = Arc<dyn Fn(&Seen) -> Fault + Send + Sync>;

/// The script of a cloud's faults; none unless one is given. The cloud's own controls are never faulted, nor are the
/// requests that Batch Operations, S3 Inventory and Lambda make for themselves.
#[derive(Default)]
pub struct Faults(Mutex<Playing>);

/// The script, and what it was asked about.
#[derive(Default)]
struct Playing {
    script: Option<Script>,
    /// The only function whose requests count.
    only: Option<String>,
    /// Calls by the SDK's id of them.
    calls: HashMap<String, usize>,
    call: usize,
    seen: Vec<Seen>,
    struck: Vec<Seen>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}

impl Faults {
    /// From now on `script` says what becomes of each request, in place of an earlier script; requests are counted anew.
    pub fn script(&self, script: impl Fn(&Seen) -> Fault + Send + Sync + 'static) {
        *self.lock() = Playing { script: Some(Arc::new(script)), ..Playing::default() };
    }

    /// As [`Self::script`], for the requests of one function's processes: no other request counts.
    pub fn script_for(&self, function: &str, script: impl Fn(&Seen) -> Fault + Send + Sync + 'static) {
        let only = Some(function.to_owned());
        *self.lock() = Playing { script: Some(Arc::new(script)), only, ..Playing::default() };
    }

    /// No more faults. What was seen stays until the next script.
    pub fn clear(&self) {
        self.lock().script = None;
    }

    /// The requests that the last script was asked about, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Those of [`Self::seen`] that a fault became of.
    pub fn struck(&self) -> Vec<Seen> {
        self.lock().struck.clone()
    }

    /// What becomes of a request, whose body matters only where the operation is named in it.
    pub(super) fn of<B>(&self, cloud: &Cloud, request: &Request<B>, body: &[u8]) -> Fate {
        let (script, only) = {
            let playing = self.lock();
            (playing.script.clone(), playing.only.clone())
        };
        let Some(script) = script else { return Fate { fault: Fault::None, access_key: None } };
        let access_key = iam::signature::access_key_id(request);
        let function = access_key.as_deref().and_then(|key| cloud.functions().sender(key));
        if only.is_some() && only != function {
            return Fate { fault: Fault::None, access_key: None };
        }
        let (service, operation) = operation::of(request, body);
        let principal = access_key.as_deref().and_then(|key| cloud.iam().principal_of(key));
        let seen = Seen {
            number: 0,
            call: 0,
            attempt: attempt(request.headers()),
            service,
            operation,
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            principal: principal.map(|principal| principal.arn()).unwrap_or_default(),
            function,
        };
        let seen = self.lock().count(seen, request.headers());
        let fault = script(&seen);
        if !matches!(fault, Fault::None) {
            tracing::debug!(?seen, ?fault, "a fault by the script");
            self.lock().struck.push(seen);
        }
        Fate { fault, access_key }
    }

    fn lock(&self) -> MutexGuard<'_, Playing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Playing {
    /// Gives a request its numbers and keeps it.
    fn count(&mut self, mut seen: Seen, headers: &HeaderMap) -> Seen {
        seen.number = self.seen.len() + 1;
        let id = headers.get("amz-sdk-invocation-id").and_then(|id| id.to_str().ok());
        let known = id.and_then(|id| self.calls.get(id).copied());
        seen.call = known.unwrap_or_else(|| {
            self.call += 1;
            self.call
        });
        if let Some(id) = id {
            self.calls.insert(id.to_owned(), seen.call);
        }
        self.seen.push(seen.clone());
        seen
    }
}

/// From `amz-sdk-request: attempt=2; max=4`.
fn attempt(headers: &HeaderMap) -> usize {
    let text = headers.get("amz-sdk-request").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let number = text.split(';').find_map(|part| part.trim().strip_prefix("attempt="));
    number.and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    /// By a script.
    #[error("cut off by a script")]
    CutOff,
    /// S3 could not answer.
    #[error("{0}")]
    Broken(String),
}

/// How a service words its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wording {
    /// S3's objects.
    Objects,
    /// IAM, STS, S3 Control.
    Query,
    /// Lambda.
    Json,
}

/// A request's fault, and who sent it.
pub(super) struct Fate {
    fault: Fault,
    access_key: Option<String>,
}

impl Fate {
    /// Whether an error is answered in place of handling the request, whose body must be read all the same: a client that
    /// is still sending would not see it.
    pub(super) fn refuses(&self) -> bool {
        matches!(self.fault, Fault::Answer { when: When::Before, .. })
    }

    /// Handles a request with this fault.
    pub(super) async fn around(
        self,
        cloud: &Cloud,
        wording: Wording,
        handle: impl Future<Output = Result<Response<Body>, Closed>>,
    ) -> Result<Response<Body>, Closed> {
        match self.fault {
            Fault::None => handle.await,
            Fault::Answer { status, code, message, when } => {
                if when == When::After {
                    handle.await?;
                }
                Ok(refusal(wording, status, code, message))
            }
            Fault::Cut(when) => {
                if when == When::After {
                    handle.await?;
                }
                Err(Closed::CutOff)
            }
            Fault::Crash(when) => {
                if when == When::After {
                    handle.await?;
                }
                // Before the connection closes, lest it try again.
                if let Some(key) = self.access_key {
                    cloud.functions().kill(&key).await;
                }
                Err(Closed::CutOff)
            }
            Fault::Hang(When::Before, time) => {
                tokio::time::sleep(time).await;
                handle.await
            }
            Fault::Hang(When::After, time) => {
                let answer = handle.await;
                tokio::time::sleep(time).await;
                answer
            }
            Fault::Then(meanwhile) => {
                let answer = handle.await;
                meanwhile.await;
                answer
            }
            Fault::First(meanwhile) => {
                meanwhile.await;
                handle.await
            }
        }
    }
}

/// An error as the service words it. SDKs are told to try again at once, as far as they let themselves be told.
fn refusal(wording: Wording, status: u16, code: &'static str, message: &str) -> Response<Body> {
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match wording {
        Wording::Objects => {
            let text = format!("<Error>{error}<RequestId>0</RequestId></Error>");
            super::answer(status, "application/xml", Bytes::from(text))
        }
        Wording::Query => {
            let error = format!("<Error><Type>Sender</Type>{error}</Error><RequestId>0</RequestId>");
            super::answer(status, "application/xml", Bytes::from(format!("<ErrorResponse>{error}</ErrorResponse>")))
        }
        Wording::Json => {
            let mut response = super::json(status, &serde_json::json!({ "Message": message, "message": message }));
            response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
            response
        }
    };
    response.headers_mut().insert("x-amz-retry-after", HeaderValue::from_static("1"));
    response.map(Body::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str, attempt: usize) -> Request<()> {
        let request = Request::get("/b/k").header("amz-sdk-invocation-id", id);
        request.header("amz-sdk-request", format!("attempt={attempt}; max=4")).body(()).unwrap()
    }

    #[test]
    fn attempts_of_one_call_are_one_call() {
        let cloud = Cloud::new();
        cloud.faults().script(|seen| if seen.call == 2 { Fault::Cut(When::Before) } else { Fault::None });
        for (id, attempt) in [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("c", 1)] {
            cloud.faults().of(&cloud, &request(id, attempt), &[]);
        }
        let all = cloud.faults().seen();
        let numbers: Vec<_> = all.iter().map(|seen| (seen.number, seen.call, seen.attempt)).collect();
        assert_eq!(numbers, [(1, 1, 1), (2, 2, 1), (3, 1, 2), (4, 2, 2), (5, 3, 1)]);
        assert!(all.iter().all(|seen| seen.operation == "GetObject" && seen.function.is_none()));
        let struck: Vec<_> = cloud.faults().struck().iter().map(|seen| seen.number).collect();
        assert_eq!(struck, [2, 4]);
    }

    #[test]
    fn a_functions_script_counts_nobody_else() {
        let cloud = Cloud::new();
        cloud.faults().script_for("create-job", |_| Fault::Cut(When::Before));
        cloud.faults().of(&cloud, &request("a", 1), &[]);
        assert_eq!(cloud.faults().seen(), []);
    }
}
