//! Jobs over a delivered inventory: what arrives, and what each missing permission does.

use aws_sdk_s3::types::{InventoryIncludedObjectVersions, ServerSideEncryption, StorageClass};
use aws_sdk_s3control::types::{
    JobReportScope, JobStatus, RequestedJobStatus, S3CopyObjectOperation, S3MetadataDirective, S3ObjectMetadata,
    S3StorageClass, S3Tag,
};
use md5::{Digest, Md5};
use serde_json::Value;

use crate::inventory::daily;
use crate::support::{ACCOUNT, DESTINATION, MANIFESTS, ON_DESTINATION, ON_SOURCE, Request, SOURCE, Scene};

const KEYS: [&str; 5] = ["plain", "b c+d", "e%20,\"f\"", "g/h", "\u{e9}\n"];

async fn scene() -> Scene {
    let scene = Scene::new().await;
    daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
    for key in KEYS {
        let put = scene.source.put_object().bucket(SOURCE).key(key).body(key.as_bytes().to_vec().into());
        put.metadata("from", "src").tagging("a=1").content_type("text/x").send().await.unwrap();
    }
    scene
}

#[tokio::test]
async fn the_tutorials_flow_copies_every_object() {
    let scene = scene().await;
    let job = scene.run(Request::new(scene.deliver().await)).await;
    assert_eq!(job.status(), Some(&JobStatus::Complete), "{:?}", job.failure_reasons());
    let progress = job.progress_summary().unwrap();
    assert_eq!(
        (progress.total_number_of_tasks, progress.number_of_tasks_succeeded, progress.number_of_tasks_failed),
        (Some(5), Some(5), Some(0))
    );
    assert!(job.creation_time().unwrap() <= job.termination_date().unwrap());
    assert_eq!(job.description(), Some("run 1"));
    let copy = job.operation().unwrap().s3_put_object_copy().unwrap();
    assert_eq!(copy.target_resource(), Some("arn:aws:s3:::dst"));
    assert!(copy.new_object_tagging.is_none());

    for key in KEYS {
        assert_eq!(scene.read(DESTINATION, key).await, key.as_bytes());
        let head = scene.destination.head_object().bucket(DESTINATION).key(key).send().await.unwrap();
        assert_eq!(head.metadata().unwrap()["from"], "src");
        assert_eq!(head.content_type(), Some("text/x"));
        let tags = scene.destination.get_object_tagging().bucket(DESTINATION).key(key).send().await.unwrap();
        assert_eq!((tags.tag_set()[0].key(), tags.tag_set()[0].value()), ("a", "1"));
    }

    let folder = format!("reports/job-{}", job.job_id().unwrap());
    let manifest = scene.read(MANIFESTS, &format!("{folder}/manifest.json")).await;
    let md5 = scene.read(MANIFESTS, &format!("{folder}/manifest.json.md5")).await;
    assert_eq!(String::from_utf8(md5).unwrap(), hex::encode(Md5::digest(&manifest)));
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["Results"].as_array().unwrap().len(), 1, "no failed task, no file of them");
    let file = manifest["Results"][0]["Key"].as_str().unwrap();
    assert_eq!(manifest["Results"][0]["MD5Checksum"], hex::encode(Md5::digest(scene.read(MANIFESTS, file).await)));
    let head = scene.destination.head_object().bucket(MANIFESTS).key(file).send().await.unwrap();
    assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::Aes256));
    let rows = scene.rows(&job).await;
    assert_eq!(rows.len(), 5);
    assert!(rows.contains(&"src,plain,,succeeded,200,,Successful".to_owned()), "{rows:?}");
    assert!(rows.iter().all(|row| row.ends_with(",,succeeded,200,,Successful")), "{rows:?}");
}

/// Every task of the five is denied, the message naming the action; nothing arrives.
async fn every_task_is_denied(scene: &Scene, action: &str) {
    let job = scene.run(Request::new(scene.deliver().await)).await;
    assert_eq!(job.status(), Some(&JobStatus::Complete), "below 1,000 tasks a job completes whatever its tasks did");
    assert_eq!(job.progress_summary().unwrap().number_of_tasks_failed, Some(5));
    let rows = scene.rows(&job).await;
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert!(row.contains(",,failed,403,AccessDenied,") && row.contains(action), "{action}: {row}");
    }
    assert_eq!(scene.keys(DESTINATION, ""), [""; 0]);
}

fn without<'a>(actions: &[&'a str], taken: &str) -> Vec<&'a str> {
    assert!(actions.contains(&taken));
    actions.iter().copied().filter(|action| *action != taken).collect()
}

#[tokio::test]
async fn each_permission_on_the_source_is_needed_from_both_sides() {
    for action in ["s3:GetObject", "s3:GetObjectTagging"] {
        let left = without(&ON_SOURCE, action);
        let of_role = scene().await;
        of_role.role_may(&left, &ON_DESTINATION, &["*"]).await;
        every_task_is_denied(&of_role, action).await;
        let of_bucket = scene().await;
        of_bucket.source_lets(&left).await;
        every_task_is_denied(&of_bucket, action).await;
    }
}

