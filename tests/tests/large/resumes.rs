//! What was begun and not ended is gone on with: no finished part is copied twice, and nothing is left behind.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::types::StorageClass;
use cloud::front::{Fault, Mishap, Seen, When};
use e2e::large::{COPY_LARGE, Sparse};
use e2e::route::{Route, SOURCE_BUCKET};

use super::{GB, MIB, SIZES, calls, copied, failed, head, limit, part_number, put, route, same_bytes, uploads};

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

/// Attempts that are interrupted, before one that is not.
const ATTEMPTS: usize = 3;

/// The object `k` is copied by attempts that end early: as `interrupt` says of each call, and then by one that nobody
/// disturbs. No finished part is copied twice, no upload is left, and what arrives is whole.
async fn copies_no_finished_part_twice(
    (size, part): (u64, u64),
    interrupt: impl Fn(usize, &Seen) -> Fault + Send + Sync + 'static,
) {
    let route = route(&[]).await;
    route.cloud.jobs().set_attempts(1);
    put(&route, "k", Sparse { size, part: Some(part), seed: 9 }).await;
    let (numbers, interrupt): (Arc<Mutex<Vec<u64>>>, _) = (Arc::default(), Arc::new(interrupt));
    let count = usize::try_from(size.div_ceil(part)).unwrap();
    for run in 0..=ATTEMPTS {
        let (kept, interrupt) = (Arc::clone(&numbers), Arc::clone(&interrupt));
        let is_last = run == ATTEMPTS;
        // An attempt whose parts take long is out of time soon.
        limit(&route, if run % 2 == 1 && !is_last { Duration::from_secs(3) } else { Duration::from_mins(10) });
        route.cloud.faults().script_for(COPY_LARGE, move |seen| {
            let fault = if is_last { Fault::None } else { interrupt(run, seen) };
            if !matches!(fault, Fault::Crash(When::Before)) {
                kept.lock().unwrap().extend(part_number(seen));
            }
            fault
        });
        let ended = route.copy_large(&format!("run-{run}"), &["k"]).await.unwrap();
        if is_last {
            copied(&ended, "k");
            break;
        }
        let known = numbers.lock().unwrap().len();
        assert!(!ended["k"].succeeded && known < count, "attempt {run} was not interrupted: {:?}", ended["k"]);
        assert_eq!(uploads(&route).await, 1, "what was copied is kept");
        // What was under way when a process was killed takes effect a moment later.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let numbers = numbers.lock().unwrap().clone();
    let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!((numbers.len(), distinct.len()), (count, count), "{size} bytes");
    assert_eq!(uploads(&route).await, 0, "{size} bytes");
    let source = route.source.s3.head_object().bucket(SOURCE_BUCKET).key("k").send().await.unwrap();
    let there = head(&route, "k").await;
    assert_eq!((there.content_length, there.e_tag), (source.content_length, source.e_tag));
    same_bytes(&route, "k", "k", size).await;
}

/// Attempts are killed at a random call and run out of time, by turns.
async fn interrupted_at_random(sizes: (u64, u64)) {
    let mut random = fastrand::Rng::with_seed(20_261_122 + sizes.0);
    let parts = usize::try_from(sizes.0.div_ceil(sizes.1)).unwrap();
    // So that all of them together copy less than the whole.
    let kills: Vec<usize> = (0..ATTEMPTS).map(|_| random.usize(20..parts / (2 * ATTEMPTS))).collect();
    // A part that was begun when the time was up is waited for.
    let pause = Duration::from_millis(250);
    copies_no_finished_part_twice(sizes, move |run, seen| {
        if run % 2 == 1 && part_number(seen).is_some() {
            Fault::Hang(When::After, pause)
        } else if run % 2 == 0 && seen.number == kills[run] {
            Fault::Crash(When::Before)
        } else {
            Fault::None
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_gigabytes_interrupted_at_random_copy_no_finished_part_twice() {
    interrupted_at_random(SIZES[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_hundred_gigabytes_interrupted_at_random_copy_no_finished_part_twice() {
    interrupted_at_random(SIZES[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_terabytes_interrupted_at_random_copy_no_finished_part_twice() {
    interrupted_at_random(SIZES[2]).await;
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
