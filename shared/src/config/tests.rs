//! Tests.

use std::collections::BTreeMap;

use aws_sdk_s3control::types::{JobReportScope, S3CannedAccessControlList, S3ChecksumAlgorithm, S3StorageClass};

use super::*;
use crate::cost::{How, Keys, Limits};

fn required() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("ROUTE", "photos"),
        ("ACCOUNT_ID", "222222222222"),
        ("SOURCE_BUCKET", "source-bucket"),
        ("SOURCE_ACCOUNT_ID", "111111111111"),
        ("DESTINATION_BUCKET", "destination-bucket"),
        ("DESTINATION_REGION", "eu-west-1"),
        ("MANIFEST_BUCKET", "manifest-bucket"),
        ("COPY_ROLE_ARN", "arn:aws:iam::222222222222:role/copy"),
    ])
}

fn read(env: &BTreeMap<&str, &str>) -> Result<(Route, JobSettings), ConfigError> {
    let mut reader = Reader::new(env);
    let route = Route::read(&mut reader);
    let job = JobSettings::read(&mut reader);
    reader.finish(route.zip(job))
}

fn wrong(changes: &[(&'static str, &'static str)]) -> (Vec<&'static str>, String) {
    let mut env = required();
    env.extend(changes.iter().copied());
    let error = read(&env).unwrap_err();
    (error.names(), error.to_string())
}

#[test]
fn the_defaults() {
    let (route, job) = read(&required()).unwrap();
    assert_eq!((route.inventory_prefix.as_str(), route.inventory_id.as_str()), ("inventory", "transship"));
    assert_eq!(route.destination_prefix, None);
    assert_eq!((job.mode, job.priority, job.confirmation_required), (CopyMode::Changes, 10, false));
    assert_eq!((job.report_scope, job.report_prefix.as_str()), (JobReportScope::AllTasks, "reports"));
    assert_eq!((job.storage_class, job.kms_key, job.checksum, job.acl), (None, None, None, None));
    assert!(job.bucket_key.is_none() && !job.annotations);
}

#[test]
fn an_empty_variable_is_not_set() {
    let mut env = required();
    for setting in ROUTE_SETTINGS.iter().chain(JOB_SETTINGS) {
        env.entry(setting.name).or_default();
    }
    assert_eq!(read(&env).unwrap(), read(&required()).unwrap());
}