#[tokio::test]
async fn each_permission_on_the_destination_is_needed() {
    for action in ["s3:PutObject", "s3:PutObjectTagging"] {
        let scene = scene().await;
        scene.role_may(&ON_SOURCE, &without(&ON_DESTINATION, action), &["*"]).await;
        every_task_is_denied(&scene, action).await;
    }
}

#[tokio::test]
async fn tagging_permissions_are_needed_even_where_there_are_no_tags() {
    let scene = Scene::new().await;
    daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
    for key in KEYS {
        scene.put(key, key).await;
    }
    scene.source_lets(&without(&ON_SOURCE, "s3:GetObjectTagging")).await;
    every_task_is_denied(&scene, "s3:GetObjectTagging").await;
}

async fn job_fails(scene: &Scene, request: Request, reason: &str) {
    let job = scene.run(request).await;
    assert_eq!(job.status(), Some(&JobStatus::Failed));
    let reasons = job.failure_reasons();
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].failure_reason().unwrap().contains(reason), "{reasons:?}");
    assert_eq!(scene.keys(MANIFESTS, "reports/"), [""; 0], "no task ran, so there is no report");
}

#[tokio::test]
async fn manifest_and_data_files_must_be_readable() {
    for (readable, reason) in
        [(["inventory/src/all/data/*"], "Reading the manifest"), (["inventory/src/all/2*"], "Reading the data file")]
    {
        let scene = scene().await;
        scene.role_may(&ON_SOURCE, &ON_DESTINATION, &readable).await;
        let request = Request::new(scene.deliver().await);
        let job = scene.run(request).await;
        let said = job.failure_reasons()[0].failure_reason().unwrap();
        assert!(said.contains(reason) && said.contains("AccessDenied"), "{said}");
        assert_eq!(job.status(), Some(&JobStatus::Failed));
    }
}

#[tokio::test]
async fn an_altered_or_missing_manifest_fails_the_job() {
    let scene = scene().await;
    let (key, _) = scene.deliver().await;
    let etag = "00000000000000000000000000000000".to_owned();
    job_fails(&scene, Request::new((key.clone(), etag.clone())), "has the ETag").await;
    let gone = Request { token: "2".to_owned(), ..Request::new(("inventory/gone.json".to_owned(), etag)) };
    job_fails(&scene, gone, "AccessDenied").await; // no ListBucket: 403 rather than 404
}

#[tokio::test]
async fn a_role_that_does_not_trust_batch_operations_fails_the_job() {
    let scene = scene().await;
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    scene.iam.update_assume_role_policy().role_name("copy").policy_document(trust).send().await.unwrap();
    job_fails(&scene, Request::new(scene.deliver().await), "could not assume").await;
}

#[tokio::test]
async fn a_report_that_cannot_be_written_fails_the_job() {
    let scene = scene().await;
    let deny = serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" }, "Action": "s3:PutObject",
          "Resource": "arn:aws:s3:::manifests/*" },
        { "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::manifests/reports/*",
          "Condition": { "StringNotEquals": { "s3:x-amz-server-side-encryption": "aws:kms" } } } ] });
    scene.policy(&scene.destination, MANIFESTS, &deny).await;
    job_fails(&scene, Request::new(scene.deliver().await), "Writing the report").await;
    assert_eq!(scene.keys(DESTINATION, "").len(), 5, "the tasks ran all the same");
}

#[tokio::test]
async fn what_the_operation_asks_for_is_what_arrives() {
    let scene = scene().await;
    let operation = S3CopyObjectOperation::builder()
        .target_resource("arn:aws:s3:::dst")
        .target_key_prefix("from/src")
        .storage_class(S3StorageClass::StandardIa)
        .metadata_directive(S3MetadataDirective::Replace)
        .new_object_metadata(S3ObjectMetadata::builder().user_metadata("new", "1").content_type("text/y").build())
        .new_object_tagging(S3Tag::builder().key("t & u").value("v").build().unwrap())
        .build();
    let job = scene.run(Request { operation, ..Request::new(scene.deliver().await) }).await;
    assert_eq!(job.progress_summary().unwrap().number_of_tasks_succeeded, Some(5), "{:?}", scene.rows(&job).await);
    let head = scene.destination.head_object().bucket(DESTINATION).key("from/src/g/h").send().await.unwrap();
    assert_eq!(head.storage_class(), Some(&StorageClass::StandardIa));
    assert_eq!(head.content_type(), Some("text/y"));
    assert_eq!(head.metadata().unwrap().keys().collect::<Vec<_>>(), ["new"]);
    let tags = scene.destination.get_object_tagging().bucket(DESTINATION).key("from/src/g/h").send().await.unwrap();
    assert_eq!((tags.tag_set().len(), tags.tag_set()[0].key()), (1, "t & u"));
    let described = job.operation().unwrap().s3_put_object_copy().unwrap();
    assert_eq!(described.new_object_tagging()[0].key(), "t & u");
    assert_eq!(described.new_object_metadata().unwrap().user_metadata().unwrap()["new"], "1");
}

