//! `{"action":"rebuild"}`: the baseline is forgotten, whatever state it is in, and nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;

use cloud::batch::JobScript;
use cloud::batch::report::TaskFailure;
use e2e::route::{MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use serde_json::{Value, json};
use transship::ledger::{Action, State};
use transship::plan::Full;

const OBJECTS: u64 = 3;

async fn copied_once() -> Route {
    let route = Route::set_up(&[]).await.unwrap();
    for n in 0..OBJECTS {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("object {n}")).send().await.unwrap();
    }
    deliver(&route).await;
    route
}

/// A report a minute after the last, and what came of it.
async fn deliver(route: &Route) -> e2e::runs::Run {
    route.cloud.clock().turn(60);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.run_of(&report).await.unwrap()
}

async fn rebuild(route: &Route) -> Value {
    let answer = route.create_job(&json!({ "action": "rebuild", "by": "mara" })).await.unwrap();
    answer.unwrap()["results"][0].clone()
}

async fn put_baseline(route: &Route, bytes: &[u8]) {
    let put = route.destination.s3.put_object().bucket(MANIFEST_BUCKET).key("ledger/baseline.json");
    put.body(bytes.to_vec().into()).send().await.unwrap();
}

/// Whether the newest run took every object as new.
async fn is_full(route: &Route) -> bool {
    let record = route.records().await.unwrap().pop().unwrap();
    record.plan.unwrap().full == Some(Full::NoBaseline)
}

#[tokio::test]
async fn after_a_rebuild_the_next_report_is_a_full_run_and_older_ones_stay_past() {
    let route = copied_once().await;
    assert_eq!(deliver(&route).await.state, Some(State::Empty), "nothing has changed");
    let before = route.baseline().await.unwrap().unwrap();

    let answer = rebuild(&route).await;
    assert_eq!(answer["outcome"], "rebuilt", "{answer}");
    let after = route.baseline().await.unwrap().unwrap();
    assert_ne!(after.hash_key, before.hash_key);
    assert_eq!((after.objects, after.shards.len()), (0, 0));
    assert_eq!((&after.committed, &after.carry_over), (&before.committed, &before.carry_over));
    assert!(after.writes > before.writes);

    let entries = route.keys_below("ledger/actions/").await.unwrap();
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    assert!(answer["reason"].as_str().unwrap().contains(entry), "{answer} names {entry}");
    let action: Action = serde_json::from_slice(&route.kept(entry).await.unwrap().unwrap()).unwrap();
    assert_eq!((action.action.as_str(), action.by.as_deref()), ("rebuild", Some("mara")));
    let ago = route.cloud.clock().now().duration_since(action.at);
    assert!((0..60).contains(&ago.as_secs()), "{} is when it was done", action.at);
    assert!(entry.ends_with(&format!("-rebuild-{}.json", action.request_id)), "{entry}");

    let past = before.committed.unwrap();
    let record = route.records().await.unwrap().into_iter().find(|record| record.run == past.run).unwrap();
    let event = e2e::events::created(record.report.manifest.key.as_str(), None, None);
    let again = route.create_job(&event).await.unwrap().unwrap();
    assert_eq!(again["results"][0]["outcome"], "empty", "the same run as before: {again}");

    let run = deliver(&route).await;
    assert_eq!((run.planned, run.copied), (OBJECTS, OBJECTS));
    assert!(is_full(&route).await);
    assert_eq!(deliver(&route).await.state, Some(State::Empty), "the new baseline knows them all");
}

