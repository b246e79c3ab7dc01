//! Versions and delete markers.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};

use crate::support::{Scene, code, put, read};

async fn set(s3: &Client, bucket: &str, status: BucketVersioningStatus) {
    let configuration = VersioningConfiguration::builder().status(status).build();
    s3.put_bucket_versioning().bucket(bucket).versioning_configuration(configuration).send().await.unwrap();
}

/// Key, version id and whether it is a delete marker, as listed; the null version before the ids.
async fn listed(s3: &Client, bucket: &str) -> Vec<(String, String, bool)> {
    let list = s3.list_object_versions().bucket(bucket).send().await.unwrap();
    let versions =
        list.versions().iter().map(|v| (v.key().unwrap().to_owned(), v.version_id().unwrap().to_owned(), false));
    let markers =
        list.delete_markers().iter().map(|m| (m.key().unwrap().to_owned(), m.version_id().unwrap().to_owned(), true));
    versions.chain(markers).collect()
}

#[tokio::test]
async fn every_version_stays_readable_until_it_is_deleted_by_its_id() {
    let scene = Scene::with_bucket("kept").await;
    let s3 = &scene.source;
    put(s3, "kept", "k", b"null").await;
    set(s3, "kept", BucketVersioningStatus::Enabled).await;
    let first = s3.put_object().bucket("kept").key("k").body(b"first".to_vec().into()).send().await.unwrap();
    let first = first.version_id().unwrap().to_owned();
    put(s3, "kept", "k", b"second").await;
    let by_id = |id: &str| s3.get_object().bucket("kept").key("k").version_id(id).send();
    let bytes = by_id(&first).await.unwrap().body.collect().await.unwrap().to_vec();
    assert_eq!((bytes, read(s3, "kept", "k").await), (b"first".to_vec(), b"second".to_vec()));
    assert_eq!(by_id("null").await.unwrap().version_id(), Some("null"));

    let marker = s3.delete_object().bucket("kept").key("k").send().await.unwrap();
    assert_eq!(marker.delete_marker(), Some(true));
    let marker = marker.version_id().unwrap().to_owned();
    assert_eq!(code(s3.get_object().bucket("kept").key("k").send().await), "NoSuchKey");
    assert_eq!(code(by_id(&marker).await), "MethodNotAllowed");
    assert_eq!(code(by_id(&"0".repeat(32)).await), "NoSuchVersion");
    assert_eq!(code(by_id("odd").await), "InvalidArgument");
    assert_eq!(listed(s3, "kept").await.len(), 4);
    assert_eq!(s3.list_objects_v2().bucket("kept").send().await.unwrap().key_count(), Some(0));
    assert_eq!(code(s3.delete_bucket().bucket("kept").send().await), "BucketNotEmpty");

    // Without its marker the object is back; a version deleted by its id is gone for good.
    s3.delete_object().bucket("kept").key("k").version_id(&marker).send().await.unwrap();
    assert_eq!(read(s3, "kept", "k").await, b"second");
    for (key, version, _) in listed(s3, "kept").await {
        s3.delete_object().bucket("kept").key(key).version_id(version).send().await.unwrap();
    }
    assert!(listed(s3, "kept").await.is_empty());
    s3.delete_bucket().bucket("kept").send().await.unwrap();
}

#[tokio::test]
async fn a_suspended_bucket_overwrites_its_null_version_only() {
    let scene = Scene::with_bucket("paused").await;
    let s3 = &scene.source;
    set(s3, "paused", BucketVersioningStatus::Enabled).await;
    put(s3, "paused", "k", b"kept").await;
    set(s3, "paused", BucketVersioningStatus::Suspended).await;
    put(s3, "paused", "k", b"null 1").await;
    put(s3, "paused", "k", b"null 2").await;
    let versions = listed(s3, "paused").await;
    assert_eq!(versions.len(), 2);
    assert_eq!(versions.iter().filter(|(_, id, _)| id == "null").count(), 1);
    s3.delete_object().bucket("paused").key("k").send().await.unwrap();
    let versions = listed(s3, "paused").await;
    assert_eq!(versions.iter().filter(|(_, id, marker)| id == "null" && *marker).count(), 1);
    assert_eq!(versions.len(), 2, "the marker took the null version's place");
}

#[tokio::test]
async fn versions_are_listed_page_by_page_newest_first() {
    let scene = Scene::with_bucket("pages").await;
    let s3 = &scene.source;
    set(s3, "pages", BucketVersioningStatus::Enabled).await;
    for key in ["a", "b", "b", "b", "c/1", "c/2", "d"] {
        put(s3, "pages", key, b"x").await;
    }
    let (mut seen, mut key_marker, mut id_marker) = (Vec::new(), None::<String>, None::<String>);
    loop {
        let page = s3
            .list_object_versions()
            .bucket("pages")
            .delimiter("/")
            .max_keys(2)
            .set_key_marker(key_marker.take())
            .set_version_id_marker(id_marker.take())
            .send()
            .await
            .unwrap();
        seen.extend(page.versions().iter().map(|v| format!("{} {}", v.key().unwrap(), v.is_latest().unwrap())));
        seen.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
        if page.is_truncated() != Some(true) {
            break;
        }
        key_marker = page.next_key_marker;
        id_marker = page.next_version_id_marker;
    }
    // Within a page the SDK tells versions and prefixes apart, so their order among each other is lost.
    seen.sort();
    assert_eq!(seen, ["a true", "b false", "b false", "b true", "c/", "d true"]);
}
