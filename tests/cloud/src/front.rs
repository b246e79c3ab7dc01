//! The one port: takes every request, finds the service it is for, has its signature verified, hands it over.
//!
//! S3's own requests go to [`s3s`], which verifies them by itself ([`crate::s3`]); every other service's are read whole
//! and verified by [`crate::iam::signature`]. It is also the HTTP proxy through which S3 Control's clients come, who put
//! the account id before the host's name.

mod admin;
mod faults;
mod operation;
mod record;

pub use faults::{Fault, Faults, Mishap, Seen, When};
pub use record::Record;

use faults::Wording;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::Body;
use s3s::service::S3Service;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{Cloud, batch, iam, kms, lambda, s3, sns};

/// The host name of S3 Control; requests for `ACCOUNT.s3control.test` come through the proxy.
const S3_CONTROL_HOST: &str = "s3control.test";

/// A served cloud; it stops when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Where it listens, always on loopback.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves `cloud` on a loopback port; 0 takes any free one.
pub async fn serve(cloud: &Cloud, port: u16) -> std::io::Result<Server> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let _ = cloud.state.endpoint.set(address);
    let front = Front { cloud: cloud.clone(), s3: s3::service(cloud) };
    let task = tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end give some back.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            // Headers and body are written apart: Nagle's algorithm would keep one waiting for the other's confirmation.
            let _ = stream.set_nodelay(true);
            let front = front.clone();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request| {
                    let front = front.clone();
                    async move { front.handle(request).await }
                });
                // A client that goes away is its own business.
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(Server { address, task })
}

#[derive(Clone)]
struct Front {
    cloud: Cloud,
    s3: S3Service,
}

/// Who a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Admin,
    /// S3's object protocol.
    Objects,
    /// IAM, STS, Lambda, S3 Control: what is read whole and verified here.
    Signed,
    /// Nobody here; the answer says why.
    Refused(StatusCode, String),
}

impl Target {
    fn of<B>(request: &Request<B>) -> Self {
        if request.method() == Method::CONNECT {
            let message = "there is no TLS here: use http:// endpoints".to_owned();
            return Self::Refused(StatusCode::METHOD_NOT_ALLOWED, message);
        }
        let path = request.uri().path();
        // A host in the request line means that the client takes us for a proxy.
        if let Some(host) = request.uri().host() {
            if host == S3_CONTROL_HOST || host.strip_suffix(S3_CONTROL_HOST).is_some_and(|rest| rest.ends_with('.')) {
                return Self::Signed;
            }
            if !matches!(host, "127.0.0.1" | "localhost") {
                let message = format!("the local cloud's proxy reaches {S3_CONTROL_HOST} and itself only, not {host}");
                return Self::Refused(StatusCode::FORBIDDEN, message);
            }
        }
        let signed_for_another = iam::signature::scope_service(request.headers()).is_some_and(|s| s != "s3");
        if path.starts_with("/_cloud/") {
            Self::Admin
        } else if signed_for_another
            || path.starts_with("/v20180820/jobs")
            || path.starts_with("/2015-03-31/functions/")
        {
            Self::Signed
        } else {
            Self::Objects
        }
    }
}

impl Front {
    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Body>, faults::Closed> {
        let target = Target::of(&request);
        if target == Target::Objects {
            let fate = self.cloud.faults().of(&self.cloud, &request, &[]);
            if fate.refuses() {
                let mut body = request.into_body();
                while let Some(Ok(_)) = body.frame().await {}
                return fate.around(&self.cloud, Wording::Objects, async { Err(faults::Closed::CutOff) }).await;
            }
            let handle = async {
                let answer = self.s3.call(request.map(Body::from)).await;
                let now = self.cloud.clock().now();
                answer
                    .map(|answer| with_request_id(dated(answer, now)))
                    .map_err(|error| faults::Closed::Broken(format!("{error:?}")))
            };
            return fate.around(&self.cloud, Wording::Objects, handle).await;
        }
        let answer = match target {
            Target::Refused(status, message) => json(status, &serde_json::json!({ "error": message })),
            target => match whole(request).await {
                Err(answer) => answer,
                Ok(request) if target == Target::Admin => admin::handle(&self.cloud, request).await,
                Ok(request) => {
                    let fate = self.cloud.faults().of(&self.cloud, &request, request.body());
                    let is_lambda = iam::signature::scope_service(request.headers()).is_some_and(|s| s == "lambda");
                    let wording = if is_lambda { Wording::Json } else { Wording::Query };
                    let handle = async { Ok(self.signed(request).await.map(Body::from)) };
                    return fate.around(&self.cloud, wording, handle).await;
                }
            },
        };
        Ok(answer.map(Body::from))
    }

