//! Why setup did not get on, and what a person can do about it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use transship::error::{AwsError, Class};
use transship::policy::{ParameterErrors, PolicyError};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// Nothing was called.
    #[error(transparent)]
    Parameters(#[from] ParameterErrors),
    /// A call failed.
    #[error("{error} ({target}); {advice}")]
    Aws {
        /// The call.
        error: Box<AwsError>,
        /// What it was about.
        target: String,
        /// What to do.
        advice: String,
    },
    /// Something of that name is there, and nothing shows that it is ours.
    #[error("{what} is there already and is not this stack's ({found}), so it was left as it is; {advice}")]
    NotOurs {
        /// The thing.
        what: String,
        /// What shows that it is not ours.
        found: String,
        /// What to do.
        advice: String,
    },
    /// A bucket's policy cannot take our statements, or is none.
    #[error("bucket {bucket}: {error}")]
    Policy {
        /// The bucket.
        bucket: String,
        /// Why.
        error: PolicyError,
    },
    /// S3 says neither what the policy is nor that there is none: taken for none, somebody's could be written over.
    #[error("GetBucketPolicy of bucket {bucket} succeeded and holds no policy; it was left as it is: try again")]
    EmptyAnswer {
        /// The bucket.
        bucket: String,
    },
    /// S3 refuses every policy that names a principal that was deleted, so ours cannot be put beside it.
    #[error(
        "the policy of bucket {bucket} names a deleted role or user ({stale}), and S3 takes no change of such a policy; \
         its owner has to remove that principal, then try again"
    )]
    StalePrincipal {
        /// The bucket.
        bucket: String,
        /// Which, and where.
        stale: String,
    },
    /// The written thing was not there when it was read again.
    #[error(
        "{what} was written {times} times, and read back it was another each time; somebody else keeps changing it: stop that, then try again"
    )]
    KeepsChanging {
        /// The thing.
        what: String,
        /// Writes.
        times: u32,
    },
    /// The source account's role does not let us in, so something stays there: its owner has to know.
    #[error(
        "{error}. Left in the source account: statements {sids}* in the policy of {bucket}, and its inventory configuration \
         {inventory}. Restore that role and try again; or have the owner remove these, update the stack with an empty \
         SourceAccessRoleArn (then setup leaves the source account alone), and try again"
    )]
    Unreachable {
        /// What kept us out.
        error: Box<Self>,
        /// What the Sids of our statements begin with.
        sids: String,
        /// The source bucket.
        bucket: String,
        /// The configuration's id.
        inventory: String,
    },
    /// An update asks for what AWS cannot do.
    #[error("{0}")]
    NotPossible(String),
    /// Several steps failed.
    #[error("{}", lines(.0))]
    Several(Vec<Self>),
}

fn lines(errors: &[SetupError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

impl SetupError {
    /// Whether it was another's to let us in, and they did not: no permission, or a bucket that is elsewhere.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        match self {
            Self::Aws { error, .. } => {
                let elsewhere = [
                    "PermanentRedirect",
                    "AuthorizationHeaderMalformed",
                    "MethodNotAllowed",
                    "IllegalLocationConstraintException",
                ];
                error.code.starts_with("AccessDenied") || elsewhere.contains(&error.code.as_str())
            }
            Self::Unreachable { error, .. } => error.is_out_of_reach(),
            Self::Several(errors) => errors.iter().all(Self::is_out_of_reach),
            _ => false,
        }
    }

    /// A failed call. `needs` is the permission, as `ROLE needs ACTION on RESOURCE`.
    pub(crate) fn aws<E>(
        operation: &'static str,
        error: &SdkError<E, HttpResponse>,
        target: impl Into<String>,
        needs: impl Into<String>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        Self::of(AwsError::new(operation, error), target, needs)
    }

    /// As [`SetupError::aws`].
    pub(crate) fn of(error: AwsError, target: impl Into<String>, needs: impl Into<String>) -> Self {
        let advice = match error.class {
            Class::Transient => "the same call can succeed later: try again".to_owned(),
            Class::Permission => needs.into(),
            Class::Permanent => "mend what the message names, then try again".to_owned(),
        };
        Self::Aws { error: Box::new(error), target: target.into(), advice }
    }
}
