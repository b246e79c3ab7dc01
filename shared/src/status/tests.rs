//! Tests of what the page and its JSON say.

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::config::Route;
use crate::ledger::Baseline;
use crate::notice::Severity;
use crate::notice::tests::{record, with_links};

fn now() -> Timestamp {
    "2025-07-01T00:00:00Z".parse().unwrap()
}

fn baseline(carried: &[(&str, &str, u64)]) -> Baseline {
    let mut baseline = Baseline::new(&crate::ledger::tests::route(), "0".repeat(64));
    let carry = |(run, reason, objects): &(&str, &str, u64)| {
        let keys = json!({ "key": "ledger/carry-over/x.csv", "etag": "cc", "size": 1, "md5": "dd" });
        serde_json::from_value(json!({ "run": run, "reason": reason, "objects": objects, "keys": keys })).unwrap()
    };
    baseline.carry_over = carried.iter().map(carry).collect();
    baseline
}

fn status(carried: &[(&str, &str, u64)], records: &[RunRecord], findings: &[Finding]) -> Status {
    with_links(|links| Status::of(links, Some(&baseline(carried)), records, findings, now()))
}

#[test]
fn health_is_the_worst_that_is_so() {
    let copied = record("2025-06-02T01-00Z", "copied", 5, 0);
    let failed = record("2025-06-03T01-00Z", "failed", 0, 5);
    let health = |status: Status| (status.health.severity, status.health.line);
    assert_eq!(health(status(&[], &[], &[])), (Severity::Note, "No report has arrived yet".to_owned()));
    assert_eq!(
        health(status(&[], std::slice::from_ref(&copied), &[])),
        (
            Severity::Note,
            "Everything that can be copied of the report of 2 Jun 2025, 01:00 UTC has been copied".to_owned()
        )
    );
    let carried = [("2025-06-02T01-00Z-aa", "failed tasks", 1), ("2025-06-01T01-00Z-aa", "failed tasks", 1)];
    let (severity, line) = health(status(&carried, std::slice::from_ref(&copied), &[]));
    assert_eq!(
        (severity, line.as_str()),
        (Severity::Warning, "2 objects not copied yet: the next run includes them again")
    );
    assert_eq!(health(status(&carried, &[copied.clone(), failed], &[])).0, Severity::Alarm);
    let waiting = record("2025-06-04T01-00Z", "waiting for confirmation", 0, 0);
    let (severity, line) = health(status(&carried, &[waiting, copied.clone()], &[]));
    assert_eq!(
        (severity, line.as_str()),
        (Severity::Warning, "A job waits until somebody confirms it in the S3 console")
    );
    let findings = [
        Finding::new(Severity::Note, "nothing much", ""),
        Finding::new(Severity::Warning, "a little", ""),
        Finding::new(Severity::Alarm, "no report for 31 h", "see to the inventory"),
    ];
    let alarmed = status(&[], std::slice::from_ref(&copied), &findings);
    assert_eq!(alarmed.findings[0].severity, Severity::Alarm, "the most severe first");
    assert_eq!(health(alarmed), (Severity::Alarm, "no report for 31 h".to_owned()));
    assert_eq!(health(status(&[], &[copied], &findings[..1])).0, Severity::Note);
}

#[test]
fn health_in_mode_everything_promises_no_carry_over() {
    let with = |state, failed| {
        let mut run = record("2025-06-02T01-00Z", state, 5, failed);
        run.mode = crate::config::CopyMode::Everything;
        let health = status(&[], &[run], &[]).health;
        (health.severity, health.line)
    };
    let again = "in mode Everything the next report brings all of it again";
    assert_eq!(with("failed", 5), (Severity::Alarm, format!("The last run failed; {again}")));
    let some = (Severity::Warning, format!("The last run did not copy everything; {again}"));
    assert_eq!(with("copied with failures", 5), some);
    assert!(with("copied", 0).1.starts_with("Everything that can be copied"));
}

#[test]
fn a_retry_does_not_say_that_nothing_is_left_out() {
    let first = record("2025-06-02T01-00Z", "copied with failures", 5, 1);
    let mut retry = record("2025-06-02T01-00Z", "copied", 1, 0);
    retry.run = first.run.retry_by("0a1b2c3d-0000");
    retry.planned = first.planned + jiff::SignedDuration::from_hours(1);
    retry.plan.as_mut().unwrap().left_out.clear();
    let left_out = first.plan.as_ref().unwrap().left_out.clone();
    let status = status(&[], &[first, retry], &[]);
    assert!(status.runs[0].run.is_retry(), "it is the newest run");
    assert_eq!(status.left_out, left_out);
}

