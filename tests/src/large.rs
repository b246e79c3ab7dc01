//! Objects of any size on the local cloud, and jobs of copy-large on them without a plan.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use transship::config::{JobSettings, Reader, Route as Settings};
use transship::job::report::{self, ResultsFile, TaskStatus};
use transship::job::{RunId, Submitted, large_job};
use transship::names::ObjectKey;

use crate::Error;
use crate::route::{MANIFEST_BUCKET, Route, SOURCE_BUCKET};

/// copy-large, as the template names it.
pub const COPY_LARGE: &str = "transship-demo-copy-large";

/// Bytes that take no space: the beginning of the sequence that `seed` gives.
#[derive(Debug, Clone, Copy)]
pub struct Sparse {
    /// Bytes.
    pub size: u64,
    /// As though it was uploaded in parts of this size.
    pub part: Option<u64>,
    /// Another seed, other bytes.
    pub seed: u64,
}

impl Sparse {
    /// Puts an object of these bytes; all else is as the request says.
    pub async fn put(self, request: PutObjectFluentBuilder) -> Result<(), Error> {
        let part = self.part.map(|part| format!("; part={part}")).unwrap_or_default();
        let header = format!("size={}{part}; seed={}", self.size, self.seed);
        let request = request.body(ByteStream::from_static(b"")).customize();
        request
            .mutate_request(move |request| drop(request.headers_mut().insert("x-cloud-sparse", header.clone())))
            .send()
            .await?;
        Ok(())
    }
}

/// How one task ended, by the completion report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whether it succeeded.
    pub succeeded: bool,
    /// The error's code; empty if it succeeded.
    pub code: String,
    /// What the function said.
    pub message: String,
}

impl Route {
    /// Creates the job that has copy-large copy `keys` of the source bucket, and waits for its end; what became of each, by key.
    pub async fn copy_large(&self, run: &str, keys: &[&str]) -> Result<BTreeMap<String, Ended>, Error> {
        let id = Box::pin(self.start_copy_large(run, keys)).await?;
        self.cloud.activity().settled().await;
        self.ended(&id).await
    }

    /// Creates that job; its id.
    pub async fn start_copy_large(&self, run: &str, keys: &[&str]) -> Result<String, Error> {
        let environment: BTreeMap<&str, &str> =
            self.stack.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut reader = Reader::new(&environment);
        let (route, settings) = (Settings::read(&mut reader), JobSettings::read(&mut reader));
        let (route, settings) = reader.finish(route.zip(settings))?;
        let function = settings.copy_large.clone().ok_or("create-job is not told of copy-large")?;
        let folder = format!("plans/{run}");
        let rows: Vec<String> = keys
            .iter()
            .map(|key| format!("{SOURCE_BUCKET},{}\n", ObjectKey::from_plain(*key).encode().as_str()))
            .collect();
        let data = format!("{folder}/large.csv");
        self.put_kept(&data, rows.concat()).await?;
        let manifest = serde_json::json!({
            "sourceBucket": SOURCE_BUCKET,
            "destinationBucket": format!("arn:aws:s3:::{MANIFEST_BUCKET}"),
            "version": "2016-11-30",
            "creationTimestamp": "1",
            "fileFormat": "CSV",
            "fileSchema": "Bucket, Key",
            "files": [{ "key": data, "size": rows.concat().len() }],
        });
        let key = format!("{folder}/manifest.json");
        let etag = self.put_kept(&key, manifest.to_string()).await?;
        let submitted = Submitted { key: ObjectKey::from_plain(key), etag: etag.parse()?, version_id: None };
        let request = large_job(&route, &settings, &function, &RunId::new(run, &submitted.etag), &submitted);
        let created = Box::pin(request.input()?.send_with(&self.destination.s3control)).await?;
        created.job_id.ok_or_else(|| "CreateJob gave no id".into())
    }

    async fn put_kept(&self, key: &str, text: String) -> Result<String, Error> {
        let put = self.destination.s3.put_object().bucket(MANIFEST_BUCKET).key(key).body(text.into_bytes().into());
        Ok(put.send().await?.e_tag.unwrap_or_default())
    }

    /// How the tasks of a job ended, by its completion report.
    async fn ended(&self, job: &str) -> Result<BTreeMap<String, Ended>, Error> {
        let key = ObjectKey::from_plain(format!("reports/job-{job}/manifest.json"));
        let manifest = self.kept(key.as_str()).await?.ok_or("there is no completion report")?;
        let mut ended = BTreeMap::new();
        for file in report::results(&manifest, &key, MANIFEST_BUCKET)?.unwrap_or_default() {
            let text = self.kept(file.key.as_str()).await?.ok_or("a results file is missing")?;
            for row in csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_slice()).records() {
                let row = row?;
                let key = transship::names::EncodedKey::new(&row[1]).decode()?.to_string();
                let succeeded = matches!(file, ResultsFile { status: TaskStatus::Succeeded, .. });
                ended.insert(key, Ended { succeeded, code: row[5].to_owned(), message: row[6].to_owned() });
            }
        }
        Ok(ended)
    }
}

/// The bytes of an object from `start` on.
pub async fn sample(s3: &Client, bucket: &str, key: &str, start: u64, length: u64) -> Result<Vec<u8>, Error> {
    let range = format!("bytes={start}-{}", start + length - 1);
    let got = s3.get_object().bucket(bucket).key(key).range(range).send().await?;
    Ok(got.body.collect().await?.to_vec())
}
