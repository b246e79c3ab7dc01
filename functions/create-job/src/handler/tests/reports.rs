//! Reports that are empty, altered, incomplete, replaced, or not what this route can take.

use std::io::Write;

use serde_json::{Value, json};

use super::aws::{Aws, md5};
use super::{CHECKSUM, DATA, FOLDER, MANIFEST, VERSION, deliver, delivered, event, handler, invoke, only, put_event};

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    change(&mut manifest);
    serde_json::to_string_pretty(&manifest).unwrap()
}

async fn refusal(manifest: &str) -> String {
    let aws = Aws::new();
    deliver(&aws, "v", manifest);
    let answer = invoke(&handler(&aws), put_event("v", manifest)).await.unwrap();
    let result = only(&answer);
    assert_eq!(result["outcome"], "refused", "{result}");
    assert_eq!(aws.state().jobs.len(), 0);
    result["reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refusal_names_the_field_what_stood_there_and_what_to_do() {
    let parquet = refusal(&with(|m| m["fileFormat"] = json!("Parquet"))).await;
    assert_eq!(
        parquet,
        "fileFormat is \"Parquet\", expected \"CSV\"; set the inventory configuration's output format to CSV"
    );
    let versions =
        refusal(&with(|m| m["fileSchema"] = json!("Bucket, Key, VersionId, IsLatest, IsDeleteMarker"))).await;
    assert!(versions.starts_with("fileSchema is \"Bucket, Key, VersionId, IsLatest, IsDeleteMarker\""), "{versions}");
    assert!(versions.contains("object versions to Current"), "{versions}");
    for (field, manifest) in [
        ("fileFormat", with(|m| m["fileFormat"] = json!("ORC"))),
        ("sourceBucket", with(|m| m["sourceBucket"] = json!("somebody-elses"))),
        ("sourceBucket", with(|m| m["sourceBucket"] = json!("arn:aws:s3:::source-bucket"))),
        ("destinationBucket", with(|m| m["destinationBucket"] = json!("arn:aws:s3:::somewhere-else"))),
        ("destinationBucket", with(|m| m["destinationBucket"] = json!("manifest-bucket"))),
        ("fileSchema", with(|m| m["fileSchema"] = json!("Bucket, Size"))),
        ("fileSchema", with(|m| m["fileSchema"] = json!("Bucket, Key, Key"))),
        ("fileSchema", with(|m| m["fileSchema"] = json!(["Bucket", "Key"]))),
        ("files", with(|m| m["files"] = json!("none"))),
        ("files", with(|m| drop(m.as_object_mut().unwrap().remove("files")))),
        ("files[1].key", with(|m| m["files"][1]["key"] = json!("inventory/other-bucket/transship/data/x.csv.gz"))),
        ("files[0].key", with(|m| m["files"][0]["key"] = json!(format!("{DATA}../../../x.csv.gz")))),
        ("files[0].size", with(|m| m["files"][0]["size"] = json!(-1))),
        ("files[0].MD5checksum", with(|m| m["files"][0]["MD5checksum"] = json!("short"))),
        ("manifest.json is not a JSON object", "<html>".to_owned()),
        ("manifest.json is not a JSON object", "[]".to_owned()),
    ] {
        let reason = refusal(&manifest).await;
        assert!(reason.starts_with(field), "{field}: {reason}");
    }
}

#[tokio::test]
async fn what_aws_may_add_is_tolerated() {
    let manifest = with(|m| {
        m["fileSchema"] = json!("Key,Bucket ,ObjectOwner,  SomethingOf2031");
        m["somethingNew"] = json!({"a": [1]});
        m["files"][0]["etag"] = json!("x");
        m["creationTimestamp"] = json!(1_748_739_600_000_u64);
    });
    let aws = Aws::new();
    deliver(&aws, "v", &manifest);
    let answer = invoke(&handler(&aws), put_event("v", &manifest)).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "created");
}

#[tokio::test]
async fn an_altered_manifest_is_refused() {
    let aws = delivered();
    let altered = with(|m| m["fileSchema"] = json!("Bucket, Key"));
    aws.put(&format!("{FOLDER}manifest.json"), "v2", altered.clone());
    for event in [put_event("v2", &altered), event!("s3-put-checksum")] {
        let answer = invoke(&handler(&aws), event).await.unwrap();
        assert_eq!(only(&answer)["outcome"], "refused");
        let reason = only(&answer)["reason"].as_str().unwrap();
        assert!(reason.contains("was altered after delivery") && reason.contains(CHECKSUM.trim()), "{reason}");
    }
    assert_eq!(aws.state().jobs.len(), 0);
}