#[tokio::test]
async fn a_failed_tasks_report_names_the_failed_tasks_only() {
    let scene = scene().await;
    let report = scene.deliver().await;
    scene.source.delete_object().bucket(SOURCE).key("plain").send().await.unwrap();
    let archived = scene.source.put_object().bucket(SOURCE).key("g/h").storage_class(StorageClass::Glacier);
    archived.body(b"cold".to_vec().into()).send().await.unwrap();
    let job = scene.run(Request { scope: JobReportScope::FailedTasksOnly, ..Request::new(report) }).await;
    let mut rows = scene.rows(&job).await;
    rows.sort();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].starts_with("src,g/h,,failed,403,InvalidObjectState,"), "{rows:?}");
    // Without ListBucket the role does not learn that the key is not there.
    assert!(rows[1].starts_with("src,plain,,failed,403,AccessDenied,"), "{rows:?}");
}

#[tokio::test]
async fn who_may_list_learns_that_a_key_is_gone() {
    let scene = scene().await;
    let report = scene.deliver().await;
    scene.source.delete_object().bucket(SOURCE).key("plain").send().await.unwrap();
    let list = serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": crate::support::ROLE }, "Action": ON_SOURCE,
          "Resource": "arn:aws:s3:::src/*" },
        { "Effect": "Allow", "Principal": { "AWS": crate::support::ROLE }, "Action": "s3:ListBucket",
          "Resource": "arn:aws:s3:::src" } ] });
    scene.policy(&scene.source, SOURCE, &list).await;
    let own = serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::src" } ] });
    let put = scene.iam.put_role_policy().role_name("copy").policy_name("list").policy_document(own.to_string());
    put.send().await.unwrap();
    let job = scene.run(Request { scope: JobReportScope::FailedTasksOnly, ..Request::new(report) }).await;
    let rows = scene.rows(&job).await;
    assert!(rows.len() == 1 && rows[0].starts_with("src,plain,,failed,404,NoSuchKey,"), "{rows:?}");
}

#[tokio::test]
async fn a_job_waits_for_confirmation_and_holds_nothing_up() {
    let scene = scene().await;
    let request = Request { confirm: true, ..Request::new(scene.deliver().await) };
    let job = scene.run(request.clone()).await;
    assert_eq!(job.status(), Some(&JobStatus::Suspended));
    assert_eq!(job.progress_summary().unwrap().total_number_of_tasks, Some(5));
    assert!(job.suspended_date().is_some() && job.suspended_cause().is_some());
    let update = |id: &str, status| {
        scene.control.update_job_status().account_id(ACCOUNT).job_id(id).requested_job_status(status)
    };
    let id = job.job_id().unwrap();
    update(id, RequestedJobStatus::Ready).send().await.unwrap();
    scene.cloud.activity().settled().await;
    assert_eq!(scene.describe(id).await.status(), Some(&JobStatus::Complete));
    let again = update(id, RequestedJobStatus::Cancelled).send().await.unwrap_err().into_service_error();
    assert!(again.is_job_status_exception(), "{again:?}");

    let other = scene.run(Request { token: "other".to_owned(), ..request }).await;
    let id = other.job_id().unwrap();
    let answer = update(id, RequestedJobStatus::Cancelled).status_update_reason("no & no").send().await.unwrap();
    assert_eq!(answer.status(), Some(&JobStatus::Cancelled));
    let job = scene.describe(id).await;
    assert_eq!((job.status(), job.status_update_reason()), (Some(&JobStatus::Cancelled), Some("no & no")));
    assert_eq!(scene.rows(&job).await, [""; 0]);
}

#[tokio::test]
async fn a_placeholder_may_come_before_the_report() {
    let scene = scene().await;
    scene.cloud.jobs().set_placeholder(true);
    let enabled = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    scene.destination.put_bucket_versioning().bucket(MANIFESTS).versioning_configuration(enabled).send().await.unwrap();
    let job = scene.run(Request::new(scene.deliver().await)).await;
    let key = format!("reports/job-{}/manifest.json", job.job_id().unwrap());
    let versions = scene.cloud.store().list(MANIFESTS, &key, false);
    let first = versions.iter().rfind(|version| version.key == key).unwrap();
    let get = scene.destination.get_object().bucket(MANIFESTS).key(&key).version_id(&first.version_id);
    let bytes = get.send().await.unwrap().body.collect().await.unwrap().to_vec();
    assert_eq!(bytes, b"This is a placeholder");
    assert_eq!(scene.rows(&job).await.len(), 5);
}
