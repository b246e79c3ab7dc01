//! One task of `LambdaInvoke`: the event that the function gets, what its answer means, and how often it is tried.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html>

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::manifest::{Task, Wanted};
use super::model::InvokeOperation;
use super::report::TaskFailure;
use crate::Cloud;
use crate::access::Context;
use crate::identity::Principal;
use crate::lambda::{Outcome, function_arn};

/// What all tasks of a job share.
pub(super) struct Invoker {
    pub(super) cloud: Cloud,
    pub(super) role: Principal,
    pub(super) operation: InvokeOperation,
    pub(super) job_id: String,
    /// How often a task is tried that ends in `TemporaryFailure`. AWS does not say.
    pub(super) attempts: u32,
}

/// The function's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    invocation_schema_version: String,
    invocation_id: String,
    #[serde(default)]
    treat_missing_keys_as: Option<String>,
    results: Vec<TaskResult>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskResult {
    task_id: String,
    result_code: String,
    #[serde(default)]
    result_string: String,
}

/// How one attempt ended.
enum Attempt {
    Succeeded(String),
    Temporary(String),
    Permanent(String),
}

impl Invoker {
    /// Has the function do one task. A failure's string reaches the report only if it is the last.
    pub(super) async fn invoke(&self, task: &Task) -> Result<String, TaskFailure> {
        let mut attempt = 1;
        loop {
            match self.attempt(task).await? {
                Attempt::Succeeded(message) => return Ok(message),
                Attempt::Permanent(message) => return Err(failure("PermanentFailure", message)),
                Attempt::Temporary(message) if attempt >= self.attempts => {
                    return Err(failure("TemporaryFailure", message));
                }
                Attempt::Temporary(_) => attempt += 1,
            }
        }
    }

    async fn attempt(&self, task: &Task) -> Result<Attempt, TaskFailure> {
        let arn = self.operation.function_arn.as_deref().unwrap_or_default();
        let name = arn.rsplit_once(":function:").map_or(arn, |(_, name)| name).split(':').next().unwrap_or_default();
        let action = "lambda:InvokeFunction";
        if let Err(denied) = self.cloud.authorize(&self.role, action, &function_arn(name), &Context::default()) {
            let message = format!("Lambda access denied: {denied}");
            return Err(TaskFailure { status: 403, code: "AccessDenied".to_owned(), message });
        }
        let (invocation_id, task_id) = (id(), id());
        let event = self.event(task, &invocation_id, &task_id)?;
        let request_id = uuid::Uuid::new_v4().to_string();
        let outcome =
            self.cloud.functions().invoke(&self.cloud, name, &request_id, Bytes::from(event.to_string())).await;
        Ok(match outcome {
            Ok(Outcome::Success(payload)) => self.understood(&payload, &invocation_id, &task_id),
            Ok(Outcome::Error(error)) => {
                let error = String::from_utf8_lossy(&error);
                Attempt::Permanent(format!("Lambda returned function error: {error}"))
            }
            Err(error) => Attempt::Permanent(format!("Lambda could not be invoked: {error}")),
        })
    }

    /// The key is as it stands in the manifest: encoded.
    fn event(&self, task: &Task, invocation_id: &str, task_id: &str) -> Result<Value, TaskFailure> {
        let version = match &task.version {
            Wanted::Current => None,
            Wanted::Version(id) => Some(id),
            Wanted::Missing => {
                let (code, message) = ("InvalidRequest".to_owned(), "missing VersionId".to_owned());
                return Err(TaskFailure { status: 400, code, message });
            }
        };
        let arguments: BTreeMap<&str, &str> =
            self.operation.user_arguments.iter().flat_map(|a| &a.entry).fold(BTreeMap::new(), |mut all, argument| {
                all.insert(&argument.key, &argument.value);
                all
            });
        let mut of_task = json!({ "taskId": task_id, "s3Key": task.encoded_key, "s3VersionId": version });
        let mut job = json!({ "id": self.job_id });
        if self.schema() == "2.0" {
            of_task["s3Bucket"] = json!(task.bucket);
            job["userArguments"] = json!(arguments);
        } else {
            of_task["s3BucketArn"] = json!(format!("arn:aws:s3:::{}", task.bucket));
        }
        Ok(json!({
            "invocationSchemaVersion": self.schema(),
            "invocationId": invocation_id,
            "job": job,
            "tasks": [of_task],
        }))
    }

    fn schema(&self) -> &str {
        self.operation.invocation_schema_version.as_deref().unwrap_or("1.0")
    }

    fn understood(&self, payload: &[u8], invocation_id: &str, task_id: &str) -> Attempt {
        let answer: Answer = match serde_json::from_slice(payload) {
            Ok(answer) => answer,
            Err(error) => return Attempt::Permanent(format!("Lambda returned an answer of another shape: {error}")),
        };
        if answer.invocation_schema_version != self.schema() || answer.invocation_id != invocation_id {
            return Attempt::Permanent("Lambda returned an answer to another invocation".to_owned());
        }
        let found = answer.results.into_iter().find(|result| result.task_id == task_id);
        let (code, string) = match found {
            Some(result) => (Some(result.result_code), result.result_string),
            None => (answer.treat_missing_keys_as, "Lambda returned no result for the task".to_owned()),
        };
        match code.as_deref() {
            Some("Succeeded") => Attempt::Succeeded(string),
            Some("TemporaryFailure") => Attempt::Temporary(string),
            Some("PermanentFailure") | None => Attempt::Permanent(string),
            Some(other) => Attempt::Permanent(format!("Lambda returned the result code {other:?}")),
        }
    }
}

/// As the documentation's example report has it: the request to Lambda was answered, so its status is 200.
fn failure(code: &str, message: String) -> TaskFailure {
    TaskFailure { status: 200, code: code.to_owned(), message }
}

fn id() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(uuid::Uuid::new_v4().to_string())
}
