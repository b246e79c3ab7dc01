//! An object that is overwritten while it is copied arrives as one of the two, or not at all.

use std::sync::{Arc, Mutex};

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use cloud::front::{Fault, When};
use e2e::large::{COPY_LARGE, Sparse};
use e2e::route::{Route, SOURCE_BUCKET};

use super::{GB, MIB, SIZES, copied, failed, is_there, put, route, same_bytes, uploads};

/// Overwrites the source by `other` when copy-large makes its `nth` call of `operation`.
fn overwrite_at(route: &Route, key: &'static str, (operation, nth): (&'static str, usize), other: Sparse) {
    let source = route.source.s3.clone();
    let begun = Arc::new(Mutex::new(0));
    route.cloud.faults().script_for(COPY_LARGE, move |seen| {
        if seen.operation != operation {
            return Fault::None;
        }
        let mut begun = begun.lock().unwrap();
        *begun += 1;
        if *begun != nth {
            return Fault::None;
        }
        let request = source.put_object().bucket(SOURCE_BUCKET).key(key);
        Fault::First(Box::pin(async move { other.put(request).await.unwrap() }))
    });
}

const THIRD_PART: (&str, usize) = ("UploadPartCopy", 3);

#[tokio::test(flavor = "multi_thread")]
async fn an_object_overwritten_on_the_way_is_never_mixed() {
    for (size, part) in SIZES {
        let route = route(&[]).await;
        let object = |seed| Sparse { size, part: Some(part), seed };
        put(&route, "k", object(1)).await;
        overwrite_at(&route, "k", THIRD_PART, object(2));
        let ended = route.copy_large("first", &["k"]).await.unwrap();
        failed(&ended, "k", "PermanentFailure", "SourceChanged: it was overwritten while it was copied");
        assert!(!is_there(&route, "k").await, "nothing was written");
        assert_eq!(uploads(&route).await, 0);
        assert_eq!(route.keys_below("ledger/uploads/").await.unwrap(), Vec::<String>::new());
        route.cloud.faults().clear();
        if size < SIZES[2].0 {
            copied(&route.copy_large("second", &["k"]).await.unwrap(), "k");
            same_bytes(&route, "k", "k", size).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_versions_the_one_that_was_begun_arrives_whole() {
    let route = route(&[]).await;
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let enable = route.source.s3.put_bucket_versioning().bucket(SOURCE_BUCKET).versioning_configuration(versioning);
    enable.send().await.unwrap();
    for (n, (size, part)) in SIZES.into_iter().enumerate().take(2) {
        let object = |seed| Sparse { size, part: Some(part), seed };
        let (key, as_it_was) = (["a", "b"][n], format!("{n} as it was"));
        put(&route, key, object(3)).await;
        put(&route, &as_it_was, object(3)).await;
        overwrite_at(&route, key, THIRD_PART, object(4));
        copied(&route.copy_large(&format!("{n} first"), &[key]).await.unwrap(), key);
        same_bytes(&route, &as_it_was, key, size).await;
        route.cloud.faults().clear();
        // The next report lists the other.
        copied(&route.copy_large(&format!("{n} second"), &[key]).await.unwrap(), key);
        same_bytes(&route, key, key, size).await;
        assert_eq!(uploads(&route).await, 0);
    }
}

/// What has shrunk to what one request copies is pinned as well: what comes after it was looked at may be another object.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_has_shrunk_is_not_copied_as_another_than_it_was() {
    let route = route(&[]).await;
    let object = |seed| Sparse { size: 5000, part: None, seed };
    put(&route, "shrunk", object(1)).await;
    overwrite_at(&route, "shrunk", ("CopyObject", 1), object(2));
    let ended = route.copy_large("first", &["shrunk"]).await.unwrap();
    failed(&ended, "shrunk", "PermanentFailure", "SourceChanged: ");
    assert!(!is_there(&route, "shrunk").await, "nothing was written");
    route.cloud.faults().clear();
    assert_eq!(copied(&route.copy_large("second", &["shrunk"]).await.unwrap(), "shrunk"), "copied by one request");
    same_bytes(&route, "shrunk", "shrunk", 5000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_versions_upload_is_cleared_away() {
    let route = route(&[]).await;
    put(&route, "k", Sparse { size: 6 * GB, part: Some(16 * MIB), seed: 1 }).await;
    route
        .cloud
        .faults()
        .script_for(COPY_LARGE, |seen| if seen.number == 100 { Fault::Crash(When::After) } else { Fault::None });
    assert!(!route.copy_large("first", &["k"]).await.unwrap()["k"].succeeded);
    assert_eq!(uploads(&route).await, 1);
    put(&route, "k", Sparse { size: 7 * GB, part: Some(16 * MIB), seed: 2 }).await;
    copied(&route.copy_large("second", &["k"]).await.unwrap(), "k");
    assert_eq!(uploads(&route).await, 0, "the older one is aborted");
    same_bytes(&route, "k", "k", 7 * GB).await;
    assert_eq!(route.keys_below("ledger/uploads/").await.unwrap().len(), 1);
}
