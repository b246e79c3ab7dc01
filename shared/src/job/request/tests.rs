//! Tests. The request on the wire is tested in create-job.

use aws_sdk_s3control::types::{
    S3CannedAccessControlList, S3ChecksumAlgorithm, S3CopyObjectOperation, S3GlacierJobTier, S3StorageClass,
};

use super::*;
use crate::config::{CopyMode, JobSettings};
use crate::inventory::{Manifest, ReportKey};
use crate::names::ObjectKey;

pub(crate) fn route() -> Route {
    Route {
        name: "photos".parse().unwrap(),
        account: "222222222222".parse().unwrap(),
        source_bucket: "source-bucket".parse().unwrap(),
        source_account: "111111111111".parse().unwrap(),
        destination_bucket: "destination-bucket".parse().unwrap(),
        destination_region: "eu-west-1".parse().unwrap(),
        destination_prefix: None,
        manifest_bucket: "manifest-bucket".parse().unwrap(),
        inventory_prefix: "inventory".parse().unwrap(),
        inventory_id: "daily".parse().unwrap(),
    }
}

pub(crate) fn settings() -> JobSettings {
    JobSettings {
        mode: CopyMode::Everything,
        role: "arn:aws:iam::222222222222:role/copy".parse().unwrap(),
        copy_large: None,
        restoring: None,
        storage_class: None,
        kms_key: None,
        bucket_key: None,
        checksum: None,
        acl: None,
        annotations: false,
        report_scope: aws_sdk_s3control::types::JobReportScope::AllTasks,
        report_prefix: "reports".parse().unwrap(),
        priority: 10,
        confirmation_required: false,
        stuck_after: 5,
        budget: crate::cost::tests::budget(),
    }
}

fn report() -> Report {
    let route = route();
    let key = ObjectKey::from_plain("inventory/source-bucket/daily/2025-06-01T01-00Z/manifest.json");
    let (key, _) = ReportKey::parse(&key, &route.inventory_prefix, &route.source_bucket, &route.inventory_id).unwrap();
    let manifest = Manifest { version: None, columns: Vec::new(), files: Vec::new() };
    Report { key, etag: "0123456789abcdef".parse().unwrap(), version_id: None, manifest }
}

fn request(route: &Route, settings: &JobSettings) -> JobRequest {
    let report = report();
    copy_job(route, settings, &RunId::of(&report), &Submitted::delivered(&report))
}

fn operation(route: &Route, settings: &JobSettings) -> S3CopyObjectOperation {
    let request = request(route, settings);
    request.input().unwrap().build().unwrap().operation.unwrap().s3_put_object_copy.unwrap()
}

#[test]
fn what_was_not_asked_for_is_not_said() {
    let operation = operation(&route(), &settings());
    assert_eq!(operation.target_key_prefix, None);
    assert_eq!(operation.storage_class, None);
    assert_eq!(operation.sse_aws_kms_key_id, None);
    assert_eq!(operation.checksum_algorithm, None);
    assert_eq!(operation.canned_access_control_list, None);
    assert_eq!(operation.new_object_tagging, None, "absent copies the source's tags");
    assert!(!operation.bucket_key_enabled);
}

#[test]
fn each_setting_reaches_its_member() {
    let route = Route { destination_prefix: Some("copies/photos".parse().unwrap()), ..route() };
    let settings = JobSettings {
        storage_class: Some(S3StorageClass::StandardIa),
        kms_key: Some("arn:aws:kms:eu-west-1:222222222222:key/1234".parse().unwrap()),
        bucket_key: Some(true),
        checksum: Some(S3ChecksumAlgorithm::Sha256),
        acl: Some(S3CannedAccessControlList::BucketOwnerFullControl),
        annotations: true,
        ..settings()
    };
    let expected = S3CopyObjectOperation::builder()
        .target_resource("arn:aws:s3:::destination-bucket")
        .target_key_prefix("copies/photos")
        .storage_class(S3StorageClass::StandardIa)
        .metadata_directive(S3MetadataDirective::Copy)
        .annotation_directive(S3AnnotationDirective::Copy)
        .sse_aws_kms_key_id("arn:aws:kms:eu-west-1:222222222222:key/1234")
        .bucket_key_enabled(true)
        .checksum_algorithm(S3ChecksumAlgorithm::Sha256)
        .canned_access_control_list(S3CannedAccessControlList::BucketOwnerFullControl)
        .build();
    assert_eq!(operation(&route, &settings), expected);
}

#[test]
fn confirmation_and_priority_are_always_said() {
    let settings = JobSettings { confirmation_required: true, priority: 0, ..settings() };
    let input = request(&route(), &settings).input().unwrap().build().unwrap();
    assert_eq!((input.confirmation_required, input.priority), (Some(true), Some(0)));
    let input = request(&route(), &super::tests::settings()).input().unwrap().build().unwrap();
    assert_eq!(input.confirmation_required, Some(false));
}

#[test]
fn all_arns_are_in_the_roles_partition() {
    let settings = JobSettings { role: "arn:aws-cn:iam::222222222222:role/copy".parse().unwrap(), ..settings() };
    let input = request(&route(), &settings).input().unwrap().build().unwrap();
    let location = input.manifest.unwrap().location.unwrap();
    let manifest = "arn:aws-cn:s3:::manifest-bucket/inventory/source-bucket/daily/2025-06-01T01-00Z/manifest.json";
    assert_eq!(location.object_arn, manifest);
    assert_eq!(location.object_version_id, None, "a bucket without versions has no version to name");
    assert_eq!(input.report.unwrap().bucket.unwrap(), "arn:aws-cn:s3:::manifest-bucket");
}

