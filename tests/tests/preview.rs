//! `CopyMode=Preview`, end to end: it tells what would be copied and what that would cost, and changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;

use cloud::lambda::FunctionSettings;
use e2e::route::{DESTINATION_BUCKET, Route, SOURCE_BUCKET};
use serde_json::Value;
use transship::config::CopyMode;
use transship::ledger::{RunRecord, State};

const DAY: i64 = 24 * 3600;

async fn put(route: &Route, numbers: std::ops::Range<u32>, class: &str) {
    for n in numbers {
        let put = route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("object {n}"));
        let put = put.storage_class(class.into());
        put.body(vec![b'x'; 1000].into()).send().await.unwrap();
    }
}

async fn deliver(route: &Route) -> Vec<RunRecord> {
    // What S3 sends on its own at the set-up holds credentials of that day.
    route.cloud.activity().settled().await;
    route.cloud.clock().turn(DAY);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let records = route.records().await.unwrap();
    let runs: Vec<RunRecord> = records.into_iter().filter(|run| run.report.manifest.key.as_str() == report).collect();
    assert!(!runs.is_empty(), "no run: {:#?}", route.cloud.functions().logs("create-job"));
    runs
}

/// What another value of a parameter of the stack makes of both functions' environments.
fn deploy(route: &Route, mode: &str) {
    for name in ["create-job", "settle-job"] {
        let function = route.cloud.functions().settings(name).unwrap();
        let mut environment: BTreeMap<String, String> = function.environment.clone();
        environment.insert("COPY_MODE".to_owned(), mode.to_owned());
        route.cloud.functions().configure(&route.cloud, name, FunctionSettings { environment, ..function }).unwrap();
    }
}

async fn ledger(route: &Route) -> (Option<Vec<u8>>, Vec<String>) {
    let baseline = route.kept("ledger/baseline.json").await.unwrap();
    (baseline, route.keys_below("ledger/baselines/").await.unwrap())
}

async fn copies(route: &Route) -> usize {
    let listed = route.destination.s3.list_objects_v2().bucket(DESTINATION_BUCKET).send().await.unwrap();
    listed.contents().len()
}

