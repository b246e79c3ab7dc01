//! The one port: takes every request, finds the service it is for, has its signature verified, hands it over.
//!
//! S3's own requests go to [`s3s`], which verifies them by itself ([`crate::s3`]); every other service's are read whole
//! and verified by [`crate::iam::signature`].

use std::net::SocketAddr;

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

use crate::lambda::FunctionSettings;
use crate::{Cloud, batch, iam, inventory, lambda, s3};

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
            let Ok((stream, _)) = listener.accept().await else { continue };
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

impl Front {
    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Body>, s3s::HttpError> {
        let path = request.uri().path();
        if path.starts_with("/_cloud/") {
            let request = match whole(request).await {
                Ok(request) => request,
                Err(answer) => return Ok(answer.map(Body::from)),
            };
            return Ok(self.admin(request).await.map(Body::from));
        }
        let service = if path.starts_with("/v20180820/") {
            Some("s3".to_owned())
        } else {
            iam::signature::scope_service(request.headers()).filter(|s| s != "s3")
        };
        match service {
            None => self.s3.call(request.map(Body::from)).await,
            Some(_) => {
                let request = match whole(request).await {
                    Ok(request) => request,
                    Err(answer) => return Ok(answer.map(Body::from)),
                };
                Ok(self.signed(request).await.map(Body::from))
            }
        }
    }

    /// Everything that is not S3's object protocol: IAM, STS, Lambda, S3 Control.
    async fn signed(&self, request: Request<Bytes>) -> Response<Bytes> {
        let signer = match iam::signature::verify(&self.cloud, &request) {
            Ok(signer) => signer,
            Err(error) => return error.into_response(),
        };
        match signer.service.as_str() {
            "iam" | "sts" => iam::handle(&self.cloud, &signer.principal, &signer.service, request).await,
            "lambda" => lambda::handle(&self.cloud, &signer.principal, request).await,
            "s3" => batch::handle(&self.cloud, &signer.principal, &signer.region, request).await,
            other => not_implemented(other),
        }
    }

    /// The cloud's own controls; unsigned, since only this machine reaches them.
    async fn admin(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::POST, "/_cloud/inventory") => {
                let query = request.uri().query().unwrap_or_default();
                let Some((_, bucket)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "bucket")
                else {
                    return json(
                        StatusCode::BAD_REQUEST,
                        &serde_json::json!({ "error": "say which: /_cloud/inventory?bucket=B" }),
                    );
                };
                match inventory::deliver(&self.cloud, &bucket).await {
                    Ok(manifests) => json(StatusCode::OK, &serde_json::json!({ "manifests": manifests })),
                    Err(error) => json(StatusCode::CONFLICT, &serde_json::json!({ "error": error.to_string() })),
                }
            }
            (&Method::POST, "/_cloud/settle") => {
                self.cloud.activity().settled().await;
                json(StatusCode::OK, &serde_json::json!({ "settled": true }))
            }
            (&Method::PUT, path) if path.starts_with("/_cloud/functions/") => {
                let name = path.trim_start_matches("/_cloud/functions/");
                match serde_json::from_slice::<FunctionSettings>(request.body()) {
                    Ok(settings) => match self.cloud.functions().configure(&self.cloud, name, settings) {
                        Ok(arn) => json(StatusCode::OK, &serde_json::json!({ "function": arn })),
                        Err(error) => json(StatusCode::NOT_FOUND, &serde_json::json!({ "error": error.to_string() })),
                    },
                    Err(error) => json(StatusCode::BAD_REQUEST, &serde_json::json!({ "error": error.to_string() })),
                }
            }
            (method, path) => json(
                StatusCode::NOT_FOUND,
                &serde_json::json!({ "error": format!("there is no {method} {path} here") }),
            ),
        }
    }
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
