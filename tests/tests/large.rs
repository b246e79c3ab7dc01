//! copy-large, by jobs that invoke it: whole objects arrive, whatever their size and whatever happens on the way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ServerSideEncryption, StorageClass, Tag, Tagging, VersioningConfiguration,
};
use cloud::front::{Fault, Mishap, Seen, When};
use cloud::lambda::Limits;
use e2e::large::{COPY_LARGE, Ended, Sparse, sample};
use e2e::route::{DESTINATION_BUCKET, Route, SOURCE_BUCKET};

const GB: u64 = 1_000_000_000;
const MIB: u64 = 1 << 20;

async fn route(parameters: &[(&str, &str)]) -> Route {
    let route = Route::set_up(parameters).await.unwrap();
    limit(&route, Duration::from_mins(10));
    route
}

fn limit(route: &Route, timeout: Duration) {
    route.cloud.functions().set_limits(COPY_LARGE, Limits { timeout, concurrency: 2 });
}

async fn put(route: &Route, key: &str, sparse: Sparse) {
    let request = route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key);
    sparse.put(request).await.unwrap();
}

async fn head(route: &Route, key: &str) -> HeadObjectOutput {
    route.destination.s3.head_object().bucket(DESTINATION_BUCKET).key(key).send().await.unwrap()
}

async fn is_there(route: &Route, key: &str) -> bool {
    route.destination.s3.head_object().bucket(DESTINATION_BUCKET).key(key).send().await.is_ok()
}

async fn uploads(route: &Route) -> usize {
    let listed = route.destination.s3.list_multipart_uploads().bucket(DESTINATION_BUCKET).send().await.unwrap();
    listed.uploads().len()
}

/// The copy is the source, as far as samples tell: its ends and eight places between.
async fn same_bytes(route: &Route, key: &str, copy: &str, size: u64) {
    let mut random = fastrand::Rng::with_seed(size);
    let mut starts = vec![0, size - 1000];
    starts.extend((0..8).map(|_| random.u64(0..size - 1000)));
    for start in starts {
        let source = sample(&route.source.s3, SOURCE_BUCKET, key, start, 1000).await.unwrap();
        let there = sample(&route.destination.s3, DESTINATION_BUCKET, copy, start, 1000).await.unwrap();
        assert!(source == there, "{key} differs from its copy in the 1000 bytes from {start} on");
    }
}

fn copied(ended: &BTreeMap<String, Ended>, key: &str) -> String {
    let ended = &ended[key];
    assert!(ended.succeeded, "{key}: {} {}", ended.code, ended.message);
    ended.message.clone()
}

fn failed(ended: &BTreeMap<String, Ended>, key: &str, code: &str, word: &str) {
    let ended = &ended[key];
    assert!(!ended.succeeded, "{}", ended.message);
    assert_eq!(ended.code, code, "{}", ended.message);
    assert!(ended.message.starts_with(word), "{}", ended.message);
}

/// The calls of copy-large by their operation.
fn calls(seen: &[Seen], operation: &str) -> usize {
    seen.iter().filter(|seen| seen.operation == operation).count()
}

fn part_number(seen: &Seen) -> Option<u64> {
    let number = seen.query.split('&').find_map(|pair| pair.strip_prefix("partNumber="))?;
    (seen.operation == "UploadPartCopy").then(|| number.parse().ok())?
}

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

/// At each call that copy-large makes, with and without its effect: the next job finds its way, and leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_call_goes_wrong_the_next_attempt_goes_on() {
    let route = route(&[]).await;
    let size = 6 * GB;
    for (m, mishap) in Mishap::ALL.into_iter().enumerate() {
        for call in 1.. {
            let (key, run) = (format!("{m}-{call}"), format!("run-{m}-{call}"));
            put(&route, &key, Sparse { size, part: Some(GB), seed: call as u64 }).await;
            route.cloud.faults().script_for(COPY_LARGE, move |seen| {
                if (seen.call, seen.attempt) == (call, 1) { mishap.fault() } else { Fault::None }
            });
            let ended = route.copy_large(&run, &[&key]).await.unwrap();
            let (struck, first) = (route.cloud.faults().struck(), route.cloud.faults().seen());
            let what = format!("{mishap:?} at call {call}, {struck:?}");
            route.cloud.faults().script_for(COPY_LARGE, |_| Fault::None);
            if !ended[&key].succeeded {
                // A request that was under way when its process was killed takes effect a moment later.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let ended = route.copy_large(&format!("{run}-again"), &[&key]).await.unwrap();
                copied(&ended, &key);
            }
            let second = route.cloud.faults().seen();
            let took_effect = |seen: &&Seen| !struck.contains(seen) || mishap.fault().is_after();
            let numbers: Vec<u64> = first.iter().filter(took_effect).chain(&second).filter_map(part_number).collect();
            let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
            assert!(numbers.len() == distinct.len() || mishap.retries(), "{what}: copied twice: {numbers:?}");
            assert_eq!(distinct.len(), 6, "{what}");
            assert_eq!(uploads(&route).await, 0, "{what}");
            assert_eq!(head(&route, &key).await.content_length, Some(i64::try_from(size).unwrap()), "{what}");
            same_bytes(&route, &key, &key, size).await;
            if struck.is_empty() {
                assert!(call > 15, "copy-large makes more calls than that");
                break;
            }
        }
    }
}

