//! The tutorial's two accounts, set up over HTTP, and a job's request.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3control::types::{
    JobDescriptor, JobManifest, JobManifestFieldName, JobManifestFormat, JobManifestLocation, JobManifestSpec,
    JobOperation, JobReport, JobReportFormat, JobReportScope, S3CopyObjectOperation, S3MetadataDirective,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, Connector};
use cloud::front::{Server, serve};
use cloud::iam::Keys;
use cloud::identity::AccountId;
use cloud::inventory::{Delivery, deliver_as};
use cloud::{Cloud, REGION};
use serde_json::{Value, json};

pub(crate) const SOURCE: &str = "src";
pub(crate) const DESTINATION: &str = "dst";
pub(crate) const MANIFESTS: &str = "manifests";
pub(crate) const ROLE: &str = "arn:aws:iam::222222222222:role/copy";
pub(crate) const ACCOUNT: &str = "222222222222";

/// What the tutorial gives the copy role on each bucket.
pub(crate) const ON_SOURCE: [&str; 4] =
    ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"];
pub(crate) const ON_DESTINATION: [&str; 3] = ["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging"];

/// The tutorial, set up, with nothing in the source bucket.
pub(crate) struct Scene {
    pub(crate) cloud: Cloud,
    server: Server,
    pub(crate) source: aws_sdk_s3::Client,
    pub(crate) destination: aws_sdk_s3::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) control: aws_sdk_s3control::Client,
}

fn credentials(keys: &Keys) -> Credentials {
    Credentials::new(&keys.access_key_id, &keys.secret_access_key, keys.session_token.clone(), None, "test")
}

fn statement(sid: &str, actions: &[&str], resources: &[String]) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources })
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let cloud = Cloud::new();
        let server = serve(&cloud, 0).await.unwrap();
        let keys = |account: &AccountId| cloud.iam().account_keys(account);
        let s3 = |keys: &Keys| {
            let config = aws_sdk_s3::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(REGION))
                .endpoint_url(server.endpoint())
                .force_path_style(true)
                .credentials_provider(credentials(keys))
                .http_client(Builder::new().build_http())
                .build();
            aws_sdk_s3::Client::from_conf(config)
        };
        let iam = aws_sdk_iam::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(server.endpoint())
            .credentials_provider(credentials(&keys(&AccountId::destination())))
            .http_client(Builder::new().build_http())
            .build();
        let (source, destination) = (s3(&keys(&AccountId::source())), s3(&keys(&AccountId::destination())));
        let control = control(&server, &keys(&AccountId::destination()), REGION);
        let iam = aws_sdk_iam::Client::from_conf(iam);
        let scene = Self { cloud, server, source, destination, iam, control };
        scene.set_up().await;
        scene
    }

    async fn set_up(&self) {
        self.source.create_bucket().bucket(SOURCE).send().await.unwrap();
        for bucket in [DESTINATION, MANIFESTS] {
            self.destination.create_bucket().bucket(bucket).send().await.unwrap();
        }
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
            "Principal": { "Service": "batchoperations.s3.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
        self.iam.create_role().role_name("copy").assume_role_policy_document(trust.to_string()).send().await.unwrap();
        self.role_may(&ON_SOURCE, &ON_DESTINATION, &["*"]).await;
        self.source_lets(&ON_SOURCE).await;
        let delivery = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
            "Principal": { "Service": "s3.amazonaws.com" }, "Action": "s3:PutObject",
            "Resource": format!("arn:aws:s3:::{MANIFESTS}/*"),
            "Condition": {
                "ArnLike": { "aws:SourceArn": format!("arn:aws:s3:::{SOURCE}") },
                "StringEquals": { "aws:SourceAccount": "111111111111", "s3:x-amz-acl": "bucket-owner-full-control" }
            } }] });
        self.policy(&self.destination, MANIFESTS, &delivery).await;
    }

    pub(crate) async fn policy(&self, client: &aws_sdk_s3::Client, bucket: &str, policy: &Value) {
        client.put_bucket_policy().bucket(bucket).policy(policy.to_string()).send().await.unwrap();
    }

    /// The copy role's own policy; `readable` are the keys of the manifest bucket it may read.
    pub(crate) async fn role_may(&self, on_source: &[&str], on_destination: &[&str], readable: &[&str]) {
        let object = |bucket: &str, key: &str| format!("arn:aws:s3:::{bucket}/{key}");
        let readable: Vec<String> = readable.iter().map(|key| object(MANIFESTS, key)).collect();
        let statements = [
            statement("Source", on_source, &[object(SOURCE, "*")]),
            statement("Destination", on_destination, &[object(DESTINATION, "*")]),
            statement("Manifests", &["s3:GetObject", "s3:GetObjectVersion"], &readable),
            statement("Report", &["s3:PutObject"], &[object(MANIFESTS, "reports/*")]),
        ];
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        self.iam.put_role_policy().role_name("copy").policy_name("p").policy_document(policy).send().await.unwrap();
    }

    pub(crate) async fn source_lets(&self, actions: &[&str]) {
        let mut allow = statement("Copy", actions, &[format!("arn:aws:s3:::{SOURCE}/*")]);
        allow["Principal"] = json!({ "AWS": ROLE });
        self.policy(&self.source, SOURCE, &json!({ "Version": "2012-10-17", "Statement": [allow] })).await;
    }

    pub(crate) fn control_in(&self, region: &'static str) -> aws_sdk_s3control::Client {
        control(&self.server, &self.cloud.iam().account_keys(&AccountId::destination()), region)
    }

    pub(crate) async fn put(&self, key: &str, body: &str) {
        let body = ByteStream::from(body.as_bytes().to_vec());
        self.source.put_object().bucket(SOURCE).key(key).body(body).send().await.unwrap();
    }

    /// Writes into the manifest bucket, and returns the ETag.
    pub(crate) async fn write(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        let put = self.destination.put_object().bucket(MANIFESTS).key(key).body(ByteStream::from(body.into()));
        put.send().await.unwrap().e_tag.unwrap().trim_matches('"').to_owned()
    }

    pub(crate) async fn read(&self, bucket: &str, key: &str) -> Vec<u8> {
        let answer = self.destination.get_object().bucket(bucket).key(key).send().await;
        answer.unwrap_or_else(|error| panic!("{key}: {error:?}")).body.collect().await.unwrap().to_vec()
    }

    /// Keys in a bucket of the destination account.
    pub(crate) fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        self.cloud.store().list(bucket, prefix, true).into_iter().map(|version| version.key).collect()
    }

    /// Delivers the inventory, and returns the manifest's key and ETag.
    pub(crate) async fn deliver(&self) -> (String, String) {
        let delivery = Delivery { rows_per_file: 3, ..Delivery::default() };
        let [key] = &deliver_as(&self.cloud, SOURCE, &delivery).await.unwrap()[..] else { panic!("one report") };
        let head = self.destination.head_object().bucket(MANIFESTS).key(key).send().await.unwrap();
        (key.clone(), head.e_tag.unwrap().trim_matches('"').to_owned())
    }

    /// Creates a job and waits until nothing runs.
    pub(crate) async fn run(&self, request: Request) -> JobDescriptor {
        let id = self.create(request).await;
        self.cloud.activity().settled().await;
        self.describe(&id).await
    }

    pub(crate) async fn create(&self, request: Request) -> String {
        Box::pin(request.send(&self.control)).await.unwrap().job_id.unwrap()
    }

    pub(crate) async fn describe(&self, id: &str) -> JobDescriptor {
        self.control.describe_job().account_id(ACCOUNT).job_id(id).send().await.unwrap().job.unwrap()
    }

    /// The rows of a completion report, unquoted, results file after results file; none if there is no report.
    pub(crate) async fn rows(&self, job: &JobDescriptor) -> Vec<String> {
        let folder = format!("reports/job-{}", job.job_id().unwrap());
        if self.keys(MANIFESTS, &folder).is_empty() {
            return Vec::new();
        }
        let manifest: Value =
            serde_json::from_slice(&self.read(MANIFESTS, &format!("{folder}/manifest.json")).await).unwrap();
        let mut rows = Vec::new();
        for file in manifest["Results"].as_array().unwrap() {
            // Not line by line: a message may name a key that has a line break in it.
            let bytes = self.read(MANIFESTS, file["Key"].as_str().unwrap()).await;
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&*bytes);
            rows.extend(reader.records().map(|row| row.unwrap().iter().collect::<Vec<_>>().join(",")));
        }
        rows
    }
}

