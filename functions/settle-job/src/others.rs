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
    #[serde(default)]
    unseen: bool,
}

/// What `setup` has found, by the name of the check: what is so, and what to do.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// What is wrong, in either account.
    pub(crate) wrong: BTreeMap<String, (String, String)>,
    /// What it should see in the source account and could not. Where it has no role there, that is nothing.
    pub(crate) unseen: BTreeMap<String, (String, String)>,
}

impl From<Report> for Checked {
    fn from(report: Report) -> Self {
        let mut checked = Self::default();
        for Finding { check, state, found, todo, unseen } in report.findings {
            let of_source = check.contains("source") || check == "inventory configuration";
            if state == "wrong" {
                checked.wrong.insert(check, (found, todo));
            } else if unseen && of_source {
                checked.unseen.insert(check, (found, todo));
            }
        }
        checked
    }
}

/// Has `setup` look at both accounts.
pub(crate) async fn check(lambda: &aws_sdk_lambda::Client, function: &str) -> Result<Checked, String> {
    let request = lambda.invoke().function_name(function).invocation_type(InvocationType::RequestResponse);
    let answer = request.payload(Blob::new(r#"{"action":"check"}"#)).send().await;
    let answer = answer.map_err(|error| AwsError::new("Invoke", &error).to_string())?;
    let payload = answer.payload().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
    if answer.function_error().is_some() {
        return Err(transship::names::excerpt(&String::from_utf8_lossy(&payload)));
    }
    let report: Report = serde_json::from_slice(&payload).map_err(|error| error.to_string())?;
    Ok(report.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_setup_should_see_in_the_source_account_and_cannot_is_not_passed_over() {
        let report = r#"{ "route": "r", "ok": false, "findings": [
            { "check": "source bucket's policy", "state": "unknown", "found": "denied", "do": "allow it", "unseen": true },
            { "check": "access to the source account", "state": "unknown", "found": "a hand-off", "do": "nothing" },
            { "check": "destination bucket", "state": "unknown", "found": "denied", "do": "allow it", "unseen": true },
            { "check": "inventory configuration", "state": "wrong", "found": "gone", "do": "deploy" },
            { "check": "copy role", "state": "ok", "found": "it is there" } ] }"#;
        let checked = Checked::from(serde_json::from_str::<Report>(report).unwrap());
        assert_eq!(checked.unseen.keys().collect::<Vec<_>>(), ["source bucket's policy"]);
        assert_eq!(checked.wrong.keys().collect::<Vec<_>>(), ["inventory configuration"]);
    }
}
