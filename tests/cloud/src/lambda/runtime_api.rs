//! The Lambda Runtime API of one execution environment, over HTTP on a loopback port of its own.
//!
//! Own code, since `lambda-simulator` keeps every invocation and its telemetry for as long as it lives, writes event
//! payloads anew instead of passing their bytes on, and does not tell a runtime that is ready from one that is not.
//! See <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Lambda's limit for a synchronous response.
pub(super) const MAX_PAYLOAD: usize = 6 << 20;

/// One event on its way to the runtime.
#[derive(Debug)]
pub(super) struct Event {
    /// `Lambda-Runtime-Aws-Request-Id`
    pub(super) request_id: String,
    /// `Lambda-Runtime-Invoked-Function-Arn`
    pub(super) function_arn: String,
    /// `Lambda-Runtime-Deadline-Ms`: milliseconds of the epoch, in real time, which the function's process reads too.
    pub(super) deadline_ms: i64,
    /// The event.
    pub(super) payload: Bytes,
    /// Where the answer goes.
    pub(super) reply: oneshot::Sender<Reply>,
}

/// What the runtime made of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The function's answer.
    Response(Bytes),
    /// The function's error: `{"errorMessage", "errorType"}`.
    Error(Bytes),
}

/// Where the runtime is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not asked for an event yet.
    Init,
    /// It has asked for its first event.
    Ready,
    /// It has reported that it cannot start, with this error.
    Failed(Bytes),
}

/// A listening Runtime API; it ends when dropped.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    /// `AWS_LAMBDA_RUNTIME_API`
    pub(super) address: SocketAddr,
    /// Follows the runtime's start.
    pub(super) phase: watch::Receiver<Phase>,
    events: mpsc::Sender<Event>,
    task: JoinHandle<()>,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub(super) async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (events, queue) = mpsc::channel(1);
        let (started, phase) = watch::channel(Phase::Init);
        let environment =
            Arc::new(Environment { queue: tokio::sync::Mutex::new(queue), started, running: Mutex::default() });
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let environment = Arc::clone(&environment);
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let environment = Arc::clone(&environment);
                        async move { Ok::<_, Infallible>(environment.handle(request).await.map(Full::new)) }
                    });
                    // A runtime that ends drops its connections; the sandbox sees it end.
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { address, phase, events, task })
    }

    /// Hands an event over; the runtime takes it when it next asks.
    pub(super) async fn send(&self, event: Event) {
        // Cannot fail while `self` lives, and if it did, the reply's sender would be dropped and the sandbox see that.
        let _ = self.events.send(event).await;
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the requests of one runtime share.
struct Environment {
    queue: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    started: watch::Sender<Phase>,
    running: Mutex<Option<(String, oneshot::Sender<Reply>)>>,
}

impl Environment {
    async fn handle(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let Some(path) = head.uri.path().strip_prefix("/2018-06-01/runtime/") else {
            return fault(StatusCode::NOT_FOUND, "NotFound", "no such path in the Runtime API");
        };
        if (&head.method, path) == (&Method::GET, "invocation/next") {
            return self.next().await;
        }
        if head.method != Method::POST {
            return fault(StatusCode::NOT_FOUND, "NotFound", "no such path in the Runtime API");
        }
        let Ok(body) = Limited::new(body, MAX_PAYLOAD).collect().await else {
            return fault(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Function.ResponseSizeTooLarge",
                "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            );
        };
        let body = body.to_bytes();
        match path.split('/').collect::<Vec<_>>()[..] {
            ["init", "error"] => {
                self.started.send_replace(Phase::Failed(body));
                accepted()
            }
            ["invocation", id, "response"] => self.answer(id, Reply::Response(body)),
            ["invocation", id, "error"] => self.answer(id, Reply::Error(body)),
            _ => fault(StatusCode::NOT_FOUND, "NotFound", "no such path in the Runtime API"),
        }
    }

    /// Waits for the next event and hands it to the runtime.
    async fn next(&self) -> Response<Bytes> {
        self.started.send_replace(Phase::Ready);
        let Some(event) = self.queue.lock().await.recv().await else {
            return fault(StatusCode::FORBIDDEN, "State.Shutdown", "the execution environment ends");
        };
        let mut response = Response::new(event.payload);
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(event.deadline_ms));
        let trace_id = trace_id(&event.request_id);
        for (name, value) in [
            ("lambda-runtime-aws-request-id", &event.request_id),
            ("lambda-runtime-invoked-function-arn", &event.function_arn),
            ("lambda-runtime-trace-id", &trace_id),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((event.request_id, event.reply));
        response
    }

    /// Takes the answer to the event that runs now; there is one at a time.
    fn answer(&self, request_id: &str, reply: Reply) -> Response<Bytes> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.take_if(|(id, _)| id == request_id) {
            Some((_, sender)) => {
                // Nobody waits any more if the invocation timed out just now.
                let _ = sender.send(reply);
                accepted()
            }
            None => fault(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        }
    }
}

/// An X-Ray trace header that is not sampled, made from the request id.
fn trace_id(request_id: &str) -> String {
    let mut hex: String = request_id.chars().filter(char::is_ascii_hexdigit).take(32).collect();
    while hex.len() < 32 {
        hex.push('0');
    }
    format!("Root=1-{}-{};Parent={};Sampled=0", &hex[..8], &hex[8..], &hex[..16])
}

fn accepted() -> Response<Bytes> {
    crate::front::json(StatusCode::ACCEPTED, &serde_json::json!({ "status": "OK" }))
}

fn fault(status: StatusCode, kind: &str, message: &str) -> Response<Bytes> {
    crate::front::json(status, &serde_json::json!({ "errorMessage": message, "errorType": kind }))
}
