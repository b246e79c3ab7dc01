//! Refused signatures, in the words and the shape of the service that was asked.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::front;
use crate::iam::answer;

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The request is not signed.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// A header of the signature is absent or does not parse; the header's name.
    #[error(
        "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters and an 'X-Amz-Date' header; look at {0}."
    )]
    Incomplete(&'static str),
    /// No such access key, or another session token than the one that goes with it.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session has ended.
    #[error("The security token included in the request is expired")]
    Expired,
    /// Signed with another secret, or changed after it was signed.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."
    )]
    Mismatch,
    /// `x-amz-content-sha256` is not the body's.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    BodyMismatch,
}

/// Why a signature was not accepted, and by which service.
#[derive(Debug, thiserror::Error)]
#[error("{flaw}")]
pub struct SignatureError {
    service: String,
    flaw: Flaw,
}

impl SignatureError {
    pub(super) fn new(service: &str, flaw: Flaw) -> Self {
        Self { service: service.to_owned(), flaw }
    }

    /// What is wrong.
    pub fn flaw(&self) -> Flaw {
        self.flaw
    }

    /// As the service the request was for answers: XML for the query protocol and for S3 Control, JSON for Lambda.
    pub fn into_response(self) -> Response<Bytes> {
        let message = self.flaw.to_string();
        let status = self.status();
        match self.service.as_str() {
            "iam" | "sts" => answer::error(&self.service, status, self.query_code(), &message),
            "s3" => answer::s3_control_error(status, self.s3_code(), &message),
            _ => {
                let mut response = front::json(status, &json!({ "message": message }));
                response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(self.json_code()));
                response
            }
        }
    }

    fn status(&self) -> StatusCode {
        match (self.flaw, self.service.as_str()) {
            (Flaw::Incomplete(_) | Flaw::BodyMismatch, _) | (Flaw::Expired, "s3") => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
    fn query_code(&self) -> &'static str {
        match self.flaw {
            Flaw::Missing => "MissingAuthenticationToken",
            Flaw::Incomplete(_) => "IncompleteSignature",
            Flaw::UnknownKey => "InvalidClientTokenId",
            Flaw::Expired => "ExpiredToken",
            Flaw::Mismatch | Flaw::BodyMismatch => "SignatureDoesNotMatch",
        }
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    fn s3_code(&self) -> &'static str {
        match self.flaw {
            Flaw::Missing => "AccessDenied",
            Flaw::Incomplete(_) => "AuthorizationHeaderMalformed",
            Flaw::UnknownKey => "InvalidAccessKeyId",
            Flaw::Expired => "ExpiredToken",
            Flaw::Mismatch => "SignatureDoesNotMatch",
            Flaw::BodyMismatch => "XAmzContentSHA256Mismatch",
        }
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html>
    fn json_code(&self) -> &'static str {
        match self.flaw {
            Flaw::Missing => "MissingAuthenticationTokenException",
            Flaw::Incomplete(_) => "IncompleteSignatureException",
            Flaw::UnknownKey => "UnrecognizedClientException",
            Flaw::Expired => "ExpiredTokenException",
            Flaw::Mismatch | Flaw::BodyMismatch => "InvalidSignatureException",
        }
    }
}
