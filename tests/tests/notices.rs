//! What people are told, asserted from what `settle-job` published to the route's topic on the local cloud.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloud::batch::JobScript;
use cloud::batch::report::TaskFailure;
use cloud::front::{Fault, When};
use e2e::route::{MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use serde_json::Value;
use transship::ledger::{RunRecord, State};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

async fn with_objects(parameters: &[(&str, &str)]) -> Route {
    let route = Route::set_up(parameters).await.unwrap();
    for n in 0..3 {
        put(&route, &format!("object {n}")).await;
    }
    route
}

async fn put(route: &Route, key: &str) {
    route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).send().await.unwrap();
}

/// A report a day later, and all that follows of it.
async fn deliver(route: &Route) -> RunRecord {
    route.cloud.clock().turn(24 * HOUR);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let records = route.records().await.unwrap();
    let run = records.into_iter().find(|run| run.report.manifest.key.as_str() == report);
    run.unwrap_or_else(|| panic!("no run: {:#?}", route.cloud.functions().logs("create-job")))
}

async fn tick(route: &Route) -> Result<Value, Value> {
    let answer = route.settle_job().await.unwrap();
    route.cloud.activity().settled().await;
    answer
}

/// Fails the tasks whose keys hold this, with status 403.
fn failing(route: &Route, part: &'static str) {
    let task = move |key: &str| {
        let refused = TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: "by the test".to_owned() };
        (!part.is_empty() && key.contains(part)).then_some(refused)
    };
    route.cloud.jobs().script(move |_| JobScript { tasks: Some(Arc::new(task)), ..JobScript::default() });
}

#[tokio::test]
async fn each_run_is_told_once_with_all_that_a_person_and_a_program_need() {
    let route = with_objects(&[]).await;
    failing(&route, "1");
    let run = deliver(&route).await;
    tick(&route).await.unwrap();
    let notices = route.notices().unwrap();
    let [notice] = notices.as_slice() else { panic!("{notices:#?}") };
    assert_eq!(notice.subject, "Transship demo: copied with failures: 2 copied, 1 failed");
    assert_eq!(notice.id, format!("demo/{}/copied with failures", run.run));
    for part in
        ["AccessDenied (403), 1 object, such as object 1", "Carried over to the next", "What to do:", "Bytes planned"]
    {
        assert!(notice.text.contains(part), "{part}: {}", notice.text);
    }
    let job = &run.jobs[0].id;
    let told = &notice.told;
    assert_eq!((&told["copied"], &told["failed"], &told["carried_over"]), (&2.into(), &1.into(), &1.into()));
    assert_eq!((&told["jobs"][0]["id"], &told["errors"][0]["examples"][0]), (&job.as_str().into(), &"object 1".into()));
    assert!(told["jobs"][0]["report"].as_str().unwrap().contains(&format!("reports/job-{job}/")), "{told:#}");
    assert!(told["status_page"].as_str().unwrap().contains("ledger/status.html"), "{told:#}");

    failing(&route, "");
    deliver(&route).await;
    deliver(&route).await;
    tick(&route).await.unwrap();
    let subjects = route.subjects().unwrap();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects[1].starts_with("Transship demo: copied: 1 copied, 0 failed"), "{subjects:?}");
    assert!(subjects[2].starts_with("Transship demo: empty: "), "{subjects:?}");
}

#[tokio::test]
async fn problems_only_are_told_where_that_is_asked_for() {
    let route = with_objects(&[("Notices", "Problems")]).await;
    let copied = deliver(&route).await;
    assert_eq!(route.subjects().unwrap(), [""; 0]);
    put(&route, "another").await;
    failing(&route, "another");
    deliver(&route).await;
    tick(&route).await.unwrap();
    assert_eq!(route.subjects().unwrap(), ["Transship demo: copied with failures: 0 copied, 1 failed"]);
    let records = route.records().await.unwrap();
    assert!(records.iter().all(|run| run.told.is_some()), "{copied:#?}");
}

