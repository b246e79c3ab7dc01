//! Why a report was not handled.

use crate::bucket::BucketError;
use crate::error::{AwsError, Class};
use crate::inventory::FetchError;
use crate::job::SendError;
use crate::ledger::LedgerError;
use crate::names::ObjectKey;
use crate::plan::PlanError;

/// Why a report was not handled. What was written stays, and another try goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A part of the report is not there, or not what it should be.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The ledger could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The manifest bucket refused or failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A completion report could not be read to its end.
    #[error("reading a completion report failed: {0}")]
    Io(std::io::Error),
    /// A thread ended before its work: a defect.
    #[error("settling ended without a result: {0}")]
    Thread(#[from] tokio::task::JoinError),
    /// `baseline.json` names a record that is not there.
    #[error(
        "{0} is not there, though ledger/baseline.json names it: restore its last version, or invoke create-job with \
        {{\"action\":\"rebuild\"}} to plan everything anew"
    )]
    NoRecord(ObjectKey),
    /// The operating system gave no random numbers.
    #[error("no random numbers for the baseline's key: {0}")]
    Random(std::io::Error),
    /// A name that this release makes is none: a defect.
    #[error(transparent)]
    Name(crate::names::Invalid),
    /// No plan could be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A job could not be created.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A job could not be looked at, or not be cancelled.
    #[error("{error}{}", advice(error))]
    Job {
        /// How it failed.
        error: AwsError,
    },
    /// A job that waited for its confirmation was cancelled for the newer report, and has not ended yet.
    #[error("job {0} is being cancelled, since a newer report has come; its run is settled when it has ended")]
    Cancelling(String),
    /// A retry was asked for in mode `Preview`.
    #[error("CopyMode is Preview, in which nothing is copied: deploy the stack with CopyMode=Changes, then retry")]
    OnlyPreviewed,
    /// The ledger moved on with each try.
    #[error("{0}: others keep writing the ledger; it is tried again")]
    Contended(String),
}

impl RunError {
    /// Whether a later try can succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_transient(),
            Self::Ledger(error) => error.class() != Class::Permanent,
            Self::Plan(error) => error.is_transient(),
            Self::Send(error) => error.is_transient(),
            Self::Job { error } => error.class != Class::Permanent,
            Self::Bucket(error) => error.class() != Class::Permanent,
            Self::NoRecord(_) | Self::Name(_) | Self::OnlyPreviewed => false,
            Self::Random(_) | Self::Cancelling(_) | Self::Contended(_) | Self::Io(_) | Self::Thread(_) => true,
        }
    }
}

fn advice(error: &AwsError) -> &'static str {
    match error.class {
        Class::Permission => "; the function's role needs s3:DescribeJob and s3:UpdateJobStatus on the account's jobs",
        Class::Transient | Class::Permanent => "",
    }
}
