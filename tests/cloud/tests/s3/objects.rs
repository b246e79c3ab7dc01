//! Putting, getting and deleting objects.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, Delete, ObjectCannedAcl, ObjectIdentifier, ServerSideEncryption, StorageClass,
};

use crate::support::{PAINFUL, Scene, code, put, read};

#[tokio::test]
async fn painful_keys_round_trip_through_put_get_head_list_copy_and_delete() {
    let scene = Scene::with_bucket("painful").await;
    let s3 = &scene.source;
    for key in PAINFUL {
        let body = ByteStream::from(key.as_bytes().to_vec());
        s3.put_object().bucket("painful").key(key).body(body).send().await.unwrap();
        assert_eq!(read(s3, "painful", key).await, key.as_bytes());
        let head = s3.head_object().bucket("painful").key(key).send().await.unwrap();
        assert_eq!(head.content_length, i64::try_from(key.len()).ok());
    }
    let listed = s3.list_objects_v2().bucket("painful").send().await.unwrap();
    let mut expected = PAINFUL.map(str::to_owned).to_vec();
    expected.sort();
    let keys: Vec<_> = listed.contents().iter().map(|o| o.key().unwrap().to_owned()).collect();
    assert_eq!(keys, expected);
    for key in PAINFUL {
        let encoded = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC);
        let to = format!("copy/{key}");
        s3.copy_object().bucket("painful").key(&to).copy_source(format!("painful/{encoded}")).send().await.unwrap();
        assert_eq!(read(s3, "painful", &to).await, key.as_bytes());
        s3.delete_object().bucket("painful").key(key).send().await.unwrap();
        assert_eq!(code(s3.get_object().bucket("painful").key(key).send().await), "NoSuchKey");
    }
}

#[tokio::test]
async fn everything_a_client_says_of_an_object_comes_back() {
    let scene = Scene::with_bucket("whole").await;
    let s3 = &scene.source;
    s3.put_object()
        .bucket("whole")
        .key("k")
        .content_type("text/plain; charset=utf-8")
        .cache_control("max-age=60")
        .content_disposition("attachment")
        .content_encoding("gzip")
        .content_language("pl")
        .expires(DateTime::from_secs(1_900_000_000))
        .website_redirect_location("/elsewhere")
        .metadata("plain", "value")
        .metadata("unicode", "żółć")
        .tagging("a=1&b=two%20words")
        .storage_class(StorageClass::StandardIa)
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .ssekms_key_id("arn:aws:kms:us-east-1:111111111111:key/k1")
        .bucket_key_enabled(true)
        .body(ByteStream::from_static(b"body"))
        .send()
        .await
        .unwrap();
    let got = s3.get_object().bucket("whole").key("k").send().await.unwrap();
    assert_eq!(got.content_type(), Some("text/plain; charset=utf-8"));
    assert_eq!(got.cache_control(), Some("max-age=60"));
    assert_eq!(got.content_disposition(), Some("attachment"));
    assert_eq!(got.content_encoding(), Some("gzip"), "aws-chunked is no stored encoding");
    assert_eq!(got.content_language(), Some("pl"));
    assert_eq!(got.expires_string(), Some("Sun, 17 Mar 2030 17:46:40 GMT"));
    assert_eq!(got.website_redirect_location(), Some("/elsewhere"));
    assert_eq!(got.storage_class(), Some(&StorageClass::StandardIa));
    assert_eq!(got.server_side_encryption(), Some(&ServerSideEncryption::AwsKms));
    assert_eq!(got.ssekms_key_id(), Some("arn:aws:kms:us-east-1:111111111111:key/k1"));
    assert_eq!(got.bucket_key_enabled(), Some(true));
    assert_eq!(got.tag_count(), Some(2));
    assert_eq!(got.metadata().unwrap()["plain"], "value");
    let md5_of_body = "841a2d689ad86bd1611447453c22c6fc";
    assert_ne!(got.e_tag().unwrap().trim_matches('"'), md5_of_body, "under KMS the ETag is no MD5");
    let tags = s3.get_object_tagging().bucket("whole").key("k").send().await.unwrap();
    let tags: Vec<_> = tags.tag_set().iter().map(|t| (t.key(), t.value())).collect();
    assert_eq!(tags, [("a", "1"), ("b", "two words")]);
    assert_eq!(put(s3, "whole", "plain", b"body").await, md5_of_body);
    let plain = s3.head_object().bucket("whole").key("plain").send().await.unwrap();
    assert_eq!(plain.content_type(), Some("application/octet-stream"), "what the SDK sends of itself");
    assert_eq!(plain.server_side_encryption(), Some(&ServerSideEncryption::Aes256));
    assert_eq!((plain.storage_class(), plain.version_id()), (None, None));
}

