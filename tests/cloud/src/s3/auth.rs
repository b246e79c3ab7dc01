//! Whose request it is: access keys, session tokens, and sub-resources that are not here.

use http::{HeaderMap, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3Result, s3_error};

use crate::Cloud;
use crate::identity::Principal;

/// [`s3s`]'s way to ask for secrets and to let requests in.
#[derive(Clone)]
pub(super) struct Gate(pub(super) Cloud);

#[async_trait::async_trait]
impl S3Auth for Gate {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let iam = self.0.iam();
        match iam.login(access_key) {
            Some((keys, _)) => Ok(keys.secret_access_key.into()),
            None if iam.is_known(access_key) => Err(expired()),
            None => Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records: {access_key}"
            )),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Gate {
    /// Lets everybody through whose keys and token fit, and those who sign nothing as nobody: what they may do is
    /// decided inside each operation, where the whole request is known.
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        refuse_unknown_sub_resources(context.s3_op().name(), context.uri())?;
        let principal = match context.credentials() {
            None => Principal::Anonymous,
            Some(credentials) => {
                let login = self.0.iam().login(&credentials.access_key);
                let (keys, principal) = login.ok_or_else(expired)?;
                if session_token(context.headers(), context.uri()) != keys.session_token {
                    return Err(s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid."));
                }
                principal
            }
        };
        context.extensions_mut().insert(principal);
        Ok(())
    }
}

fn expired() -> S3Error {
    s3_error!(ExpiredToken, "The provided token has expired.")
}

/// From the header, or from a presigned URL.
fn session_token(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers.get("x-amz-security-token").and_then(|v| v.to_str().ok()).map(str::to_owned);
    header.or_else(|| {
        let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        query.find(|(name, _)| name.eq_ignore_ascii_case("x-amz-security-token")).map(|(_, value)| value.into_owned())
    })
}

/// The operations that [`s3s`] takes when no sub-resource matches, with the query parameters each knows. A sub-resource
/// newer than [`s3s`] would otherwise end in one of them: `DELETE /bucket?something` would delete the bucket.
const FALLBACKS: [(&str, &[&str]); 10] = [
    ("ListBuckets", &["prefix", "max-buckets", "continuation-token", "bucket-region"]),
    ("ListObjects", &["prefix", "delimiter", "marker", "max-keys", "encoding-type"]),
    ("HeadBucket", &[]),
    ("CreateBucket", &[]),
    ("DeleteBucket", &[]),
    (
        "GetObject",
        &[
            "versionId",
            "partNumber",
            "response-cache-control",
            "response-content-disposition",
            "response-content-encoding",
            "response-content-language",
            "response-content-type",
            "response-expires",
        ],
    ),
    ("HeadObject", &["versionId", "partNumber"]),
    ("PutObject", &[]),
    ("CopyObject", &[]),
    ("DeleteObject", &["versionId"]),
];

fn refuse_unknown_sub_resources(operation: &str, uri: &Uri) -> S3Result<()> {
    let Some((_, known)) = FALLBACKS.iter().find(|(name, _)| *name == operation) else { return Ok(()) };
    let query = uri.query().unwrap_or_default();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        // S3 ignores parameters that start with `x-`; signatures and the SDKs' `x-id` are among them.
        let ignored = name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"));
        if !ignored && !known.contains(&name.as_ref()) {
            return Err(s3_error!(NotImplemented, "the local cloud's {operation} knows no ?{name}"));
        }
    }
    Ok(())
}
