//! S3 Batch Operations: the S3 Control API for jobs, and the jobs themselves.

use bytes::Bytes;
use http::{Request, Response};

use crate::Cloud;
use crate::identity::Principal;

/// All jobs of both accounts.
#[derive(Debug, Default)]
pub struct Jobs {}

/// Answers an S3 Control request (`/v20180820/jobs…`), signature already verified by [`crate::front`]. `region` is the
/// one it was signed for.
pub async fn handle(
    _cloud: &Cloud,
    _principal: &Principal,
    _region: &str,
    _request: Request<Bytes>,
) -> Response<Bytes> {
    crate::front::not_implemented("S3 Control")
}
