//! What arrives of an object, and what is said of one that does not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass, Tag, Tagging};
use cloud::front::{Fault, When};
use cloud::lambda::Limits;
use e2e::large::{COPY_LARGE, Sparse};
use e2e::route::{DESTINATION_BUCKET, SOURCE_BUCKET};

use super::{GB, MIB, calls, copied, failed, head, part_number, put, route, same_bytes, uploads};

#[tokio::test(flavor = "multi_thread")]
async fn six_and_six_hundred_gigabytes_arrive_whole() {
    let route = route(&[("DestinationPrefix", "vendor")]).await;
    let (small, odd, huge) = ("videos/ä whole + day%.mov", "odd parts", "huge");
    let request = route.source.s3.put_object().bucket(SOURCE_BUCKET).key(small);
    let request = request
        .content_type("video/quicktime")
        .cache_control("max-age=60")
        .content_disposition("attachment; filename=\"day.mov\"")
        .content_encoding("identity")
        .content_language("de")
        .expires(aws_sdk_s3::primitives::DateTime::from_secs(2_000_000_000))
        .metadata("camera", "No 7")
        .metadata("owner", "a=b&c")
        .tagging("project=x%20y%26z&empty=");
    Sparse { size: 6 * GB, part: Some(16 * MIB), seed: 1 }.put(request).await.unwrap();
    // No part size is told where an object's ETag counts none.
    put(&route, odd, Sparse { size: 6 * GB, part: None, seed: 2 }).await;
    put(&route, huge, Sparse { size: 600 * GB, part: Some(512 * MIB), seed: 3 }).await;
    route.cloud.faults().script_for(COPY_LARGE, |_| Fault::None);
    let ended = route.copy_large("first", &[small, odd, huge]).await.unwrap();
    let seen = route.cloud.faults().seen();

    assert!(copied(&ended, small).contains("its ETag is the source's"), "{ended:?}");
    assert!(copied(&ended, odd).contains("another than the source's"), "{ended:?}");
    assert!(copied(&ended, huge).contains("its ETag is the source's"), "{ended:?}");
    for (key, size) in [(small, 6 * GB), (odd, 6 * GB), (huge, 600 * GB)] {
        let copy = format!("vendor/{key}");
        assert_eq!(head(&route, &copy).await.content_length, Some(i64::try_from(size).unwrap()), "{key}");
        same_bytes(&route, key, &copy, size).await;
    }
    let source = route.source.s3.head_object().bucket(SOURCE_BUCKET).key(small).send().await.unwrap();
    let there = head(&route, &format!("vendor/{small}")).await;
    assert_eq!(there.e_tag, source.e_tag);
    assert_eq!(there.metadata, source.metadata);
    assert_eq!(there.metadata.as_ref().unwrap()["owner"], "a=b&c");
    let headers = |head: &HeadObjectOutput| {
        let texts = [
            head.content_type(),
            head.cache_control(),
            head.content_disposition(),
            head.content_encoding(),
            head.content_language(),
            head.expires_string(),
        ];
        texts.map(|text| text.map(str::to_owned))
    };
    assert_eq!(headers(&there), headers(&source));
    assert!(headers(&there).iter().all(Option::is_some), "{:?}", headers(&there));
    let tags = route.destination.s3.get_object_tagging().bucket(DESTINATION_BUCKET).key(format!("vendor/{small}"));
    let tags = tags.send().await.unwrap();
    let tags: BTreeMap<_, _> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
    assert_eq!(tags, BTreeMap::from([("project", "x y&z"), ("empty", "")]));

    assert_eq!(calls(&seen, "UploadPartCopy"), 358 + 23 + 1118, "each part once");
    assert_eq!(uploads(&route).await, 0);
    // Once more: everything is there, and nothing is copied.
    route.cloud.faults().script_for(COPY_LARGE, |_| Fault::None);
    let again = route.copy_large("second", &[small, odd, huge]).await.unwrap();
    for key in [small, odd, huge] {
        assert_eq!(copied(&again, key), "already there and identical");
    }
    let seen = route.cloud.faults().seen();
    assert_eq!(calls(&seen, "UploadPartCopy") + calls(&seen, "CreateMultipartUpload"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_terabytes_arrive_whole() {
    let route = route(&[]).await;
    let size = 50_000 * GB;
    put(&route, "all of it", Sparse { size, part: Some(5 * GB), seed: 4 }).await;
    route.cloud.faults().script_for(COPY_LARGE, |_| Fault::None);
    let ended = route.copy_large("first", &["all of it"]).await.unwrap();
    assert!(copied(&ended, "all of it").starts_with("copied in 10000 parts"), "{ended:?}");
    let there = head(&route, "all of it").await;
    let source = route.source.s3.head_object().bucket(SOURCE_BUCKET).key("all of it").send().await.unwrap();
    assert_eq!((there.content_length, there.e_tag), (source.content_length, source.e_tag));
    same_bytes(&route, "all of it", "all of it", size).await;
    let seen = route.cloud.faults().seen();
    let numbers: BTreeSet<u64> = seen.iter().filter_map(part_number).collect();
    assert_eq!((numbers.len(), calls(&seen, "UploadPartCopy")), (10_000, 10_000), "each part once");
    assert_eq!(uploads(&route).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_reach_the_copy() {
    let key = "arn:aws:kms:us-east-1:222222222222:key/copies";
    let route = route(&[
        ("StorageClass", "GLACIER_IR"),
        ("KmsKeyArn", key),
        ("BucketKeyEnabled", "true"),
        ("ChecksumAlgorithm", "CRC32C"),
        ("CannedAcl", "bucket-owner-full-control"),
    ])
    .await;
    put(&route, "k", Sparse { size: 6 * GB, part: Some(512 * MIB), seed: 1 }).await;
    copied(&route.copy_large("first", &["k"]).await.unwrap(), "k");
    let there = route.destination.s3.head_object().bucket(DESTINATION_BUCKET).key("k");
    let there = there.checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(there.storage_class, Some(StorageClass::GlacierIr));
    assert_eq!(there.server_side_encryption, Some(ServerSideEncryption::AwsKms));
    assert_eq!((there.ssekms_key_id.as_deref(), there.bucket_key_enabled), (Some(key), Some(true)));
    assert!(there.checksum_crc32_c.is_some());
    assert_eq!(there.checksum_type, Some(aws_sdk_s3::types::ChecksumType::FullObject));
    same_bytes(&route, "k", "k", 6 * GB).await;
    // No ETag tells here; the record of the upload does.
    assert_eq!(copied(&route.copy_large("second", &["k"]).await.unwrap(), "k"), "already there and identical");

    // Other tags leave its ETag and its time as they are.
    let tag = Tag::builder().key("a").value("b").build().unwrap();
    let tagging = Tagging::builder().tag_set(tag).build().unwrap();
    let request = route.source.s3.put_object_tagging().bucket(SOURCE_BUCKET).key("k").tagging(tagging.clone());
    request.send().await.unwrap();
    assert!(copied(&route.copy_large("third", &["k"]).await.unwrap(), "k").starts_with("copied in "));
    let there = route.destination.s3.get_object_tagging().bucket(DESTINATION_BUCKET).key("k").send().await.unwrap();
    assert_eq!(there.tag_set(), tagging.tag_set());
    assert_eq!(copied(&route.copy_large("fourth", &["k"]).await.unwrap(), "k"), "already there and identical");
    assert_eq!(uploads(&route).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_one_task_to_the_next() {
    let route = route(&[]).await;
    route.cloud.functions().set_limits(COPY_LARGE, Limits { timeout: Duration::from_mins(1), concurrency: 1 });
    let request = route.source.s3.put_object().bucket(SOURCE_BUCKET).key("a rich one");
    let request = request.content_type("text/a").metadata("secret", "yes").tagging("a=b").cache_control("no-store");
    Sparse { size: 6 * GB, part: Some(512 * MIB), seed: 1 }.put(request).await.unwrap();
    put(&route, "b plain", Sparse { size: 6 * GB, part: Some(512 * MIB), seed: 2 }).await;
    let ended = route.copy_large("first", &["a rich one", "b plain"]).await.unwrap();
    copied(&ended, "a rich one");
    copied(&ended, "b plain");
    let plain = head(&route, "b plain").await;
    let source = route.source.s3.head_object().bucket(SOURCE_BUCKET).key("b plain").send().await.unwrap();
    assert_eq!((plain.content_type, plain.cache_control), (source.content_type, None));
    assert!(plain.metadata.is_none_or(|metadata| metadata.is_empty()));
    let tags =
        route.destination.s3.get_object_tagging().bucket(DESTINATION_BUCKET).key("b plain").send().await.unwrap();
    assert!(tags.tag_set().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_has_its_result() {
    let route = route(&[]).await;
    let sparse = Sparse { size: 6 * GB, part: Some(512 * MIB), seed: 1 };
    let archived = route.source.s3.put_object().bucket(SOURCE_BUCKET).key("archived");
    sparse.put(archived.storage_class(StorageClass::DeepArchive)).await.unwrap();
    put(&route, "shrunk", Sparse { size: 5 << 30, part: Some(512 * MIB), seed: 1 }).await;
    put(&route, "throttled", sparse).await;
    route.cloud.jobs().set_attempts(1);
    route.cloud.faults().script_for(COPY_LARGE, |seen| match seen.operation.as_str() {
        "UploadPartCopy" if seen.path.ends_with("throttled") => Fault::Answer {
            status: 503,
            code: "ServiceUnavailable",
            message: "Reduce your request rate.",
            when: When::Before,
        },
        _ => Fault::None,
    });
    let keys = ["gone", "archived", "shrunk", "throttled"];
    let ended = route.copy_large("first", &keys).await.unwrap();
    failed(&ended, "gone", "PermanentFailure", "NoSuchKey: ");
    failed(&ended, "archived", "PermanentFailure", "InvalidObjectState: it is archived in DEEP_ARCHIVE: restore it");
    failed(&ended, "throttled", "TemporaryFailure", "ServiceUnavailable: UploadPartCopy failed");
    assert_eq!(copied(&ended, "shrunk"), "copied by one request");
    assert_eq!(uploads(&route).await, 1, "that of the one that is to be tried again");
    route.cloud.faults().clear();
    copied(&route.copy_large("second", &["throttled"]).await.unwrap(), "throttled");
    assert_eq!(uploads(&route).await, 0);

    // What somebody else has copied is seen to be the same, and what is only alike is not taken for it.
    let there = |key: &str| route.destination.s3.put_object().bucket(DESTINATION_BUCKET).key(key);
    for key in ["same", "alike"] {
        put(&route, key, sparse).await;
    }
    sparse.put(there("same")).await.unwrap();
    sparse.put(there("alike").metadata("more", "than the source has")).await.unwrap();
    let ended = route.copy_large("third", &["same", "alike"]).await.unwrap();
    assert_eq!(copied(&ended, "same"), "already there and identical");
    assert!(copied(&ended, "alike").starts_with("copied in "), "{ended:?}");

    put(&route, "denied", sparse).await;
    route.source.s3.delete_bucket_policy().bucket(SOURCE_BUCKET).send().await.unwrap();
    let ended = route.copy_large("fourth", &["denied"]).await.unwrap();
    failed(&ended, "denied", "PermanentFailure", "AccessDenied: HeadObject failed");
    assert!(ended["denied"].message.contains("source bucket's policy must let copy-large's role"), "{ended:?}");
}