#[tokio::test]
async fn checksums_are_verified_stored_and_shown() {
    let scene = Scene::with_bucket("sums").await;
    let s3 = &scene.source;
    let all = [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ];
    for algorithm in all {
        // Over 1 MiB, so that the body really is streamed in several signed chunks.
        let body: Vec<u8> = (0..1_500_000_u32).map(|i| i.to_le_bytes()[1]).collect();
        let put = s3.put_object().bucket("sums").key("k").checksum_algorithm(algorithm.clone());
        let put = put.body(ByteStream::from(body.clone())).send().await.unwrap();
        let head = s3.head_object().bucket("sums").key("k").checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        let (sent, kept) = match algorithm {
            ChecksumAlgorithm::Crc32 => (put.checksum_crc32, head.checksum_crc32),
            ChecksumAlgorithm::Crc32C => (put.checksum_crc32_c, head.checksum_crc32_c),
            ChecksumAlgorithm::Crc64Nvme => (put.checksum_crc64_nvme, head.checksum_crc64_nvme),
            ChecksumAlgorithm::Sha1 => (put.checksum_sha1, head.checksum_sha1),
            _ => (put.checksum_sha256, head.checksum_sha256),
        };
        assert!(sent.is_some() && sent == kept, "{algorithm}: {sent:?}, {kept:?}");
        // The SDK compares the checksum with the bytes it gets.
        assert_eq!(read(s3, "sums", "k").await, body);
    }
    let put = || s3.put_object().bucket("sums").key("bad").body(ByteStream::from_static(b"body"));
    assert_eq!(code(put().checksum_crc32("AAAAAA==").send().await), "BadDigest");
    assert_eq!(code(put().checksum_sha256("5PmOxs6cy5bvXg1cuBgDXLoaGRRSGAaPEGkN9Um0v3M=").send().await), "BadDigest");
    assert_eq!(code(put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await), "BadDigest");
    assert_eq!(code(put().content_md5("short").send().await), "InvalidDigest");
    assert_eq!(code(s3.head_object().bucket("sums").key("bad").send().await), "NotFound", "nothing was stored");
}

#[tokio::test]
async fn ranges_and_conditions_are_answered_as_http_says() {
    let scene = Scene::with_bucket("parts").await;
    let s3 = &scene.source;
    let etag = put(s3, "parts", "k", b"0123456789").await;
    for (range, bytes, described) in [
        ("bytes=0-3", &b"0123"[..], "bytes 0-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=5-500", b"56789", "bytes 5-9/10"),
    ] {
        let got = s3.get_object().bucket("parts").key("k").range(range).send().await.unwrap();
        assert_eq!(got.content_range(), Some(described));
        assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes);
    }
    let get = || s3.get_object().bucket("parts").key("k");
    assert_eq!(code(get().range("bytes=10-").send().await), "InvalidRange");
    assert_eq!(code(get().if_match("\"other\"").send().await), "PreconditionFailed");
    assert_eq!(code(get().if_none_match(&etag).send().await), "304");
    assert_eq!(code(get().if_modified_since(DateTime::from_secs(4_000_000_000)).send().await), "304");
    assert_eq!(code(get().if_unmodified_since(DateTime::from_secs(0)).send().await), "PreconditionFailed");
    assert!(get().if_match(&etag).if_unmodified_since(DateTime::from_secs(0)).send().await.is_ok());
    assert_eq!(code(s3.head_object().bucket("parts").key("k").if_none_match(&etag).send().await), "304");
}

