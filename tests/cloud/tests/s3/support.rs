//! A served cloud and its clients.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use cloud::front::{Server, serve};
use cloud::iam::Keys;
use cloud::identity::AccountId;
use cloud::{Cloud, REGION};

/// A fresh cloud on a port of its own, and a client of each account.
pub(crate) struct Scene {
    pub(crate) cloud: Cloud,
    pub(crate) server: Server,
    /// Of account 111111111111.
    pub(crate) source: Client,
    /// Of account 222222222222.
    pub(crate) destination: Client,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let cloud = Cloud::new();
        let server = serve(&cloud, 0).await.unwrap();
        let of = |account: &AccountId| client(&server.endpoint(), &cloud.iam().account_keys(account));
        let (source, destination) = (of(&AccountId::source()), of(&AccountId::destination()));
        Self { cloud, server, source, destination }
    }

    /// With a bucket of the source account.
    pub(crate) async fn with_bucket(name: &str) -> Self {
        let scene = Self::new().await;
        scene.source.create_bucket().bucket(name).send().await.unwrap();
        scene
    }
}

pub(crate) fn client(endpoint: &str, keys: &Keys) -> Client {
    let credentials =
        Credentials::new(&keys.access_key_id, &keys.secret_access_key, keys.session_token.clone(), None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(credentials)
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// The error's code, or the HTTP status where there is none (HEAD has no body).
pub(crate) fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E>>,
) -> String {
    match result {
        Ok(answer) => format!("no error: {answer:?}"),
        Err(SdkError::ServiceError(error)) => match error.err().code() {
            Some(code) => code.to_owned(),
            None => error.raw().status().as_u16().to_string(),
        },
        Err(error) => format!("{error:?}"),
    }
}

/// An object's bytes.
pub(crate) async fn read(client: &Client, bucket: &str, key: &str) -> Vec<u8> {
    let answer = client.get_object().bucket(bucket).key(key).send().await.unwrap();
    answer.body.collect().await.unwrap().to_vec()
}

/// Puts an object and returns its ETag without quotes.
pub(crate) async fn put(client: &Client, bucket: &str, key: &str, body: &'static [u8]) -> String {
    let answer = client.put_object().bucket(bucket).key(key).body(ByteStream::from_static(body)).send().await.unwrap();
    answer.e_tag.unwrap().trim_matches('"').to_owned()
}

/// Keys that hurt.
pub(crate) const PAINFUL: [&str; 13] = [
    "plain.txt",
    "with space.txt",
    "plus+and%percent%20.txt",
    "unicode-żółć-日本-🦀.txt",
    "quote\"and'single.txt",
    "comma,semi;colon:&=?#.txt",
    "line\nbreak.txt",
    "/leading/slash",
    "double//slash",
    "trailing/slash/",
    "<xml>&amp;</xml>",
    "dots/../and/./such",
    "tab\tand\\backslash",
];
