//! Lambda: runs the functions' real `bootstrap` binaries over the Runtime API; S3 notifications and Invoke reach them.

pub mod binaries;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;

use crate::Cloud;
use crate::identity::Principal;
use crate::s3::Version;

/// The functions that are attached, with their processes.
#[derive(Debug, Default)]
pub struct Functions {}

/// The body of `PUT /_cloud/functions/NAME`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSettings {
    /// The execution role's ARN; its trust policy must name `lambda.amazonaws.com`.
    pub role: String,
    /// The function's environment variables.
    pub environment: BTreeMap<String, String>,
}

/// There is no function of that name.
#[derive(Debug, thiserror::Error)]
#[error("there is no function {0}; attached are: {1}")]
pub struct NoSuchFunction(pub String, pub String);

impl Functions {
    /// Attaches a binary under a function's name.
    pub fn attach(&self, _name: &str, _binary: PathBuf) {}

    /// Ends every process.
    pub fn stop(&self) {}

    /// Gives a function its role and environment, and returns its ARN. Processes that run with older settings end.
    pub fn configure(&self, _cloud: &Cloud, name: &str, _settings: FunctionSettings) -> Result<String, NoSuchFunction> {
        Err(NoSuchFunction(name.to_owned(), String::new()))
    }
}

/// Tells the functions (and whoever else a bucket's notification configuration names) that an object was created.
/// `event` is `Put`, `Copy` or `CompleteMultipartUpload`. Returns at once; delivery is asynchronous, as on AWS.
pub fn object_created(_cloud: &Cloud, _bucket: &str, _object: &Version, _event: &str, _by: &Principal) {}

/// Answers an Invoke request, signature already verified by [`crate::front`].
pub async fn handle(_cloud: &Cloud, _principal: &Principal, _request: Request<Bytes>) -> Response<Bytes> {
    crate::front::not_implemented("Lambda")
}
