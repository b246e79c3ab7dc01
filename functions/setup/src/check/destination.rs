//! The destination bucket: reachable, in the Region that jobs are created in, with ACLs as the jobs set them.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use transship::setup::{Asker, Deployment, denials};

use super::encryption::{self, Default};
use super::{Finding, of_denials, region};
use crate::bucket_policy::Bucket;
use crate::error::SetupError;
use crate::live::{Live, caller};

const ACL: &str = "destination bucket's ACLs";
const POLICY: &str = "destination bucket's denials";
const KEY: &str = "destination bucket's default encryption";
/// What a copy does there.
const WRITES: [&str; 3] = ["s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectAcl"];

/// Everything about the destination bucket.
pub(super) async fn look(live: &Live, deployment: &Deployment) -> Vec<Finding> {
    let route = &deployment.route;
    let client = live.s3_in(&route.destination_region);
    let bucket = &route.destination_bucket;
    vec![
        region::look(
            "destination bucket",
            &client,
            bucket,
            &route.account,
            &route.destination_region,
            "DestinationBucket or DestinationRegion",
        )
        .await,
        acl(&client, deployment).await,
        denied(&client, deployment).await,
        default_key(&client, deployment).await,
        super::uploads::look(&client, deployment).await,
    ]
}

/// Copies for which jobs name no key are encrypted with the bucket's own, which the copy role may then have to use.
async fn default_key(client: &Client, deployment: &Deployment) -> Finding {
    let route = &deployment.route;
    let default = match encryption::default_key(client, &route.destination_bucket, &route.account).await {
        Ok(default) => default,
        Err(error) => {
            let target = format!("bucket {}", route.destination_bucket);
            let needs = format!("{} needs s3:GetEncryptionConfiguration on it", caller(deployment));
            return Finding::unseen(KEY, &SetupError::of(error, target, needs));
        }
    };
    match (default, &route.destination_key) {
        (Default::S3, _) => Finding::ok(KEY, "SSE-S3"),
        (Default::AwsManaged, _) => Finding::ok(KEY, "aws/s3, which every role of the account may use by way of S3"),
        (Default::Key(key), Some(named)) if encryption::is(&key, named) => {
            Finding::ok(KEY, format!("{key}, which KmsKeyArn names"))
        }
        (Default::Key(key), Some(named)) => Finding::unknown(
            KEY,
            format!("{key}; copies are encrypted with KmsKeyArn, {named}"),
            format!("if copies are to be encrypted with {key}, name it as KmsKeyArn"),
        ),
        (Default::Key(key), None) => Finding::wrong(
            KEY,
            format!("{key}, and KmsKeyArn is empty: the copy role may not encrypt with it, so every copy would fail"),
            format!("name it as KmsKeyArn (by the key's own ARN): {key}"),
        ),
    }
}

async fn acl(client: &Client, deployment: &Deployment) -> Finding {
    let route = &deployment.route;
    let Some(acl) = &deployment.canned_acl else {
        return Finding::ok(ACL, "jobs set none, which any bucket takes");
    };
    let call = client.get_bucket_ownership_controls().bucket(route.destination_bucket.as_str());
    let ownership = match call.expected_bucket_owner(route.account.as_str()).send().await {
        Ok(got) => {
            let rules = got.ownership_controls.map(|controls| controls.rules).unwrap_or_default();
            rules.first().map_or_else(|| "ObjectWriter".to_owned(), |rule| rule.object_ownership().as_str().to_owned())
        }
        Err(error) if error.code() == Some("OwnershipControlsNotFoundError") => "ObjectWriter".to_owned(),
        Err(error) => {
            let target = format!("bucket {}", route.destination_bucket);
            let needs = format!("{} needs s3:GetBucketOwnershipControls on it", caller(deployment));
            return Finding::unseen(ACL, &SetupError::aws("GetBucketOwnershipControls", &error, target, needs));
        }
    };
    if ownership == "BucketOwnerEnforced" && acl != "bucket-owner-full-control" {
        return Finding::wrong(
            ACL,
            format!(
                "the bucket has ACLs disabled (BucketOwnerEnforced), and CannedAcl is {acl}: every copy would fail"
            ),
            "set CannedAcl to nothing, or enable ACLs on the bucket",
        );
    }
    if ["public-read", "public-read-write", "authenticated-read"].contains(&acl.as_str()) {
        return public(client, deployment, acl).await;
    }
    Finding::ok(ACL, format!("object ownership is {ownership}, CannedAcl is {acl}"))
}

/// Block Public Access refuses every write with such an ACL, or makes it mean nothing.
async fn public(client: &Client, deployment: &Deployment, acl: &str) -> Finding {
    let route = &deployment.route;
    let call = client.get_public_access_block().bucket(route.destination_bucket.as_str());
    let block = match call.expected_bucket_owner(route.account.as_str()).send().await {
        Ok(got) => got.public_access_block_configuration,
        Err(error) if error.code() == Some("NoSuchPublicAccessBlockConfiguration") => None,
        Err(error) => {
            let target = format!("bucket {}", route.destination_bucket);
            let needs = format!("{} needs s3:GetBucketPublicAccessBlock on it", caller(deployment));
            return Finding::unseen(ACL, &SetupError::aws("GetPublicAccessBlock", &error, target, needs));
        }
    };
    let is_set =
        |flag: fn(&PublicAccessBlockConfiguration) -> Option<bool>| block.as_ref().and_then(flag) == Some(true);
    let comes_to = if is_set(PublicAccessBlockConfiguration::block_public_acls) {
        "every copy would fail"
    } else if is_set(PublicAccessBlockConfiguration::ignore_public_acls) {
        "it would mean nothing"
    } else {
        let found = format!("CannedAcl is {acl}, and the bucket's own Block Public Access lets it be");
        return Finding::unknown(
            ACL,
            found,
            "see that the account's Block Public Access, which is not read, does so too",
        );
    };
    let found = format!("CannedAcl is {acl}, and the bucket blocks public access: {comes_to}");
    Finding::wrong(ACL, found, "set CannedAcl to nothing, or let the bucket have public ACLs")
}

async fn denied(client: &Client, deployment: &Deployment) -> Finding {
    let route = &deployment.route;
    let partition = route.role.partition();
    let caller = caller(deployment);
    let bucket =
        Bucket { client, name: &route.destination_bucket, account: &route.account, caller: &caller, partition };
    let policy = match bucket.policy().await {
        Ok(Some(policy)) => policy,
        Ok(None) => return Finding::ok(POLICY, "the bucket has no policy"),
        Err(error) => return Finding::unseen(POLICY, &error),
    };
    let objects = format!("{}/{}*", route.destination_bucket.arn(partition), route.destination_folder());
    match denials(&policy, Asker::Role(&route.role), &WRITES, &[objects], &route.sid_prefix()) {
        Ok(denials) => of_denials(POLICY, "the copy role to write", &denials),
        Err(error) => Finding::unknown(POLICY, error.to_string(), "mend the bucket's policy"),
    }
}
