//! Duplicate, reordered and forged events, and every bad manifest: each ends as docs/SEMANTICS.md says, in at most one job.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use aws_sdk_s3::primitives::ByteStream;
use e2e::events::{created, together};
use e2e::route::{INVENTORY_ID, MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use serde_json::{Value, json};

/// A route with one object, whose notifications are off: the tests send the events.
async fn quiet_route() -> Route {
    let route = Route::set_up(&[]).await.unwrap();
    let none = aws_sdk_s3::types::NotificationConfiguration::builder().build();
    let s3 = &route.destination.s3;
    let put = s3.put_bucket_notification_configuration().bucket(MANIFEST_BUCKET).notification_configuration(none);
    put.send().await.unwrap();
    route.source.s3.put_object().bucket(SOURCE_BUCKET).key("one").send().await.unwrap();
    route
}

/// ETag (without quotes) and version of an object in the manifest bucket.
async fn identity(route: &Route, key: &str) -> (String, String) {
    let head = route.destination.s3.head_object().bucket(MANIFEST_BUCKET).key(key).send().await.unwrap();
    (head.e_tag().unwrap().trim_matches('"').to_owned(), head.version_id().unwrap().to_owned())
}

async fn manifest_event(route: &Route, report: &str) -> Value {
    let (etag, version) = identity(route, report).await;
    created(report, Some(&etag), Some(&version))
}

fn checksum_event(report: &str) -> Value {
    created(&report.replace("manifest.json", "manifest.checksum"), None, None)
}

async fn put(route: &Route, key: &str, body: impl Into<ByteStream>) {
    route.destination.s3.put_object().bucket(MANIFEST_BUCKET).key(key).body(body.into()).send().await.unwrap();
}

async fn get(route: &Route, key: &str) -> Vec<u8> {
    let object = route.destination.s3.get_object().bucket(MANIFEST_BUCKET).key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

fn md5_hex(body: &[u8]) -> String {
    use md5::{Digest, Md5};
    hex::encode(Md5::digest(body))
}

/// The only record's outcome, with its reason.
fn outcome(answer: &Result<Value, Value>) -> (String, String) {
    let answer = answer.as_ref().unwrap_or_else(|error| panic!("create-job failed: {error}"));
    let record = &answer["results"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&record["outcome"]), text(&record["reason"]))
}

async fn jobs(route: &Route) -> usize {
    route.cloud.activity().settled().await;
    route.job_ids().await.unwrap().len()
}

#[tokio::test]
async fn the_same_event_twice_makes_one_job() {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    let event = manifest_event(&route, &report).await;
    let first = route.create_job(&event).await.unwrap();
    let second = route.create_job(&event).await.unwrap();
    assert_eq!(outcome(&first).0, "created");
    assert!(["created", "already created"].contains(&outcome(&second).0.as_str()), "{second:?}");
    let id = |answer: &Result<Value, Value>| answer.as_ref().unwrap()["results"][0]["job_id"].clone();
    assert_eq!(id(&first), id(&second));
    assert_eq!(jobs(&route).await, 1);
}

#[tokio::test]
async fn checksum_before_manifest_before_checksum_is_one_report() {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    let manifest = manifest_event(&route, &report).await;
    for event in [checksum_event(&report), manifest, checksum_event(&report)] {
        route.create_job(&event).await.unwrap().unwrap();
    }
    assert_eq!(jobs(&route).await, 1);
}

/// At once, so that both find no job and send CreateJob with the same token.
#[tokio::test]
async fn both_events_at_once_make_one_job_whatever_s3_answers_to_the_token() {
    for replayed in [cloud::batch::ReplayedToken::SameJob, cloud::batch::ReplayedToken::Exception] {
        let route = quiet_route().await;
        route.cloud.jobs().set_replayed_token(replayed);
        let report = route.deliver().await.unwrap();
        let (manifest, checksum) = (manifest_event(&route, &report).await, checksum_event(&report));
        let events = [&manifest, &checksum, &manifest, &checksum];
        let answers = futures::future::join_all(events.map(|event| route.create_job(event))).await;
        for answer in answers {
            answer.unwrap().unwrap();
        }
        assert_eq!(jobs(&route).await, 1);
    }
}

#[tokio::test]
async fn every_record_of_an_event_is_handled_and_a_bad_one_stops_no_other() {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    let foreign = created("plans/2026-11-22T01-00Z-abc/manifest.json", None, None);
    let event = together(&[foreign.clone(), manifest_event(&route, &report).await, foreign]);
    let answer = route.create_job(&event).await.unwrap().unwrap();
    let outcomes: Vec<&str> =
        answer["results"].as_array().unwrap().iter().filter_map(|record| record["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["ignored", "created", "ignored"]);
    assert_eq!(jobs(&route).await, 1);
}

#[tokio::test]
async fn forged_keys_are_ignored() {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    let time = report.rsplit('/').nth(1).unwrap().to_owned();
    let forged = [
        "reports/job-00000000-0000-0000-0000-000000000000/manifest.json".to_owned(),
        format!("plans/{time}-abc/manifest.json"),
        format!("inventory/another-bucket/{INVENTORY_ID}/{time}/manifest.json"),
        format!("inventory/{SOURCE_BUCKET}/another-id/{time}/manifest.json"),
        format!("inventory/{SOURCE_BUCKET}/{INVENTORY_ID}/yesterday/manifest.json"),
        format!("inventory/{SOURCE_BUCKET}/{INVENTORY_ID}/{time}/deeper/manifest.json"),
        format!("inventory/{SOURCE_BUCKET}/{INVENTORY_ID}/2026-02-30T01-00Z/manifest.json"),
        format!("inventory/{SOURCE_BUCKET}/{INVENTORY_ID}/hive/dt=2026-11-22-01-00/symlink.txt"),
        format!("/{report}"),
        format!("x{report}"),
    ];
    for key in forged {
        let (what, why) = outcome(&route.create_job(&created(&key, None, None)).await.unwrap());
        assert_eq!(what, "ignored", "{key}: {why}");
        assert!(!why.is_empty(), "{key} is ignored without a reason");
    }
    let mut elsewhere = created(&report, None, None);
    elsewhere["Records"][0]["s3"]["bucket"]["name"] = json!("somebody-elses-bucket");
    assert_eq!(outcome(&route.create_job(&elsewhere).await.unwrap()).0, "ignored");
    assert_eq!(jobs(&route).await, 0);
}

#[tokio::test]
async fn what_is_no_event_at_all_is_refused_without_a_retry() {
    let route = quiet_route().await;
    for event in [json!({}), json!([]), json!("manifest.json"), json!({ "Records": [{}] }), json!({ "Records": 7 })] {
        let answer = route.create_job(&event).await.unwrap();
        assert!(answer.is_ok(), "{event} is tried again: {answer:?}");
    }
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T01:00:00.000Z",
                       "Bucket": MANIFEST_BUCKET, "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4" });
    assert!(route.create_job(&test).await.unwrap().is_ok());
    assert_eq!(jobs(&route).await, 0);
}

#[tokio::test]
async fn an_event_of_a_version_that_a_newer_replaced_makes_no_job() {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    let old = manifest_event(&route, &report).await;
    let body = get(&route, &report).await;
    let newer = [body.as_slice(), b"\n"].concat();
    put(&route, &report, newer.clone()).await;
    put(&route, &report.replace("manifest.json", "manifest.checksum"), md5_hex(&newer).into_bytes()).await;
    let (what, why) = outcome(&route.create_job(&old).await.unwrap());
    assert_eq!(what, "ignored", "{why}");
    let (what, why) = outcome(&route.create_job(&manifest_event(&route, &report).await).await.unwrap());
    assert_eq!(what, "created", "{why}");
    assert_eq!(jobs(&route).await, 1);
}

#[tokio::test]
async fn a_missing_checksum_is_tried_again() {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    let checksum = report.replace("manifest.json", "manifest.checksum");
    let body = get(&route, &checksum).await;
    let (_, version) = identity(&route, &checksum).await;
    let s3 = &route.destination.s3;
    s3.delete_object().bucket(MANIFEST_BUCKET).key(&checksum).version_id(version).send().await.unwrap();
    let event = manifest_event(&route, &report).await;
    let error = route.create_job(&event).await.unwrap().unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap_or_default().contains("manifest.checksum"), "{error}");
    put(&route, &checksum, body).await;
    assert_eq!(outcome(&route.create_job(&event).await.unwrap()).0, "created");
    assert_eq!(jobs(&route).await, 1);
}

