//! As much of S3 and S3 Control as the handler talks to, behind the SDK's own clients: what is stored, which jobs are
//! there, and failures to come. The local cloud is the faithful one; this one can fail at will.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use md5::{Digest, Md5};

/// The owner of the manifest bucket.
const OWNER: &str = "222222222222";

/// How AWS answers a token that it knows; nobody could confirm which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    SameJob,
    IdempotencyException,
}

#[derive(Debug, Clone)]
struct Stored {
    key: String,
    version: String,
    body: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) description: String,
    pub(super) token: String,
    pub(super) xml: String,
}

#[derive(Debug)]
pub(super) struct State {
    objects: Vec<Stored>,
    pub(super) jobs: Vec<Job>,
    /// How often ListJobs shows nothing yet.
    pub(super) unlisted: usize,
    pub(super) replay: Replay,
    /// Answers to the next CreateJob calls: status, code, message.
    pub(super) failures: VecDeque<(u16, &'static str, &'static str)>,
    /// Answers to the next S3 calls.
    pub(super) s3_failures: VecDeque<(u16, &'static str, &'static str)>,
    /// Method and path of every call.
    pub(super) calls: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Aws(Arc<Mutex<State>>);

impl Aws {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            objects: Vec::new(),
            jobs: Vec::new(),
            unlisted: 0,
            replay: Replay::SameJob,
            failures: VecDeque::new(),
            s3_failures: VecDeque::new(),
            calls: Vec::new(),
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Stores an object; the newest is the current one.
    pub(super) fn put(&self, key: &str, version: &str, body: impl Into<Vec<u8>>) {
        self.state().objects.push(Stored { key: key.to_owned(), version: version.to_owned(), body: body.into() });
    }

    pub(super) fn delete(&self, key: &str) {
        self.state().objects.retain(|object| object.key != key);
    }

    /// Forgets every object below `folder`: as if what wrote them had been cut off before.
    pub(super) fn forget(&self, folder: &str) {
        self.state().objects.retain(|object| !object.key.starts_with(folder));
    }

    pub(super) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.http())
            .credentials_provider(Credentials::new("AKID", "SECRET", None, None, "test"))
            .region(Region::new("us-east-1"))
            .endpoint_url("http://s3.test")
            .force_path_style(true)
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// Never called here.
    pub(super) fn lambda(&self) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
            .http_client(self.http())
            .build();
        aws_sdk_lambda::Client::from_conf(config)
    }

    pub(super) fn control(&self) -> aws_sdk_s3control::Client {
        let config = aws_sdk_s3control::Config::builder()
            .behavior_version(aws_sdk_s3control::config::BehaviorVersion::latest())
            .http_client(self.http())
            .credentials_provider(Credentials::new("AKID", "SECRET", None, None, "test"))
            .region(aws_sdk_s3control::config::Region::new("eu-west-1"))
            .endpoint_url("http://control.test")
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_s3control::Client::from_conf(config)
    }

    fn http(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(self.state().answer(&request)))
    }
}

impl State {
    fn answer(&mut self, request: &HttpRequest) -> HttpResponse {
        let uri = request.uri().strip_prefix("http://").unwrap();
        let (host, target) = uri.split_once('/').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.calls.push(format!("{} /{path}", request.method()));
        if host.ends_with("control.test") {
            assert_eq!(host, format!("{OWNER}.control.test"), "the account stands before the host");
            return if request.method() == "POST" { self.create(request) } else { self.list() };
        }
        if let Some((status, code, message)) = self.s3_failures.pop_front() {
            return failed(status, code, message);
        }
        if request.method() == "PUT" { self.write(request, path) } else { self.read(request, path, query) }
    }

