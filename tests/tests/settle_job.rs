//! `settle-job` on the local cloud: by events, by the schedule, twice at once; and each thing that it watches for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;

use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, ReportScript};
use cloud::front::{Fault, When};
use cloud::inventory::Delivery;
use e2e::route::{INVENTORY_ID, MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use jiff::SignedDuration;
use serde_json::Value;
use transship::ledger::{RunRecord, State};

const HOUR: i64 = 3600;

async fn with_objects(parameters: &[(&str, &str)]) -> Route {
    let route = Route::set_up(parameters).await.unwrap();
    put(&route, 0..3).await;
    route
}

async fn put(route: &Route, numbers: std::ops::Range<u32>) {
    for n in numbers {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("object {n}")).send().await.unwrap();
    }
}

/// A report so many hours later, and all that follows of it.
async fn deliver(route: &Route, hours: i64) -> String {
    route.cloud.clock().turn(hours * HOUR);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    report
}

async fn run_of(route: &Route, report: &str) -> RunRecord {
    let records = route.records().await.unwrap();
    let run = records.into_iter().find(|run| run.report.manifest.key.as_str() == report && !run.is_discarded());
    run.unwrap_or_else(|| panic!("no run: {:#?}", route.cloud.functions().logs("create-job")))
}

/// What the schedule's invocation answers, and all that follows of it.
async fn tick(route: &Route) -> Value {
    let answer = route.settle_job().await.unwrap();
    route.cloud.activity().settled().await;
    answer.unwrap_or_else(|error| panic!("settle-job failed: {error}"))
}

fn findings(answer: &Value) -> Vec<&str> {
    answer["findings"].as_array().unwrap().iter().map(|finding| finding["name"].as_str().unwrap()).collect()
}

/// Events are lost: what happens, the schedule has to find out.
async fn without_events(route: &Route) {
    let none = aws_sdk_s3::types::NotificationConfiguration::builder().build();
    let s3 = &route.destination.s3;
    let put = s3.put_bucket_notification_configuration().bucket(MANIFEST_BUCKET).notification_configuration(none);
    put.send().await.unwrap();
}

#[tokio::test]
async fn a_completion_report_closes_its_run_and_somebody_is_told_once() {
    let route = with_objects(&[]).await;
    let report = deliver(&route, 0).await;
    let run = run_of(&route, &report).await;
    assert_eq!(run.state, State::Copied, "{:#?}", route.cloud.functions().logs("settle-job"));
    assert!(run.told.is_some());
    let again = tick(&route).await;
    assert_eq!((again["closed"].as_array().unwrap().len(), findings(&again)), (0, Vec::new()));
    assert_eq!(run_of(&route, &report).await, run);
    let told = route.cloud.functions().logs("settle-job");
    assert_eq!(told.iter().filter(|line| line.contains("\"message\":\"told\"")).count(), 1);
    assert!(route.kept("ledger/status.html").await.unwrap().is_some());
    assert!(route.cloud.functions().failures().is_empty(), "{:?}", route.cloud.functions().failures());
}

#[tokio::test]
async fn without_any_event_the_schedule_drives_reports_and_settles_runs() {
    let route = with_objects(&[]).await;
    without_events(&route).await;
    let older = deliver(&route, 0).await;
    let report = deliver(&route, 24).await;
    assert_eq!(tick(&route).await.get("handed_on"), None, "its own events may still come");
    route.cloud.clock().turn(HOUR / 2);
    assert_eq!(tick(&route).await["handed_on"], report, "the newest wins");
    assert_eq!(run_of(&route, &report).await.state, State::Open);
    let answer = tick(&route).await;
    assert_eq!((&answer["closed"][0]["state"], answer.get("handed_on")), (&"copied".into(), None), "{answer}");
    let records = route.records().await.unwrap();
    assert!(records.iter().all(|run| run.report.manifest.key.as_str() != older), "superseded by the newer");
}

#[tokio::test]
async fn the_report_that_waited_for_an_open_run_is_planned_when_that_is_settled() {
    let route = with_objects(&[]).await;
    route.cloud.jobs().script(|_| JobScript { stays_active: true, ..JobScript::default() });
    let first = deliver(&route, 0).await;
    route.cloud.jobs().script(|_| JobScript::default());
    put(&route, 3..5).await;
    let second = deliver(&route, 24).await;
    assert_eq!(tick(&route).await["open"], run_of(&route, &first).await.run.as_str());
    assert_eq!(route.job_ids().await.unwrap().len(), 1);
    let job = run_of(&route, &first).await.jobs[0].id.clone();
    assert!(route.cloud.jobs().let_go(&route.cloud, &job));
    route.cloud.activity().settled().await;
    assert_eq!(run_of(&route, &first).await.state, State::Copied);
    let run = run_of(&route, &second).await;
    assert_eq!((run.state, run.plan.unwrap().objects), (State::Copied, 2));
}