/// A delivered report, its manifest changed by `change`, with a checksum that fits.
async fn with_manifest(change: impl Fn(&mut Value)) -> (String, String, usize) {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    let mut manifest: Value = serde_json::from_slice(&get(&route, &report).await).unwrap();
    change(&mut manifest);
    let body = serde_json::to_vec_pretty(&manifest).unwrap();
    put(&route, &report, body.clone()).await;
    put(&route, &report.replace("manifest.json", "manifest.checksum"), md5_hex(&body).into_bytes()).await;
    let (what, why) = outcome(&route.create_job(&manifest_event(&route, &report).await).await.unwrap());
    let jobs = jobs(&route).await;
    (what, why, jobs)
}

#[tokio::test]
async fn bad_manifests_are_refused_with_the_field_and_what_stood_there() {
    type Change = fn(&mut Value);
    let bad: [(&str, &str, Change); 12] = [
        ("fileFormat", "ORC", |m| m["fileFormat"] = json!("ORC")),
        ("fileFormat", "Parquet", |m| m["fileFormat"] = json!("Parquet")),
        ("sourceBucket", "not-ours", |m| m["sourceBucket"] = json!("not-ours")),
        ("destinationBucket", "not-ours", |m| m["destinationBucket"] = json!("arn:aws:s3:::not-ours")),
        ("destinationBucket", "transship-manifests", |m| m["destinationBucket"] = json!("transship-manifests")),
        ("fileSchema", "Size", |m| m["fileSchema"] = json!("Bucket, Size")),
        ("fileSchema", "Bucket", |m| m["fileSchema"] = json!("Key, Size")),
        ("fileSchema", "Key", |m| m["fileSchema"] = json!("Bucket, Key, Key")),
        ("fileSchema", "missing", |m| drop(m.as_object_mut().map(|m| m.remove("fileSchema")))),
        ("files", "missing", |m| drop(m.as_object_mut().map(|m| m.remove("files")))),
        ("files", "elsewhere", |m| m["files"][0]["key"] = json!("elsewhere/data.csv.gz")),
        ("files", "7", |m| m["files"] = json!(7)),
    ];
    for (field, stood, change) in bad {
        let (what, why, jobs) = with_manifest(change).await;
        assert_eq!((what.as_str(), jobs), ("refused", 0), "{field}: {why}");
        assert!(why.contains(field) && why.contains(stood), "{field} = {stood} is not named: {why}");
    }
}