fn control(server: &Server, keys: &Keys, region: &'static str) -> aws_sdk_s3control::Client {
    // S3 Control puts the account id before the host; as a proxy the cloud gets such requests whatever their host.
    let proxy = ProxyConfig::http(server.endpoint()).unwrap();
    let http = Builder::new().build_with_connector_fn(move |settings, _| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.build_http()
    });
    let config = aws_sdk_s3control::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .endpoint_url("http://s3control.test")
        .credentials_provider(credentials(keys))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .http_client(http)
        .build();
    aws_sdk_s3control::Client::from_conf(config)
}

/// A `CreateJob` request, to be varied.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) token: String,
    pub(crate) key: String,
    pub(crate) etag: String,
    pub(crate) csv: Option<Vec<JobManifestFieldName>>,
    pub(crate) confirm: bool,
    pub(crate) scope: JobReportScope,
    pub(crate) operation: S3CopyObjectOperation,
    pub(crate) priority: i32,
}

impl Request {
    pub(crate) fn new((key, etag): (String, String)) -> Self {
        Self {
            token: "token".to_owned(),
            key,
            etag,
            csv: None,
            confirm: false,
            scope: JobReportScope::AllTasks,
            operation: S3CopyObjectOperation::builder()
                .target_resource(format!("arn:aws:s3:::{DESTINATION}"))
                .metadata_directive(S3MetadataDirective::Copy)
                .build(),
            priority: 10,
        }
    }

    pub(crate) async fn send(
        self,
        control: &aws_sdk_s3control::Client,
    ) -> Result<
        aws_sdk_s3control::operation::create_job::CreateJobOutput,
        aws_sdk_s3control::error::SdkError<aws_sdk_s3control::operation::create_job::CreateJobError>,
    > {
        let format = match self.csv {
            Some(_) => JobManifestFormat::S3BatchOperationsCsv20180820,
            None => JobManifestFormat::S3InventoryReportCsv20161130,
        };
        let spec = JobManifestSpec::builder().format(format).set_fields(self.csv).build().unwrap();
        let arn = format!("arn:aws:s3:::{MANIFESTS}/{}", self.key);
        let location = JobManifestLocation::builder().object_arn(arn).e_tag(self.etag).build().unwrap();
        let report = JobReport::builder()
            .enabled(true)
            .bucket(format!("arn:aws:s3:::{MANIFESTS}"))
            .format(JobReportFormat::ReportCsv20180820)
            .prefix("reports")
            .report_scope(self.scope)
            .expected_bucket_owner(ACCOUNT)
            .build();
        control
            .create_job()
            .account_id(ACCOUNT)
            .confirmation_required(self.confirm)
            .operation(JobOperation::builder().s3_put_object_copy(self.operation).build())
            .report(report)
            .client_request_token(self.token)
            .manifest(JobManifest::builder().spec(spec).location(location).build())
            .description("run 1")
            .priority(self.priority)
            .role_arn(ROLE)
            .send()
            .await
    }
}
