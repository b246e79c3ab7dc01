//! What the function answers, and when Lambda tries again.

use lambda_runtime::Diagnostic;
use serde::Serialize;
use transship::job::RunId;
use transship::ledger::State;
use transship::names::ObjectKey;
use transship::notice::Finding;

/// The answer to an invocation.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Answer {
    /// The runs that this invocation closed, and no other.
    pub(crate) closed: Vec<Closed>,
    /// The run whose jobs have not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<RunId>,
    /// The manifest.json that `create-job` was told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) handed_on: Option<ObjectKey>,
    /// What is not as it should be, by its name.
    pub(crate) findings: Vec<Named>,
}

/// A run that was closed.
#[derive(Debug, Serialize)]
pub(crate) struct Closed {
    pub(crate) run: RunId,
    pub(crate) state: State,
}

/// A finding, with its name.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) finding: Finding,
}

/// It did not work: the manifest bucket cannot be read. The schedule tries again in any case, and so does Lambda.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failed(pub(crate) String);

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        Self { error_type: "Failed".to_owned(), error_message: failed.to_string() }
    }
}
