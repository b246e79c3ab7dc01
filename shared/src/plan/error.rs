//! Why no plan could be made. Calls nothing.

use std::io;

use crate::bucket::BucketError;
use crate::delta::{BaselineError, DeltaError};
use crate::error::Class;
use crate::inventory::SchemaError;
use crate::ledger::LedgerError;
use crate::names::ObjectKey;

/// Why no plan could be made. Nothing has moved.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The report lacks columns that changes are told by.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The report lacks the column that a filter goes by.
    #[error(
        "the inventory has no StorageClass, and the setting STORAGE_CLASSES goes by it: add it to the inventory configuration's \
        optional fields (`setup` does so) and wait for the next report, or leave the setting out"
    )]
    NoStorageClass,
    /// The report could not be read, or not be held against the baseline.
    #[error(transparent)]
    Delta(DeltaError),
    /// A file of the plan was planned otherwise before.
    #[error("{0}")]
    Taken(BucketError),
    /// The manifest bucket refused or failed.
    #[error(transparent)]
    Bucket(BucketError),
    /// The draft could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// `baseline.json` has no usable hash key.
    #[error("ledger/baseline.json has no hash key of 64 hex digits: restore its last version, or rebuild the baseline")]
    HashKey,
    /// One pass takes longer than one invocation.
    #[error(
        "reading the report once takes longer than one invocation has: {bytes} bytes in {files} data files, {seconds} s were not \
        enough; give the function more memory, with which it gets more processors and network, or use CopyMode=Everything"
    )]
    TooSlow {
        /// Compressed bytes of the report.
        bytes: u64,
        /// Its data files.
        files: usize,
        /// Seconds that were given to it.
        seconds: u64,
    },
    /// A pass does not fit the memory, however few hashes it is for.
    #[error("the report does not fit the function's memory, not even in {0} passes; give the function more memory")]
    TooLarge(u32),
    /// A list of what is carried over cannot be read.
    #[error("{key} is not a list of objects ({reason}): restore its last version")]
    CarryOver {
        /// The list.
        key: ObjectKey,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest could not be written as JSON.
    #[error("the plan's manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// A thread ended before its work: a defect.
    #[error("planning ended without a result: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl From<BucketError> for PlanError {
    fn from(error: BucketError) -> Self {
        if matches!(error, BucketError::Taken { .. }) { Self::Taken(error) } else { Self::Bucket(error) }
    }
}

impl From<DeltaError> for PlanError {
    /// What the manifest bucket said, where that is behind it.
    fn from(error: DeltaError) -> Self {
        let inner = match &error {
            DeltaError::Read { error, .. }
            | DeltaError::Sink(error)
            | DeltaError::Baseline(BaselineError::Read(error)) => error.get_ref(),
            _ => None,
        };
        if inner.is_none_or(|inner| !inner.is::<BucketError>()) {
            return Self::Delta(error);
        }
        match error {
            DeltaError::Read { error, .. }
            | DeltaError::Sink(error)
            | DeltaError::Baseline(BaselineError::Read(error)) => of_io(error),
            other => Self::Delta(other),
        }
    }
}

/// An error of our own readers and writers, out of the standard library's.
pub(super) fn of_io(error: io::Error) -> PlanError {
    match error.downcast::<BucketError>() {
        Ok(error) => error.into(),
        Err(error) => PlanError::Delta(DeltaError::Sink(error)),
    }
}

impl PlanError {
    /// Whether a later try can succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Delta(error) => error.can_retry(),
            Self::Taken(_) | Self::Thread(_) => true,
            Self::Bucket(error) => error.class() != Class::Permanent,
            Self::Ledger(error) => error.class() != Class::Permanent,
            Self::Schema(_)
            | Self::NoStorageClass
            | Self::HashKey
            | Self::TooSlow { .. }
            | Self::TooLarge(_)
            | Self::CarryOver { .. }
            | Self::Json(_) => false,
        }
    }

    /// Whether it is the report that cannot be taken.
    pub fn is_about_the_report(&self) -> bool {
        matches!(self, Self::Schema(_) | Self::NoStorageClass | Self::Delta(DeltaError::File { .. }))
    }
}
