//! The main job, end to end: a report arrives and its objects are copied.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;

use e2e::files::{Content, File, PAINFUL_KEYS};
use e2e::route::{DESTINATION_BUCKET, Route, SOURCE_BUCKET};
use e2e::verify::{self, Arrival};

fn painful_files() -> Vec<File> {
    let file = |(n, key): (usize, &&str)| File {
        key: (*key).to_owned(),
        content: Content::Bytes(format!("{n} {key}").repeat(n).into()),
    };
    PAINFUL_KEYS.iter().enumerate().map(file).collect()
}

async fn copied_under(parameters: &[(&str, &str)], prefix: &str) -> Route {
    let route = Route::set_up(parameters).await.unwrap();
    let files = painful_files();
    verify::put_all(&route.source, SOURCE_BUCKET, &files, |_| ()).await.unwrap();
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let run = route.run_of(&report).await.unwrap();
    let all = files.len() as u64;
    assert_eq!((run.planned, run.copied, run.failed), (all, all, 0), "{run:?}");
    let arrivals = verify::check_all(&route.destination, DESTINATION_BUCKET, prefix, &files, || ()).await.unwrap();
    for (key, arrival) in arrivals {
        assert_eq!(arrival, Arrival::Same, "{key:?}");
    }
    assert_eq!(route.job_ids().await.unwrap().len(), 1, "manifest.json and manifest.checksum are one report");
    route
}

#[tokio::test]
async fn keys_that_hurt_arrive_with_metadata_and_tags() {
    let route = copied_under(&[], "").await;
    assert!(route.cloud.functions().failures().is_empty(), "{:?}", route.cloud.functions().failures());
}

#[tokio::test]
async fn settings_reach_the_copies() {
    let route =
        copied_under(&[("DestinationPrefix", "from/vendor"), ("StorageClass", "STANDARD_IA")], "from/vendor/").await;
    let key = format!("from/vendor/{}", PAINFUL_KEYS[0]);
    let head = route.destination.s3.head_object().bucket(DESTINATION_BUCKET).key(key).send().await.unwrap();
    assert_eq!(head.storage_class().map(aws_sdk_s3::types::StorageClass::as_str), Some("STANDARD_IA"));
}

#[tokio::test]
async fn the_job_names_its_route_and_run() {
    let route = copied_under(&[], "").await;
    let id = route.job_ids().await.unwrap().pop().unwrap();
    let job = route.job(&id).await.unwrap();
    let account = cloud::identity::AccountId::destination();
    let tagging = route.destination.s3control.get_job_tagging().account_id(account.as_str()).job_id(&id).send().await;
    let tags: BTreeMap<String, String> =
        tagging.unwrap().tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    assert_eq!(tags.get("transship:route").map(String::as_str), Some("demo"), "{tags:?}");
    let run = tags.get("transship:run").unwrap();
    assert!(job.description().unwrap_or_default().contains(run.as_str()), "{:?} names {run}", job.description());
    assert!(!job.confirmation_required().unwrap_or(true));
    assert_eq!(job.report().and_then(|report| report.expected_bucket_owner()), Some(account.as_str()));
}

#[tokio::test]
async fn an_empty_bucket_makes_no_job() {
    let route = Route::set_up(&[]).await.unwrap();
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    assert_eq!(route.run_of(&report).await.unwrap().job_id, None);
    assert!(route.cloud.functions().failures().is_empty(), "{:?}", route.cloud.functions().failures());
}
