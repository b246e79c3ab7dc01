//! `CopyObject`.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode, MetadataDirective, StorageClass, TaggingDirective,
    VersioningConfiguration,
};

use crate::support::{Scene, code, put, read};

async fn source() -> Scene {
    let scene = Scene::with_bucket("from").await;
    let put = scene.source.put_object().bucket("from").key("a").body(ByteStream::from_static(b"bytes"));
    let put = put.content_type("text/csv").cache_control("no-cache").metadata("m", "1").tagging("t=1");
    let put = put.storage_class(StorageClass::StandardIa).website_redirect_location("/elsewhere");
    put.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    scene
}

#[tokio::test]
async fn a_copy_takes_bytes_metadata_and_tags_but_neither_class_nor_redirect() {
    let scene = source().await;
    let s3 = &scene.source;
    let original = s3.head_object().bucket("from").key("a").send().await.unwrap();
    let copy = s3.copy_object().bucket("from").key("b").copy_source("from/a").send().await.unwrap();
    let result = copy.copy_object_result().unwrap();
    assert_eq!(result.e_tag(), original.e_tag());
    assert!(result.checksum_sha256().is_some(), "the source's algorithm");
    let head = s3.head_object().bucket("from").key("b").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!((head.content_type(), head.cache_control()), (Some("text/csv"), Some("no-cache")));
    assert_eq!(head.metadata().unwrap()["m"], "1");
    assert_eq!((head.storage_class(), head.website_redirect_location()), (None, None));
    assert_eq!(head.checksum_sha256(), result.checksum_sha256());
    let tags = s3.get_object_tagging().bucket("from").key("b").send().await.unwrap();
    assert_eq!(tags.tag_set().len(), 1);
    assert_eq!(read(s3, "from", "b").await, b"bytes");
}

#[tokio::test]
async fn directives_replace_metadata_and_tags() {
    let scene = source().await;
    let s3 = &scene.source;
    let copy = s3.copy_object().bucket("from").key("b").copy_source("from/a");
    let copy = copy.metadata_directive(MetadataDirective::Replace).metadata("n", "2");
    let copy = copy.tagging_directive(TaggingDirective::Replace).tagging("u=2&v=3");
    let copy = copy.storage_class(StorageClass::GlacierIr).checksum_algorithm(ChecksumAlgorithm::Crc32C);
    let copy = copy.send().await.unwrap();
    assert!(copy.copy_object_result().unwrap().checksum_crc32_c().is_some());
    let head = s3.head_object().bucket("from").key("b").send().await.unwrap();
    assert_eq!(head.content_type(), Some("binary/octet-stream"));
    assert_eq!(head.metadata().unwrap().len(), 1);
    assert_eq!(head.storage_class(), Some(&StorageClass::GlacierIr));
    let tags = s3.get_object_tagging().bucket("from").key("b").send().await.unwrap();
    assert_eq!(tags.tag_set().iter().map(aws_sdk_s3::types::Tag::key).collect::<Vec<_>>(), ["u", "v"]);
    let untagged = s3.copy_object().bucket("from").key("c").copy_source("from/a");
    untagged.tagging_directive(TaggingDirective::Replace).send().await.unwrap();
    assert!(s3.get_object_tagging().bucket("from").key("c").send().await.unwrap().tag_set().is_empty());
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused() {
    let scene = source().await;
    let s3 = &scene.source;
    let archived = s3.put_object().bucket("from").key("cold").storage_class(StorageClass::Glacier);
    archived.send().await.unwrap();
    let etag = put(s3, "from", "k", b"x").await;
    let copy = |from: &str| s3.copy_object().bucket("from").key("to").copy_source(from);
    assert_eq!(code(copy("from/cold").send().await), "InvalidObjectState");
    assert_eq!(code(copy("from/absent").send().await), "NoSuchKey");
    assert_eq!(code(copy("absent/k").send().await), "NoSuchBucket");
    assert_eq!(code(copy("from/k").copy_source_if_match("\"no\"").send().await), "PreconditionFailed");
    assert_eq!(code(copy("from/k").copy_source_if_none_match(&etag).send().await), "PreconditionFailed");
    let future = DateTime::from_secs(4_000_000_000);
    assert_eq!(code(copy("from/k").copy_source_if_modified_since(future).send().await), "PreconditionFailed");
    assert_eq!(code(copy("from/k").expected_source_bucket_owner("222222222222").send().await), "AccessDenied");
    let onto_itself = || s3.copy_object().bucket("from").key("k").copy_source("from/k");
    assert_eq!(code(onto_itself().send().await), "InvalidRequest");
    assert!(onto_itself().storage_class(StorageClass::StandardIa).send().await.is_ok());
    put(s3, "from", "to", b"there").await;
    let unless_there =
        copy("from/k").customize().mutate_request(|r| drop(r.headers_mut().insert("if-none-match", "*")));
    assert_eq!(code(unless_there.send().await), "PreconditionFailed");
    assert_eq!(read(s3, "from", "to").await, b"there");
}

#[tokio::test]
async fn an_older_version_is_copied_by_its_id() {
    let scene = Scene::with_bucket("from").await;
    let s3 = &scene.source;
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket("from").versioning_configuration(enabled).send().await.unwrap();
    let old = s3.put_object().bucket("from").key("a").body(b"old".to_vec().into()).send().await.unwrap();
    let old = old.version_id().unwrap().to_owned();
    put(s3, "from", "a", b"new").await;
    let copy = |version: &str| {
        s3.copy_object().bucket("from").key("b").copy_source(format!("from/a?versionId={version}")).send()
    };
    let copied = copy(&old).await.unwrap();
    assert_eq!(copied.copy_source_version_id(), Some(old.as_str()));
    assert!(copied.version_id().is_some());
    assert_eq!(read(s3, "from", "b").await, b"old");
    let marker = s3.delete_object().bucket("from").key("a").send().await.unwrap();
    assert_eq!(code(copy(marker.version_id().unwrap()).await), "InvalidRequest");
    assert_eq!(code(s3.copy_object().bucket("from").key("b").copy_source("from/a").send().await), "NoSuchKey");
}
