//! The one place that tells failures of AWS calls apart: what heals by itself, what may be IAM still propagating, what
//! somebody has to change.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::names::excerpt_of;

/// What can be done about a failed AWS call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Throttling, a fault of the service, a timeout, a cut connection: the same call can succeed later.
    Transient,
    /// A permission is missing, or a role that was just made is not yet seen everywhere: worth a short wait, then
    /// somebody has to look.
    Permission,
    /// The same call will fail again.
    Permanent,
}

/// A failed AWS call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed: {code}: {message}")]
pub struct AwsError {
    /// `CreateJob`, …
    pub operation: &'static str,
    /// The service's error code, or what kind of failure kept an answer away.
    pub code: String,
    /// The service's message.
    pub message: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What can be done about it.
    pub class: Class,
}

impl AwsError {
    /// Takes from an SDK error what a person and a retry need.
    pub fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let (code, message) = match error {
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                let code = meta.code().map_or_else(|| format!("HTTP {}", status.unwrap_or_default()), str::to_owned);
                (code, meta.message().unwrap_or("no message").to_owned())
            }
            SdkError::ConstructionFailure(_) => ("InvalidCall".to_owned(), causes(error)),
            SdkError::TimeoutError(_) => ("Timeout".to_owned(), causes(error)),
            SdkError::DispatchFailure(_) => ("NoConnection".to_owned(), causes(error)),
            _ => ("BadAnswer".to_owned(), causes(error)),
        };
        let class = match error {
            SdkError::ServiceError(_) => classify(&code, &message, status),
            SdkError::ConstructionFailure(_) => Class::Permanent,
            _ => Class::Transient,
        };
        Self { operation, code, message: excerpt_of(&message, 600), status, class }
    }
}

impl AwsError {
    /// A call that cannot be made as it is.
    pub fn invalid(operation: &'static str, why: &dyn std::error::Error) -> Self {
        let code = "InvalidCall".to_owned();
        Self { operation, code, message: excerpt_of(&causes(why), 600), status: None, class: Class::Permanent }
    }
}

/// Codes that AWS answers with status 400 or 403 though the same call can succeed later.
/// `TooManyRequestsException` is how S3 Batch Operations throttles: 400, not 429.
const TRANSIENT: &[&str] = &[
    "ConditionalRequestConflict",
    "ExpiredToken",
    "InternalError",
    "InternalServiceException",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
];

/// Decides by what the service answered.
pub fn classify(code: &str, message: &str, status: Option<u16>) -> Class {
    if TRANSIENT.contains(&code) || matches!(status, Some(429 | 500..=599)) {
        return Class::Transient;
    }
    match code {
        "AccessDenied" | "AccessDeniedException" | "InvalidRequest" | "KMSAccessDenied" => Class::Permission,
        // Batch Operations answers BadRequestException both to a request that can never be right and to a role that it
        // cannot assume yet; only the message tells them apart.
        "BadRequestException" if about_a_role(message) => Class::Permission,
        _ if status == Some(403) => Class::Permission,
        _ => Class::Permanent,
    }
}

fn about_a_role(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["role", "assum", "permission", "authoriz", "access denied"].iter().any(|word| message.contains(word))
}

/// An error with all it was caused by.
fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
