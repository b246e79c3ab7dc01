//! What S3's answers mean, against a listener that gives the one a test wants.

use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers every request so.
async fn answering(status: u16, body: &'static str) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // A GET has no body, and its head is one packet on this machine.
            let _ = stream.read(&mut [0; 8192]).await.unwrap();
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let config = transship::aws::sdk_config().await.to_builder();
    let credentials = SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "test"));
    let region = aws_config::Region::new("us-east-1");
    let config = config.endpoint_url(url).region(region).credentials_provider(credentials).build();
    Client::new(&config)
}

async fn policy(status: u16, body: &'static str) -> Result<Option<String>, SetupError> {
    let client = answering(status, body).await;
    let (name, account) = ("vendor-photos".parse().unwrap(), "111111111111".parse().unwrap());
    Bucket { client: &client, name: &name, account: &account, caller: "setup", partition: "aws" }.policy().await
}

/// Merging ours with "no policy" would write over what somebody else has there.
#[tokio::test]
async fn only_no_such_bucket_policy_means_that_there_is_none() {
    let none = "<Error><Code>NoSuchBucketPolicy</Code><Message>The bucket policy does not exist</Message></Error>";
    assert_eq!(policy(404, none).await.unwrap(), None);
    assert_eq!(policy(200, "{}").await.unwrap().as_deref(), Some("{}"));
    for empty in ["", " \n"] {
        let error = policy(200, empty).await.unwrap_err();
        assert!(matches!(error, SetupError::EmptyAnswer { .. }), "{empty:?}: {error}");
    }
    assert!(policy(404, "<Error><Code>NoSuchBucket</Code></Error>").await.is_err());
}
