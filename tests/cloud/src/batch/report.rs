//! The completion report: `manifest.json` and results files. Pure: outcomes in, bytes out.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::manifest::{Task, Wanted};

/// How one task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The row it was.
    pub task: Task,
    /// The message of its success, or what S3 or the function refused.
    pub result: Result<String, TaskFailure>,
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// HTTP status of the S3 request.
    pub status: u16,
    /// S3's error code.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// What is in `manifest.json` before the report is: some see it, some do not.
pub const PLACEHOLDER: &[u8] = b"This is a placeholder";

/// `manifest.json` of a completion report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReportManifest {
    format: &'static str,
    report_creation_date: String,
    results: Vec<ResultsFile>,
    report_schema: &'static str,
}

/// One results file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResultsFile {
    /// `succeeded` or `failed`
    pub task_execution_status: &'static str,
    /// The report bucket's name.
    pub bucket: String,
    /// Hex MD5.
    #[serde(rename = "MD5Checksum")]
    pub md5: String,
    /// Its key.
    pub key: String,
}

impl ReportManifest {
    /// Of these results files.
    pub fn new(created: Timestamp, results: Vec<ResultsFile>) -> Self {
        Self {
            format: "Report_CSV_20180820",
            report_creation_date: created.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            results,
            // What AWS says. The rows have HTTPStatusCode before ErrorCode.
            report_schema: "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage",
        }
    }
}

/// `<prefix>/job-<id>`, without a leading slash where there is no prefix.
pub fn folder(prefix: Option<&str>, job_id: &str) -> String {
    prefix.map_or_else(|| format!("job-{job_id}"), |prefix| format!("{prefix}/job-{job_id}"))
}

/// A results file's name: 40 hex digits.
pub fn file_name(job_id: &str, status: &str) -> String {
    let mut name = hex::encode(Sha256::digest(format!("{job_id}/{status}")));
    name.truncate(40);
    name + ".csv"
}

/// The rows of the tasks that ended one way: no header, fields quoted where they must be.
pub fn rows(outcomes: &[&Outcome]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for Outcome { task, result } in outcomes {
        let version = match &task.version {
            Wanted::Version(id) => id,
            Wanted::Current | Wanted::Missing => "",
        };
        let (status, http, code, message) = match result {
            Ok(message) => ("succeeded", 200, "", message.as_str()),
            Err(failure) => ("failed", failure.status, failure.code.as_str(), failure.message.as_str()),
        };
        writer.write_record([&task.bucket, &task.encoded_key, version, status, &http.to_string(), code, message])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(key: &str, version: Wanted) -> Task {
        Task { bucket: "awsexamplebucket1".to_owned(), encoded_key: key.to_owned(), version }
    }

    /// Rows of <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-reports.html>.
    #[test]
    fn rows_are_in_the_real_order() {
        let documented = include_str!("../../fixtures/batch/report.csv");
        let message = "Lambda returned function error: {\"errorMessage\":\"2019-04-05T17:35:21.155Z \
                       2845ca0d-38d9-4c4b-abcf-379dc749c452 Task timed out after 3.00 seconds\"}";
        let failure = TaskFailure { status: 200, code: "PermanentFailure".to_owned(), message: message.to_owned() };
        let outcomes = [
            Outcome { task: task("image_14975", Wanted::Current), result: Err(failure) },
            Outcome {
                task: task("sub/directory/AS21.tiff.zst", Wanted::Version("886twyul.uJ3".to_owned())),
                result: Ok("Successful".to_owned()),
            },
        ];
        assert_eq!(String::from_utf8(rows(&outcomes.iter().collect::<Vec<_>>()).unwrap()).unwrap(), documented);
    }

    #[test]
    fn the_manifest_has_the_documented_shape() {
        let documented: serde_json::Value =
            serde_json::from_str(include_str!("../../fixtures/batch/report-manifest.json")).unwrap();
        let file = |status, md5: &str, name: &str| ResultsFile {
            task_execution_status: status,
            bucket: "my-job-reports".to_owned(),
            md5: md5.to_owned(),
            key: format!("{}/results/{name}.csv", folder(None, "f8fb9d89-a3aa-461d-bddc-ea6a1b131955")),
        };
        let manifest = ReportManifest::new(
            "2019-04-05T17:48:39.725Z".parse().unwrap(),
            vec![
                file("succeeded", "83b1c4cbe93fc893f54053697e10fd6e", "6217b0fab0de85c408b4be96aeaca9b195a7daa5"),
                file("failed", "22ee037f3515975f7719699e5c416eaa", "b2ddad417e94331e9f37b44f1faf8c7ed5873f2e"),
            ],
        );
        assert_eq!(serde_json::to_value(manifest).unwrap(), documented);
        assert_eq!(file_name("x", "failed").len(), 44);
        assert_eq!(folder(Some("reports"), "x"), "reports/job-x");
    }
}
