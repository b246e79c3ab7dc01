//! What can go wrong at the manifest bucket.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{AwsError, Class};
use crate::names::{Invalid, ObjectKey, excerpt};

/// A call to the manifest bucket that did not work.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// S3 refused or failed.
    #[error("{error}, at {key}{}", advice(error))]
    Aws {
        /// The object or folder.
        key: ObjectKey,
        /// How it failed.
        error: AwsError,
    },
    /// Larger than any real one.
    #[error("{key} has {size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// The object.
        key: ObjectKey,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// S3 gave an object without a usable ETag.
    #[error("{key}: {invalid}")]
    ETag {
        /// The object.
        key: ObjectKey,
        /// Its ETag.
        invalid: Invalid,
    },
    /// What is written once is there already, with other bytes.
    #[error(
        "{key} is there already, with other bytes; it is never overwritten: see who else writes to the manifest bucket"
    )]
    Taken {
        /// The object.
        key: ObjectKey,
    },
    /// An object that something names is not there.
    #[error("{key} is not there, though {named_by} names it; if it was deleted, restore its last version")]
    Gone {
        /// The object.
        key: ObjectKey,
        /// What names it.
        named_by: &'static str,
    },
}

impl BucketError {
    /// Takes from an SDK error what a person and a retry need.
    pub(super) fn aws<E>(operation: &'static str, key: &ObjectKey, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        Self::Aws { key: key.clone(), error: AwsError::new(operation, error) }
    }

    /// A body that ended before its end.
    pub(super) fn cut_off(key: &ObjectKey, message: &str) -> Self {
        let error = AwsError {
            operation: "GetObject",
            code: "CutOff".to_owned(),
            message: excerpt(message),
            status: None,
            class: Class::Transient,
        };
        Self::Aws { key: key.clone(), error }
    }

    /// What can be done about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Aws { error, .. } => error.class,
            Self::TooLarge { .. } | Self::ETag { .. } | Self::Taken { .. } | Self::Gone { .. } => Class::Permanent,
        }
    }

    /// Whether an object that was there is gone, or is another now: no later try can read it.
    pub fn is_lost(&self) -> bool {
        let codes = ["NoSuchKey", "NoSuchVersion", "PreconditionFailed", "InvalidRange"];
        matches!(self, Self::Aws { error, .. } if codes.contains(&error.code.as_str()))
    }
}

/// S3 answers 403 as well when the bucket is not the expected owner's, or when a missing object may not be listed.
fn advice(error: &AwsError) -> &'static str {
    match error.class {
        Class::Permission => {
            "; the function's role needs s3:GetObject, s3:GetObjectVersion and (under plans/ and ledger/) s3:PutObject \
            there and s3:ListBucket on the bucket, and ACCOUNT_ID must own it"
        }
        Class::Transient | Class::Permanent => "",
    }
}