#[tokio::test]
async fn what_aws_may_add_is_tolerated() {
    let (what, why, jobs) = with_manifest(|manifest| {
        manifest["somethingNew"] = json!({ "deep": [1, 2] });
        manifest["files"][0]["rows"] = json!(1);
    })
    .await;
    assert_eq!((what.as_str(), jobs), ("created", 1), "{why}");
}

#[tokio::test]
async fn an_altered_manifest_is_refused() {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    let altered = [get(&route, &report).await.as_slice(), b" "].concat();
    put(&route, &report, altered).await;
    let (what, why) = outcome(&route.create_job(&manifest_event(&route, &report).await).await.unwrap());
    assert_eq!(what, "refused", "{why}");
    assert!(why.contains("manifest.checksum"), "{why}");
    assert_eq!(jobs(&route).await, 0);
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let route = quiet_route().await;
    let report = route.deliver().await.unwrap();
    for body in [&b"This is a placeholder"[..], b"", b"[]", b"{\"sourceBucket\": 1}", &[0xff, 0xfe]] {
        put(&route, &report, body.to_vec()).await;
        put(&route, &report.replace("manifest.json", "manifest.checksum"), md5_hex(body).into_bytes()).await;
        let (what, why) = outcome(&route.create_job(&manifest_event(&route, &report).await).await.unwrap());
        assert_eq!(what, "refused", "{body:?}: {why}");
    }
    assert_eq!(jobs(&route).await, 0);
}

#[tokio::test]
async fn reports_that_list_nothing_make_no_job() {
    let (what, why, jobs) = with_manifest(|manifest| manifest["files"] = json!([])).await;
    assert_eq!((what.as_str(), jobs), ("empty", 0), "{why}");
}
