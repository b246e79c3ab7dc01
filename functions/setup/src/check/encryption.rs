//! A bucket's default encryption, by `GetBucketEncryption`.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use transship::error::AwsError;
use transship::names::{AccountId, BucketName, KmsKeyArn};

/// What objects are encrypted with that name nothing themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Default {
    /// SSE-S3.
    S3,
    /// The AWS managed key `aws/s3`.
    AwsManaged,
    /// A customer managed key: its ARN, its id, or an alias.
    Key(String),
}

/// The default of a bucket of that account.
pub(super) async fn default_key(client: &Client, bucket: &BucketName, owner: &AccountId) -> Result<Default, AwsError> {
    let call = client.get_bucket_encryption().bucket(bucket.as_str());
    let rules = match call.expected_bucket_owner(owner.as_str()).send().await {
        Ok(got) => {
            got.server_side_encryption_configuration.map(|configuration| configuration.rules).unwrap_or_default()
        }
        Err(error) if error.code() == Some("ServerSideEncryptionConfigurationNotFoundError") => Vec::new(),
        Err(error) => return Err(AwsError::new("GetBucketEncryption", &error)),
    };
    let default = rules.into_iter().find_map(|rule| rule.apply_server_side_encryption_by_default);
    let Some(default) = default.filter(|default| default.sse_algorithm().as_str() != "AES256") else {
        return Ok(Default::S3);
    };
    Ok(match default.kms_master_key_id {
        None => Default::AwsManaged,
        Some(key) if key.contains("alias/aws/s3") => Default::AwsManaged,
        Some(key) => Default::Key(key),
    })
}

/// Whether a bucket's setting means that key: it may hold the ARN, or the id alone.
pub(super) fn is(setting: &str, key: &KmsKeyArn) -> bool {
    key.as_str() == setting || key.as_str().rsplit('/').next() == Some(setting)
}
