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
