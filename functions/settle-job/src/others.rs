//! The other functions: `create-job`, which is told of a report, and `setup`, which is asked to check both accounts.
//! Calls Lambda.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde::Deserialize;
use transship::error::AwsError;
use transship::event::{self, Notice};

/// Tells `create-job` of a report, as an event would.
pub(crate) async fn hand_on(lambda: &aws_sdk_lambda::Client, function: &str, notice: &Notice) -> Result<(), AwsError> {
    let request = lambda.invoke().function_name(function).invocation_type(InvocationType::Event);
    let answer = request.payload(Blob::new(event::again(notice).to_string())).send().await;
    answer.map(drop).map_err(|error| AwsError::new("Invoke", &error))
}

/// What `setup` answers to `{"action":"check"}`, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Report {
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    check: String,
    state: String,
    found: String,
    #[serde(default, rename = "do")]
    todo: String,
}

/// What is wrong in either account, by the name of the check: what is so, and what to do. What `setup` may not look at is
/// not wrong.
pub(crate) async fn check(
    lambda: &aws_sdk_lambda::Client,
    function: &str,
) -> Result<BTreeMap<String, (String, String)>, String> {
    let request = lambda.invoke().function_name(function).invocation_type(InvocationType::RequestResponse);
    let answer = request.payload(Blob::new(r#"{"action":"check"}"#)).send().await;
    let answer = answer.map_err(|error| AwsError::new("Invoke", &error).to_string())?;
    let payload = answer.payload().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
    if answer.function_error().is_some() {
        return Err(transship::names::excerpt(&String::from_utf8_lossy(&payload)));
    }
    let report: Report = serde_json::from_slice(&payload).map_err(|error| error.to_string())?;
    let wrong = report.findings.into_iter().filter(|finding| finding.state == "wrong");
    Ok(wrong.map(|finding| (finding.check, (finding.found, finding.todo))).collect())
}