#[tokio::test]
async fn what_is_not_as_it_should_be_is_told_when_it_begins_again_daily_and_when_it_is_over() {
    let route = with_objects(&[]).await;
    tick(&route).await.unwrap();
    let missing = "Transship demo: alarm: no inventory report has come yet";
    route.cloud.clock().turn(49 * HOUR);
    tick(&route).await.unwrap();
    tick(&route).await.unwrap();
    assert_eq!(route.subjects().unwrap(), [missing]);
    assert!(route.notices().unwrap()[0].text.contains("What to do: S3 tells nobody"), "{:?}", route.notices());
    route.cloud.clock().turn(23 * HOUR);
    tick(&route).await.unwrap();
    assert_eq!(route.subjects().unwrap(), [missing]);
    route.cloud.clock().turn(2 * HOUR);
    tick(&route).await.unwrap();
    assert_eq!(route.subjects().unwrap(), [missing; 2], "again after a day");
    let ids: Vec<String> = route.notices().unwrap().into_iter().map(|notice| notice.id).collect();
    assert_ne!(ids[0], ids[1], "a reminder is another notice");
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    tick(&route).await.unwrap();
    let over: Vec<String> = route.subjects().unwrap().split_off(2);
    let notices = route.notices().unwrap();
    assert!(
        notices.iter().any(|notice| notice.text.contains("RESOLVED: no inventory report has come yet.")),
        "{over:?}"
    );
    assert!(over.iter().any(|subject| subject.contains("copied: 3 copied")), "{over:?}");
    let told = notices.len();
    tick(&route).await.unwrap();
    assert_eq!(route.notices().unwrap().len(), told);
}

#[tokio::test]
async fn hostile_keys_are_shown_and_not_obeyed() {
    let route = with_objects(&[]).await;
    let hostile = format!("evil\r\nBcc: all@example.com\u{202e}{}", "\u{7}é<b>".repeat(150));
    put(&route, &hostile).await;
    failing(&route, "evil");
    deliver(&route).await;
    tick(&route).await.unwrap();
    let notices = route.notices().unwrap();
    let [notice] = notices.as_slice() else { panic!("{notices:#?}") };
    assert!(!notice.text.lines().any(|line| line.starts_with("Bcc")), "{}", notice.text);
    assert!(notice.text.contains("such as evil\\u{d}\\u{a}Bcc"), "{}", notice.text);
    assert_eq!(notice.told["errors"][0]["examples"][0], hostile.as_str());
}

/// Until faults are cleared, nobody can be told of anything.
fn deny_publishing(route: &Route) {
    route.cloud.faults().script_for("settle-job", |seen| {
        let (code, message) = ("AuthorizationError", "by the test");
        let denied = Fault::Answer { status: 403, code, message, when: When::Before };
        if seen.operation == "Publish" { denied } else { Fault::None }
    });
}

#[tokio::test]
async fn what_cannot_be_told_makes_the_invocation_fail_and_is_told_later() {
    let route = with_objects(&[]).await;
    deny_publishing(&route);
    let run = deliver(&route).await;
    assert!(run.told.is_none() && run.outcome.is_some(), "{run:#?}");
    route.cloud.clock().turn(15 * MINUTE);
    // The event's own retry is due by now: whoever comes at the same moment leaves the telling to it.
    route.cloud.activity().settled().await;
    let failed = tick(&route).await.unwrap_err();
    assert!(failed["errorMessage"].as_str().unwrap().contains("nobody could be told: Publish failed"), "{failed}");
    assert!(route.kept("ledger/status.html").await.unwrap().is_some(), "the rest is done");
    route.cloud.faults().clear();
    route.cloud.clock().turn(15 * MINUTE);
    tick(&route).await.unwrap();
    assert_eq!(route.subjects().unwrap(), ["Transship demo: copied: 3 copied, 0 failed"]);
}

/// The objects copied that settle-job's lines of metrics come to.
fn measured(route: &Route) -> u64 {
    let lines = route.cloud.functions().logs("settle-job").into_iter();
    let metrics = lines.filter_map(|line| serde_json::from_str::<Value>(line.get(line.find('{')?..)?).ok());
    metrics.filter_map(|line| line.get("ObjectsCopied").and_then(Value::as_u64)).sum()
}

