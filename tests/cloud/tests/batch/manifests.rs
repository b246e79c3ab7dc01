//! Manifests that a program wrote, and large ones.

use std::fmt::Write;
use std::time::{Duration, Instant};

use aws_sdk_s3::types::{
    BucketVersioningStatus, InventoryIncludedObjectVersions, StorageClass, VersioningConfiguration,
};
use aws_sdk_s3control::types::{
    JobManifestFieldName, JobStatus, RequestedJobStatus, S3CopyObjectOperation, S3MetadataDirective,
};

use crate::inventory::daily;
use crate::support::{ACCOUNT, DESTINATION, Request, SOURCE, Scene};

async fn versioned(scene: &Scene) {
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    scene.source.put_bucket_versioning().bucket(SOURCE).versioning_configuration(enabled).send().await.unwrap();
}

/// An inventory-format manifest of plain CSV files, as Transship authors them.
async fn author(scene: &Scene, schema: &str, files: &[&str]) -> (String, String) {
    let mut listed = Vec::new();
    for (i, csv) in files.iter().enumerate() {
        let key = format!("plans/data-{i}.csv");
        let md5 = scene.write(&key, *csv).await;
        listed.push(serde_json::json!({ "key": key, "size": csv.len(), "MD5checksum": md5 }));
    }
    let manifest = serde_json::json!({
        "sourceBucket": SOURCE, "destinationBucket": "arn:aws:s3:::manifests", "version": "2016-11-30",
        "creationTimestamp": "1514944800000", "fileFormat": "CSV", "fileSchema": schema, "files": listed,
    });
    let etag = scene.write("plans/copy.json", manifest.to_string()).await;
    ("plans/copy.json".to_owned(), etag)
}

#[tokio::test]
async fn an_authored_manifest_of_several_plain_files_works() {
    let scene = Scene::new().await;
    for key in ["a b", "c+d", "e"] {
        scene.put(key, key).await;
    }
    let manifest = author(&scene, "Bucket, Key", &["\"src\",\"a%20b\"\n", "src,c%2Bd\n"]).await;
    let job = scene.run(Request::new(manifest)).await;
    assert_eq!(job.status(), Some(&JobStatus::Complete));
    assert_eq!(scene.keys(DESTINATION, ""), ["a b", "c+d"]);
    let mut rows = scene.rows(&job).await;
    rows.sort();
    assert_eq!(rows, ["src,a%20b,,succeeded,200,,Successful", "src,c%2Bd,,succeeded,200,,Successful"]);
}

#[tokio::test]
async fn a_csv_manifest_has_fields_and_a_literal_plus() {
    let scene = Scene::new().await;
    scene.put("a+b", "plus").await;
    let etag = scene.write("plans/list.csv", "x,src,a+b\n").await;
    let fields = vec![JobManifestFieldName::Ignore, JobManifestFieldName::Bucket, JobManifestFieldName::Key];
    let request = Request { csv: Some(fields), ..Request::new(("plans/list.csv".to_owned(), etag)) };
    let job = scene.run(request).await;
    assert_eq!(job.progress_summary().unwrap().number_of_tasks_succeeded, Some(1), "{:?}", scene.rows(&job).await);
    assert_eq!(scene.read(DESTINATION, "a+b").await, b"plus");
}

#[tokio::test]
async fn the_traps_of_an_all_versions_report() {
    let scene = Scene::new().await;
    daily("versions", InventoryIncludedObjectVersions::All).put(&scene).await;
    scene.put("k", "null version").await;
    versioned(&scene).await;
    scene.put("v", "a version").await;
    scene.source.delete_object().bucket(SOURCE).key("k").send().await.unwrap();
    let job = scene.run(Request::new(scene.deliver().await)).await;
    let rows = scene.rows(&job).await;
    assert_eq!(rows.len(), 3);
    let row = |part: &str| rows.iter().find(|row| row.contains(part)).unwrap_or_else(|| panic!("{part}: {rows:?}"));
    assert!(row("src,v,").contains(",succeeded,200,,"));
    assert!(row("missing VersionId").starts_with("src,k,,failed,400,"));
    assert!(row("delete marker").contains(",failed,400,InvalidRequest,"));

    let null = author(&scene, "Bucket, Key, VersionId", &["src,k,null\n"]).await;
    let job = scene.run(Request { token: "2".to_owned(), ..Request::new(null) }).await;
    assert_eq!(scene.rows(&job).await, ["src,k,null,succeeded,200,,Successful"]);
    assert_eq!(scene.read(DESTINATION, "k").await, b"null version");
}

#[tokio::test]
async fn broken_manifests_fail_the_job_with_a_reason() {
    let scene = Scene::new().await;
    scene.put("k", "v").await;
    for (i, (manifest, reason)) in [
        (author(&scene, "Bucket, Key", &["src,k,v1\n"]).await, "3 fields"),
        (author(&scene, "Bucket, Size", &["src,1\n"]).await, "Bucket and Key are required"),
        (author(&scene, "Bucket, Key", &["src,k\nother,k\n"]).await, "more than one bucket"),
    ]
    .into_iter()
    .enumerate()
    {
        // Each `author` wrote over the last: write this one again.
        let files = [["src,k,v1\n"], ["src,1\n"], ["src,k\nother,k\n"]][i];
        let schema = ["Bucket, Key", "Bucket, Size", "Bucket, Key"][i];
        assert_eq!(author(&scene, schema, &files).await.1, manifest.1);
        let job = scene.run(Request { token: i.to_string(), ..Request::new(manifest) }).await;
        assert_eq!(job.status(), Some(&JobStatus::Failed));
        let said = job.failure_reasons()[0].failure_reason().unwrap();
        assert!(said.contains(reason), "{said}");
    }
    let manifest = author(&scene, "Bucket, Key", &["src,k\n"]).await;
    scene.write("plans/data-0.csv", "src,other\n").await;
    let job = scene.run(Request { token: "md5".to_owned(), ..Request::new(manifest) }).await;
    assert!(job.failure_reasons()[0].failure_reason().unwrap().contains("MD5"));
}

