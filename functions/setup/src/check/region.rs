//! In which Region a bucket is, as far as one may know.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use transship::error::{AwsError, Class};
use transship::names::{AccountId, BucketName, Region};

use super::Finding;

/// The bucket is there, its owner's, and in the Region; asked of that Region's endpoint.
pub(super) async fn look(
    check: &'static str,
    client: &Client,
    bucket: &BucketName,
    owner: &AccountId,
    region: &Region,
    parameter: &str,
) -> Finding {
    let call = client.get_bucket_location().bucket(bucket.as_str()).expected_bucket_owner(owner.as_str());
    let error = match call.send().await {
        Ok(got) => {
            let found = match got.location_constraint().map(aws_sdk_s3::types::BucketLocationConstraint::as_str) {
                None | Some("") => "us-east-1",
                Some("EU") => "eu-west-1",
                Some(found) => found,
            };
            if found == region.as_str() {
                return Finding::ok(check, format!("bucket {bucket} is in {found}"));
            }
            return Finding::wrong(check, format!("bucket {bucket} is in {found}"), elsewhere(region, parameter));
        }
        Err(error) => {
            let is_elsewhere = matches!(
                error.code(),
                Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")
            );
            if is_elsewhere {
                let found = format!("bucket {bucket} is not in {region}: {}", error.message().unwrap_or_default());
                return Finding::wrong(check, found, elsewhere(region, parameter));
            }
            AwsError::new("GetBucketLocation", &error)
        }
    };
    if error.code == "NoSuchBucket" {
        return Finding::wrong(
            check,
            format!("there is no bucket {bucket}"),
            format!("make it in {region}, or mend {parameter}"),
        );
    }
    let todo = match error.class {
        Class::Permission => {
            format!("see that account {owner} owns bucket {bucket}, and that s3:GetBucketLocation on it is allowed")
        }
        Class::Transient => "check again later".to_owned(),
        Class::Permanent => format!("mend {parameter}"),
    };
    Finding::unknown(check, error.to_string(), todo)
}

fn elsewhere(region: &Region, parameter: &str) -> String {
    format!("it has to be in {region}: mend {parameter}, or deploy the stack elsewhere")
}
