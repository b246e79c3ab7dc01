//! The operations as jobs and inventories call them: in process, same decisions, fast enough for big buckets.

use std::time::Instant;

use cloud::Cloud;
use cloud::identity::{AccountId, Principal};
use cloud::s3::request;
use s3s::S3;
use s3s::dto::{CopyObjectInput, CopySource, CreateBucketInput, PutObjectInput, StreamingBlob};

/// More than a batch job's test needs, in seconds even without optimisation.
const OBJECTS: usize = 10_000;

async fn bucket(cloud: &Cloud, owner: &Principal, name: &str) {
    let input = CreateBucketInput { bucket: name.to_owned(), ..CreateBucketInput::default() };
    cloud.s3().create_bucket(request(owner, input)).await.unwrap();
}

#[tokio::test]
async fn ten_thousand_objects_are_put_and_copied_in_seconds() {
    let cloud = Cloud::new();
    let root = Principal::Root(AccountId::source());
    bucket(&cloud, &root, "from").await;
    bucket(&cloud, &root, "into").await;
    let start = Instant::now();
    for i in 0..OBJECTS {
        let mut input = PutObjectInput::builder();
        input.set_bucket("from".to_owned());
        input.set_key(format!("folder/{i:05}"));
        input.set_body(Some(StreamingBlob::from(s3s::Body::from(format!("object {i}")))));
        cloud.s3().put_object(request(&root, input.build().unwrap())).await.unwrap();
    }
    let put = start.elapsed();
    for i in 0..OBJECTS {
        let mut input = CopyObjectInput::builder();
        input.set_bucket("into".to_owned());
        input.set_key(format!("copy/{i:05}"));
        input.set_copy_source(CopySource::Bucket {
            bucket: "from".into(),
            key: format!("folder/{i:05}").into(),
            version_id: None,
        });
        cloud.s3().copy_object(request(&root, input.build().unwrap())).await.unwrap();
    }
    let copied = start.elapsed().saturating_sub(put);
    let (from, to) = (cloud.store().list("from", "", true), cloud.store().list("into", "copy/", true));
    assert_eq!((from.len(), to.len()), (OBJECTS, OBJECTS));
    assert!(from.iter().zip(&to).all(|(a, b)| a.etag == b.etag && a.size == b.size));
    // Generous: an O(n) scan in each request would take minutes.
    assert!(put.as_secs() < 30 && copied.as_secs() < 30, "put {put:?}, copied {copied:?}");
    println!("{OBJECTS} objects: put {put:?}, copied {copied:?}");
}

#[tokio::test]
async fn a_request_of_nobody_is_denied() {
    let cloud = Cloud::new();
    let input = CreateBucketInput { bucket: "b".to_owned(), ..CreateBucketInput::default() };
    let refused = cloud.s3().create_bucket(request(&Principal::Anonymous, input)).await.unwrap_err();
    assert_eq!(refused.code(), &s3s::S3ErrorCode::AccessDenied);
}