#[test]
fn the_last_sixty_runs_newest_first_each_once() {
    let times: Vec<String> = (0..70).map(|n| format!("2025-{:02}-{:02}T01-00Z", 1 + n / 28, 1 + n % 28)).collect();
    let mut records: Vec<RunRecord> = times.iter().map(|time| record(time, "copied", 1, 0)).collect();
    // The newest was superseded on one baseline, and planned on the next; the one before waited until a newer report came.
    records.push(record(&times[69], "superseded", 0, 0));
    records[70].jobs.clear();
    records[68] = record(&times[68], "superseded", 0, 0);
    let status = status(&[], &records, &[]);
    let seen: Vec<&str> = status.runs.iter().map(|run| run.report_time.as_str()).collect();
    let expected: Vec<&str> = times.iter().rev().take(60).map(String::as_str).collect();
    assert_eq!(seen, expected);
    assert_eq!(status.runs[0].state, State::Copied);
    assert_eq!(status.runs[1].state, State::Superseded);
}

#[test]
fn what_is_left_out_is_that_of_the_newest_plan() {
    let mut newest = record("2025-06-03T01-00Z", "open", 0, 0);
    newest.outcome = None;
    newest.plan.as_mut().unwrap().left_out.remove(&Reason::Archived);
    let superseded = record("2025-06-04T01-00Z", "superseded", 0, 0);
    let status = status(&[], &[record("2025-06-02T01-00Z", "copied", 5, 0), superseded, newest], &[]);
    assert_eq!(status.left_out.keys().collect::<Vec<_>>(), [&Reason::TooLarge]);
    assert_eq!((status.runs[1].copied, status.runs[1].settled), (None, None), "an open run has no outcome");
}

/// The JSON twin's fields, pinned: programs read them.
#[test]
fn the_twin_keeps_its_shape() {
    let status =
        status(&[("r1", "failed tasks", 3)], &[record("2025-06-02T01-00Z", "copied with failures", 1, 3)], &[]);
    let twin = serde_json::to_value(&status).unwrap();
    let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        names(&twin),
        "as_of carry_over destination destination_region filtered findings health left_out newest_report objects route runs schema source"
    );
    assert_eq!(
        names(&twin["runs"][0]),
        "bytes carried_over changed copied errors failed filtered findings jobs left_out mode not_found planned report_time retried \
         run seconds settled severity state stuck"
    );
    assert_eq!(twin["carry_over"][0], json!({ "run": "r1", "reason": "failed tasks", "objects": 3 }));
    assert_eq!((&twin["schema"], &twin["as_of"]), (&json!(1), &json!("2025-07-01T00:00:00Z")));
    assert_eq!(serde_json::from_value::<Status>(twin).unwrap(), status);
}

#[test]
fn strangers_texts_are_inert_on_the_page() {
    let key = "</script><img src=x onerror=alert(1)>\"'&{{7*7}}\u{202e}\n";
    let mut run = record("2025-06-02T01-00Z", "copied with failures", 1, 3);
    run.outcome.as_mut().unwrap().findings = vec![key.to_owned()];
    run.outcome.as_mut().unwrap().errors[0].examples = vec![ObjectKey::from_plain(key)];
    run.jobs[0].id = "\"><script>".to_owned();
    let finding = Finding::new(Severity::Alarm, key, key);
    let html = status(&[(key, key, 3)], &[run], &[finding]).html().unwrap();
    for raw in ["<script", "</script", "<img", "\u{202e}", "alert(1)>"] {
        assert!(!html.contains(raw), "{raw}");
    }
    let escaped = html.matches("{{7*7}}\\u{202e}\\u{a}").count();
    assert_eq!(escaped, 7, "health, what, what to do, the run's finding and error, the carry-over's run and reason");
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let records: Vec<RunRecord> =
        (1..=9).map(|n| record(&format!("2025-06-0{n}T01-00Z"), "copied", 10_u64.pow(n), u64::from(n))).collect();
    let html = status(&[], &records, &[]).html().unwrap();
    for loading in ["<script", " src=", "<link rel=\"stylesheet", "@import", "url(", " onclick", "<iframe"] {
        assert!(!html.contains(loading), "{loading}");
    }
    assert_eq!(html.matches("<g class=\"run\">").count(), 9);
    assert_eq!(html.matches("<th scope=\"row\">").count(), 9 + 2);
    // No cost is known: no column of dashes.
    assert!(!html.contains("Cost"));
    assert!(html.contains("<td class=\"n\">1,000,000,000</td>"));
}

#[test]
fn a_route_that_has_not_run_has_a_page() {
    let route = crate::ledger::tests::route();
    let (home, report_prefix) = ("us-east-1".parse().unwrap(), "reports".parse().unwrap());
    let links = Links {
        route: &Route { destination_prefix: Some("a/b".parse().unwrap()), ..route },
        home: &home,
        report_prefix: &report_prefix,
    };
    let html = Status::of(&links, None, &[], &[], now()).html().unwrap();
    assert!(html.contains("No report has arrived yet") && html.contains("destination-bucket/a/b"));
    assert!(!html.contains("<svg") && !html.contains("<table"));
}