trait Effect {
    fn is_after(&self) -> bool;
}

impl Effect for Fault {
    fn is_after(&self) -> bool {
        matches!(self, Self::Answer { when: When::After, .. } | Self::Cut(When::After) | Self::Crash(When::After))
    }
}

trait Retries {
    fn retries(self) -> bool;
}

impl Retries for Mishap {
    /// The SDK sends a call again whose answer was lost, and then its part is copied twice, by nobody's decision.
    fn retries(self) -> bool {
        matches!(self, Self::Unavailable(When::After) | Self::Cut(When::After))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_it_copies_no_finished_part_twice() {
    let route = route(&[]).await;
    let mut random = fastrand::Rng::with_seed(20_261_122);
    put(&route, "k", Sparse { size: 6 * GB, part: Some(16 * MIB), seed: 9 }).await;
    let numbers: Arc<Mutex<Vec<u64>>> = Arc::default();
    let mut kills = 0;
    for run in 0.. {
        let (at, kept) = (random.usize(20..120), Arc::clone(&numbers));
        route.cloud.faults().script_for(COPY_LARGE, move |seen| {
            if seen.number == at {
                return Fault::Crash(When::Before);
            }
            kept.lock().unwrap().extend(part_number(seen));
            Fault::None
        });
        let ended = route.copy_large(&format!("run-{run}"), &["k"]).await.unwrap();
        if ended["k"].succeeded {
            break;
        }
        kills += 1;
        failed(&ended, "k", "PermanentFailure", "Lambda returned function error");
        assert_eq!(uploads(&route).await, 1, "what was copied is kept");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(kills >= 3, "killed {kills} times");
    let numbers = numbers.lock().unwrap().clone();
    let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!((numbers.len(), distinct.len()), (358, 358));
    assert_eq!(uploads(&route).await, 0);
    same_bytes(&route, "k", "k", 6 * GB).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_in_time_and_goes_on() {
    let route = route(&[]).await;
    limit(&route, Duration::from_secs(6));
    route.cloud.jobs().set_attempts(20);
    put(&route, "slow", Sparse { size: 12 * GB, part: Some(5 * MIB), seed: 9 }).await;
    let slow = |seen: &Seen| match seen.operation.as_str() {
        "UploadPartCopy" => Fault::Hang(When::After, Duration::from_millis(300)),
        _ => Fault::None,
    };
    route.cloud.faults().script_for(COPY_LARGE, slow);
    let ended = route.copy_large("first", &["slow"]).await.unwrap();
    let message = copied(&ended, "slow");
    assert!(!message.contains("2289 of them now"), "one attempt was enough: {message}");
    let seen = route.cloud.faults().seen();
    assert_eq!(calls(&seen, "CreateMultipartUpload"), 1, "one upload, gone on with");
    let numbers: BTreeSet<u64> = seen.iter().filter_map(part_number).collect();
    assert_eq!(numbers.len(), 2289);
    assert_eq!(calls(&seen, "UploadPartCopy"), 2289, "no part twice");
    assert_eq!(uploads(&route).await, 0);
    same_bytes(&route, "slow", "slow", 12 * GB).await;

    // The last attempt's string is in the report, and the next run goes on.
    route.cloud.jobs().set_attempts(1);
    put(&route, "slower", Sparse { size: 12 * GB, part: Some(5 * MIB), seed: 10 }).await;
    let ended = route.copy_large("second", &["slower"]).await.unwrap();
    failed(&ended, "slower", "TemporaryFailure", "TimeUp: time is up, ");
    route.cloud.faults().script_for(COPY_LARGE, |_| Fault::None);
    limit(&route, Duration::from_mins(10));
    copied(&route.copy_large("third", &["slower"]).await.unwrap(), "slower");
    assert_eq!(calls(&route.cloud.faults().seen(), "CreateMultipartUpload"), 0);
    assert_eq!(uploads(&route).await, 0);
}

/// Overwrites the source when the third part is asked for.
fn overwrite_at_the_third(route: &Route, key: &'static str, seed: u64) {
    let source = route.source.s3.clone();
    let begun = Arc::new(Mutex::new(0));
    route.cloud.faults().script_for(COPY_LARGE, move |seen| {
        if seen.operation != "UploadPartCopy" {
            return Fault::None;
        }
        let mut begun = begun.lock().unwrap();
        *begun += 1;
        if *begun != 3 {
            return Fault::None;
        }
        let request = source.put_object().bucket(SOURCE_BUCKET).key(key);
        Fault::First(Box::pin(async move {
            Sparse { size: 6 * GB, part: Some(16 * MIB), seed }.put(request).await.unwrap();
        }))
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_overwritten_on_the_way_is_never_mixed() {
    let route = route(&[]).await;
    put(&route, "k", Sparse { size: 6 * GB, part: Some(16 * MIB), seed: 1 }).await;
    overwrite_at_the_third(&route, "k", 2);
    let ended = route.copy_large("first", &["k"]).await.unwrap();
    failed(&ended, "k", "PermanentFailure", "SourceChanged: it was overwritten while it was copied");
    assert!(!is_there(&route, "k").await, "nothing was written");
    assert_eq!(uploads(&route).await, 0);
    assert_eq!(route.keys_below("ledger/uploads/").await.unwrap(), Vec::<String>::new());
    copied(&route.copy_large("second", &["k"]).await.unwrap(), "k");
    same_bytes(&route, "k", "k", 6 * GB).await;

    // Where there are versions, the one that was begun arrives whole, and the next report lists the other.
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let enable = route.source.s3.put_bucket_versioning().bucket(SOURCE_BUCKET).versioning_configuration(versioning);
    enable.send().await.unwrap();
    put(&route, "v", Sparse { size: 6 * GB, part: Some(16 * MIB), seed: 3 }).await;
    put(&route, "as it was", Sparse { size: 6 * GB, part: Some(16 * MIB), seed: 3 }).await;
    overwrite_at_the_third(&route, "v", 4);
    copied(&route.copy_large("third", &["v"]).await.unwrap(), "v");
    same_bytes(&route, "as it was", "v", 6 * GB).await;
    copied(&route.copy_large("fourth", &["v"]).await.unwrap(), "v");
    same_bytes(&route, "v", "v", 6 * GB).await;
    assert_eq!(uploads(&route).await, 0);
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

/// Stops an attempt in the middle, and says that its upload and its record are there.
async fn begin(route: &Route, key: &str, run: &str) {
    put(route, key, Sparse { size: 6 * GB, part: Some(512 * MIB), seed: 1 }).await;
    route.cloud.jobs().set_attempts(1);
    route.cloud.faults().script_for(COPY_LARGE, |seen| match part_number(seen) {
        Some(3) => {
            Fault::Answer { status: 503, code: "ServiceUnavailable", message: "Service is unable.", when: When::Before }
        }
        _ => Fault::None,
    });
    let ended = route.copy_large(run, &[key]).await.unwrap();
    failed(&ended, key, "TemporaryFailure", "ServiceUnavailable: ");
    assert_eq!(uploads(route).await, 1);
    assert_eq!(route.keys_below("ledger/uploads/").await.unwrap().len(), 1);
    route.cloud.faults().script_for(COPY_LARGE, |_| Fault::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_no_longer_be_read_leaves_nothing_behind() {
    let route = route(&[]).await;
    let none = Vec::<String>::new();
    begin(&route, "deleted", "first").await;
    route.source.s3.delete_object().bucket(SOURCE_BUCKET).key("deleted").send().await.unwrap();
    let ended = route.copy_large("second", &["deleted"]).await.unwrap();
    failed(&ended, "deleted", "PermanentFailure", "NoSuchKey: ");
    assert_eq!((uploads(&route).await, route.keys_below("ledger/uploads/").await.unwrap()), (0, none.clone()));

    begin(&route, "archived", "third").await;
    let archived = route.source.s3.put_object().bucket(SOURCE_BUCKET).key("archived");
    let sparse = Sparse { size: 6 * GB, part: Some(512 * MIB), seed: 1 };
    sparse.put(archived.storage_class(StorageClass::DeepArchive)).await.unwrap();
    let ended = route.copy_large("fourth", &["archived"]).await.unwrap();
    failed(&ended, "archived", "PermanentFailure", "InvalidObjectState: ");
    assert_eq!((uploads(&route).await, route.keys_below("ledger/uploads/").await.unwrap()), (0, none));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_copied_before_a_call_was_denied_is_gone_on_with() {
    let route = route(&[]).await;
    put(&route, "k", Sparse { size: 6 * GB, part: Some(512 * MIB), seed: 1 }).await;
    route.cloud.faults().script_for(COPY_LARGE, |seen| match part_number(seen) {
        Some(3) => Fault::Answer { status: 403, code: "AccessDenied", message: "Access Denied", when: When::Before },
        _ => Fault::None,
    });
    let ended = route.copy_large("first", &["k"]).await.unwrap();
    failed(&ended, "k", "PermanentFailure", "AccessDenied: UploadPartCopy failed");
    assert_eq!(uploads(&route).await, 1, "what was copied is kept");
    route.cloud.faults().script_for(COPY_LARGE, |_| Fault::None);
    copied(&route.copy_large("second", &["k"]).await.unwrap(), "k");
    let seen = route.cloud.faults().seen();
    assert_eq!(calls(&seen, "CreateMultipartUpload"), 0);
    assert!(calls(&seen, "UploadPartCopy") < 12, "no part twice");
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