#[tokio::test]
async fn a_preview_tells_and_changes_nothing() {
    let route = Route::set_up(&[("CopyMode", "Preview"), ("MaxObjectsPerRun", "2")]).await.unwrap();
    put(&route, 0..3, "STANDARD").await;
    put(&route, 3..4, "GLACIER").await;
    let runs = deliver(&route).await;
    let [run] = &runs[..] else { panic!("manifest.json and manifest.checksum are one report: {runs:#?}") };
    assert_eq!((run.mode, run.state, run.jobs.len()), (CopyMode::Preview, State::Previewed, 0));
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((plan.rows, plan.objects, plan.bytes), (4, 3, 3000));
    let [list] = &plan.left_out_lists[..] else { panic!("{plan:#?}") };
    let list = String::from_utf8(route.kept(list.key.as_str()).await.unwrap().unwrap()).unwrap();
    assert_eq!(list, "object%203,archived,1000\n");
    assert!(route.kept(plan.manifest.as_ref().unwrap().key.as_str()).await.unwrap().is_some());
    let cost = run.cost.as_ref().unwrap();
    assert_eq!((cost.objects, run.over.len()), (3, 1));
    assert_eq!(ledger(&route).await, (None, Vec::new()));
    assert_eq!((route.job_ids().await.unwrap().len(), copies(&route).await), (0, 0));

    let answer = route.settle_job().await.unwrap().unwrap();
    assert_eq!(answer["findings"], Value::Array(Vec::new()), "{answer}");
    let told: Vec<String> = route
        .cloud
        .functions()
        .logs("settle-job")
        .into_iter()
        .filter(|line| line.contains("\"message\":\"told\""))
        .collect();
    let [told] = &told[..] else { panic!("{told:#?}") };
    for part in
        ["previewed", "Estimated cost", "Left out, archived: 1 object", "no job was made", "MaxObjectsPerRun is 2"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let notice = route.notices().unwrap().pop().unwrap();
    assert!(notice.subject.contains("previewed") && notice.text.contains("no job was made"), "{notice:?}");
    assert_eq!((&notice.told["state"], &notice.told["changed"]), (&"previewed".into(), &3.into()));
    let page = String::from_utf8(route.kept("ledger/status.html").await.unwrap().unwrap()).unwrap();
    assert!(page.contains("previewed") && page.contains("Nothing is copied in mode Preview"), "{page}");
    let status: Value = serde_json::from_slice(&route.kept("ledger/status.json").await.unwrap().unwrap()).unwrap();
    assert_eq!((&status["runs"][0]["state"], &status["runs"][0]["changed"]), (&"previewed".into(), &3.into()));
    assert!(status["runs"][0]["estimated_cost"].as_f64().unwrap() > 0.25, "{status:#}");
    // The same report again, and again when nobody's event told of it: previewed once.
    route.cloud.clock().turn(3600);
    assert_eq!(route.settle_job().await.unwrap().unwrap().get("handed_on"), None);
    assert!(route.cloud.functions().failures().is_empty(), "{:?}", route.cloud.functions().failures());
}

#[tokio::test]
async fn after_a_run_only_what_has_changed_is_previewed_and_then_copied() {
    let route = Route::set_up(&[]).await.unwrap();
    put(&route, 0..3, "STANDARD").await;
    let refuse = |_: &str| {
        let (code, message) = ("AccessDenied".to_owned(), String::new());
        Some(cloud::batch::report::TaskFailure { status: 403, code, message })
    };
    route.cloud.jobs().script(move |_| cloud::batch::JobScript {
        tasks: Some(std::sync::Arc::new(refuse)),
        ..cloud::batch::JobScript::default()
    });
    assert_eq!(deliver(&route).await[0].state, State::CopiedWithFailures);
    route.cloud.jobs().script(|_| cloud::batch::JobScript::default());
    let before = ledger(&route).await;

    deploy(&route, "Preview");
    put(&route, 3..5, "STANDARD").await;
    let preview = deliver(&route).await;
    let plan = preview[0].plan.clone().unwrap();
    assert_eq!((preview[0].state, plan.objects, plan.carried_over), (State::Previewed, 5, 3));
    assert_eq!(ledger(&route).await, before, "neither the baseline nor the carry-over has moved");
    assert_eq!(copies(&route).await, 0);

    deploy(&route, "Changes");
    let [run] = &deliver(&route).await[..] else { panic!() };
    let real = run.plan.clone().unwrap();
    assert_eq!((run.state, real.objects, real.carried_over), (State::Copied, 5, 3));
    assert_eq!(copies(&route).await, 5);
}

async fn retry(route: &Route, run: &RunRecord) -> Value {
    let answer = route.create_job(&serde_json::json!({ "action": "retry", "run": run.run })).await.unwrap();
    route.cloud.activity().settled().await;
    answer.unwrap_or_else(|error| panic!("{error}"))["results"][0].clone()
}

#[tokio::test]
async fn a_retry_is_refused_and_changes_nothing() {
    let route = Route::set_up(&[]).await.unwrap();
    put(&route, 0..3, "STANDARD").await;
    let fails = cloud::batch::WholeFailure { after: 0, code: "X", reason: "by the test" };
    let script = cloud::batch::JobScript { fails: Some(fails), ..cloud::batch::JobScript::default() };
    route.cloud.jobs().script(move |_| script.clone());
    let run = deliver(&route).await.remove(0);
    route.settle_job().await.unwrap().unwrap();
    route.cloud.jobs().script(|_| cloud::batch::JobScript::default());

    deploy(&route, "Preview");
    let before = (ledger(&route).await, route.keys_below("").await.unwrap());
    let answer = retry(&route, &run).await;
    assert_eq!((&answer["outcome"], &answer["key"]), (&"refused".into(), &run.run.as_str().into()), "{answer}");
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.contains("CopyMode is Preview") && reason.contains("CopyMode=Changes"), "{reason}");
    assert_eq!((ledger(&route).await, route.keys_below("").await.unwrap()), before);
    assert_eq!((route.job_ids().await.unwrap().len(), copies(&route).await), (1, 0));

    deploy(&route, "Changes");
    assert_eq!(retry(&route, &run).await["outcome"], "created");
    assert_eq!(copies(&route).await, 3);
}

#[tokio::test]
async fn the_very_report_that_was_previewed_can_be_copied() {
    let route = Route::set_up(&[("CopyMode", "Preview")]).await.unwrap();
    put(&route, 0..3, "STANDARD").await;
    deliver(&route).await;
    deploy(&route, "Changes");
    route.cloud.clock().turn(3600);
    let answer = route.settle_job().await.unwrap().unwrap();
    assert!(answer["handed_on"].is_string(), "{answer}");
    route.cloud.activity().settled().await;
    assert_eq!(copies(&route).await, 3);
}
