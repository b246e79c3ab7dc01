//! Which messages are sent. Calls nothing.

use std::str::FromStr;

use super::Severity;
use crate::names::Invalid;

/// Which outcomes somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notices {
    /// Every run, and every finding.
    All,
    /// What is not as it should be.
    Problems,
}

impl Notices {
    /// Whether a message of this severity is sent.
    pub fn want(self, severity: Severity) -> bool {
        match self {
            Self::All => true,
            Self::Problems => severity > Severity::Note,
        }
    }
}

impl FromStr for Notices {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "All" => Ok(Self::All),
            "Problems" => Ok(Self::Problems),
            _ => Err(Invalid::new("All or Problems", text)),
        }
    }
}