#[test]
fn the_description_has_room_for_the_longest_names() {
    let route = Route { name: "r".repeat(32).parse().unwrap(), ..route() };
    let report = Report { etag: "e".repeat(128).parse().unwrap(), ..report() };
    let input = copy_job(&route, &settings(), &RunId::of(&report), &Submitted::delivered(&report))
        .input()
        .unwrap()
        .build()
        .unwrap();
    assert!(input.description.unwrap().len() <= 256);
    assert!(input.tags.unwrap().iter().all(|tag| tag.value().len() <= 256));
}

#[test]
fn what_the_ledger_keeps_is_the_request_as_the_command_line_takes_it() {
    let request = request(&route(), &settings());
    let text = serde_json::to_value(&request).unwrap();
    assert_eq!(serde_json::from_value::<JobRequest>(text.clone()).unwrap(), request);
    let expected = serde_json::json!({
        "AccountId": "222222222222",
        "ConfirmationRequired": false,
        "Operation": { "S3PutObjectCopy": {
            "TargetResource": "arn:aws:s3:::destination-bucket",
            "MetadataDirective": "COPY",
            "AnnotationDirective": "EXCLUDE",
        } },
        "Manifest": {
            "Spec": { "Format": "S3InventoryReport_CSV_20161130" },
            "Location": {
                "ObjectArn": "arn:aws:s3:::manifest-bucket/inventory/source-bucket/daily/2025-06-01T01-00Z/manifest.json",
                "ETag": "0123456789abcdef",
            },
        },
        "Report": {
            "Bucket": "arn:aws:s3:::manifest-bucket",
            "Format": "Report_CSV_20180820",
            "Enabled": true,
            "Prefix": "reports",
            "ReportScope": "AllTasks",
            "ExpectedBucketOwner": "222222222222",
        },
        "ClientRequestToken": text["request"]["ClientRequestToken"],
        "Description": "transship photos run 2025-06-01T01-00Z-0123456789abcdef everything",
        "Priority": 10,
        "RoleArn": "arn:aws:iam::222222222222:role/copy",
        "Tags": [
            { "Key": "transship:route", "Value": "photos" },
            { "Key": "transship:run", "Value": "2025-06-01T01-00Z-0123456789abcdef" },
        ],
    });
    assert_eq!(text["request"], expected);
}

#[test]
fn the_job_for_large_objects_invokes_the_function_and_is_told_apart() {
    let (report, route, settings) = (report(), route(), settings());
    let (run, manifest) = (RunId::of(&report), Submitted::delivered(&report));
    let function = "arn:aws:lambda:eu-west-1:222222222222:function:transship-photos-copy-large".parse().unwrap();
    let large = large_job(&route, &settings, &function, &run, &manifest);
    let copy = copy_job(&route, &settings, &run, &manifest);
    assert_ne!(large.description(), copy.description());
    assert_ne!(large.request.client_request_token, copy.request.client_request_token);

    let text = serde_json::to_value(&large).unwrap();
    assert_eq!(serde_json::from_value::<JobRequest>(text.clone()).unwrap(), large);
    assert_eq!(text["kind"], "large");
    let expected = serde_json::json!({ "LambdaInvoke": {
        "FunctionArn": "arn:aws:lambda:eu-west-1:222222222222:function:transship-photos-copy-large",
        "InvocationSchemaVersion": "2.0",
        "UserArguments": { "run": "2025-06-01T01-00Z-0123456789abcdef" },
    } });
    assert_eq!(text["request"]["Operation"], expected);
    let invoke = large.input().unwrap().build().unwrap().operation.unwrap().lambda_invoke.unwrap();
    assert_eq!(invoke.function_arn.as_deref(), Some(function.as_str()));
    assert_eq!(invoke.invocation_schema_version.as_deref(), Some("2.0"));
    assert_eq!(invoke.user_arguments.unwrap()["run"], run.as_str());
}

#[test]
fn the_job_that_restores_names_its_tier_and_days_and_is_told_apart() {
    let (report, route, settings) = (report(), route(), settings());
    let (run, manifest) = (RunId::of(&report), Submitted::delivered(&report));
    let restoring = Restoring { tier: S3GlacierJobTier::Bulk, days: 14 };
    let restore = restore_job(&route, &settings, &restoring, &run, &manifest);
    let copy = copy_job(&route, &settings, &run, &manifest);
    assert_ne!(restore.description(), copy.description());
    assert_ne!(restore.request.client_request_token, copy.request.client_request_token);
    assert_eq!((restore.restores(), copy.restores()), (Some(("BULK", 14)), None));

    let text = serde_json::to_value(&restore).unwrap();
    assert_eq!(serde_json::from_value::<JobRequest>(text.clone()).unwrap(), restore);
    let expected = serde_json::json!({ "ExpirationInDays": 14, "GlacierJobTier": "BULK" });
    assert_eq!(text["request"]["Operation"]["S3InitiateRestoreObject"], expected);
    let sent = restore.input().unwrap().build().unwrap().operation.unwrap().s3_initiate_restore_object.unwrap();
    assert_eq!((sent.expiration_in_days, sent.glacier_job_tier), (Some(14), Some(S3GlacierJobTier::Bulk)));
}
