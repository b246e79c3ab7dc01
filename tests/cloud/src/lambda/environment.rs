//! The environment variables of a function's process: what Lambda sets, what stands for the network, what its settings
//! name, and nothing of the environment that the cloud itself runs in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use crate::iam::Keys;
use crate::{Cloud, REGION};

/// Lambda refuses settings of these names.
/// See <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Lambda's limit for the settings of one function, names and values together, in bytes.
const LIMIT: usize = 4096;

/// Says what Lambda would refuse in a function's environment variables.
pub(super) fn check(environment: &BTreeMap<String, String>) -> Result<(), String> {
    for name in environment.keys() {
        if RESERVED.contains(&name.as_str()) {
            return Err(format!("{name} is reserved: Lambda sets it"));
        }
        let mut characters = name.chars();
        let starts = characters.next().is_some_and(|first| first.is_ascii_alphabetic());
        if !starts || name.len() < 2 || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("{name:?} is no name of an environment variable: use [a-zA-Z][a-zA-Z0-9_]+"));
        }
    }
    let size: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > LIMIT { Err(format!("{size} bytes are more than Lambda's {LIMIT}")) } else { Ok(()) }
}

/// What one process gets.
pub(super) struct Inputs<'a> {
    /// The function's name.
    pub(super) function: &'a str,
    /// Its `bootstrap`.
    pub(super) binary: &'a Path,
    /// Where the cloud is served.
    pub(super) endpoint: SocketAddr,
    /// Where this process's Runtime API listens.
    pub(super) runtime_api: SocketAddr,
    /// The execution role's session.
    pub(super) keys: &'a Keys,
    /// The function's own variables.
    pub(super) environment: &'a BTreeMap<String, String>,
}

/// All variables of one process. The function's own win over those that stand for the network, so that a test can put
/// something between a function and one service.
pub(super) fn variables(cloud: &Cloud, inputs: &Inputs<'_>) -> BTreeMap<String, String> {
    let Inputs { function, binary, endpoint, runtime_api, keys, environment } = inputs;
    let task_root = binary.parent().unwrap_or(Path::new("/"));
    let stream = format!("{}/[$LATEST]{}", cloud.clock().now().strftime("%Y/%m/%d"), uuid::Uuid::new_v4().simple());
    let lambda = [
        ("_HANDLER", "bootstrap".to_owned()),
        ("AWS_ACCESS_KEY_ID", keys.access_key_id.clone()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", (*function).to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", keys.session_token.clone().unwrap_or_default()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("LAMBDA_TASK_ROOT", task_root.display().to_string()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let network = [
        ("AWS_ENDPOINT_URL", format!("http://{endpoint}")),
        ("AWS_ENDPOINT_URL_S3_CONTROL", format!("http://s3control.test:{}", endpoint.port())),
        ("HTTP_PROXY", format!("http://{endpoint}")),
        ("NO_PROXY", "127.0.0.1".to_owned()),
        // There is no TLS here, and a process that reads one certificate starts in half the time of one that reads this
        // machine's hundreds. Nobody has its key.
        ("SSL_CERT_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/root.pem").to_owned()),
    ];
    let mut all: BTreeMap<String, String> =
        lambda.into_iter().chain(network).map(|(name, value)| (name.to_owned(), value)).collect();
    all.extend((*environment).clone());
    all
}