#[tokio::test]
async fn conditional_writes_let_one_writer_through() {
    let scene = Scene::with_bucket("swap").await;
    let s3 = &scene.source;
    let write = |key: &'static str| s3.put_object().bucket("swap").key(key).body(ByteStream::from_static(b"new"));
    assert_eq!(code(write("k").if_match("\"etag\"").send().await), "NoSuchKey");
    assert!(write("k").if_none_match("*").send().await.is_ok());
    assert_eq!(code(write("k").if_none_match("*").send().await), "PreconditionFailed");
    let etag = put(s3, "swap", "k", b"old").await;
    assert_eq!(code(write("k").if_match("\"0123456789abcdef0123456789abcdef\"").send().await), "PreconditionFailed");
    assert_eq!(read(s3, "swap", "k").await, b"old");
    assert!(write("k").if_match(&etag).send().await.is_ok());
    assert_eq!(code(write("k").if_match(&etag).send().await), "PreconditionFailed");
    let racing = (0..20).map(|_| write("race").if_none_match("*").send());
    let won = futures::future::join_all(racing).await.into_iter().flatten().count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn what_a_bucket_does_not_take_is_refused() {
    let scene = Scene::with_bucket("strict").await;
    let s3 = &scene.source;
    let put = || s3.put_object().bucket("strict").key("k").body(ByteStream::from_static(b"x"));
    assert_eq!(code(put().acl(ObjectCannedAcl::PublicRead).send().await), "AccessControlListNotSupported");
    assert!(put().acl(ObjectCannedAcl::BucketOwnerFullControl).send().await.is_ok());
    assert_eq!(code(put().storage_class("FAST".into()).send().await), "InvalidStorageClass");
    assert_eq!(code(put().expected_bucket_owner("222222222222").send().await), "AccessDenied");
    assert_eq!(code(put().tagging("a=1&a=2").send().await), "InvalidTag");
    assert_eq!(code(put().metadata("m", "x".repeat(2050)).send().await), "MetadataTooLarge");
    assert_eq!(code(s3.put_object().bucket("absent").key("k").send().await), "NoSuchBucket");
    put().storage_class(StorageClass::DeepArchive).send().await.unwrap();
    assert_eq!(code(s3.get_object().bucket("strict").key("k").send().await), "InvalidObjectState");
    let head = s3.head_object().bucket("strict").key("k").send().await.unwrap();
    assert_eq!(head.storage_class(), Some(&StorageClass::DeepArchive));
}

#[tokio::test]
async fn many_objects_are_deleted_in_one_request() {
    let scene = Scene::with_bucket("many").await;
    let s3 = &scene.source;
    for key in PAINFUL {
        put(s3, "many", key, b"x").await;
    }
    let objects = PAINFUL.map(|key| ObjectIdentifier::builder().key(key).build().unwrap()).to_vec();
    let delete = Delete::builder().set_objects(Some(objects)).build().unwrap();
    let done = s3.delete_objects().bucket("many").delete(delete).send().await.unwrap();
    assert_eq!((done.deleted().len(), done.errors().len()), (PAINFUL.len(), 0));
    assert_eq!(s3.list_objects_v2().bucket("many").send().await.unwrap().key_count(), Some(0));
}

#[tokio::test]
async fn an_object_under_a_customers_key_is_read_with_that_key_only() {
    let scene = Scene::with_bucket("secret").await;
    let s3 = &scene.source;
    // 32 bytes of `a`, 32 bytes of `b`, with the MD5 of each.
    let ours = ("YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=", "Xsqb0+sHwAbNQ65I395/0w==");
    let other = ("YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=", "i0+eoW3kvPW7/A/x6iN5NA==");
    let put = |key: (&str, &str)| {
        let put = s3.put_object().bucket("secret").key("k").body(ByteStream::from_static(b"x"));
        put.sse_customer_algorithm("AES256").sse_customer_key(key.0).sse_customer_key_md5(key.1).send()
    };
    let get = |key: (&str, &str)| {
        let get = s3.get_object().bucket("secret").key("k").sse_customer_algorithm("AES256");
        get.sse_customer_key(key.0).sse_customer_key_md5(key.1).send()
    };
    assert_eq!(code(put((ours.0, other.1)).await), "InvalidArgument");
    put(ours).await.unwrap();
    assert_eq!(scene.cloud.store().list("secret", "", true).first().unwrap().encryption_status, "SSE-C");
    assert_eq!(code(s3.get_object().bucket("secret").key("k").send().await), "InvalidRequest");
    assert_eq!(code(get(other).await), "AccessDenied");
    assert_eq!(get(ours).await.unwrap().sse_customer_key_md5(), Some(ours.1));
    let copy = s3.copy_object().bucket("secret").key("copy").copy_source("secret/k");
    assert_eq!(code(copy.send().await), "InvalidRequest");
}
