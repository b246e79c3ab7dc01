//! `{"action":"retry"}`: a run's carry-over is planned now, as a run of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, WholeFailure};
use cloud::front::Fault;
use e2e::route::{MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use serde_json::{Value, json};
use transship::ledger::{Action, State};

/// A route whose only run has come to what the script says.
async fn after(script: JobScript) -> Route {
    let route = Route::set_up(&[]).await.unwrap();
    for n in 0..4 {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("an object {n}")).send().await.unwrap();
    }
    route.cloud.jobs().script(move |_| script.clone());
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.cloud.jobs().script(|_| JobScript::default());
    route
}

async fn retry(route: &Route, run: &str) -> Value {
    let answer = route.create_job(&json!({ "action": "retry", "run": run, "by": "mara" })).await.unwrap();
    route.cloud.activity().settled().await;
    answer.unwrap_or_else(|error| panic!("{error}"))["results"][0].clone()
}

#[tokio::test]
async fn what_one_run_did_not_copy_is_copied_by_a_run_of_its_own() {
    let refuse = |key: &str| {
        let failure = TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: String::new() };
        key.ends_with('2').then_some(failure)
    };
    let some = JobScript { tasks: Some(Arc::new(refuse)), ..JobScript::default() };
    let fails = WholeFailure { after: 1, code: "TooBad", reason: "by the test" };
    let all = JobScript { fails: Some(fails), ..JobScript::default() };
    for (script, objects) in [(some, 1), (all, 4)] {
        let route = after(script).await;
        let first = route.records().await.unwrap().pop().unwrap();
        let before = route.baseline().await.unwrap().unwrap();
        let answer = retry(&route, first.run.as_str()).await;
        assert_eq!(answer["outcome"], "created", "{answer}");
        let records = route.records().await.unwrap();
        let run = records.iter().find(|record| record.run != first.run).unwrap();
        assert_eq!((run.state, run.plan.as_ref().unwrap().objects), (State::Copied, objects), "{run:#?}");
        assert_eq!(run.outcome.as_ref().unwrap().copied, objects);
        let baseline = route.baseline().await.unwrap().unwrap();
        assert_eq!((baseline.carry_over.len(), &baseline.shards), (0, &before.shards));
        assert_eq!(baseline.committed.unwrap().etags, before.committed.unwrap().etags);

        let entry = route.keys_below("ledger/actions/").await.unwrap().pop().unwrap();
        let action: Action = serde_json::from_slice(&route.kept(&entry).await.unwrap().unwrap()).unwrap();
        assert_eq!(
            (action.action.as_str(), action.by.as_deref(), action.run),
            ("retry", Some("mara"), Some(first.run))
        );
        let ago = route.cloud.clock().now().duration_since(action.at);
        assert!((0..60).contains(&ago.as_secs()), "{} is when it was done", action.at);

        assert_eq!(retry(&route, run.run.as_str()).await["outcome"], "empty", "nothing is left");
        route.cloud.clock().turn(24 * 3600);
        let report = route.deliver().await.unwrap();
        route.cloud.activity().settled().await;
        assert_eq!(route.run_of(&report).await.unwrap().state, Some(State::Empty), "all is copied");
    }
}

#[tokio::test]
async fn a_retry_is_refused_while_a_run_is_open_and_where_nothing_is_carried_over() {
    let route = after(JobScript { stays_active: true, ..JobScript::default() }).await;
    let run = route.records().await.unwrap().pop().unwrap();
    let answer = retry(&route, run.run.as_str()).await;
    assert_eq!(answer["outcome"], "waiting", "{answer}");
    assert!(answer["reason"].as_str().unwrap().contains("is open"), "{answer}");
    assert_eq!(route.job_ids().await.unwrap().len(), 1);
    let route = after(JobScript::default()).await;
    assert_eq!(retry(&route, "2026-01-01T00-00Z-abc").await["outcome"], "empty");
    assert_eq!(route.keys_below("ledger/actions/").await.unwrap(), Vec::<String>::new());
}

/// Somebody else writes `baseline.json` between its plan and its commit: the plan is given up, and made anew.
#[tokio::test]
async fn a_retry_that_comes_second_plans_anew_and_leaves_nothing_open() {
    let fails = WholeFailure { after: 0, code: "TooBad", reason: "by the test" };
    let route = after(JobScript { fails: Some(fails), ..JobScript::default() }).await;
    let first = route.records().await.unwrap().pop().unwrap();
    // Closes the run; what follows is the retry alone.
    route.settle_job().await.unwrap().unwrap();
    let s3 = route.destination.s3.clone();
    let commits = AtomicUsize::new(0);
    route.cloud.faults().script_for("create-job", move |seen| {
        let commit = seen.operation == "PutObject" && seen.path.ends_with("/ledger/baseline.json");
        if commit && commits.fetch_add(1, Ordering::SeqCst) == 0 {
            Fault::First(moved(s3.clone()))
        } else {
            Fault::None
        }
    });
    let answer = retry(&route, first.run.as_str()).await;
    assert_eq!(answer["outcome"], "created", "{answer}");
    let records = route.records().await.unwrap();
    let mut states: Vec<(State, usize)> = records
        .iter()
        .filter(|record| record.run != first.run)
        .map(|record| (record.state, record.jobs.len()))
        .collect();
    states.sort_by_key(|(_, jobs)| *jobs);
    assert_eq!(states, [(State::Superseded, 0), (State::Copied, 1)], "{records:#?}");
    assert_eq!(
        (route.job_ids().await.unwrap().len(), route.baseline().await.unwrap().unwrap().carry_over),
        (2, vec![])
    );
    assert_eq!(route.keys_below("ledger/actions/").await.unwrap().len(), 1, "asked for once");
}

/// Writes `baseline.json` once more, as others do.
fn moved(s3: aws_sdk_s3::Client) -> futures::future::BoxFuture<'static, ()> {
    Box::pin(async move {
        let key = "ledger/baseline.json";
        let got = s3.get_object().bucket(MANIFEST_BUCKET).key(key).send().await.unwrap();
        let mut baseline: Value = serde_json::from_slice(&got.body.collect().await.unwrap().to_vec()).unwrap();
        baseline["writes"] = (baseline["writes"].as_u64().unwrap() + 1).into();
        let body = serde_json::to_vec(&baseline).unwrap().into();
        s3.put_object().bucket(MANIFEST_BUCKET).key(key).body(body).send().await.unwrap();
    })
}
