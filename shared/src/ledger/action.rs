//! What a person told Transship to do: who, and when. Calls nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SCHEMA;
use crate::job::RunId;
use crate::names::{ObjectKey, excerpt};

/// Who tells Transship to do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The id of the invocation: the function's log has it too, and CloudTrail where it records Lambda's data events.
    pub request_id: String,
    /// Who they say they are, if they say so.
    pub by: Option<String>,
}

/// An entry of the ledger, written before the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// [`SCHEMA`]
    pub schema: u32,
    /// `rebuild` or `retry`
    pub action: String,
    /// When.
    pub at: Timestamp,
    /// The id of the invocation.
    pub request_id: String,
    /// Who they said they are, if they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The run that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

impl Action {
    /// What was asked for at this time.
    pub fn new(action: &str, at: Timestamp, asked: &Asked, run: Option<&RunId>) -> Self {
        Self {
            schema: SCHEMA,
            action: action.to_owned(),
            at,
            request_id: asked.request_id.clone(),
            by: asked.by.as_deref().map(excerpt),
            run: run.cloned(),
        }
    }

    /// `ledger/actions/<time>-<action>-<request id>.json`; the time as reports have it, so that entries sort by it.
    pub(super) fn key(&self) -> ObjectKey {
        let id: String = self.request_id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
        let time = self.at.strftime("%Y-%m-%dT%H-%M-%SZ");
        ObjectKey::from_plain(format!("ledger/actions/{time}-{}-{id}.json", self.action))
    }
}
