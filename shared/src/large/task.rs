//! What S3 Batch Operations asks of a function, and what it is answered: invocation schema 2.0. Calls nothing.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::{EncodedKey, Invalid, ObjectKey, excerpt_of};

/// The only schema that is taken: 1.0 has no user arguments.
pub const SCHEMA: &str = "2.0";

/// An invocation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// `2.0`
    pub invocation_schema_version: String,
    /// The answer repeats it.
    pub invocation_id: String,
    /// The job.
    pub job: InvokingJob,
    /// What is to be done: one task, so far.
    pub tasks: Vec<Task>,
}

/// The job that invokes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvokingJob {
    /// Its id.
    pub id: String,
    /// As CreateJob gave them.
    #[serde(default)]
    pub user_arguments: Option<BTreeMap<String, String>>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// The answer repeats it.
    pub task_id: String,
    /// The key as it stands in the manifest: encoded.
    pub s3_key: String,
    /// None where the manifest names no versions.
    #[serde(default)]
    pub s3_version_id: Option<String>,
    /// The bucket's name.
    pub s3_bucket: String,
}

impl Task {
    /// The key itself.
    pub fn key(&self) -> Result<ObjectKey, Invalid> {
        EncodedKey::new(&self.s3_key).decode()
    }

    /// The version, if one is asked for.
    pub fn version(&self) -> Option<&str> {
        self.s3_version_id.as_deref().filter(|id| !id.is_empty())
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    invocation_schema_version: &'static str,
    treat_missing_keys_as: ResultCode,
    invocation_id: String,
    results: Vec<TaskResult>,
}

impl Answer {
    /// To this invocation. A task without a result would be one that nobody did.
    pub fn new(invocation_id: impl Into<String>, results: Vec<TaskResult>) -> Self {
        Self {
            invocation_schema_version: SCHEMA,
            treat_missing_keys_as: ResultCode::TemporaryFailure,
            invocation_id: invocation_id.into(),
            results,
        }
    }
}

/// What becomes of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ResultCode {
    /// Done.
    Succeeded,
    /// Batch Operations tries it again; how often is not documented.
    TemporaryFailure,
    /// It is not tried again by this job.
    PermanentFailure,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskResult {
    /// The task's id.
    pub task_id: String,
    /// How it ended.
    pub result_code: ResultCode,
    /// What happened; the completion report holds it. A failure's begins with a code: `NoSuchKey: …`.
    pub result_string: String,
}

impl TaskResult {
    /// Of a task.
    pub fn new(task_id: impl Into<String>, result_code: ResultCode, text: &str) -> Self {
        Self { task_id: task_id.into(), result_code, result_string: excerpt_of(text, 800) }
    }
}
