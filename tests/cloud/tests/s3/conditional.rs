//! Conditional writes and reads: one writer wins, and who may ask.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, CompletedMultipartUpload, CompletedPart, VersioningConfiguration};
use cloud::front::{Fault, When};
use futures::future::join_all;
use serde_json::json;

use crate::access::{allow, role};
use crate::support::{Scene, code, put, read};

/// An upload of one part, ready to be completed.
async fn uploaded(s3: &Client, key: &str, bytes: &'static [u8]) -> CompleteMultipartUploadFluentBuilder {
    let made = s3.create_multipart_upload().bucket("bucket").key(key).send().await.unwrap();
    let id = made.upload_id().unwrap();
    let part = s3.upload_part().bucket("bucket").key(key).upload_id(id).part_number(1);
    let part = part.body(ByteStream::from_static(bytes)).send().await.unwrap();
    let done = CompletedPart::builder().part_number(1).e_tag(part.e_tag().unwrap());
    let done = done.set_checksum_crc32(part.checksum_crc32).build();
    let listing = CompletedMultipartUpload::builder().parts(done).build();
    s3.complete_multipart_upload().bucket("bucket").key(key).upload_id(id).multipart_upload(listing)
}

#[tokio::test]
async fn a_completion_is_as_conditional_as_a_put() {
    let scene = Scene::with_bucket("bucket").await;
    let s3 = &scene.source;
    assert_eq!(code(uploaded(s3, "k", b"1").await.if_match("\"e\"").send().await), "NoSuchKey");
    let first = uploaded(s3, "k", b"1").await.if_none_match("*").send().await.unwrap();
    let late = uploaded(s3, "k", b"2").await;
    assert_eq!(code(late.clone().if_none_match("*").send().await), "PreconditionFailed");
    assert_eq!(code(late.clone().if_match("\"other\"").send().await), "PreconditionFailed");
    assert_eq!(read(s3, "bucket", "k").await, b"1");
    // The upload is still there: it was not consumed by the refusals.
    late.if_match(first.e_tag().unwrap()).send().await.unwrap();
    assert_eq!(read(s3, "bucket", "k").await, b"2");
}

#[tokio::test]
async fn of_writers_at_once_exactly_one_wins() {
    let scene = Scene::with_bucket("bucket").await;
    let s3 = &scene.source;
    for round in 0..5 {
        let key = format!("new-{round}");
        let puts = join_all((0..8).map(|_| s3.put_object().bucket("bucket").key(&key).if_none_match("*").send()));
        let mut completions = Vec::new();
        for _ in 0..4 {
            completions.push(uploaded(s3, &key, b"x").await.if_none_match("*").send());
        }
        let (puts, completions) = tokio::join!(puts, join_all(completions));
        let won = puts.iter().filter(|r| r.is_ok()).count() + completions.iter().filter(|r| r.is_ok()).count();
        assert_eq!(won, 1);
        let etag = s3.head_object().bucket("bucket").key(&key).send().await.unwrap().e_tag.unwrap();
        let bodies = (0..8_u8).map(|n| vec![n; 3]);
        let swaps =
            bodies.map(|body| s3.put_object().bucket("bucket").key(&key).if_match(&etag).body(body.into()).send());
        let answers = join_all(swaps).await;
        assert_eq!(answers.iter().filter(|r| r.is_ok()).count(), 1);
        let lost: Vec<_> = answers.into_iter().filter(Result::is_err).map(code).collect();
        assert_eq!(lost, vec!["PreconditionFailed"; 7]);
    }
}

#[tokio::test]
async fn a_delete_marker_is_no_object() {
    let scene = Scene::with_bucket("bucket").await;
    let s3 = &scene.source;
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket("bucket").versioning_configuration(versioning).send().await.unwrap();
    let etag = put(s3, "bucket", "k", b"1").await;
    s3.delete_object().bucket("bucket").key("k").send().await.unwrap();
    let write = || s3.put_object().bucket("bucket").key("k").body(ByteStream::from_static(b"2"));
    assert_eq!(code(write().if_match(&etag).send().await), "NoSuchKey");
    assert!(write().if_none_match("*").send().await.is_ok());
}

