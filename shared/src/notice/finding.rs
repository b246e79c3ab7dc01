//! A thing that a person should know, and what to do about it. Calls nothing.

use serde::{Deserialize, Serialize};

/// How much it matters. Later ones matter more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know; nothing to do.
    Note,
    /// Not as it should be, and likely to mend itself.
    Warning,
    /// Somebody has to do something.
    Alarm,
}

impl Severity {
    /// As it stands in messages and on the status page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}

/// A thing that a person should know of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What is so: one sentence, without its full stop. Keys in it are as they are; whoever shows it makes them inert.
    pub what: String,
    /// What to do about it: one sentence or a few; empty if there is nothing to do.
    pub do_next: String,
}

impl Finding {
    /// Of these.
    pub fn new(severity: Severity, what: impl Into<String>, do_next: impl Into<String>) -> Self {
        Self { severity, what: what.into(), do_next: do_next.into() }
    }
}
