//! The policies of AWS's tutorial "Using an inventory report delivered to the destination account to copy objects
//! across AWS accounts", as a person would paste them; with ways to leave one permission out.

use serde_json::{Value, json};

/// The actions the tutorial gives the copy role.
pub const ROLE_ACTIONS: [&str; 11] = [
    "s3:PutObject",
    "s3:PutObjectVersionAcl",
    "s3:PutObjectAcl",
    "s3:PutObjectVersionTagging",
    "s3:PutObjectTagging",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectAcl",
    "s3:GetObjectTagging",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
];

/// The actions the tutorial's source bucket policy lets the copy role do.
pub const SOURCE_ACTIONS: [&str; 6] = [
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectAcl",
    "s3:GetObjectTagging",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
];

/// The trust policy of the copy role (step 6).
pub fn trust() -> Value {
    service_trust("batchoperations.s3.amazonaws.com")
}

/// A trust policy that names one service.
pub fn service_trust(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }]
    })
}

/// The copy role's policy (step 6): `actions` on every object of `buckets`.
pub fn role_policy(actions: &[&str], buckets: &[&str]) -> Value {
    let resources: Vec<String> = buckets.iter().map(|bucket| format!("arn:aws:s3:::{bucket}/*")).collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "AllowBatchOperationsDestinationObjectCOPY",
            "Effect": "Allow",
            "Action": actions,
            "Resource": resources
        }]
    })
}

/// The source bucket's policy (step 7).
pub fn source_policy(role_arn: &str, actions: &[&str], bucket: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "AllowBatchOperationsSourceObjectCOPY",
            "Effect": "Allow",
            "Principal": { "AWS": role_arn },
            "Action": actions,
            "Resource": format!("arn:aws:s3:::{bucket}/*")
        }]
    })
}

/// The manifest bucket's policy that the console shows (steps 3 to 5).
pub fn manifest_policy(source_account: &str, source_bucket: &str, manifest_bucket: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "InventoryExamplePolicy",
            "Effect": "Allow",
            "Principal": { "Service": "s3.amazonaws.com" },
            "Action": "s3:PutObject",
            "Resource": format!("arn:aws:s3:::{manifest_bucket}/*"),
            "Condition": {
                "ArnLike": { "aws:SourceArn": format!("arn:aws:s3:::{source_bucket}") },
                "StringEquals": {
                    "aws:SourceAccount": source_account,
                    "s3:x-amz-acl": "bucket-owner-full-control"
                }
            }
        }]
    })
}
