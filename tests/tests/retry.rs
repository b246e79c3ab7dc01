//! `{"action":"retry"}`: a run's carry-over is planned now, as a run of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;

use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, WholeFailure};
use e2e::route::{Route, SOURCE_BUCKET};
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
