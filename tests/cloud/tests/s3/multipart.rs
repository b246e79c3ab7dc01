//! Multipart uploads.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};

use crate::support::{Scene, code, put};

const PART: usize = 5 << 20;

fn part_bytes(number: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| number.wrapping_add(u8::try_from(i % 249).unwrap())).collect()
}

async fn start(s3: &Client, key: &str) -> String {
    let create = s3.create_multipart_upload().bucket("parts").key(key).content_type("text/x").metadata("m", "1");
    create.tagging("t=1").send().await.unwrap().upload_id.unwrap()
}

async fn upload(s3: &Client, key: &str, id: &str, number: i32, bytes: Vec<u8>) -> CompletedPart {
    let part = s3.upload_part().bucket("parts").key(key).upload_id(id).part_number(number);
    let part = part.body(ByteStream::from(bytes)).send().await.unwrap();
    let done = CompletedPart::builder().part_number(number).e_tag(part.e_tag.unwrap());
    done.set_checksum_crc32(part.checksum_crc32).build()
}

fn listing(parts: impl IntoIterator<Item = CompletedPart>) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder().set_parts(Some(parts.into_iter().collect())).build()
}

#[tokio::test]
async fn parts_become_one_object_that_counts_from_the_uploads_start() {
    let scene = Scene::with_bucket("parts").await;
    let s3 = &scene.source;
    let id = start(s3, "k").await;
    let initiated = s3.list_multipart_uploads().bucket("parts").send().await.unwrap();
    let initiated = *initiated.uploads().first().unwrap().initiated().unwrap();
    let bytes = [part_bytes(1, PART), part_bytes(2, PART), part_bytes(3, 10)];
    let mut done = Vec::new();
    for (number, bytes) in (1..).zip(&bytes) {
        done.push(upload(s3, "k", &id, number * 10, bytes.clone()).await);
    }
    let listed = s3.list_parts().bucket("parts").key("k").upload_id(&id).max_parts(2).send().await.unwrap();
    assert_eq!((listed.parts().len(), listed.is_truncated()), (2, Some(true)));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let complete = s3.complete_multipart_upload().bucket("parts").key("k").upload_id(&id);
    let answer = complete.multipart_upload(listing(done.clone())).send().await.unwrap();
    assert!(answer.e_tag().unwrap().trim_matches('"').ends_with("-3"));
    let got = s3.get_object().bucket("parts").key("k").send().await.unwrap();
    assert_eq!(got.last_modified(), Some(&initiated));
    assert_eq!((got.content_type(), got.tag_count()), (Some("text/x"), Some(1)));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes.concat());
    let third = s3.get_object().bucket("parts").key("k").part_number(3).send().await.unwrap();
    assert_eq!((third.content_length(), third.parts_count()), (Some(10), Some(3)));
    let again = s3.complete_multipart_upload().bucket("parts").key("k").upload_id(&id);
    assert_eq!(code(again.multipart_upload(listing(done)).send().await), "NoSuchUpload");

    // A copy of it is a single part, so its ETag differs.
    let copy = s3.copy_object().bucket("parts").key("copy").copy_source("parts/k").send().await.unwrap();
    assert!(!copy.copy_object_result().unwrap().e_tag().unwrap().contains('-'));
}

#[tokio::test]
async fn a_composite_checksum_is_made_of_the_parts_checksums() {
    let scene = Scene::with_bucket("parts").await;
    let s3 = &scene.source;
    let create = s3.create_multipart_upload().bucket("parts").key("k").checksum_algorithm(ChecksumAlgorithm::Crc32);
    let id = create.send().await.unwrap().upload_id.unwrap();
    let done = [upload(s3, "k", &id, 1, part_bytes(1, PART)).await, upload(s3, "k", &id, 2, part_bytes(2, 1)).await];
    let complete = s3.complete_multipart_upload().bucket("parts").key("k").upload_id(&id);
    complete.multipart_upload(listing(done)).send().await.unwrap();
    let head = s3.head_object().bucket("parts").key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert!(head.checksum_crc32().unwrap().ends_with("-2"));
}

#[tokio::test]
async fn a_wrong_completion_is_refused_and_the_upload_stays() {
    let scene = Scene::with_bucket("parts").await;
    let s3 = &scene.source;
    let id = start(s3, "k").await;
    let (one, two) = (upload(s3, "k", &id, 1, part_bytes(1, 9)).await, upload(s3, "k", &id, 2, part_bytes(2, 9)).await);
    let complete = |parts: Vec<CompletedPart>| {
        s3.complete_multipart_upload().bucket("parts").key("k").upload_id(&id).multipart_upload(listing(parts))
    };
    assert_eq!(code(complete(vec![one.clone(), two.clone()]).send().await), "EntityTooSmall");
    assert_eq!(code(complete(vec![two.clone(), one.clone()]).send().await), "InvalidPartOrder");
    let absent = CompletedPart::builder().part_number(3).e_tag("\"x\"").build();
    assert_eq!(code(complete(vec![absent]).send().await), "InvalidPart");
    let wrong = CompletedPart::builder().part_number(1).e_tag(two.e_tag().unwrap()).build();
    assert_eq!(code(complete(vec![wrong]).send().await), "InvalidPart");
    put(s3, "parts", "k", b"there").await;
    assert_eq!(code(complete(vec![one.clone()]).if_none_match("*").send().await), "PreconditionFailed");
    complete(vec![one]).send().await.unwrap();
    assert!(s3.list_multipart_uploads().bucket("parts").send().await.unwrap().uploads().is_empty());
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let scene = Scene::with_bucket("parts").await;
    let s3 = &scene.source;
    let id = start(s3, "k").await;
    s3.abort_multipart_upload().bucket("parts").key("k").upload_id(&id).send().await.unwrap();
    let late = s3.upload_part().bucket("parts").key("k").upload_id(&id).part_number(1);
    assert_eq!(code(late.body(ByteStream::from_static(b"x")).send().await), "NoSuchUpload");
    assert_eq!(code(s3.abort_multipart_upload().bucket("parts").key("k").upload_id(&id).send().await), "NoSuchUpload");
}

#[tokio::test]
async fn uploads_are_listed_page_by_page() {
    let scene = Scene::with_bucket("parts").await;
    let s3 = &scene.source;
    for key in ["a", "b/1", "b/2", "c"] {
        start(s3, key).await;
    }
    let (mut seen, mut key, mut id) = (Vec::new(), None, None);
    loop {
        let page = s3.list_multipart_uploads().bucket("parts").delimiter("/").max_uploads(1);
        let page = page.set_key_marker(key.take()).set_upload_id_marker(id.take()).send().await.unwrap();
        seen.extend(page.uploads().iter().map(|u| u.key().unwrap().to_owned()));
        seen.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
        if page.is_truncated() != Some(true) {
            break;
        }
        key = page.next_key_marker;
        id = page.next_upload_id_marker;
    }
    assert_eq!(seen, ["a", "b/", "c"]);
}