#[tokio::test]
async fn two_settlers_at_once_count_once() {
    let route = with_objects(&[]).await;
    let refuse = |_: &str| Some(TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: String::new() });
    route.cloud.jobs().script(move |_| JobScript { tasks: Some(Arc::new(refuse)), ..JobScript::default() });
    let report = deliver(&route, 0).await;
    route.cloud.jobs().script(|_| JobScript::default());
    assert_eq!(run_of(&route, &report).await.state, State::CopiedWithFailures);
    without_events(&route).await;
    let report = deliver(&route, 24).await;
    route.cloud.clock().turn(HOUR);
    tick(&route).await;
    let (one, other, third) = futures::join!(route.settle_job(), route.settle_job(), route.settle_job());
    let answers = [one, other, third].map(|answer| answer.unwrap().unwrap());
    let closed: usize = answers.iter().map(|answer| answer["closed"].as_array().unwrap().len()).sum();
    assert_eq!(closed, 1, "{answers:#?}");
    let told = route.cloud.functions().logs("settle-job");
    assert_eq!(told.iter().filter(|line| line.contains("\"message\":\"told\"")).count(), 2, "once for each run");
    assert_eq!(run_of(&route, &report).await.outcome.unwrap().copied, 3);
    assert_eq!(route.baseline().await.unwrap().unwrap().carry_over, []);
}

#[tokio::test]
async fn a_report_that_is_late_is_waited_for_and_then_given_up() {
    let route = with_objects(&[]).await;
    route.cloud.jobs().script(|_| JobScript { report: ReportScript::Missing, ..JobScript::default() });
    let report = deliver(&route, 0).await;
    tick(&route).await;
    assert_eq!(run_of(&route, &report).await.state, State::Open);
    route.cloud.clock().turn(31 * 60);
    let answer = tick(&route).await;
    assert_eq!(answer["closed"][0]["state"], "copied with failures", "{answer}");
    assert_eq!(run_of(&route, &report).await.outcome.unwrap().carried_over, 3);
}

