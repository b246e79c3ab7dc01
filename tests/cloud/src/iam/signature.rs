//! Signature Version 4 of requests that `s3s` does not verify: IAM, STS, Lambda, S3 Control.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use crate::Cloud;
use crate::identity::Principal;

/// Who signed a request, and for what.
#[derive(Debug)]
pub struct Signer {
    /// Who.
    pub principal: Principal,
    /// The credential scope's service: `iam`, `sts`, `lambda`, `s3`.
    pub service: String,
    /// The credential scope's Region.
    pub region: String,
}

/// Why a signature was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// No such access key.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
}

impl SignatureError {
    /// As the service the request was for answers.
    pub fn into_response(self) -> Response<Bytes> {
        crate::front::not_implemented("signatures")
    }
}

/// The service in the credential scope of the Authorization header.
pub fn scope_service(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let scope = text.split("Credential=").nth(1)?.split([',', ' ']).next()?;
    scope.split('/').nth(3).map(str::to_owned)
}

/// Verifies one request.
pub fn verify(_cloud: &Cloud, _request: &Request<Bytes>) -> Result<Signer, SignatureError> {
    Err(SignatureError::UnknownKey)
}
