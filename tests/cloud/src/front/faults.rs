//! Faults by a script: which request is answered with an error, never answered, or cut off, before or after it takes
//! effect.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use s3s::Body;

use crate::iam;

/// A request, before it is handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which it is since the script began, from 1.
    pub number: usize,
    /// `s3`, `iam`, `sts`, `lambda`; as the request was signed.
    pub service: String,
    /// `CreateRole`, `GetBucketPolicy`, …; of what is not called by name here, `METHOD` and the subresource.
    pub operation: String,
    /// The path, percent-encoded; `/BUCKET/KEY` for S3.
    pub path: String,
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
    /// No answer comes for so long; then the request is handled, or its answer given, if its client still waits.
    Hang(When, Duration),
    /// It is handled, this happens, and then it is answered.
    Then(BoxFuture<'static, ()>),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "None"),
            Self::Answer { status, code, when, .. } => write!(f, "{status} {code} {when:?}"),
            Self::Cut(when) => write!(f, "Cut {when:?}"),
            Self::Hang(when, time) => write!(f, "Hang {when:?} {time:?}"),
            Self::Then(_) => write!(f, "Then"),
        }
    }
}

type Script = Arc<dyn Fn(&Seen) -> Fault + Send + Sync>;

/// The script of a cloud's faults; none unless one is given. The cloud's own controls are never faulted.
#[derive(Default)]
pub struct Faults(Mutex<Option<(Script, usize)>>);

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}

impl Faults {
    /// From now on `script` says what becomes of each request, in place of an earlier script; requests are counted anew.
    pub fn script(&self, script: impl Fn(&Seen) -> Fault + Send + Sync + 'static) {
        *self.lock() = Some((Arc::new(script), 0));
    }

    /// No more faults.
    pub fn clear(&self) {
        *self.lock() = None;
    }

    /// What becomes of a request, whose body matters only where the operation is named in it.
    pub(super) fn of<B>(&self, request: &Request<B>, body: &[u8]) -> Fault {
        let (script, number) = match &mut *self.lock() {
            None => return Fault::None,
            Some((script, count)) => {
                *count += 1;
                (Arc::clone(script), *count)
            }
        };
        let service = iam::signature::scope_service(request.headers()).unwrap_or_else(|| "s3".to_owned());
        let operation = match service.as_str() {
            "iam" | "sts" => named(body),
            "lambda" => "Invoke".to_owned(),
            _ => of_s3(request.method(), request.uri().query().unwrap_or_default()),
        };
        let path = request.uri().path().to_owned();
        script(&Seen { number, service, operation, path })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Script, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `Action=…` of the query protocol.
fn named(body: &[u8]) -> String {
    let action = form_urlencoded::parse(body).find(|(name, _)| name == "Action");
    action.map(|(_, action)| action.into_owned()).unwrap_or_default()
}

fn of_s3(method: &Method, query: &str) -> String {
    let verb = match method.as_str() {
        "GET" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        other => other,
    };
    let names: Vec<_> = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name).collect();
    let noun = [("policy", "BucketPolicy"), ("inventory", "BucketInventoryConfiguration")];
    match noun.iter().find(|(name, _)| names.iter().any(|given| given == name)) {
        Some((_, noun)) => format!("{verb}{noun}"),
        None => names
            .iter()
            .find(|name| *name != "x-id")
            .map_or_else(|| method.to_string(), |subresource| format!("{method} {subresource}")),
    }
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

impl Fault {
    /// Handles a request with this fault.
    pub(super) async fn around(
        self,
        is_s3: bool,
        handle: impl Future<Output = Result<Response<Body>, Closed>>,
    ) -> Result<Response<Body>, Closed> {
        match self {
            Self::None => handle.await,
            Self::Answer { status, code, message, when } => {
                if when == When::After {
                    handle.await?;
                }
                Ok(refusal(is_s3, status, code, message))
            }
            Self::Cut(when) => {
                if when == When::After {
                    handle.await?;
                }
                Err(Closed::CutOff)
            }
            Self::Hang(When::Before, time) => {
                tokio::time::sleep(time).await;
                handle.await
            }
            Self::Hang(When::After, time) => {
                let answer = handle.await;
                tokio::time::sleep(time).await;
                answer
            }
            Self::Then(meanwhile) => {
                let answer = handle.await;
                meanwhile.await;
                answer
            }
        }
    }
}

/// An error as the service words it: S3's objects one way, everything else another. Lambda's clients get no code.
fn refusal(is_s3: bool, status: u16, code: &str, message: &str) -> Response<Body> {
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    let text = if is_s3 {
        format!("<Error>{error}<RequestId>0</RequestId></Error>")
    } else {
        format!("<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>0</RequestId></ErrorResponse>")
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    super::answer(status, "application/xml", Bytes::from(text)).map(Body::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_their_names() {
        assert_eq!(named(b"Action=CreateRole&Version=2010-05-08"), "CreateRole");
        assert_eq!(of_s3(&Method::PUT, "policy"), "PutBucketPolicy");
        assert_eq!(of_s3(&Method::GET, "id=transship&inventory"), "GetBucketInventoryConfiguration");
        assert_eq!(of_s3(&Method::GET, "list-type=2"), "GET list-type");
        assert_eq!(of_s3(&Method::PUT, "x-id=PutObject"), "PUT");
    }
}