    /// Everything that is not S3's object protocol: IAM, STS, Lambda, S3 Control.
    async fn signed(&self, request: Request<Bytes>) -> Response<Bytes> {
        let signer = match iam::signature::verify(&self.cloud, &request) {
            Ok(signer) => signer,
            Err(error) => return error.into_response(),
        };
        match signer.service.as_str() {
            "iam" | "sts" => iam::handle(&self.cloud, &signer.principal, &signer.service, request).await,
            "sns" => sns::handle(&self.cloud, &signer.principal, &request),
            "kms" => kms::handle(&self.cloud, &signer.principal, &request),
            "lambda" => lambda::handle(&self.cloud, &signer.principal, request).await,
            "s3" => {
                self.cloud.record().keep(&request);
                batch::handle(&self.cloud, &signer.principal, &signer.region, request).await
            }
            other => not_implemented(other),
        }
    }
}

/// With the time of this cloud, which its clients tell theirs by.
fn dated(mut response: Response<Body>, now: jiff::Timestamp) -> Response<Body> {
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = http::HeaderValue::from_str(&date) {
        response.headers_mut().insert(http::header::DATE, date);
    }
    response
}

/// With the ids that clients show in their errors.
fn with_request_id(mut response: Response<Body>) -> Response<Body> {
    for (name, id) in [("x-amz-request-id", lambda::amz_request_id()), ("x-amz-id-2", lambda::amz_host_id())] {
        if let Ok(value) = http::HeaderValue::from_str(&id) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Reads a small request whole: none of these services takes more than a few hundred kilobytes.
async fn whole(request: Request<Incoming>) -> Result<Request<Bytes>, Response<Bytes>> {
    let (parts, body) = request.into_parts();
    match http_body_util::Limited::new(body, 8 << 20).collect().await {
        Ok(body) => Ok(Request::from_parts(parts, body.to_bytes())),
        Err(error) => Err(json(StatusCode::BAD_REQUEST, &serde_json::json!({ "error": error.to_string() }))),
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Bytes> {
    answer(status, "application/json", value.to_string())
}

/// An answer of any content type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

/// 501, naming what is missing.
pub(crate) fn not_implemented(what: &str) -> Response<Bytes> {
    json(StatusCode::NOT_IMPLEMENTED, &serde_json::json!({ "error": format!("the local cloud has no {what}") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(method: &str, uri: &str, scope: Option<&str>) -> Target {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(service) = scope {
            let scope = format!("20260101/us-east-1/{service}/aws4_request");
            let value = format!("AWS4-HMAC-SHA256 Credential=A/{scope}, SignedHeaders=host, Signature=0");
            request = request.header("authorization", value);
        }
        Target::of(&request.body(()).unwrap())
    }

    #[test]
    fn every_request_finds_its_service() {
        assert_eq!(target("GET", "/bucket/_cloud/key", Some("s3")), Target::Objects);
        assert_eq!(target("GET", "/bucket/key?X-Amz-Signature=0", None), Target::Objects);
        assert_eq!(target("GET", "http://127.0.0.1:9/bucket/key", Some("s3")), Target::Objects);
        assert_eq!(target("POST", "/_cloud/settle", None), Target::Admin);
        assert_eq!(target("POST", "/", Some("sts")), Target::Signed);
        assert_eq!(target("POST", "/2015-03-31/functions/f/invocations", None), Target::Signed);
        assert_eq!(target("GET", "/v20180820/jobs", Some("s3")), Target::Signed);
        assert_eq!(target("GET", "http://222222222222.s3control.test:9/v20180820/jobs", Some("s3")), Target::Signed);
    }

    #[test]
    fn the_proxy_leads_nowhere_else() {
        for (method, uri) in [
            ("GET", "http://example.com/bucket"),
            ("GET", "http://evil-s3control.test/v20180820/jobs"),
            ("CONNECT", "222222222222.s3control.test:443"),
        ] {
            assert!(matches!(target(method, uri, Some("s3")), Target::Refused(..)), "{method} {uri}");
        }
    }
}