/// No schedule: what is lost here is an event's, with its retries after one and two minutes.
#[tokio::test]
async fn an_event_that_nobody_could_be_told_of_ends_in_the_queue_of_failures() {
    let route = with_objects(&[]).await;
    deny_publishing(&route);
    let run = deliver(&route).await;
    route.cloud.exhausted().await;
    let queues = route.cloud.functions().queues().all();
    let failures = queues.iter().find(|(arn, _)| arn.ends_with(":SettleJobFailures"));
    let (_, messages) = failures.unwrap_or_else(|| panic!("{queues:#?}"));
    assert!(messages.iter().all(|message| message.to_string().contains("nobody could be told")), "{messages:#?}");
    let now = route.records().await.unwrap().into_iter().find(|record| record.run == run.run).unwrap();
    assert!(now.telling.is_none() && now.told.is_none() && now.measured.is_some(), "{now:#?}");
    assert_eq!(measured(&route), 3, "once, though it was not told");
    route.cloud.faults().clear();
    tick(&route).await.unwrap();
    assert_eq!(route.subjects().unwrap(), ["Transship demo: copied: 3 copied, 0 failed"], "at once");
    assert_eq!(measured(&route), 3, "and no second time");
}

/// Of two runs one cannot be noted: what was measured of the other is not lost with it, and nothing is measured twice.
#[tokio::test]
async fn a_run_that_cannot_be_told_does_not_take_the_others_with_it() {
    for unlucky in [0, 1] {
        let route = with_objects(&[("CopyMode", "Everything")]).await;
        let none = aws_sdk_s3::types::NotificationConfiguration::builder().build();
        let quiet = route.destination.s3.put_bucket_notification_configuration().bucket(MANIFEST_BUCKET);
        quiet.notification_configuration(none).send().await.unwrap();
        for _ in 0..2 {
            route.cloud.clock().turn(24 * HOUR);
            let report = route.deliver().await.unwrap();
            route.create_job(&e2e::events::created(&report, None, None)).await.unwrap().unwrap();
            route.cloud.activity().settled().await;
        }
        let path = format!("/ledger/runs/{}/", route.records().await.unwrap()[unlucky].run);
        let puts = AtomicUsize::new(0);
        route.cloud.faults().script_for("settle-job", move |seen| {
            let (code, message) = ("AccessDenied", "by the test");
            let denied = Fault::Answer { status: 403, code, message, when: When::Before };
            let is_record = seen.operation == "PutObject" && seen.path.contains(&path);
            // The first one closes it.
            if is_record && puts.fetch_add(1, Ordering::SeqCst) > 0 { denied } else { Fault::None }
        });
        let failed = tick(&route).await.unwrap_err();
        assert!(failed["errorMessage"].as_str().unwrap().contains("by the test"), "{failed}");
        assert!(route.records().await.unwrap().iter().all(|run| run.state == State::Copied));
        assert_eq!((route.notices().unwrap().len(), measured(&route)), (1, 3), "the other one ({unlucky})");
        route.cloud.faults().clear();
        for _ in 0..2 {
            tick(&route).await.unwrap();
            assert_eq!((route.notices().unwrap().len(), measured(&route)), (2, 6), "each once ({unlucky})");
        }
    }
}

#[tokio::test]
async fn a_status_page_that_could_not_be_written_is_made_up_for() {
    let route = with_objects(&[]).await;
    route.cloud.faults().script_for("settle-job", |seen| {
        let (code, message) = ("AccessDenied", "by the test");
        let denied = Fault::Answer { status: 403, code, message, when: When::Before };
        let is_page = seen.operation == "PutObject" && seen.path.contains("ledger/status.");
        if is_page { denied } else { Fault::None }
    });
    let run = deliver(&route).await;
    tick(&route).await.unwrap();
    let run = route.records().await.unwrap().into_iter().find(|record| record.run == run.run).unwrap();
    assert!(run.told.is_some(), "{run:#?}");
    assert_eq!(route.kept("ledger/status.html").await.unwrap(), None, "it was denied");
    route.cloud.faults().clear();
    tick(&route).await.unwrap();
    assert!(route.kept("ledger/status.html").await.unwrap().is_some());
    let twin: Value = serde_json::from_slice(&route.kept("ledger/status.json").await.unwrap().unwrap()).unwrap();
    assert_eq!(twin["runs"][0]["run"], run.run.as_str(), "{twin:#}");
}

