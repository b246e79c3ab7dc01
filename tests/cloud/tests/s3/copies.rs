//! CopyObject.

use crate::support::{Scene, put, read};

#[tokio::test]
async fn a_copy_has_the_bytes_of_its_source() {
    let scene = Scene::with_bucket("from").await;
    let s3 = &scene.source;
    let etag = put(s3, "from", "a", b"bytes").await;
    let copy = s3.copy_object().bucket("from").key("b").copy_source("from/a").send().await.unwrap();
    assert_eq!(copy.copy_object_result().unwrap().e_tag().unwrap().trim_matches('"'), etag);
    assert_eq!(read(s3, "from", "b").await, b"bytes");
}
