//! Reads single objects of the manifest bucket, each held to the account that owns the bucket. Calls S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use md5::{Digest, Md5};

use super::FetchError;
use crate::config::Route;
use crate::error::{AwsError, Class};
use crate::names::{ETag, ObjectKey, excerpt};

/// The manifest bucket of a route.
#[derive(Clone, Copy)]
pub(super) struct Bucket<'a> {
    pub(super) s3: &'a Client,
    pub(super) route: &'a Route,
}

/// An object, read whole.
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) etag: ETag,
    pub(super) version_id: Option<String>,
}

impl Object {
    /// Hex MD5 of its bytes; not always its ETag.
    pub(super) fn md5(&self) -> String {
        hex::encode(Md5::digest(&self.bytes))
    }
}

/// Which version of an object is meant; the current one, whatever it is, if neither is said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exactly<'a> {
    pub(super) version_id: Option<&'a str>,
    pub(super) etag: Option<&'a ETag>,
}

/// S3 answered that it has no such object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Missing {
    /// There is none of this key.
    Gone,
    /// There is another one.
    Changed,
}

impl Bucket<'_> {
    /// Reads an object of at most `limit` bytes.
    pub(super) async fn get(
        &self,
        key: &ObjectKey,
        exactly: Exactly<'_>,
        limit: u64,
    ) -> Result<Result<Object, Missing>, FetchError> {
        let answer = self
            .s3
            .get_object()
            .bucket(self.route.manifest_bucket.as_str())
            .key(key.as_str())
            .set_version_id(exactly.version_id.map(str::to_owned))
            .set_if_match(exactly.etag.map(|etag| format!("\"{etag}\"")))
            .expected_bucket_owner(self.route.account.as_str())
            .send()
            .await;
        let output = match answer {
            Ok(output) => output,
            Err(error) => return missing(&error).map(Err).ok_or_else(|| aws("GetObject", key, &error)),
        };
        let size = bytes(output.content_length());
        if size > limit {
            return Err(FetchError::TooLarge { key: key.clone(), size, limit });
        }
        let etag = output.e_tag().unwrap_or_default().parse();
        let etag = etag.map_err(|invalid| FetchError::ETag { key: key.clone(), invalid })?;
        let version_id = output.version_id().filter(|id| *id != "null").map(str::to_owned);
        let bytes = whole(key, output.body).await?;
        Ok(Ok(Object { bytes, etag, version_id }))
    }

    /// An object's size in bytes; none if there is no such object.
    pub(super) async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, FetchError> {
        let answer = self
            .s3
            .head_object()
            .bucket(self.route.manifest_bucket.as_str())
            .key(key.as_str())
            .expected_bucket_owner(self.route.account.as_str())
            .send()
            .await;
        match answer {
            Ok(output) => Ok(Some(bytes(output.content_length()))),
            // An answer to HEAD has no body, so no code of its own.
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(aws("HeadObject", key, &error)),
        }
    }
}

fn bytes(content_length: Option<i64>) -> u64 {
    content_length.and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
}

/// Reads a body to its end. Its length was checked, and HTTP holds a server to the length it announced.
async fn whole(key: &ObjectKey, body: ByteStream) -> Result<Vec<u8>, FetchError> {
    let cut_off = |message: String| AwsError {
        operation: "GetObject",
        code: "CutOff".to_owned(),
        message: excerpt(&message),
        status: None,
        class: Class::Transient,
    };
    match body.collect().await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error) => Err(FetchError::Aws { key: key.clone(), error: cut_off(error.to_string()) }),
    }
}

fn missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<Missing> {
    match (error.code(), status(error)) {
        (Some("NoSuchKey"), _) => Some(Missing::Gone),
        (Some("NoSuchVersion"), _) | (_, Some(412)) => Some(Missing::Changed),
        _ => None,
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn aws<E>(operation: &'static str, key: &ObjectKey, error: &SdkError<E>) -> FetchError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    FetchError::Aws { key: key.clone(), error: AwsError::new(operation, error) }
}
