//! One account's clients of the local cloud.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, Connector};
use cloud::Cloud;
use cloud::iam::Keys;

use crate::Error;

/// The clients of one account, or of one role's session.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Buckets and objects.
    pub s3: aws_sdk_s3::Client,
    /// Jobs.
    pub s3control: aws_sdk_s3control::Client,
    /// Roles.
    pub iam: aws_sdk_iam::Client,
}

impl Clients {
    /// Clients that sign with `keys` and reach the served `cloud`.
    pub async fn new(cloud: &Cloud, keys: &Keys) -> Result<Self, Error> {
        let address = cloud.endpoint().ok_or("the cloud is not served")?;
        let credentials =
            Credentials::new(&keys.access_key_id, &keys.secret_access_key, keys.session_token.clone(), None, "local");
        // S3 Control puts the account id before the host; as a proxy the cloud gets such requests whatever their host.
        let proxy = ProxyConfig::http(format!("http://{address}"))?;
        let http = Builder::new().build_with_connector_fn(move |settings, _| {
            let mut connector = Connector::builder().proxy_config(proxy.clone().no_proxy("127.0.0.1"));
            connector.set_connector_settings(settings.cloned());
            connector.build_http()
        });
        let config = |endpoint: String| {
            aws_config::defaults(BehaviorVersion::latest())
                .region(Region::new(cloud::REGION))
                .credentials_provider(credentials.clone())
                .http_client(http.clone())
                .endpoint_url(endpoint)
                .load()
        };
        let here = config(format!("http://{address}")).await;
        Ok(Self {
            s3: aws_sdk_s3::Client::new(&here),
            s3control: aws_sdk_s3control::Client::new(
                &config(format!("http://s3control.test:{}", address.port())).await,
            ),
            iam: aws_sdk_iam::Client::new(&here),
        })
    }
}