#[test]
fn everything_asked_for() {
    let mut env = required();
    env.extend([
        ("DESTINATION_PREFIX", "copies/photos"),
        ("INVENTORY_PREFIX", "in"),
        ("INVENTORY_ID", "weekly"),
        ("STORAGE_CLASS", "GLACIER_IR"),
        ("KMS_KEY_ARN", "arn:aws:kms:eu-west-1:222222222222:key/1234"),
        ("BUCKET_KEY_ENABLED", "true"),
        ("CHECKSUM_ALGORITHM", "CRC64NVME"),
        ("CANNED_ACL", "bucket-owner-full-control"),
        ("COPY_ANNOTATIONS", "true"),
        ("REPORT_SCOPE", "FailedTasksOnly"),
        ("REPORT_PREFIX", "r/x"),
        ("PRIORITY", "2147483647"),
        ("CONFIRMATION_REQUIRED", "true"),
    ]);
    let (route, job) = read(&env).unwrap();
    assert_eq!(route.destination_prefix.unwrap().as_str(), "copies/photos");
    assert_eq!(job.storage_class, Some(S3StorageClass::GlacierIr));
    assert_eq!(job.checksum, Some(S3ChecksumAlgorithm::Crc64Nvme));
    assert_eq!(job.acl, Some(S3CannedAccessControlList::BucketOwnerFullControl));
    assert_eq!(job.report_scope, JobReportScope::FailedTasksOnly);
    assert!(job.bucket_key == Some(true) && job.annotations && job.confirmation_required);
    assert_eq!(job.priority, i32::MAX);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_by_name() {
    let error = read(&BTreeMap::new()).unwrap_err();
    let needed: Vec<&str> = ROUTE_SETTINGS
        .iter()
        .chain(JOB_SETTINGS)
        .filter(|setting| setting.presence == Presence::Required)
        .map(|setting| setting.name)
        .collect();
    assert_eq!(error.names(), needed);

    // One wrong setting of the route hides no other, nor what is held against the others.
    let (names, _) = wrong(&[
        ("ROUTE", "My Route"),
        ("REPORT_PREFIX", "inventory/x"),
        ("COPY_ROLE_ARN", "arn:aws:iam::999999999999:role/copy"),
        ("KMS_KEY_ARN", "arn:aws:kms:ap-south-1:222222222222:key/1234"),
    ]);
    assert_eq!(names, ["ROUTE", "COPY_ROLE_ARN", "KMS_KEY_ARN", "REPORT_PREFIX"]);

    let (names, text) = wrong(&[
        ("ROUTE", "My Route"),
        ("PRIORITY", "-1"),
        ("STORAGE_CLASS", "REDUCED"),
        ("BUCKET_KEY_ENABLED", "yes"),
    ]);
    assert_eq!(names, ["ROUTE", "STORAGE_CLASS", "BUCKET_KEY_ENABLED", "PRIORITY"]);
    for part in [
        "ROUTE: expected a route name (1 to 32 of a-z, 0-9 and hyphen), found \"My Route\"",
        "STORAGE_CLASS: expected one of DEEP_ARCHIVE, GLACIER",
        "BUCKET_KEY_ENABLED: expected one of true, false, found \"yes\"",
        "PRIORITY: expected a number from 0 to 2147483647, found \"-1\"",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn modes_are_told_apart() {
    let mut env = required();
    env.insert("COPY_MODE", "Everything");
    assert_eq!(read(&env).unwrap().1.mode, CopyMode::Everything);
    env.insert("COPY_MODE", "Preview");
    assert_eq!(read(&env).unwrap().1.mode, CopyMode::Preview);
    assert_eq!(wrong(&[("COPY_MODE", "everything")]).0, ["COPY_MODE"]);
}

#[test]
fn limits_and_prices() {
    let mut env = required();
    let none = read(&env).unwrap().1.budget;
    assert_eq!(none.limits, Limits::default());
    assert_eq!((none.prices.home.as_str(), none.prices.destination.as_str()), ("eu-west-1", "eu-west-1"));
    env.extend([
        ("AWS_REGION", "us-east-1"),
        ("MAX_OBJECTS_PER_RUN", "1000000"),
        ("MAX_BYTES_PER_RUN", "2TiB"),
        ("MAX_ESTIMATED_COST_PER_RUN", "25.50"),
        ("PRICE_OVERRIDES", r#"{"*":{"job":0.1}}"#),
        ("STORAGE_CLASS", "GLACIER_IR"),
        ("KMS_KEY_ARN", "arn:aws:kms:eu-west-1:222222222222:key/1234"),
        ("BUCKET_KEY_ENABLED", "true"),
        ("SOURCE_KMS_KEY_ARN", "arn:aws:kms:us-east-1:111111111111:key/1234"),
        ("RESTORE_ARCHIVED", "Bulk"),
    ]);
    let budget = read(&env).unwrap().1.budget;
    let limits = Limits { objects: Some(1_000_000), bytes: Some(2 << 40), cost: Some("25.5".parse().unwrap()) };
    assert_eq!(budget.limits, limits);
    assert_eq!((budget.prices.home.as_str(), budget.prices.at_home.job), ("us-east-1", "0.1".parse().unwrap()));
    let how = How {
        storage_class: "GLACIER_IR".to_owned(),
        source_keys: Keys::Each,
        destination_keys: Keys::BucketKey,
        restores: Some("Bulk".to_owned()),
    };
    assert_eq!(budget.how, how);
    for (name, value) in [
        ("MAX_OBJECTS_PER_RUN", "0"),
        ("MAX_OBJECTS_PER_RUN", "1e6"),
        ("MAX_BYTES_PER_RUN", "much"),
        ("MAX_BYTES_PER_RUN", "0"),
        ("MAX_ESTIMATED_COST_PER_RUN", "-1"),
        ("PRICE_OVERRIDES", r#"{"*":{"jobs":0.1}}"#),
    ] {
        assert_eq!(wrong(&[(name, value)]).0, [name], "{value}");
    }
}

#[test]
fn settings_are_held_against_each_other() {
    for (changes, name) in [
        (&[("MANIFEST_BUCKET", "destination-bucket")][..], "MANIFEST_BUCKET"),
        (&[("MANIFEST_BUCKET", "source-bucket")], "MANIFEST_BUCKET"),
        (&[("DESTINATION_BUCKET", "source-bucket")], "DESTINATION_BUCKET"),
        (&[("COPY_ROLE_ARN", "arn:aws:iam::111111111111:role/copy")], "COPY_ROLE_ARN"),
        (&[("KMS_KEY_ARN", "arn:aws:kms:us-east-1:222222222222:key/1234")], "KMS_KEY_ARN"),
        (&[("KMS_KEY_ARN", "alias/my-key")], "KMS_KEY_ARN"),
        (&[("REPORT_PREFIX", "inventory")], "REPORT_PREFIX"),
        (&[("REPORT_PREFIX", "inventory/reports")], "REPORT_PREFIX"),
        (&[("REPORT_PREFIX", "in"), ("INVENTORY_PREFIX", "in/ventory")], "REPORT_PREFIX"),
        (&[("REPORT_PREFIX", "plans")], "REPORT_PREFIX"),
        (&[("REPORT_PREFIX", "ledger/reports")], "REPORT_PREFIX"),
        (&[("INVENTORY_PREFIX", "plans/x")], "INVENTORY_PREFIX"),
        (&[("DESTINATION_PREFIX", "copies/")], "DESTINATION_PREFIX"),
    ] {
        assert_eq!(wrong(changes).0, [name], "{changes:?}");
    }
    let mut env = required();
    env.extend([
        ("DESTINATION_BUCKET", "source-bucket"),
        ("DESTINATION_PREFIX", "copies"),
        ("REPORT_PREFIX", "inventory-reports"),
    ]);
    assert!(read(&env).is_ok());
}