#[tokio::test]
async fn a_committed_run_without_a_job_is_driven() {
    let route = with_objects(&[]).await;
    without_events(&route).await;
    let report = deliver(&route, 0).await;
    route.cloud.faults().script_for("create-job", |seen| {
        if seen.operation == "CreateJob" { Fault::Crash(When::Before) } else { Fault::None }
    });
    let event = e2e::events::created(&report, None, None);
    let crashed = route.create_job(&event).await.unwrap();
    assert!(crashed.is_err(), "{crashed:?}");
    route.cloud.faults().clear();
    assert_eq!(run_of(&route, &report).await.state, State::Planned);
    tick(&route).await;
    tick(&route).await;
    assert_eq!(run_of(&route, &report).await.state, State::Copied);
    assert_eq!(route.job_ids().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_job_that_waits_for_its_confirmation_is_told_of_and_taken_over_by_the_next_report() {
    let route = with_objects(&[("ConfirmationRequired", "true")]).await;
    let first = deliver(&route, 0).await;
    tick(&route).await;
    assert_eq!(run_of(&route, &first).await.state, State::Waiting);
    route.cloud.clock().turn(25 * HOUR);
    let answer = tick(&route).await;
    assert_eq!(findings(&answer), [format!("unconfirmed {}", run_of(&route, &first).await.run)], "{answer}");
    assert_eq!(answer["findings"][0]["severity"], "warning", "it was asked for");
    let second = deliver(&route, 0).await;
    assert_eq!(run_of(&route, &first).await.state, State::Superseded, "cancelled for the newer report");
    assert_eq!(run_of(&route, &second).await.plan.unwrap().carried_over, 3);
}

#[tokio::test]
async fn every_report_of_everything_is_settled_too() {
    let route = with_objects(&[("CopyMode", "Everything")]).await;
    let first = deliver(&route, 0).await;
    let second = deliver(&route, 24).await;
    for report in [&first, &second] {
        let run = run_of(&route, report).await;
        assert_eq!((run.state, run.outcome.unwrap().copied), (State::Copied, 3));
    }
    without_events(&route).await;
    let third = deliver(&route, 24).await;
    route.cloud.clock().turn(HOUR);
    assert_eq!(tick(&route).await["handed_on"], third);
    tick(&route).await;
    assert_eq!(run_of(&route, &third).await.state, State::Copied);
}

#[tokio::test]
async fn reports_that_do_not_come_are_missed() {
    let route = with_objects(&[]).await;
    assert_eq!(findings(&tick(&route).await), [""; 0]);
    route.cloud.clock().turn(49 * HOUR);
    assert_eq!(findings(&tick(&route).await), ["no-report"]);
    deliver(&route, 0).await;
    assert_eq!(findings(&tick(&route).await), [""; 0]);
    route.cloud.clock().turn(31 * HOUR);
    assert_eq!(findings(&tick(&route).await), ["no-report"]);
    let errors = route.cloud.functions().logs("settle-job");
    let errors =
        errors.iter().filter(|line| line.contains("\"level\":\"ERROR\"") && line.contains("no-report")).count();
    assert_eq!(errors, 2, "each time it begins, not each time it is seen");
}

/// Of a large bucket, S3 delivers hours after the scan started.
#[tokio::test]
async fn a_report_that_comes_long_after_its_scan_is_not_missed_before_the_next_is_due() {
    let route = with_objects(&[]).await;
    tick(&route).await;
    for _ in 0..3 {
        let started = Some(route.cloud.clock().now() + SignedDuration::from_hours(14));
        route.cloud.clock().turn(23 * HOUR);
        assert_eq!(findings(&tick(&route).await), [""; 0], "the next is not due yet");
        route.cloud.clock().turn(HOUR);
        let late = Delivery { started, ..Delivery::default() };
        cloud::inventory::deliver_as(&route.cloud, SOURCE_BUCKET, &late).await.unwrap();
        route.cloud.activity().settled().await;
        assert_eq!(findings(&tick(&route).await), [""; 0], "it has just come");
    }
    route.cloud.clock().turn(29 * HOUR);
    assert_eq!(findings(&tick(&route).await), [""; 0]);
    route.cloud.clock().turn(2 * HOUR);
    assert_eq!(findings(&tick(&route).await), ["no-report"]);
    // The folder of the next has begun to fill, and nothing says that it is whole.
    let next = route.cloud.clock().now().strftime("%Y-%m-%dT%H-%MZ").to_string();
    let begun = format!("inventory/{SOURCE_BUCKET}/{INVENTORY_ID}/{next}/begun");
    route.destination.s3.put_object().bucket(MANIFEST_BUCKET).key(begun).send().await.unwrap();
    assert_eq!(findings(&tick(&route).await), ["no-report"]);
}

#[tokio::test]
async fn a_run_that_does_not_end_and_a_report_that_nobody_takes_are_alarms() {
    let route = with_objects(&[]).await;
    route.cloud.jobs().script(|_| JobScript { stays_active: true, ..JobScript::default() });
    deliver(&route, 0).await;
    route.cloud.clock().turn(25 * HOUR);
    assert_eq!(findings(&tick(&route).await), ["run-open"]);

    let route = with_objects(&[]).await;
    without_events(&route).await;
    let report = deliver(&route, 0).await;
    // Its checksum fits, and yet it is none that this route can take.
    let manifest = String::from_utf8(route.kept(&report).await.unwrap().unwrap()).unwrap().replace("CSV", "ORC");
    let s3 = &route.destination.s3;
    s3.put_object().bucket(MANIFEST_BUCKET).key(&report).body(manifest.into_bytes().into()).send().await.unwrap();
    route.cloud.clock().turn(2 * HOUR);
    assert_eq!(findings(&tick(&route).await), ["report-unhandled"]);
}

#[tokio::test]
async fn a_changed_inventory_and_a_lost_policy_are_found_by_setup() {
    let route = with_objects(&[]).await;
    assert_eq!(findings(&tick(&route).await), [""; 0]);
    let s3 = &route.source.s3;
    s3.delete_bucket_inventory_configuration().bucket(SOURCE_BUCKET).id(INVENTORY_ID).send().await.unwrap();
    s3.delete_bucket_policy().bucket(SOURCE_BUCKET).send().await.unwrap();
    assert_eq!(findings(&tick(&route).await), [""; 0], "asked a moment ago");
    route.cloud.clock().turn(7 * HOUR);
    let answer = tick(&route).await;
    let found = findings(&answer);
    assert!(found.len() >= 2 && found.iter().all(|name| name.starts_with("setup ")), "{answer:#}");
}

/// Its invocation and all retries of it were cut off, and a newer report was planned since: nothing more can come of it, and the
/// ledger says so.
#[tokio::test]
async fn a_plan_that_was_never_committed_is_superseded() {
    let route = with_objects(&[]).await;
    without_events(&route).await;
    let older = deliver(&route, 0).await;
    route.cloud.faults().script_for("create-job", |seen| {
        let commits = seen.operation == "PutObject" && seen.path.ends_with("/ledger/baseline.json");
        // The first put makes the baseline that the plan is made on; the second is the commit.
        if commits && seen.call > 10 { Fault::Crash(When::Before) } else { Fault::None }
    });
    let crashed = route.create_job(&e2e::events::created(&older, None, None)).await.unwrap();
    assert!(crashed.is_err(), "{crashed:?}");
    route.cloud.faults().clear();
    assert_eq!(run_of(&route, &older).await.state, State::Planned);
    assert!(route.baseline().await.unwrap().unwrap().committed.is_none());

    let newer = deliver(&route, 24).await;
    route.create_job(&e2e::events::created(&newer, None, None)).await.unwrap().unwrap();
    route.cloud.activity().settled().await;
    tick(&route).await;
    let records = route.records().await.unwrap();
    let states: Vec<State> = records.iter().map(|run| run.state).collect();
    assert_eq!(states, [State::Superseded, State::Copied], "{records:#?}");
}
