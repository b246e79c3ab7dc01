//! `{"action":"check"}`: the live state of both accounts, held against what the route needs. Reads only.

mod destination;
mod encryption;
mod keys;
mod manifests;
mod region;
mod role;
mod source;
mod uploads;

use serde::Serialize;
use transship::setup::{Denial, Deployment};

use crate::error::SetupError;
use crate::live::Live;

/// What to do about anything of ours. A deployment that changes nothing would not call setup.
const AGAIN: &str = "deploy the stack with SetupAgain=$(date +%s), so that setup runs again and puts it right";

/// The whole document.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    route: String,
    /// Nothing is wrong. What is unknown may be.
    ok: bool,
    findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    check: &'static str,
    state: State,
    found: String,
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
    /// It was to be looked at, and could not be: in contrast to what is somebody else's to look at or to judge.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unseen: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Wrong,
    Unknown,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), todo: None, unseen: false }
    }

    fn wrong(check: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, state: State::Wrong, found: found.into(), todo: Some(todo.into()), unseen: false }
    }

    fn unknown(check: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, state: State::Unknown, found: found.into(), todo: Some(todo.into()), unseen: false }
    }

    /// It could not be looked at. What to do is in the error's own words.
    fn unseen(check: &'static str, error: &SetupError) -> Self {
        let unknown = match error {
            SetupError::Aws { error, target, advice } => Self::unknown(check, format!("{error} ({target})"), advice),
            error => Self::unknown(check, error.to_string(), "mend this, then check again"),
        };
        Self { unseen: true, ..unknown }
    }
}

/// Looks at everything.
pub(crate) async fn check(live: &Live, deployment: &Deployment) -> Report {
    let mut findings = role::look(live, deployment).await;
    findings.extend(manifests::look(live, deployment).await);
    findings.extend(destination::look(live, deployment).await);
    findings.extend(source::look(live, deployment).await);
    findings.extend(keys::look(live, deployment).await);
    let ok = findings.iter().all(|finding| finding.state != State::Wrong);
    Report { route: deployment.route.name.to_string(), ok, findings }
}

/// What statements of others that deny come to.
fn of_denials(check: &'static str, who: &str, denials: &[Denial]) -> Finding {
    let named: Vec<&str> = denials.iter().map(|denial| denial.statement.as_str()).collect();
    let certain: Vec<&str> =
        denials.iter().filter(|d| d.conditions.is_none()).map(|denial| denial.statement.as_str()).collect();
    if !certain.is_empty() {
        return Finding::wrong(
            check,
            format!("statement {} denies {who}", certain.join(", ")),
            format!("have the bucket's owner take {who} out of that statement"),
        );
    }
    if !named.is_empty() {
        let conditions: Vec<String> =
            denials.iter().filter_map(|denial| denial.conditions.as_ref()).map(ToString::to_string).collect();
        return Finding::unknown(
            check,
            format!("statement {} denies under conditions: {}", named.join(", "), conditions.join("; ")),
            format!("see that these conditions are not met by {who}"),
        );
    }
    Finding::ok(check, format!("no statement denies {who}"))
}