#[tokio::test]
async fn a_modified_since_miss_is_a_failed_task() {
    let scene = Scene::new().await;
    scene.put("k", "v").await;
    let manifest = author(&scene, "Bucket, Key", &["src,k\n"]).await;
    let operation = S3CopyObjectOperation::builder()
        .target_resource("arn:aws:s3:::dst")
        .metadata_directive(S3MetadataDirective::Copy)
        .modified_since_constraint(aws_sdk_s3::primitives::DateTime::from_secs(4_000_000_000))
        .storage_class(aws_sdk_s3control::types::S3StorageClass::Standard)
        .build();
    let job = scene.run(Request { operation, ..Request::new(manifest) }).await;
    assert!(scene.rows(&job).await[0].contains(",failed,412,PreconditionFailed,"), "{:?}", scene.rows(&job).await);
}

/// Objects of the source bucket, put in process: over HTTP ten thousand take a while.
async fn many(scene: &Scene, count: usize) -> String {
    use cloud::identity::{AccountId, Principal};
    use s3s::S3;
    let owner = Principal::Root(AccountId::source());
    let mut csv = String::new();
    for i in 0..count {
        let input = s3s::dto::PutObjectInput {
            bucket: SOURCE.to_owned(),
            key: format!("many/{i}"),
            body: Some(s3s::dto::StreamingBlob::from(s3s::Body::from(i.to_string()))),
            ..Default::default()
        };
        scene.cloud.s3().put_object(cloud::s3::request(&owner, input)).await.unwrap();
        writeln!(csv, "src,many/{i}").unwrap();
    }
    csv
}

#[tokio::test]
async fn ten_thousand_tasks_take_seconds_and_the_server_stays_responsive() {
    let scene = Scene::new().await;
    let csv = many(&scene, 10_000).await;
    let manifest = author(&scene, "Bucket, Key", &[&csv]).await;
    let started = Instant::now();
    let id = scene.create(Request::new(manifest)).await;
    let settled = scene.cloud.activity().settled();
    let mut slowest = Duration::ZERO;
    tokio::pin!(settled);
    loop {
        let asked = Instant::now();
        tokio::select! {
            () = &mut settled => break,
            _ = scene.describe(&id) => slowest = slowest.max(asked.elapsed()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let job = scene.describe(&id).await;
    assert_eq!(job.progress_summary().unwrap().number_of_tasks_succeeded, Some(10_000));
    println!("10,000 tasks: {:?}; slowest DescribeJob meanwhile: {slowest:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert_eq!(scene.rows(&job).await.len(), 10_000);
}

#[tokio::test]
async fn an_active_job_is_cancelled_and_reports_what_ran() {
    let scene = Scene::new().await;
    let csv = many(&scene, 3_000).await;
    let manifest = author(&scene, "Bucket, Key", &[&csv]).await;
    let id = scene.create(Request::new(manifest)).await;
    while scene.describe(&id).await.progress_summary().unwrap().number_of_tasks_succeeded == Some(0) {}
    let cancel = scene.control.update_job_status().account_id(ACCOUNT).job_id(&id);
    let answer = cancel.requested_job_status(RequestedJobStatus::Cancelled).send().await.unwrap();
    assert_eq!(answer.status(), Some(&JobStatus::Cancelling));
    scene.cloud.activity().settled().await;
    let job = scene.describe(&id).await;
    assert_eq!(job.status(), Some(&JobStatus::Cancelled));
    let ran = job.progress_summary().unwrap().number_of_tasks_succeeded.unwrap();
    assert!((1..3_000).contains(&ran), "{ran}");
    assert_eq!(i64::try_from(scene.rows(&job).await.len()).unwrap(), ran);
}

#[tokio::test]
async fn from_a_thousand_tasks_on_mostly_failing_is_failed() {
    let missing = |count: usize| (0..count).fold(String::new(), |csv, i| csv + &format!("src,gone/{i}\n"));
    let scene = Scene::new().await;
    for (count, status) in [(999, JobStatus::Complete), (1_200, JobStatus::Failed)] {
        let manifest = author(&scene, "Bucket, Key", &[&missing(count)]).await;
        let job = scene.run(Request { token: count.to_string(), ..Request::new(manifest) }).await;
        assert_eq!(job.status(), Some(&status));
        let progress = job.progress_summary().unwrap();
        assert_eq!(progress.total_number_of_tasks, Some(i64::try_from(count).unwrap()));
        let failed = usize::try_from(progress.number_of_tasks_failed.unwrap()).unwrap();
        assert_eq!(failed, count.min(1_000));
        assert_eq!(scene.rows(&job).await.len(), failed, "the report has what ran");
        assert_eq!(job.failure_reasons().len(), usize::from(status == JobStatus::Failed));
    }
}

#[tokio::test]
async fn an_archived_object_fails() {
    let scene = Scene::new().await;
    let put = scene.source.put_object().bucket(SOURCE).key("cold").storage_class(StorageClass::DeepArchive);
    put.body(b"x".to_vec().into()).send().await.unwrap();
    let job = scene.run(Request::new(author(&scene, "Bucket, Key", &["src,cold\n"]).await)).await;
    assert!(scene.rows(&job).await[0].contains(",failed,403,InvalidObjectState,"));
}
