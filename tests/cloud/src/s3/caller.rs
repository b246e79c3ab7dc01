//! Who calls an operation, and what they may do: every operation opens its bucket here first.

use s3s::{S3Error, S3Request, S3Result, s3_error};

use super::Backend;
use super::error::{denied, no_such_bucket, no_such_key};
use crate::Cloud;
use crate::access::Context;
use crate::identity::{AccountId, Principal};

/// A caller at a bucket that is there.
pub(super) struct Caller<'a> {
    cloud: &'a Cloud,
    pub(super) principal: Principal,
    pub(super) bucket: String,
    pub(super) owner: AccountId,
}

/// The principal that [`super::auth`] or [`super::request`] put there; nobody if neither did.
pub(super) fn principal<T>(request: &S3Request<T>) -> Principal {
    request.extensions.get().cloned().unwrap_or(Principal::Anonymous)
}

/// Condition keys that every request has. Loopback HTTP counts as a secure transport: whatever policy denies insecure
/// transport would otherwise deny everything here, while the clients it is meant to stop cannot exist.
pub(super) fn context() -> Context {
    Context::default().with("aws:SecureTransport", "true")
}

impl Backend {
    /// The caller of a request for `bucket`. `NoSuchBucket` comes before any decision, a wrong
    /// `x-amz-expected-bucket-owner` is denied.
    pub(super) fn open<T>(
        &self,
        request: &S3Request<T>,
        bucket: &str,
        expected_owner: Option<&str>,
    ) -> S3Result<Caller<'_>> {
        self.enter(principal(request), bucket, expected_owner)
    }

    /// See [`Self::open`].
    pub(super) fn enter(
        &self,
        principal: Principal,
        bucket: &str,
        expected_owner: Option<&str>,
    ) -> S3Result<Caller<'_>> {
        let owner = self.cloud.store().owner(bucket).ok_or_else(|| no_such_bucket(bucket))?;
        if expected_owner.is_some_and(|expected| expected != owner.as_str()) {
            return Err(s3_error!(AccessDenied, "Access Denied: the bucket is not the expected bucket owner's"));
        }
        Ok(Caller { cloud: &self.cloud, principal, bucket: bucket.to_owned(), owner })
    }
}

impl Caller<'_> {
    /// May they do this to the bucket?
    pub(super) fn bucket(&self, action: &str) -> S3Result<()> {
        self.bucket_with(action, context())
    }

    /// May they do this to the bucket, as the request's condition keys are?
    pub(super) fn bucket_with(&self, action: &str, context: Context) -> S3Result<()> {
        self.decide(action, &format!("arn:aws:s3:::{}", self.bucket), context)
    }

    /// May they do this to the object?
    pub(super) fn object(&self, action: &str, key: &str) -> S3Result<()> {
        self.object_with(action, key, context())
    }

    /// May they do this to the object, as the request's condition keys are?
    pub(super) fn object_with(&self, action: &str, key: &str, context: Context) -> S3Result<()> {
        self.decide(action, &format!("arn:aws:s3:::{}/{key}", self.bucket), context)
    }

    fn decide(&self, action: &str, resource: &str, context: Context) -> S3Result<()> {
        let context = context.with("s3:ResourceAccount", self.owner.as_str());
        self.cloud.authorize(&self.principal, action, resource, &context).map_err(|d| denied(&d))
    }

    /// A key that is not there is `NoSuchKey` only for those who may list the bucket; others learn nothing.
    pub(super) fn missing(&self, key: &str, versioned: bool) -> S3Error {
        let action = if versioned { "s3:ListBucketVersions" } else { "s3:ListBucket" };
        match self.bucket_with(action, context()) {
            Ok(()) if versioned => s3_error!(NoSuchVersion, "The specified version does not exist: {key}"),
            Ok(()) => no_such_key(key),
            Err(error) => error,
        }
    }
}
