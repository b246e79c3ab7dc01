//! `check` on what it can be wrong about: keys and ACLs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy.toml excuses tests, but not the functions they share")]

mod support;

use aws_sdk_s3::types::{
    ObjectOwnership, OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use cloud::kms::Key;
use serde_json::{Value, json};
use support::{COPY_ROLE, World, access_role, properties, some_policy, with};

const SOURCE_KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/11111111-0000-0000-0000-000000000001";
const COPIES_KEY: &str = "arn:aws:kms:us-east-1:222222222222:key/22222222-0000-0000-0000-000000000002";
const REPORTS_KEY: &str = "arn:aws:kms:us-east-1:333333333333:key/33333333-0000-0000-0000-000000000003";
const KEYS: [(&str, &str); 3] =
    [("SourceKmsKeyArn", SOURCE_KEY), ("KmsKeyArn", COPIES_KEY), ("InventoryKmsKeyArn", REPORTS_KEY)];

fn put_key(world: &World, key: &str, state: &str, statements: &[Value]) {
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    world.cloud.kms().put(key, Key { policy, state: state.to_owned() });
}

/// What a key's policy has from its beginning: its account decides by IAM.
fn by_iam(account: &str) -> Value {
    json!({
        "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": { "AWS": format!("arn:aws:iam::{account}:root") }
    })
}

/// `state: found` of the findings that name the key.
fn of_key(report: &Value, key: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let named = findings.filter(|finding| finding["found"].as_str().unwrap().contains(key));
    named
        .map(|finding| format!("{}: {}", finding["state"].as_str().unwrap(), finding["found"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn the_policies_of_keys_are_judged_where_they_may_be_read() {
    let mut world = World::new().await;
    let properties = with(&KEYS);
    put_key(&world, COPIES_KEY, "Enabled", &[by_iam("222222222222")]);
    put_key(&world, SOURCE_KEY, "Enabled", &[by_iam("111111111111")]);
    put_key(&world, REPORTS_KEY, "Enabled", &[by_iam("333333333333")]);
    world.create(properties.clone()).await.unwrap();

    // The access role may not read the key's policy, and nobody gets into the third account.
    let report = world.command("check", &properties).await;
    let copies = of_key(&report, COPIES_KEY);
    assert_eq!(copies.len(), 2, "{report:#}");
    assert!(copies.iter().all(|finding| finding.starts_with("ok")), "{report:#}");
    let source = of_key(&report, SOURCE_KEY);
    assert!(source.iter().all(|finding| finding.starts_with("unknown")) && !source.is_empty(), "{report:#}");
    let reports = of_key(&report, REPORTS_KEY);
    assert!(matches!(&reports[..], [one] if one.starts_with("unknown")), "{report:#}");
    assert!(report.to_string().contains("transship-photos-create-job"), "{report:#}");

    // Now it may: the source's key lets nobody of our account use it.
    let may = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["kms:DescribeKey", "kms:GetKeyPolicy"], "Resource": SOURCE_KEY }
    ] });
    let put = world.source.iam.put_role_policy().role_name(access_role("vendor-photos")).policy_name("key");
    put.policy_document(may.to_string()).send().await.unwrap();
    let report = world.command("check", &properties).await;
    let [state, policy] = &of_key(&report, SOURCE_KEY)[..] else { panic!("{report:#}") };
    assert!(state.starts_with("ok") && policy.starts_with("wrong: does not let"), "{state}, {policy}");
    let mut findings = report["findings"].as_array().unwrap().iter();
    let wrong = findings.rfind(|finding| finding["state"] == "wrong").unwrap();
    let add = wrong["do"].as_str().unwrap();
    let statement: Value = serde_json::from_str(&add[add.find('{').unwrap()..]).unwrap();
    assert_eq!(statement["Action"], "kms:Decrypt");

    // The owner adds just that, and somebody disables the other key.
    put_key(&world, SOURCE_KEY, "Enabled", &[by_iam("111111111111"), statement]);
    put_key(&world, COPIES_KEY, "Disabled", &[by_iam("222222222222")]);
    let report = world.command("check", &properties).await;
    assert!(of_key(&report, SOURCE_KEY).iter().all(|finding| finding.starts_with("ok")), "{report:#}");
    assert!(of_key(&report, COPIES_KEY)[0].starts_with("wrong"), "{report:#}");
}

#[tokio::test]
async fn a_public_acl_is_wrong_where_public_access_is_blocked() {
    let mut world = World::new().await;
    let properties = with(&[("CannedAcl", "public-read")]);
    world.create(properties.clone()).await.unwrap();
    let s3 = world.destination.s3.clone();
    let rule = OwnershipControlsRule::builder().object_ownership(ObjectOwnership::ObjectWriter).build().unwrap();
    let controls = OwnershipControls::builder().rules(rule).build().unwrap();
    s3.put_bucket_ownership_controls().bucket("our-photos").ownership_controls(controls).send().await.unwrap();
    for (block, state) in [
        (PublicAccessBlockConfiguration::builder().block_public_acls(true), "wrong"),
        (PublicAccessBlockConfiguration::builder().ignore_public_acls(true), "wrong"),
        // The account's own is not read.
        (PublicAccessBlockConfiguration::builder().block_public_policy(true), "unknown"),
    ] {
        let put = s3.put_public_access_block().bucket("our-photos");
        put.public_access_block_configuration(block.build()).send().await.unwrap();
        let report = world.command("check", &properties).await;
        let mut findings = report["findings"].as_array().unwrap().iter();
        let acls = findings.find(|finding| finding["check"] == "destination bucket's ACLs").unwrap();
        assert_eq!(acls["state"], state, "{acls:#}");
    }
}

fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    report["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check).unwrap()
}

async fn encrypt(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) {
    let default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::AwsKms);
    let default = default.kms_master_key_id(key).build().unwrap();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
    let configuration = ServerSideEncryptionConfiguration::builder().rules(rule).build().unwrap();
    let put = s3.put_bucket_encryption().bucket(bucket).server_side_encryption_configuration(configuration);
    put.send().await.unwrap();
}

