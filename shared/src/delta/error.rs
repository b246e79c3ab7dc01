//! Why a run could not be made. Nothing has moved then: there is no plan and no next baseline.

use std::io;

use super::baseline::BaselineError;
use crate::inventory::RowError;

/// Why a difference could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// A data file is not what manifest.json says, or not what an inventory writes.
    #[error("{file}{}: {problem}", .row.map(|row| format!(", row {row}")).unwrap_or_default())]
    File {
        /// The data file's key.
        file: String,
        /// The row, from 1, where it is about one: a line each, but for line ends within quotes.
        row: Option<u64>,
        /// What is wrong.
        problem: Problem,
    },
    /// A data file could not be read.
    #[error("reading {file} failed: {error}")]
    Read {
        /// The data file's key.
        file: String,
        /// How it failed.
        error: io::Error,
    },
    /// What was found could not be written.
    #[error("writing what has changed failed: {0}")]
    Sink(io::Error),
    /// More objects than the memory allowed holds. Take more ranges.
    #[error("the report needs more than the {budget} bytes of memory allowed; it has to be taken in more ranges")]
    OverMemory {
        /// The memory allowed, bytes.
        budget: u64,
    },
    /// It was told to stop.
    #[error("it was stopped before its end")]
    Cancelled,
    /// The baseline cannot be used.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// A thread ended before its work was done.
    #[error("a thread ended before its work was done; this is a fault of Transship")]
    Thread,
}

impl DeltaError {
    /// Whether the same call may succeed another time.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Sink(_) | Self::Cancelled => true,
            Self::File { .. } | Self::OverMemory { .. } | Self::Baseline(_) | Self::Thread => false,
        }
    }
}

const ALTERED: &str = "it was altered after delivery: see who else writes to the manifest bucket";

/// What is wrong with a data file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not as long as manifest.json says.
    #[error("it has {}{found} bytes, manifest.json says {expected}; {ALTERED}", if .found > .expected { "at least " } else { "" })]
    Size {
        /// Bytes there are.
        found: u64,
        /// Bytes there should be.
        expected: u64,
    },
    /// Not the bytes that manifest.json means.
    #[error("its MD5 is {found}, manifest.json says {expected}; {ALTERED}")]
    Md5 {
        /// Hex MD5 of what is there.
        found: String,
        /// What manifest.json says.
        expected: String,
    },
    /// Cut off, damaged, or something else than gzip.
    #[error("it is not a whole and sound gzip file ({0})")]
    Gzip(String),
    /// A row cannot be taken.
    #[error("{0}")]
    Row(RowError),
}