#[tokio::test]
async fn a_crash_between_publishing_and_noting_it_tells_the_same_notice_again() {
    let route = with_objects(&[]).await;
    route.cloud.faults().script_for("settle-job", |seen| {
        if seen.operation == "Publish" { Fault::Crash(When::After) } else { Fault::None }
    });
    let run = deliver(&route).await;
    route.cloud.faults().clear();
    assert!(run.telling.is_some() && run.told.is_none(), "{run:#?}");
    tick(&route).await.unwrap();
    assert_eq!(route.notices().unwrap().len(), 1, "whoever set about telling may still be at it");
    route.cloud.clock().turn(15 * MINUTE);
    tick(&route).await.unwrap();
    tick(&route).await.unwrap();
    let notices = route.notices().unwrap();
    assert_eq!((notices.len(), &notices[0]), (2, &notices[1]), "at least once, and known as the same");
}

/// Whether settle-job may invoke setup, and so hears how the accounts stand.
fn deny_check(route: &Route) {
    route.cloud.faults().script_for("settle-job", |seen| {
        let (code, message) = ("AccessDeniedException", "by the test");
        let denied = Fault::Answer { status: 403, code, message, when: When::Before };
        if seen.operation == "Invoke" && seen.path.contains("setup") { denied } else { Fault::None }
    });
}

fn finding_names(answer: &Value) -> Vec<&str> {
    answer["findings"].as_array().unwrap().iter().filter_map(|finding| finding["name"].as_str()).collect()
}

#[tokio::test]
async fn a_warning_that_may_pass_is_in_no_runs_message_and_makes_none_of_it_a_problem() {
    for (notices, told) in [("Problems", &[][..]), ("All", &["Transship demo: copied: 3 copied, 0 failed"][..])] {
        let route = with_objects(&[("Notices", notices)]).await;
        deny_check(&route);
        let run = deliver(&route).await;
        assert_eq!(finding_names(&tick(&route).await.unwrap()), ["check-failed"]);
        route.cloud.faults().clear();
        for _ in 0..2 {
            assert_eq!(finding_names(&tick(&route).await.unwrap()), [""; 0]);
            route.cloud.clock().turn(HOUR);
        }
        let run = route.records().await.unwrap().into_iter().find(|record| record.run == run.run).unwrap();
        assert!(run.state == State::Copied && run.told.is_some(), "{run:#?}");
        let published = route.notices().unwrap();
        assert_eq!(route.subjects().unwrap(), told, "{published:#?}");
        let severities = published.iter().map(|notice| notice.told["severity"].as_str().unwrap());
        assert!(severities.eq(told.iter().map(|_| "note")), "{published:#?}");
        assert!(published.iter().all(|notice| !notice.text.contains("WARNING")), "{published:#?}");
    }
}

#[tokio::test]
async fn a_warning_that_lasts_is_told_with_a_run_and_that_it_is_over() {
    let route = with_objects(&[("Notices", "Problems")]).await;
    deny_check(&route);
    deliver(&route).await;
    route.cloud.clock().turn(HOUR + MINUTE);
    put(&route, "another").await;
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let subject = "Transship demo: copied: 1 copied, 0 failed";
    let [notice] = &route.notices().unwrap()[..] else { panic!("{:#?}", route.notices()) };
    assert_eq!((notice.subject.as_str(), &notice.told["severity"]), (subject, &"warning".into()), "{notice:#?}");
    assert!(notice.text.contains("WARNING: setup did not say how the accounts stand"), "{notice:#?}");
    // Once somebody was told of it, it is in each message until it is over.
    route.cloud.clock().turn(HOUR);
    put(&route, "yet another").await;
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    assert_eq!(route.subjects().unwrap(), [subject; 2]);
    route.cloud.faults().clear();
    tick(&route).await.unwrap();
    tick(&route).await.unwrap();
    let subjects = route.subjects().unwrap();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects[2].contains("resolved: setup did not say how the accounts stand"), "{subjects:?}");
}
