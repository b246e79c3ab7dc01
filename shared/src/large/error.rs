//! Why an object was not copied, and whether the same task can succeed when it is tried again.

use super::task::ResultCode;
use crate::error::{AwsError, Class};
use crate::ledger::LedgerError;
use crate::names::{Invalid, ObjectKey};

/// Whose permission a denied call lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Reading the source bucket.
    Source,
    /// Writing the destination bucket.
    Destination,
    /// `UploadPartCopy` and `CopyObject` do both.
    Both,
}

/// The code of an attempt that has copied some parts, and not all. It counts as progress.
pub const TIME_UP: &str = "TimeUp";

/// Why an object was not copied.
#[derive(Debug, thiserror::Error)]
pub enum LargeError {
    /// The task is not one of this route.
    #[error("the task is about bucket {found}, this route copies {expected}: see which job invoked this function")]
    NotOurs {
        /// The task's.
        found: String,
        /// The route's.
        expected: String,
    },
    /// The key cannot be decoded.
    #[error("{0}")]
    Key(#[from] Invalid),
    /// There is no such object any more.
    #[error("{0} is not there any more; if it comes back, the next report lists it")]
    NoSuchKey(ObjectKey),
    /// It cannot be read before it is restored.
    #[error("it is archived in {0}: restore it, and have it copied by a retry")]
    Archived(String),
    /// It was overwritten while it was copied.
    #[error("it was overwritten while it was copied; nothing was written, and the next report lists the new version")]
    SourceChanged,
    /// More than 10,000 parts of 5 GB.
    #[error("{0} bytes are more than an object can have")]
    TooLarge(u64),
    /// The invocation's time is up.
    #[error("time is up, {copied} of {parts} parts are copied, {now} of them now; the next attempt goes on")]
    TimeUp {
        /// Parts that this attempt has copied.
        now: u64,
        /// Parts that are there.
        copied: u64,
        /// Parts that it takes.
        parts: u64,
    },
    /// The invocation's time is up, before or after the parts.
    #[error("time is up; the next attempt goes on")]
    Late,
    /// Another invocation works at the same object.
    #[error("another invocation is copying it; the next attempt sees what became of it")]
    Contended,
    /// S3 refused or failed.
    #[error("{error}{}", advice(error, *side))]
    Aws {
        /// Which permissions it takes.
        side: Side,
        /// How it failed.
        error: AwsError,
    },
    /// The record of the upload could not be read or written.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

fn advice(error: &AwsError, side: Side) -> &'static str {
    match (error.class, side) {
        (Class::Permission, Side::Source) => {
            "; the source bucket's policy must let copy-large's role read the object and its tags, and so must the policy of \
            its KMS key: invoke setup with {\"action\":\"check\"}"
        }
        (Class::Permission, Side::Destination) => {
            "; copy-large's role must be allowed to write to the destination bucket, whose policy must not deny it"
        }
        (Class::Permission, Side::Both) => {
            "; copy-large's role must be allowed to read the source and to write the destination, by both buckets' policies \
            and both KMS keys': invoke setup with {\"action\":\"check\"}"
        }
        (Class::Transient | Class::Permanent, _) => "",
    }
}

impl LargeError {
    /// From a failed call.
    pub(super) fn aws(side: Side, error: AwsError) -> Self {
        match error.code.as_str() {
            "InvalidObjectState" => Self::Archived("an archive class".to_owned()),
            _ => Self::Aws { side, error },
        }
    }

    /// The word that the result string begins with.
    pub fn code(&self) -> &str {
        match self {
            Self::NotOurs { .. } => "NotOurs",
            Self::Key(_) => "InvalidKey",
            Self::NoSuchKey(_) => "NoSuchKey",
            Self::Archived(_) => "InvalidObjectState",
            Self::SourceChanged => "SourceChanged",
            Self::TooLarge(_) => "EntityTooLarge",
            Self::TimeUp { now: 1.., .. } => TIME_UP,
            Self::TimeUp { .. } | Self::Late => "NoProgress",
            Self::Contended => "Contended",
            // The answer to a HEAD has no body, and so no code.
            Self::Aws { error: AwsError { status: Some(403), code, .. }, .. } if code.starts_with("HTTP ") => {
                "AccessDenied"
            }
            Self::Aws { error, .. } => &error.code,
            Self::Ledger(_) => "Ledger",
        }
    }

    /// Whether Batch Operations is to try again.
    pub fn result_code(&self) -> ResultCode {
        let transient = match self {
            Self::TimeUp { .. } | Self::Late | Self::Contended => true,
            Self::Aws { error, .. } => error.class == Class::Transient,
            Self::Ledger(error) => error.class() == Class::Transient,
            Self::NotOurs { .. }
            | Self::Key(_)
            | Self::NoSuchKey(_)
            | Self::Archived(_)
            | Self::SourceChanged
            | Self::TooLarge(_) => false,
        };
        if transient { ResultCode::TemporaryFailure } else { ResultCode::PermanentFailure }
    }
}