#[tokio::test]
async fn the_event_of_a_replaced_manifest_leaves_it_to_the_newer_one() {
    let aws = delivered();
    let newer = with(|m| m["creationTimestamp"] = json!("1748739600001"));
    deliver(&aws, "v2", &newer);
    // The old version can still be read by its version id, yet it is no longer the report.
    let old = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    assert_eq!(only(&old)["outcome"], "ignored");
    assert!(only(&old)["reason"].as_str().unwrap().starts_with("superseded"), "{old}");
    let new = invoke(&handler(&aws), put_event("v2", &newer)).await.unwrap();
    assert_eq!(only(&new)["outcome"], "created");
    assert_eq!(only(&new)["run"], format!("2025-06-01T01-00Z-{}", md5(newer.as_bytes())));
    assert_eq!(aws.state().jobs.len(), 1);
}

#[tokio::test]
async fn without_versions_the_etag_tells_that_a_manifest_was_replaced() {
    let aws = delivered();
    let mut event = event!("s3-put-manifest");
    event["Records"][0]["s3"]["object"]["eTag"] = json!("00000000000000000000000000000000");
    event["Records"][0]["s3"]["object"].as_object_mut().unwrap().remove("versionId");
    let answer = invoke(&handler(&aws), event).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "ignored");
    assert_eq!(aws.state().jobs.len(), 0);
}

#[tokio::test]
async fn the_event_of_a_deleted_manifest_is_ignored() {
    let answer = invoke(&handler(&Aws::new()), event!("s3-put-manifest")).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "ignored");
}

#[tokio::test]
async fn whatever_is_delivered_last_the_report_gets_its_job() {
    let files = [
        format!("{FOLDER}manifest.json"),
        format!("{FOLDER}manifest.checksum"),
        format!("{DATA}1f40ec92-fadd-4f88-9b2c-1bd0ebf12d8b.csv.gz"),
    ];
    for last in &files {
        let aws = delivered();
        aws.delete(last);
        let early = invoke(&handler(&aws), event!("s3-put-checksum")).await.unwrap_err();
        assert!(early.to_string().contains(&format!("{last} is not there yet")), "{early}");
        assert_eq!(aws.state().jobs.len(), 0);
        deliver(&aws, VERSION, MANIFEST);
        let retried = invoke(&handler(&aws), event!("s3-put-checksum")).await.unwrap();
        assert_eq!(only(&retried)["outcome"], "created");
    }
}

#[tokio::test]
async fn a_data_file_of_another_size_is_refused() {
    let aws = delivered();
    aws.put(&format!("{DATA}1f40ec92-fadd-4f88-9b2c-1bd0ebf12d8b.csv.gz"), "v2", "short");
    let answer = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "refused");
}

#[tokio::test]
async fn an_empty_report_makes_no_job_however_it_says_so() {
    let gzip_of = |rows: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(rows.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let row = "\"source-bucket\",\"a%20key\",\"1\"\n";
    for (body, expected) in
        [(None, "empty"), (Some(Vec::new()), "empty"), (Some(gzip_of("")), "empty"), (Some(gzip_of(row)), "created")]
    {
        let manifest = with(|m| {
            let file = |b: &Vec<u8>| json!({"key": format!("{DATA}x.csv.gz"), "size": b.len(), "MD5checksum": md5(b)});
            m["files"] = json!(body.as_ref().map(file).into_iter().collect::<Vec<_>>());
        });
        let aws = Aws::new();
        deliver(&aws, "v", &manifest);
        if let Some(body) = body {
            aws.put(&format!("{DATA}x.csv.gz"), "v", body);
        }
        let answer = invoke(&handler(&aws), put_event("v", &manifest)).await.unwrap();
        assert_eq!(only(&answer)["outcome"], expected);
        assert_eq!(aws.state().jobs.len(), usize::from(expected == "created"));
    }
}

#[tokio::test]
async fn a_manifest_larger_than_any_real_one_is_not_read() {
    let huge = " ".repeat(16 * 1024 * 1024 + 1);
    let reason = refusal(&huge).await;
    assert!(reason.contains("16777217 bytes, more than the 16777216 that are read"), "{reason}");
}
