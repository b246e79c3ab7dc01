//! What a job reads and writes besides its tasks, all with its role's permissions: the manifest, its data files, the
//! completion report.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use md5::{Digest, Md5};
use s3s::dto::{GetObjectInput, PutObjectInput, ServerSideEncryption, StreamingBlob};
use s3s::{S3, S3Error, S3ErrorCode};

use super::job::Failure;
use super::manifest::{Columns, Encoding, InventoryManifest, Task, one_bucket, rows};
use super::model::{CSV, JobManifest, JobReport};
use super::report::{Outcome, ReportManifest, ResultsFile, file_name, folder, rows as report_rows};
use super::validate::{bucket_of, object_of};
use crate::Cloud;
use crate::identity::Principal;

/// One object as the role reads it: its bytes and its ETag.
async fn get(
    cloud: &Cloud,
    role: &Principal,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<(Bytes, String), S3Error> {
    let input = GetObjectInput {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version_id: version.map(str::to_owned),
        ..GetObjectInput::default()
    };
    let output = cloud.s3().get_object(crate::s3::request(role, input)).await?.output;
    let mut bytes = BytesMut::new();
    if let Some(mut body) = output.body {
        while let Some(chunk) =
            body.try_next().await.map_err(|error| S3Error::with_source(S3ErrorCode::InternalError, error))?
        {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok((bytes.freeze(), output.e_tag.map(|etag| etag.value().to_owned()).unwrap_or_default()))
}

/// What S3 said, in a line.
pub(crate) fn said(error: &S3Error) -> String {
    format!("{}: {}", error.code().as_str(), error.message().unwrap_or("no message"))
}

/// Reads the manifest that a job names, and every data file of it.
pub(super) async fn tasks(
    cloud: &Cloud,
    role: &Principal,
    manifest: &JobManifest,
) -> Result<(Vec<Task>, Encoding), Failure> {
    let incomplete = || Failure::new("InvalidManifest", "The job has no manifest");
    let (spec, location) = (manifest.spec.as_ref(), manifest.location.as_ref());
    let (spec, location) = spec.zip(location).ok_or_else(incomplete)?;
    let arn = location.object_arn.as_deref().ok_or_else(incomplete)?;
    let (bucket, key) = object_of(arn, "ObjectArn").map_err(|_| incomplete())?;
    let version = location.object_version_id.as_deref();
    let (bytes, etag) = get(cloud, role, &bucket, &key, version).await.map_err(|error| {
        Failure::new("ManifestUnreadable", format!("Reading the manifest {arn} caused an error. {}", said(&error)))
    })?;
    let expected = location.etag.as_deref().unwrap_or_default();
    if etag != expected {
        let reason = format!("The manifest {arn} has the ETag {etag}, not {expected}");
        return Err(Failure::new("ManifestETagMismatch", reason));
    }
    if spec.format.as_deref() == Some(CSV) {
        let fields: Vec<_> = spec.fields.iter().flat_map(|f| f.member.iter().map(String::as_str)).collect();
        let tasks = rows(&bytes, Columns::of(&fields)?)?;
        one_bucket(&tasks)?;
        return Ok((tasks, Encoding::Percent));
    }
    let manifest = InventoryManifest::parse(&bytes)?;
    let (columns, data_bucket) = (manifest.columns()?, manifest.data_bucket()?);
    let mut tasks = Vec::new();
    for file in &manifest.files {
        let (bytes, _) = get(cloud, role, data_bucket, &file.key, None).await.map_err(|error| {
            let place = format!("s3://{data_bucket}/{}", file.key);
            Failure::new(
                "ManifestUnreadable",
                format!("Reading the data file {place} caused an error. {}", said(&error)),
            )
        })?;
        if let Some(md5) = &file.md5
            && *md5 != hex::encode(Md5::digest(&bytes))
        {
            let reason = format!("The data file {} is not the one in the manifest: its MD5 differs", file.key);
            return Err(Failure::new("InvalidManifest", reason));
        }
        tasks.extend(rows(&bytes, columns)?);
        tokio::task::yield_now().await;
    }
    one_bucket(&tasks)?;
    Ok((tasks, Encoding::Form))
}

/// Where one job's completion report goes.
pub(super) struct ReportPlace<'a> {
    cloud: &'a Cloud,
    role: &'a Principal,
    bucket: String,
    folder: String,
    job_id: &'a str,
    report: &'a JobReport,
}

impl<'a> ReportPlace<'a> {
    /// None where the job has no report.
    pub(super) fn of(cloud: &'a Cloud, role: &'a Principal, job_id: &'a str, report: &'a JobReport) -> Option<Self> {
        if report.enabled != Some(true) {
            return None;
        }
        let bucket = bucket_of(report.bucket.as_deref()?, "Report.Bucket").ok()?;
        Some(Self { cloud, role, bucket, folder: folder(report.prefix.as_deref(), job_id), job_id, report })
    }

    /// One object of the report, always SSE-S3.
    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let key = format!("{}/{name}", self.folder);
        let input = PutObjectInput {
            bucket: self.bucket.clone(),
            key: key.clone(),
            content_length: i64::try_from(bytes.len()).ok(),
            body: Some(StreamingBlob::from(s3s::Body::from(Bytes::from(bytes)))),
            expected_bucket_owner: self.report.expected_bucket_owner.clone(),
            server_side_encryption: Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)),
            ..PutObjectInput::default()
        };
        let written = self.cloud.s3().put_object(crate::s3::request(self.role, input)).await;
        written.map(|_| ()).map_err(|error| {
            let reason = format!("Writing the report s3://{}/{key} caused an error. {}", self.bucket, said(&error));
            Failure::new("ReportUnwritable", reason)
        })
    }

    /// The whole report: results files, `manifest.json`, its MD5. With `wrong_md5` the files are not what it says.
    pub(super) async fn write(&self, outcomes: &[Outcome], wrong_md5: bool) -> Result<(), Failure> {
        let mut files = Vec::new();
        for (status, succeeded) in [("succeeded", true), ("failed", false)] {
            let left_out = succeeded && self.report.report_scope.as_deref() == Some("FailedTasksOnly");
            let chosen: Vec<&Outcome> = outcomes.iter().filter(|o| o.result.is_ok() == succeeded).collect();
            if left_out || chosen.is_empty() {
                continue;
            }
            let bytes = report_rows(&chosen).map_err(|error| Failure::new("ReportUnwritable", error.to_string()))?;
            let name = format!("results/{}", file_name(self.job_id, status));
            files.push(ResultsFile {
                task_execution_status: status,
                bucket: self.bucket.clone(),
                md5: hex::encode(Md5::digest(if wrong_md5 { &[] } else { bytes.as_slice() })),
                key: format!("{}/{name}", self.folder),
            });
            self.put(&name, bytes).await?;
        }
        let manifest = serde_json::to_vec(&ReportManifest::new(self.cloud.clock().now(), files))
            .map_err(|error| Failure::new("ReportUnwritable", error.to_string()))?;
        let md5 = hex::encode(Md5::digest(&manifest));
        self.put("manifest.json", manifest).await?;
        self.put("manifest.json.md5", md5.into_bytes()).await
    }
}
