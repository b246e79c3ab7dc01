//! copy-large, by jobs that invoke it: whole objects arrive, whatever their size and whatever happens on the way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod arrives;
mod begun;
mod overwritten;
mod resumes;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use cloud::front::Seen;
use cloud::lambda::Limits;
use e2e::large::{COPY_LARGE, Ended, Sparse, sample};
use e2e::route::{DESTINATION_BUCKET, Route, SOURCE_BUCKET};

const GB: u64 = 1_000_000_000;
const MIB: u64 = 1 << 20;

/// What a 6 GB, a 600 GB and a 50 TB object are uploaded in: 1,145, 1,118 and 10,000 parts.
const SIZES: [(u64, u64); 3] = [(6 * GB, 5 * MIB), (600 * GB, 512 * MIB), (50_000 * GB, 5 * GB)];

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
