//! `ListObjects` and `ListObjectsV2`.

use aws_sdk_s3::types::EncodingType;
use proptest::prelude::*;

use crate::support::{Scene, code, put};

#[tokio::test]
async fn a_delimiter_rolls_keys_up_and_pages_neither_lose_nor_repeat() {
    let scene = Scene::with_bucket("tree").await;
    let s3 = &scene.source;
    for key in ["a", "b/1", "b/2", "b/c/3", "b0", "d/4", "e"] {
        put(s3, "tree", key, b"x").await;
    }
    for max in 1..=6 {
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let page = s3.list_objects_v2().bucket("tree").delimiter("/").max_keys(max);
            let page = page.set_continuation_token(token.take()).send().await.unwrap();
            seen.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
            seen.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
            assert!(page.key_count().unwrap() <= max);
            token = page.next_continuation_token;
            if token.is_none() {
                break;
            }
        }
        seen.sort();
        assert_eq!(seen, ["a", "b/", "b0", "d/", "e"], "in pages of {max}");
    }
    let below = s3.list_objects_v2().bucket("tree").prefix("b/").delimiter("/").send().await.unwrap();
    assert_eq!(below.contents().iter().map(|o| o.key().unwrap()).collect::<Vec<_>>(), ["b/1", "b/2"]);
    assert_eq!(below.common_prefixes().first().unwrap().prefix(), Some("b/c/"));
    let after = s3.list_objects_v2().bucket("tree").start_after("b0").send().await.unwrap();
    assert_eq!(after.contents().iter().map(|o| o.key().unwrap()).collect::<Vec<_>>(), ["d/4", "e"]);
    assert_eq!(s3.list_objects_v2().bucket("tree").max_keys(0).send().await.unwrap().is_truncated(), Some(false));
    assert_eq!(code(s3.list_objects_v2().bucket("tree").continuation_token("!").send().await), "InvalidArgument");
}

#[tokio::test]
async fn the_first_version_of_the_api_pages_by_marker() {
    let scene = Scene::with_bucket("old").await;
    let s3 = &scene.source;
    for key in ["a/1", "a/2", "b", "c/1"] {
        put(s3, "old", key, b"x").await;
    }
    let (mut seen, mut marker) = (Vec::new(), None);
    loop {
        let page = s3.list_objects().bucket("old").delimiter("/").max_keys(1).set_marker(marker.take());
        let page = page.send().await.unwrap();
        seen.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
        seen.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a/", "b", "c/"]);
}

#[tokio::test]
async fn url_encoding_carries_what_xml_cannot() {
    let scene = Scene::with_bucket("odd").await;
    let s3 = &scene.source;
    put(s3, "odd", "a b+c/\u{1}\r\n", b"x").await;
    let list = s3.list_objects_v2().bucket("odd").encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(list.contents().first().unwrap().key(), Some("a%20b%2Bc/%01%0D%0A"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the keys, prefix, delimiter and page size: all pages together are what a plain reading of the rules gives.
    #[test]
    fn pages_add_up_to_the_naive_listing(
        keys in prop::collection::btree_set("[ab/+é]{1,6}", 1..25),
        prefix in "[ab/]{0,2}",
        delimiter in prop::option::of("/|b|a/"),
        max in 1..5_i32,
    ) {
        let naive: std::collections::BTreeSet<String> = keys
            .iter()
            .filter(|key| key.starts_with(&prefix))
            .map(|key| match delimiter.as_ref().and_then(|d| key[prefix.len()..].find(d.as_str()).map(|at| at + d.len())) {
                Some(end) => key[..prefix.len() + end].to_owned(),
                None => key.clone(),
            })
            .collect();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let seen = runtime.block_on(async {
            let scene = Scene::with_bucket("props").await;
            for key in &keys {
                scene.source.put_object().bucket("props").key(key).send().await.unwrap();
            }
            let (mut seen, mut token) = (Vec::new(), None);
            loop {
                let page = scene.source.list_objects_v2().bucket("props").prefix(&prefix).max_keys(max);
                let page = page.set_delimiter(delimiter.clone()).set_continuation_token(token.take()).send().await.unwrap();
                seen.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
                seen.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
                token = page.next_continuation_token;
                if token.is_none() {
                    break seen;
                }
            }
        });
        let distinct: std::collections::BTreeSet<String> = seen.iter().cloned().collect();
        prop_assert_eq!(seen.len(), distinct.len());
        prop_assert_eq!(distinct, naive);
    }
}
