//! S3 Control's errors: code, status and the body that its clients read.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;

use crate::access::Denied;

/// What S3 Control answers when it refuses a request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BatchError {
    /// A request that no caller could have granted: a missing member, a value out of range, an operation not here.
    #[error("{0}")]
    BadRequest(String),
    /// A body that is not the XML of the service model.
    #[error("The XML you provided was not well-formed or did not validate against our published schema: {0}")]
    MalformedXml(String),
    /// A role that is not there or not usable.
    #[error("{0}")]
    InvalidRequest(String),
    /// A token that was used before.
    #[error("{0}")]
    Idempotency(String),
    /// More requests, or jobs, than AWS takes.
    #[error("{0}")]
    TooManyRequests(String),
    /// No such job in this account and Region.
    #[error("The specified job does not exist: {0}")]
    NoSuchJob(String),
    /// The job's state does not allow it.
    #[error("{0}")]
    JobStatus(String),
    /// More than 50 tags.
    #[error("{0}")]
    TooManyTags(String),
    /// A `nextToken` that this service did not give.
    #[error("The next token is not valid")]
    InvalidNextToken,
    /// Not in the API.
    #[error("{0}")]
    MethodNotAllowed(String),
    /// Refused by policy.
    #[error("{0}")]
    AccessDenied(String),
    /// This cloud's own fault.
    #[error("{0}")]
    Internal(String),
}

impl From<Denied> for BatchError {
    fn from(denied: Denied) -> Self {
        Self::AccessDenied(denied.to_string())
    }
}

impl BatchError {
    /// The error code, as the service sends it (the model says `NotFoundException` where it sends `NoSuchJobException`).
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "BadRequestException",
            Self::MalformedXml(_) => "MalformedXML",
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::Idempotency(_) => "IdempotencyException",
            Self::TooManyRequests(_) => "TooManyRequestsException",
            Self::NoSuchJob(_) => "NoSuchJobException",
            Self::JobStatus(_) => "JobStatusException",
            Self::TooManyTags(_) => "TooManyTagsException",
            Self::InvalidNextToken => "InvalidNextTokenException",
            Self::MethodNotAllowed(_) => "MethodNotAllowed",
            Self::AccessDenied(_) => "AccessDenied",
            Self::Internal(_) => "InternalServiceException",
        }
    }

    /// The HTTP status. Throttling is a 400 here, not a 429.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchJob(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::AccessDenied(_) => StatusCode::FORBIDDEN,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// As S3 Control answers: the error wrapped in an `ErrorResponse`.
    pub fn into_response(self) -> Response<Bytes> {
        let request_id = uuid::Uuid::new_v4().simple().to_string();
        let body = ErrorResponse {
            error: ErrorBody { code: self.code(), message: self.to_string() },
            request_id: request_id[..16].to_uppercase(),
        };
        super::xml::answer(self.status(), "ErrorResponse", &body)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorResponse {
    error: ErrorBody,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    code: &'static str,
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_are_those_of_aws() {
        let table = [
            (BatchError::BadRequest(String::new()), "BadRequestException", 400),
            (BatchError::Idempotency(String::new()), "IdempotencyException", 400),
            (BatchError::TooManyRequests(String::new()), "TooManyRequestsException", 400),
            (BatchError::JobStatus(String::new()), "JobStatusException", 400),
            (BatchError::Internal(String::new()), "InternalServiceException", 500),
            (BatchError::NoSuchJob(String::new()), "NoSuchJobException", 404),
            (BatchError::AccessDenied(String::new()), "AccessDenied", 403),
        ];
        for (error, code, status) in table {
            let response = error.into_response();
            assert_eq!(response.status(), status, "{code}");
            let body = String::from_utf8(response.into_body().to_vec()).unwrap();
            assert!(body.contains(&format!("<ErrorResponse><Error><Code>{code}</Code>")), "{body}");
        }
    }
}
