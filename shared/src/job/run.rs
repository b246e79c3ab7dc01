//! What identifies a run and its jobs. Calls nothing.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::inventory::Report;
use crate::names::{ETag, RouteName};

/// Identifies a run: the report's time and its manifest.json's ETag, `2025-06-01T01-00Z-<etag>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The run of a report.
    pub fn of(report: &Report) -> Self {
        Self::new(report.key.time(), &report.etag)
    }

    /// The run of the report of this time, `YYYY-MM-DDTHH-MMZ`, with this manifest.json.
    pub fn new(time: &str, manifest: &ETag) -> Self {
        Self(format!("{time}-{manifest}"))
    }

    /// The run that a person's retry of this run is.
    #[must_use]
    pub fn retry_by(&self, request_id: &str) -> Self {
        Self(format!("{}{}", self.0, retry_suffix(request_id)))
    }

    /// Whether it is the retry that this invocation asked for.
    pub fn is_retry_by(&self, request_id: &str) -> bool {
        self.0.ends_with(&retry_suffix(request_id))
    }

    /// Whether it is a retry, whosever.
    pub fn is_retry(&self) -> bool {
        self.0.contains(RETRY)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands in a retry's id between the run's and the request's.
const RETRY: &str = "-retry-";

/// Of a request's id as much as tells two retries of one run apart. A description, in which run ids stand, has room for no more.
fn retry_suffix(request_id: &str) -> String {
    let id: String = request_id.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    format!("{RETRY}{id}")
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of a run's jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// `S3PutObjectCopy` of what CopyObject can copy.
    #[default]
    Copy,
    /// `LambdaInvoke` of copy-large, for what is over 5 GB.
    Large,
    /// `S3InitiateRestoreObject`, for what is archived.
    Restore,
}

impl JobKind {
    /// Whether it is the copy job: what records say nothing of.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(crate) fn is_copy(&self) -> bool {
        *self == Self::Copy
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Large => "large",
            Self::Restore => "restore",
        }
    }
}

/// The `ClientRequestToken` of a job: the same call has the same token, whoever makes it and however often. 64 hex
/// digits, the most that CreateJob takes.
///
/// Each field is hashed behind its length, so that no two calls give the same bytes.
pub fn token(route: &RouteName, run: &RunId, kind: JobKind, manifest: &ETag, attempt: u32) -> String {
    let attempt = attempt.to_string();
    let mut hash = Sha256::new();
    for field in ["transship/1", route.as_str(), run.as_str(), kind.as_str(), manifest.as_str(), &attempt] {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests;
