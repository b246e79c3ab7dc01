//! The AWS SDK's configuration, the same for every function and client.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};

/// Attempts of one call, the first one included. Lambda's own retries come on top of these.
const ATTEMPTS: u32 = 4;

/// Credentials and Region of the environment, as Lambda sets them, and nothing else: no profiles, no instance metadata,
/// no sign-on. `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` are honoured, and so are `HTTP_PROXY`,
/// `HTTPS_PROXY` and `NO_PROXY`.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(20))
        .operation_attempt_timeout(Duration::from_secs(30))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .load()
        .await
}

/// An S3 client of the function's own Region.
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::new(config)
}

/// An S3 Control client of a Region: jobs are created in the destination bucket's.
pub fn s3_control(config: &SdkConfig, region: &crate::names::Region) -> aws_sdk_s3control::Client {
    let region = aws_config::Region::new(region.as_str().to_owned());
    let config = aws_sdk_s3control::config::Builder::from(config).region(region).build();
    aws_sdk_s3control::Client::from_conf(config)
}

/// An S3 client of a Region that waits for S3 to copy what is large: `UploadPartCopy` of 5 GB and
/// `CompleteMultipartUpload` of thousands of parts take minutes.
pub fn s3_patient(config: &SdkConfig, region: &crate::names::Region) -> aws_sdk_s3::Client {
    let patience = Duration::from_mins(10);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(patience)
        .operation_attempt_timeout(patience)
        .build();
    let region = aws_config::Region::new(region.as_str().to_owned());
    let config = aws_sdk_s3::config::Builder::from(config).region(region).timeout_config(timeouts).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// A Lambda client of the function's own Region.
pub fn lambda(config: &SdkConfig) -> aws_sdk_lambda::Client {
    aws_sdk_lambda::Client::new(config)
}

/// A Lambda client of the function's own Region that waits for a function of at most `longest` to answer. It asks once: a
/// second attempt would have the function do all of it again.
pub fn lambda_patient(config: &SdkConfig, longest: Duration) -> aws_sdk_lambda::Client {
    let patience = longest + Duration::from_secs(10);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(patience)
        .operation_attempt_timeout(patience)
        .build();
    let config = aws_sdk_lambda::config::Builder::from(config);
    let config = config.timeout_config(timeouts).retry_config(RetryConfig::disabled()).build();
    aws_sdk_lambda::Client::from_conf(config)
}

/// An SNS client of the function's own Region.
pub fn sns(config: &SdkConfig) -> aws_sdk_sns::Client {
    aws_sdk_sns::Client::new(config)
}

/// HTTP without AWS's signatures, for a URL that carries its own.
pub fn http_connector() -> SharedHttpConnector {
    SharedHttpConnector::new(connector(None))
}

fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, _| connector(settings))
}

/// HTTPS by rustls and *ring*, through the proxy that the environment names, if it names one.
fn connector(settings: Option<&HttpConnectorSettings>) -> Connector {
    let mut connector =
        Connector::builder().proxy_config(ProxyConfig::from_env()).tls_provider(Provider::Rustls(CryptoMode::Ring));
    connector.set_connector_settings(settings.cloned());
    connector.build()
}