#[tokio::test]
async fn a_damaged_baseline_is_refused_by_name_of_the_remedy_and_can_be_rebuilt() {
    type Damage = fn(&str) -> String;
    let damages: [(&str, Damage); 4] = [
        ("cut off", |text| text[..text.len() / 2].to_owned()),
        ("nothing", |_| String::new()),
        ("another type", |text| text.replace("\"objects\": 3", "\"objects\": \"three\"")),
        ("its run is gone", |text| text.replace("ledger/runs/", "ledger/rums/")),
    ];
    for (name, damage) in damages {
        let route = copied_once().await;
        let committed = route.baseline().await.unwrap().unwrap().committed;
        let text = String::from_utf8(route.kept("ledger/baseline.json").await.unwrap().unwrap()).unwrap();
        let broken = damage(&text);
        assert_ne!(broken, text, "{name}");
        put_baseline(&route, broken.as_bytes()).await;

        route.cloud.clock().turn(60);
        let report = route.deliver().await.unwrap();
        route.cloud.activity().settled().await;
        let event = e2e::events::created(&report, None, None);
        let answer = route.create_job(&event).await.unwrap().unwrap();
        let result = &answer["results"][0];
        assert_eq!(result["outcome"], "failed", "{name}: {answer}");
        assert!(result["reason"].as_str().unwrap().contains(r#"{"action":"rebuild"}"#), "{name}: {answer}");
        assert_eq!(route.job_ids().await.unwrap().len(), 1, "{name}");

        assert_eq!(rebuild(&route).await["outcome"], "rebuilt", "{name}");
        assert_eq!(route.baseline().await.unwrap().unwrap().committed, committed, "{name}: found among the records");
        let answer = route.create_job(&event).await.unwrap().unwrap();
        assert_eq!(answer["results"][0]["outcome"], "created", "{name}: {answer}");
        assert!(is_full(&route).await, "{name}");
    }
}

#[tokio::test]
async fn a_baseline_of_a_later_release_is_left_alone() {
    let route = copied_once().await;
    put_baseline(&route, br#"{"schema": 99}"#).await;
    let answer = rebuild(&route).await;
    assert_eq!(answer["outcome"], "failed", "{answer}");
    assert!(answer["reason"].as_str().unwrap().contains("deploy the release that wrote it"), "{answer}");
    assert_eq!(route.kept("ledger/baseline.json").await.unwrap().unwrap(), br#"{"schema": 99}"#);
}

#[tokio::test]
async fn two_rebuilds_at_once_and_one_without_a_baseline() {
    let route = copied_once().await;
    let (one, other) = futures::join!(rebuild(&route), rebuild(&route));
    assert_eq!((&one["outcome"], &other["outcome"]), (&json!("rebuilt"), &json!("rebuilt")));
    let committed = route.baseline().await.unwrap().unwrap().committed;
    assert!(committed.is_some());
    let s3 = &route.destination.s3;
    s3.delete_object().bucket(MANIFEST_BUCKET).key("ledger/baseline.json").send().await.unwrap();
    assert_eq!(rebuild(&route).await["outcome"], "rebuilt");
    assert_eq!(route.baseline().await.unwrap().unwrap().committed, committed);
}

/// Its job would overtake the next run's, or be overtaken: whoever rebuilds has to find it, though its run sorts before the one
/// that it retries.
#[tokio::test]
async fn a_retry_that_is_open_is_found_when_the_baseline_is_lost() {
    let route = Route::set_up(&[]).await.unwrap();
    for n in 0..OBJECTS {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("object {n}")).send().await.unwrap();
    }
    let refuse = |_: &str| Some(TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: String::new() });
    route.cloud.jobs().script(move |_| JobScript { tasks: Some(Arc::new(refuse)), ..JobScript::default() });
    deliver(&route).await;
    let first = route.records().await.unwrap().pop().unwrap().run;
    route.cloud.jobs().script(|_| JobScript { stays_active: true, ..JobScript::default() });
    let retry = json!({ "action": "retry", "run": first, "by": "mara" });
    let answer = route.create_job(&retry).await.unwrap().unwrap();
    assert_eq!(answer["results"][0]["outcome"], "created", "{answer}");
    route.cloud.jobs().script(|_| JobScript::default());
    let open = route.baseline().await.unwrap().unwrap().committed.unwrap();
    assert_ne!(open.run, first);

    put_baseline(&route, b"{").await;
    assert_eq!(rebuild(&route).await["outcome"], "rebuilt");
    assert_eq!(route.baseline().await.unwrap().unwrap().committed, Some(open.clone()));

    route.cloud.clock().turn(60);
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let jobs = route.job_ids().await.unwrap();
    assert_eq!(jobs.len(), 2, "the next report waits for the retry: {jobs:?}");
    assert!(route.cloud.jobs().let_go(&route.cloud, &jobs[1]));
    route.cloud.activity().settled().await;
    let records = route.records().await.unwrap();
    let retried = records.iter().find(|record| record.run == open.run).unwrap();
    assert_eq!((retried.state, retried.outcome.as_ref().unwrap().copied), (State::Copied, OBJECTS));
    assert!(is_full(&route).await, "the report that waited is a full run");
}