    /// Every write is conditional.
    fn write(&mut self, request: &HttpRequest, path: &str) -> HttpResponse {
        assert_eq!(request.headers().get("x-amz-expected-bucket-owner"), Some(OWNER), "{path}");
        let key = path.strip_prefix("manifest-bucket/").unwrap().to_owned();
        let there = self.objects.iter().rev().find(|o| o.key == key).map(|o| format!("\"{}\"", md5(&o.body)));
        let (wanted, none) = (request.headers().get("if-match"), request.headers().get("if-none-match"));
        assert!(wanted.is_some() || none == Some("*"), "{path} is written without a condition");
        if there.as_deref() != wanted {
            return failed(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
        }
        let body = request.body().bytes().unwrap().to_vec();
        let mut response = answered(200, "");
        response.headers_mut().insert("etag", format!("\"{}\"", md5(&body)));
        self.objects.push(Stored { key, version: format!("w{}", self.objects.len()), body });
        response
    }

    fn read(&self, request: &HttpRequest, path: &str, query: &str) -> HttpResponse {
        assert_eq!(request.headers().get("x-amz-expected-bucket-owner"), Some(OWNER), "{path}");
        let key = path.strip_prefix("manifest-bucket/").unwrap();
        let version = query.split('&').find_map(|part| part.strip_prefix("versionId="));
        let mut versions = self.objects.iter().rev().filter(|o| o.key == key).peekable();
        if versions.peek().is_none() {
            return failed(404, "NoSuchKey", "The specified key does not exist.");
        }
        let Some(object) = versions.find(|o| version.is_none_or(|v| v == o.version)) else {
            return failed(404, "NoSuchVersion", "The specified version does not exist.");
        };
        let etag = format!("\"{}\"", md5(&object.body));
        if request.headers().get("if-match").is_some_and(|wanted| wanted != etag) {
            return failed(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
        }
        let head = request.method() == "HEAD";
        let mut response = answered(200, if head { Vec::new() } else { object.body.clone() });
        response.headers_mut().insert("content-length", object.body.len().to_string());
        response.headers_mut().insert("etag", etag);
        response.headers_mut().insert("x-amz-version-id", object.version.clone());
        response
    }

    fn create(&mut self, request: &HttpRequest) -> HttpResponse {
        if let Some((status, code, message)) = self.failures.pop_front() {
            return failed_control(status, code, message);
        }
        let xml = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        let token = element(&xml, "ClientRequestToken");
        let id = match (self.jobs.iter().find(|job| job.token == token), self.replay) {
            (Some(job), Replay::SameJob) => job.id.clone(),
            (Some(_), Replay::IdempotencyException) => {
                return failed_control(400, "IdempotencyException", "Job with the same token already exists");
            }
            (None, _) => {
                let id = format!("job-{}", self.jobs.len() + 1);
                let description = element(&xml, "Description");
                self.jobs.push(Job { id: id.clone(), description, token, xml });
                id
            }
        };
        answered(200, format!("<CreateJobResult><JobId>{id}</JobId></CreateJobResult>"))
    }

    fn list(&mut self) -> HttpResponse {
        let shown = if self.unlisted > 0 { &[][..] } else { &self.jobs[..] };
        self.unlisted = self.unlisted.saturating_sub(1);
        let member = |job: &Job| {
            format!("<member><JobId>{}</JobId><Description>{}</Description></member>", job.id, job.description)
        };
        let members: String = shown.iter().map(member).collect();
        answered(200, format!("<ListJobsResult><Jobs>{members}</Jobs></ListJobsResult>"))
    }
}

pub(super) fn md5(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

pub(super) fn element(xml: &str, name: &str) -> String {
    let after = xml.split_once(&format!("<{name}>")).unwrap().1;
    after.split_once(&format!("</{name}>")).unwrap().0.to_owned()
}

fn answered(status: u16, body: impl Into<SdkBody>) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), body.into())
}

/// As S3 has it: the error at the root.
fn failed(status: u16, code: &str, message: &str) -> HttpResponse {
    answered(status, format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
}

/// As S3 Control has it: the error inside `ErrorResponse`.
fn failed_control(status: u16, code: &str, message: &str) -> HttpResponse {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    answered(status, format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
}
