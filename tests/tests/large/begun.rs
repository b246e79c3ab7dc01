//! What was begun is ended only as what it would be now: not by settings that have changed, nor by what others put there.

use aws_sdk_s3::types::StorageClass;
use cloud::front::{Fault, When};
use e2e::large::{COPY_LARGE, Sparse};
use e2e::route::{DESTINATION_BUCKET, Route};

use super::{GB, MIB, calls, copied, failed, head, put, route, same_bytes, uploads};

const SIZE: u64 = 6 * GB;
const PART: u64 = 512 * MIB;

/// An attempt that ends at a call of this operation, which has no effect.
async fn ends_at(route: &Route, operation: &'static str, run: &str, key: &str) {
    route.cloud.jobs().set_attempts(1);
    route.cloud.faults().script_for(COPY_LARGE, move |seen| {
        if seen.operation == operation {
            Fault::Answer { status: 503, code: "ServiceUnavailable", message: "by the test", when: When::Before }
        } else {
            Fault::None
        }
    });
    let ended = route.copy_large(run, &[key]).await.unwrap();
    failed(&ended, key, "TemporaryFailure", "ServiceUnavailable: ");
    route.cloud.faults().script_for(COPY_LARGE, |_| Fault::None);
}

/// Deploys copy-large with another storage class.
fn configure(route: &Route, class: &str) {
    let functions = route.cloud.functions();
    let mut settings = functions.settings(COPY_LARGE).unwrap();
    settings.environment.insert("STORAGE_CLASS".to_owned(), class.to_owned());
    functions.configure(&route.cloud, COPY_LARGE, settings).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_by_other_settings_is_begun_anew() {
    let route = route(&[]).await;
    put(&route, "k", Sparse { size: SIZE, part: Some(PART), seed: 1 }).await;
    ends_at(&route, "CompleteMultipartUpload", "first", "k").await;
    assert_eq!(uploads(&route).await, 1);
    configure(&route, "STANDARD_IA");
    copied(&route.copy_large("second", &["k"]).await.unwrap(), "k");
    assert_eq!(head(&route, "k").await.storage_class, Some(StorageClass::StandardIa));
    assert_eq!(uploads(&route).await, 0, "the first is aborted");
    same_bytes(&route, "k", "k", SIZE).await;

    // The same bytes and the same ETag, and yet not what a copy would be.
    configure(&route, "GLACIER_IR");
    for record in route.keys_below("ledger/uploads/").await.unwrap() {
        route.destination.s3.delete_object().bucket(e2e::route::MANIFEST_BUCKET).key(record).send().await.unwrap();
    }
    assert!(copied(&route.copy_large("third", &["k"]).await.unwrap(), "k").starts_with("copied in "));
    assert_eq!(head(&route, "k").await.storage_class, Some(StorageClass::GlacierIr));
}

/// An upload that was about to be completed is gone: only what it would have become counts as its object.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_put_there_is_not_taken_for_the_copy() {
    let route = route(&[]).await;
    let foreign = |size, part| Sparse { size, part: Some(part), seed: 99 };
    for (name, before, object) in [
        ("of another size", false, foreign(SIZE - 1, PART)),
        ("of other parts", false, foreign(SIZE, GB)),
        ("older", true, foreign(SIZE, PART)),
    ] {
        put(&route, name, Sparse { size: SIZE, part: Some(PART), seed: 1 }).await;
        let theirs = || object.put(route.destination.s3.put_object().bucket(DESTINATION_BUCKET).key(name));
        if before {
            theirs().await.unwrap();
            route.cloud.clock().turn(3600);
        }
        ends_at(&route, "CompleteMultipartUpload", &format!("{name}, first"), name).await;
        let listed = route.destination.s3.list_multipart_uploads().bucket(DESTINATION_BUCKET).send().await.unwrap();
        let upload = listed.uploads()[0].upload_id().unwrap();
        let abort = route.destination.s3.abort_multipart_upload().bucket(DESTINATION_BUCKET).key(name);
        abort.upload_id(upload).send().await.unwrap();
        if !before {
            theirs().await.unwrap();
        }
        let message = copied(&route.copy_large(&format!("{name}, second"), &[name]).await.unwrap(), name);
        assert!(message.starts_with("copied in "), "{name}: {message}");
        assert_eq!(calls(&route.cloud.faults().seen(), "CreateMultipartUpload"), 1, "{name}");
        same_bytes(&route, name, name, SIZE).await;
        assert_eq!(uploads(&route).await, 0, "{name}");
    }
}
