//! Errors of IAM and STS, with AWS's codes and statuses.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html#API_CreateRole_Errors>

use http::StatusCode;

use crate::access::{Denied, PolicyError};

/// What IAM or STS refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum IamError {
    #[error("{0}")]
    AccessDenied(String),
    #[error("{0}")]
    DeleteConflict(String),
    #[error("{0}")]
    EntityAlreadyExists(String),
    #[error("Could not find operation {0} in this local cloud")]
    InvalidAction(String),
    #[error("{0}")]
    LimitExceeded(String),
    #[error("{0}")]
    MalformedPolicyDocument(String),
    #[error("{0}")]
    NoSuchEntity(String),
    #[error("{0}")]
    Validation(String),
}

impl IamError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::AccessDenied(_) => "AccessDenied",
            Self::DeleteConflict(_) => "DeleteConflict",
            Self::EntityAlreadyExists(_) => "EntityAlreadyExists",
            Self::InvalidAction(_) => "InvalidAction",
            Self::LimitExceeded(_) => "LimitExceeded",
            Self::MalformedPolicyDocument(_) => "MalformedPolicyDocument",
            Self::NoSuchEntity(_) => "NoSuchEntity",
            Self::Validation(_) => "ValidationError",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::AccessDenied(_) => StatusCode::FORBIDDEN,
            Self::DeleteConflict(_) | Self::EntityAlreadyExists(_) | Self::LimitExceeded(_) => StatusCode::CONFLICT,
            Self::InvalidAction(_) | Self::MalformedPolicyDocument(_) | Self::Validation(_) => StatusCode::BAD_REQUEST,
            Self::NoSuchEntity(_) => StatusCode::NOT_FOUND,
        }
    }
}

impl From<PolicyError> for IamError {
    fn from(error: PolicyError) -> Self {
        Self::MalformedPolicyDocument(error.to_string())
    }
}

impl From<Denied> for IamError {
    /// IAM and STS write the resource without quotes.
    fn from(denied: Denied) -> Self {
        let Denied { principal, action, resource, reason } = denied;
        let reason = if action == "sts:AssumeRole" { String::new() } else { format!(" {reason}") };
        Self::AccessDenied(format!(
            "User: {principal} is not authorized to perform: {action} on resource: {resource}{reason}"
        ))
    }
}