#[tokio::test]
async fn a_key_that_a_bucket_encrypts_with_by_default_is_to_be_named() {
    let mut world = World::new().await;
    world.create(properties()).await.unwrap();
    for check in ["destination bucket's default encryption", "source bucket's default encryption"] {
        let report = world.command("check", &properties()).await;
        assert_eq!(finding(&report, check)["state"], "ok", "{report:#}");
    }
    encrypt(&world.destination.s3, "our-photos", COPIES_KEY).await;
    encrypt(&world.source.s3, "vendor-photos", SOURCE_KEY).await;
    let report = world.command("check", &properties()).await;
    let copies = finding(&report, "destination bucket's default encryption");
    assert_eq!(copies["state"], "wrong", "{report:#}");
    assert!(copies["do"].as_str().unwrap().contains("name it as KmsKeyArn"), "{copies:#}");
    let source = finding(&report, "source bucket's default encryption");
    assert_eq!(source["state"], "wrong", "{report:#}");
    assert!(source["do"].as_str().unwrap().contains("set SourceKmsKeyArn to"), "{source:#}");

    let named = with(&KEYS);
    world.update(named.clone()).await.unwrap();
    let report = world.command("check", &named).await;
    for check in ["destination bucket's default encryption", "source bucket's default encryption"] {
        assert_eq!(finding(&report, check)["state"], "ok", "{report:#}");
    }

    // Others than the bucket's: a job names its key itself, and reads only what it may decrypt.
    let key = |key: &str| format!("{}9", &key[..key.len() - 1]);
    let (source, copies) = (key(SOURCE_KEY), key(COPIES_KEY));
    let other = with(&[("SourceKmsKeyArn", source.as_str()), ("KmsKeyArn", copies.as_str())]);
    world.update(other.clone()).await.unwrap();
    let report = world.command("check", &other).await;
    assert_eq!(finding(&report, "destination bucket's default encryption")["state"], "unknown", "{report:#}");
    let source = finding(&report, "source bucket's default encryption");
    assert_eq!(source["state"], "wrong", "{report:#}");
    assert!(source["do"].as_str().unwrap().contains("takes one key"), "{source:#}");
}

#[tokio::test]
async fn what_the_copy_role_has_beside_our_policy_is_wrong_and_a_boundary_is_to_be_looked_at() {
    let mut world = World::new().await;
    world.create(properties()).await.unwrap();
    let report = world.command("check", &properties()).await;
    assert_eq!(finding(&report, "copy role's other policies")["state"], "ok", "{report:#}");
    assert_eq!(finding(&report, "copy role's boundary")["state"], "ok", "{report:#}");
    let put = world.destination.iam.put_role_policy().role_name(COPY_ROLE).policy_name("more");
    put.policy_document(some_policy().to_string()).send().await.unwrap();
    let report = world.command("check", &properties()).await;
    let others = finding(&report, "copy role's other policies");
    assert_eq!(others["state"], "wrong", "{report:#}");
    assert!(others["found"].as_str().unwrap().contains("inline more"), "{others:#}");
    assert_eq!(report["ok"], false);

    let bounded = with(&[("PermissionsBoundaryArn", "arn:aws:iam::222222222222:policy/edge")]);
    world.update(bounded.clone()).await.unwrap();
    let report = world.command("check", &bounded).await;
    let boundary = finding(&report, "copy role's boundary");
    assert_eq!(boundary["state"], "unknown", "{report:#}");
    assert!(boundary["do"].as_str().unwrap().contains("policy/edge"), "{boundary:#}");
}
