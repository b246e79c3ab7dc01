//! Answers of SNS, as XML.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors>

use bytes::Bytes;
use http::{Response, StatusCode};
use quick_xml::escape::escape;

use crate::access::Denied;
use crate::front;

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// What SNS refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SnsError {
    #[error("{0}")]
    AuthorizationError(String),
    #[error("Invalid parameter: {0}")]
    InvalidParameter(String),
    #[error("{0}")]
    InvalidParameterValue(String),
    #[error("{0}")]
    KmsAccessDenied(String),
    #[error("Topic does not exist")]
    NotFound,
    /// Not SNS's: the local cloud's.
    #[error("{0}")]
    NotHere(String),
}

impl SnsError {
    pub(super) fn invalid(what: &str) -> Self {
        Self::InvalidParameter(what.to_owned())
    }

    pub(super) fn value(what: &str) -> Self {
        Self::InvalidParameterValue(what.to_owned())
    }

    /// SNS writes the service in capitals and the resource without quotes.
    pub(super) fn denied(denied: &Denied) -> Self {
        let Denied { principal, action, resource, reason } = denied;
        let action = action.replace("sns:", "SNS:");
        Self::AuthorizationError(format!(
            "User: {principal} is not authorized to perform: {action} on resource: {resource} {reason}"
        ))
    }

    pub(super) fn key(denied: &Denied) -> Self {
        Self::KmsAccessDenied(format!(
            "{denied} (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException)"
        ))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::AuthorizationError(_) => "AuthorizationError",
            Self::InvalidParameter(_) => "InvalidParameter",
            Self::InvalidParameterValue(_) => "ParameterValueInvalid",
            Self::KmsAccessDenied(_) => "KMSAccessDenied",
            Self::NotFound => "NotFound",
            Self::NotHere(_) => "NotImplemented",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::AuthorizationError(_) => StatusCode::FORBIDDEN,
            Self::InvalidParameter(_) | Self::InvalidParameterValue(_) | Self::KmsAccessDenied(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotHere(_) => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

/// A success with one value.
pub(super) fn success(action: &str, name: &str, value: &str) -> Response<Bytes> {
    let (value, request) = (escape(value), uuid::Uuid::new_v4());
    let result = format!("<{action}Result><{name}>{value}</{name}></{action}Result>");
    let metadata = format!("<ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>");
    let text = format!("<{action}Response xmlns=\"{NAMESPACE}\">{result}{metadata}</{action}Response>");
    front::answer(StatusCode::OK, "text/xml", text)
}

/// A refusal.
pub(super) fn error(error: &SnsError) -> Response<Bytes> {
    let (code, message, request) = (error.code(), error.to_string(), uuid::Uuid::new_v4());
    let body = format!("<Type>Sender</Type><Code>{code}</Code><Message>{}</Message>", escape(message.as_str()));
    let text = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>{body}</Error><RequestId>{request}</RequestId></ErrorResponse>"
    );
    front::answer(error.status(), "text/xml", text)
}