#[tokio::test]
async fn a_version_is_read_in_parts_on_a_condition() {
    let scene = Scene::with_bucket("bucket").await;
    let s3 = &scene.source;
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket("bucket").versioning_configuration(versioning).send().await.unwrap();
    let write = s3.put_object().bucket("bucket").key("k").body(ByteStream::from_static(b"0123456789"));
    let old = write.send().await.unwrap();
    let (etag, version) = (old.e_tag.unwrap(), old.version_id.unwrap());
    let newer = put(s3, "bucket", "k", b"new").await;
    let get = || s3.get_object().bucket("bucket").key("k").version_id(&version).range("bytes=2-4");
    let got = get().if_match(&etag).send().await.unwrap();
    assert_eq!((got.content_range(), got.version_id()), (Some("bytes 2-4/10"), Some(version.as_str())));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"234");
    assert_eq!(code(get().if_match(&newer).send().await), "PreconditionFailed");
    let head = || s3.head_object().bucket("bucket").key("k");
    assert_eq!(code(head().if_match(&etag).send().await), "412", "of the newest version");
    assert!(head().version_id(&version).if_match(&etag).send().await.is_ok());
    assert_eq!(code(head().version_id("x".repeat(32)).send().await), "NotFound");
}

#[tokio::test]
async fn if_match_takes_the_permission_to_read_as_well() {
    let scene = Scene::with_bucket("bucket").await;
    scene.destination.create_bucket().bucket("ours").send().await.unwrap();
    let etag = put(&scene.destination, "ours", "k", b"1").await;
    let writer = role(&scene, json!([allow(&["s3:PutObject"], &["ours/*"])])).await;
    let write = |key: &str| writer.put_object().bucket("ours").key(key).body(ByteStream::from_static(b"2"));
    assert!(write("new").if_none_match("*").send().await.is_ok());
    assert_eq!(code(write("k").if_match(&etag).send().await), "AccessDenied");
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html>, the first example.
#[tokio::test]
async fn a_policy_can_enforce_conditional_writes() {
    let scene = Scene::with_bucket("bucket").await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*",
        "Condition": { "Null": { "s3:if-none-match": "true" }, "Bool": { "s3:ObjectCreationOperation": "true" } },
    }] });
    let s3 = &scene.source;
    s3.put_bucket_policy().bucket("bucket").policy(policy.to_string()).send().await.unwrap();
    let write = || s3.put_object().bucket("bucket").key("k").body(ByteStream::from_static(b"2"));
    assert_eq!(code(write().send().await), "AccessDenied");
    assert!(write().if_none_match("*").send().await.is_ok());
    // Creating the upload and its parts is exempt, completing it is not.
    let completion = uploaded(s3, "large", b"1").await;
    assert_eq!(code(completion.clone().send().await), "AccessDenied");
    assert!(completion.if_none_match("*").send().await.is_ok());
}

#[tokio::test]
async fn a_script_makes_conflicts_and_what_others_do_meanwhile() {
    let scene = Scene::with_bucket("bucket").await;
    let s3 = scene.source.clone();
    let write = || s3.put_object().bucket("bucket").key("k").body(ByteStream::from_static(b"ours")).if_none_match("*");
    scene.cloud.faults().script(|_| Fault::Answer {
        status: 409,
        code: "ConditionalRequestConflict",
        message: "A conflicting operation occurred during the upload.",
        when: When::Before,
    });
    assert_eq!(code(write().send().await), "ConditionalRequestConflict");
    let other = s3.clone();
    scene.cloud.faults().script(move |seen| {
        let other = other.clone();
        match (seen.number, seen.operation.as_str()) {
            (1, "PutObject") => Fault::First(Box::pin(async move {
                put(&other, "bucket", "k", b"theirs").await;
            })),
            _ => Fault::None,
        }
    });
    assert_eq!(code(write().send().await), "PreconditionFailed");
    assert_eq!(read(&s3, "bucket", "k").await, b"theirs");
}
