//! Tests of what people are told.

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::text::{count, dollars, duration, inert, report_time, size};
use super::*;
use crate::config::{CopyMode, Route};
use crate::ledger::RunRecord;
use crate::names::{Prefix, Region};

pub(crate) fn with_links<T>(f: impl FnOnce(&Links<'_>) -> T) -> T {
    let route = crate::ledger::tests::route();
    let (home, report_prefix): (Region, Prefix) = ("us-east-1".parse().unwrap(), "reports".parse().unwrap());
    f(&Links { route: &route, home: &home, report_prefix: &report_prefix })
}

/// A settled run of the report of that time.
pub(crate) fn record(time: &str, state: &str, copied: u64, failed: u64) -> RunRecord {
    let settled = report_time(time).unwrap() + SignedDuration::from_mins(192);
    let manifest = json!({ "key": format!("inventory/source-bucket/daily/{time}/manifest.json"), "etag": "aa" });
    serde_json::from_value(json!({
        "schema": 1, "route": "photos", "run": format!("{time}-aa"), "mode": "Changes", "state": state,
        "planned": settled, "report": { "manifest": manifest, "time": time, "files": 1, "bytes": 100 },
        "destination": { "bucket": "destination-bucket", "prefix": null }, "baseline": "bb",
        "plan": {
            "manifest": manifest, "delivered": false, "rows": 2_000_000, "objects": copied + failed,
            "bytes": 1_288_490_189, "carried_over": 2, "unchanged": 5, "gone": 0,
            "left_out": { "archived": { "objects": 4, "bytes": 40 }, "too-large": { "objects": 1, "bytes": 6_000_000_000_u64 } },
        },
        "next": null, "requests": [], "jobs": [{ "kind": "copy", "id": "1-2-3" }],
        "outcome": {
            "settled": settled, "copied": copied, "failed": failed, "carried_over": failed,
            "errors": if failed > 0 { json!([error("AccessDenied", 403, failed)]) } else { json!([]) },
        },
    }))
    .unwrap()
}

fn error(code: &str, status: u16, objects: u64) -> Value {
    json!({ "code": code, "status": status, "objects": objects, "message": "no", "examples": ["a/1.jpg", "a/2\n.jpg"] })
}

#[test]
fn numbers_read_as_people_write_them() {
    assert_eq!([0, 7, 999, 1000, 1_234_567].map(count), ["0", "7", "999", "1,000", "1,234,567"]);
    assert_eq!([0, 1023, 1_288_490_189].map(size), ["0 B", "1023 B", "1.2 GiB"]);
    let spans = [(0, "0s"), (59, "59s"), (61, "1m"), (11_520, "3h 12m"), (108_000, "30h")];
    for (seconds, text) in spans {
        assert_eq!(duration(SignedDuration::from_secs(seconds)), text);
    }
    assert_eq!([0.0, 0.002_5, 12.345].map(dollars), ["$0.00", "$0.0025", "$12.35"]);
    assert_eq!(report_time("2025-06-02T01-00Z").map(text::time).as_deref(), Some("2 Jun 2025, 01:00"));
    assert_eq!(report_time("2025-06-31T01-00Z"), None);
}

#[test]
fn what_would_be_obeyed_is_spelled_out() {
    assert_eq!(inert("a b/ü-שלום.txt"), "a b/ü-שלום.txt");
    assert_eq!(inert("x\n\u{1b}[31m"), "x\\u{a}\\u{1b}[31m");
    assert_eq!(inert("\u{202e}gpj.exe\u{2066}\u{200b}"), "\\u{202e}gpj.exe\\u{2066}\\u{200b}");
}

#[test]
fn a_subject_is_what_sns_takes_whatever_the_finding() {
    with_links(|links| {
        let what = format!("é\nBcc: everybody\u{202e} {}", "x".repeat(300));
        let findings = [Finding::new(Severity::Alarm, what, "do this\nand that")];
        let message = Message::of_findings(links, "x", Found { findings: &findings, resolved: &[] }).unwrap();
        assert_eq!(message.subject.len(), 99);
        assert!(message.subject.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", message.subject);
        assert!(message.subject.starts_with("Transship photos: alarm: ??Bcc"), "{}", message.subject);
        // A line break in a text of anybody's forges no line.
        assert!(!message.text.lines().any(|line| line.starts_with("Bcc") || line.starts_with("and that")));
        assert!(message.text.contains("What to do: do this\\u{a}and that"));
    });
}

#[test]
fn a_run_is_told_to_a_person_and_to_a_program() {
    with_links(|links| {
        let message =
            Message::of_run(links, &record("2025-06-02T01-00Z", "copied with failures", 1201, 3), Found::default());
        assert_eq!(message.severity, Severity::Warning);
        assert_eq!(message.subject, "Transship photos: copied with failures: 1,201 copied, 3 failed");
        let job = "https://eu-west-1.console.aws.amazon.com/s3/jobs/1-2-3?region=eu-west-1";
        let report = "https://us-east-1.console.aws.amazon.com/s3/buckets/manifest-bucket?region=us-east-1&prefix=reports/job-1-2-3/";
        let page = "https://us-east-1.console.aws.amazon.com/s3/object/manifest-bucket?region=us-east-1&prefix=ledger/status.html";
        let expected = format!(
            "Route photos: source-bucket (111111111111) to destination-bucket (222222222222)
The run of the report of 2 Jun 2025, 01:00 UTC: copied with failures.

New or changed                     1,202
Carried over to this run               2
Copied                             1,201
Failed                                 3
Carried over to the next               3
Bytes planned                    1.2 GiB
From report to outcome            3h 12m
Left out, too-large: 1 object
Left out, archived: 4 objects

What was found:
- AccessDenied (403), 3 objects, such as a/1.jpg, a/2\\u{{a}}.jpg: no

What to do: nothing at once. What failed is carried over to the next run. If the same objects fail again, the completion report says why.

Job: {job}
Completion report: {report}

Status page: {page}
Notice photos/2025-06-02T01-00Z-aa/copied with failures. If it comes twice, it is the same.
"
        );
        assert_eq!(message.text, expected);
        let told: Value = serde_json::from_str(&message.json).unwrap();
        assert_eq!((&told["schema"], &told["outcome"]), (&json!(1), &json!("copied with failures")));
        assert_eq!((&told["copied"], &told["failed"], &told["carried_over"]), (&json!(1201), &json!(3), &json!(3)));
        assert_eq!(told["left_out"]["archived"]["objects"], 4);
        assert_eq!(told["jobs"][0], json!({ "id": "1-2-3", "console": job, "report": report }));
        let attributes: Vec<_> = message.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(
            attributes,
            [
                ("notice", "photos/2025-06-02T01-00Z-aa/copied with failures"),
                ("route", "photos"),
                ("outcome", "copied with failures"),
                ("severity", "warning"),
                ("run", "2025-06-02T01-00Z-aa"),
            ]
        );
        let structured: Value = serde_json::from_str(&message.structured()).unwrap();
        assert_eq!(structured["email"], message.text);
        assert_eq!(structured["default"], message.json);
    });
}

#[test]
fn what_was_found_beside_a_run_is_in_the_severity_that_a_program_reads() {
    with_links(|links| {
        let run = record("2025-06-02T01-00Z", "copied", 5, 0);
        let findings = [Finding::new(Severity::Alarm, "it is so", "mend it")];
        for (findings, severity) in [(&findings[..], Severity::Alarm), (&[], Severity::Note)] {
            let message = Message::of_run(links, &run, Found { findings, resolved: &[] });
            let told: Value = serde_json::from_str(&message.json).unwrap();
            assert_eq!((message.severity, &told["severity"]), (severity, &json!(severity.as_str())));
            let times = message.json.matches(r#""severity":"#).count();
            assert_eq!(times, 1 + findings.len(), "the run's or the message's, not both: {}", message.json);
        }
    });
}

#[test]
fn however_much_was_found_a_message_fits() {
    with_links(|links| {
        let mut run = record("2025-06-02T01-00Z", "failed", 0, 9);
        let outcome = run.outcome.as_mut().unwrap();
        outcome.findings = vec!["k".repeat(5000); 500];
        outcome.errors = serde_json::from_value(json!(vec![error(&"c".repeat(100), 500, 1); 20])).unwrap();
        outcome.errors[0].message = "m".repeat(5000);
        let findings = vec![Finding::new(Severity::Alarm, "w".repeat(5000), "d".repeat(5000)); 500];
        let message = Message::of_run(links, &run, Found { findings: &findings, resolved: &[] });
        assert!(message.structured().len() <= 250_000, "{}", message.structured().len());
        assert!(message.text.contains("And 490 more"));
    });
}

/// A key may have 1,024 bytes, each of which takes seven where it stands twice in JSON.
#[test]
fn however_long_and_odd_the_keys_a_message_fits() {
    with_links(|links| {
        for odd in ["\u{1}", "\u{202e}", "\"", "\\", "é", "\u{1f5ff}"] {
            let key = odd.repeat(1024 / odd.len());
            let mut run = record("2025-06-02T01-00Z", "failed", 0, 9);
            let outcome = run.outcome.as_mut().unwrap();
            let mut group = error(&key, 500, 1);
            group["examples"] = json!([key, key, key]);
            outcome.errors = serde_json::from_value(json!(vec![group; 20])).unwrap();
            outcome.stuck =
                serde_json::from_value(json!({ "runs": 5, "objects": 3, "examples": [key, key, key] })).unwrap();
            outcome.findings = vec![key.repeat(5); 20];
            let findings = vec![Finding::new(Severity::Alarm, key.clone(), key.repeat(5)); 20];
            let resolved = vec![key.clone(); 20];
            let found = Found { findings: &findings, resolved: &resolved };
            for message in [Message::of_run(links, &run, found), Message::of_findings(links, "x", found).unwrap()] {
                assert!(message.structured().len() <= 250_000, "{odd:?}: {}", message.structured().len());
                assert!(message.subject.len() < 100, "{odd:?}");
                assert!(message.subject.bytes().all(|b| (b' '..=b'~').contains(&b)), "{odd:?}");
                assert!(message.text.contains("more: see the status page"), "{odd:?}");
                let told: Value = serde_json::from_str(&message.json).unwrap();
                assert_eq!(told["severity"], "alarm");
            }
        }
    });
}

#[test]
fn what_is_resolved_is_told_as_well() {
    with_links(|links| {
        let resolved = ["no inventory report has come".to_owned()];
        let message = Message::of_findings(links, "f-1", Found { findings: &[], resolved: &resolved }).unwrap();
        assert_eq!(message.subject, "Transship photos: resolved: no inventory report has come");
        assert_eq!((message.severity, message.id.as_str()), (Severity::Note, "photos/f-1"));
        assert!(message.text.contains("RESOLVED: no inventory report has come.\n"), "{}", message.text);
        let told: Value = serde_json::from_str(&message.json).unwrap();
        assert_eq!((&told["outcome"], &told["resolved"][0]), (&json!("resolved"), &json!(resolved[0])));
    });
}

#[test]
fn problems_only_leaves_out_what_went_well() {
    let severities = [Severity::Note, Severity::Warning, Severity::Alarm];
    assert_eq!(severities.map(|severity| Notices::Problems.want(severity)), [false, true, true]);
    assert_eq!(severities.map(|severity| Notices::All.want(severity)), [true; 3]);
    assert_eq!(("All".parse(), "Problems".parse()), (Ok(Notices::All), Ok(Notices::Problems)));
    assert!("none".parse::<Notices>().is_err());
    with_links(|links| {
        let severity = |state, failed| {
            Message::of_run(links, &record("2025-06-02T01-00Z", state, 5, failed), Found::default()).severity
        };
        assert_eq!(severity("copied", 0), Severity::Note);
        assert_eq!(severity("failed", 5), Severity::Alarm);
        let mut found = record("2025-06-02T01-00Z", "copied", 5, 0);
        found.outcome.as_mut().unwrap().findings = vec!["something was found".to_owned()];
        assert_eq!(Message::of_run(links, &found, Found::default()).severity, Severity::Warning);
        assert_eq!(severity("waiting for confirmation", 0), Severity::Warning);
        assert_eq!(Message::of_findings(links, "x", Found::default()), None);
    });
}

#[test]
fn what_was_deleted_before_its_copy_alarms_nobody() {
    with_links(|links| {
        let mut run = record("2025-06-02T01-00Z", "copied with failures", 5, 3);
        run.outcome.as_mut().unwrap().not_found = 3;
        let value =
            |run: &RunRecord, name| of_run(run).iter().find(|metric| metric.name == name).map(|metric| metric.value);
        assert_eq!(Message::of_run(links, &run, Found::default()).severity, Severity::Note);
        assert_eq!((value(&run, "ObjectsFailed"), value(&run, "ObjectsNotFound")), (Some(0), Some(3)));
        run.outcome.as_mut().unwrap().not_found = 2;
        assert_eq!(Message::of_run(links, &run, Found::default()).severity, Severity::Warning);
        assert_eq!((value(&run, "ObjectsFailed"), value(&run, "ObjectsNotFound")), (Some(1), Some(2)));
    });
}

#[test]
fn what_fails_run_after_run_is_named_first() {
    with_links(|links| {
        let mut run = record("2025-06-02T01-00Z", "copied with failures", 5, 3);
        let outcome = run.outcome.as_mut().unwrap();
        outcome.not_found = 3;
        outcome.stuck = serde_json::from_value(json!({ "runs": 5, "objects": 3, "examples": ["a/1.jpg"] })).unwrap();
        let message = Message::of_run(links, &run, Found::default());
        assert_eq!(message.severity, Severity::Warning, "whatever else failed");
        assert!(
            message
                .text
                .contains("What was found:\n- 3 objects failed in 5 runs in a row or more, such as a/1.jpg\n- Acc")
        );
    });
}

#[test]
fn every_partition_has_its_console() {
    let route = Route { destination_region: "cn-north-1".parse().unwrap(), ..crate::ledger::tests::route() };
    let (home, report_prefix): (Region, Prefix) = ("us-gov-west-1".parse().unwrap(), "a/r".parse().unwrap());
    let links = Links { route: &route, home: &home, report_prefix: &report_prefix };
    assert_eq!(links.job("a b&c"), "https://cn-north-1.console.amazonaws.cn/s3/jobs/a%20b%26c?region=cn-north-1");
    let report = links.report("7");
    assert!(report.starts_with("https://us-gov-west-1.console.amazonaws-us-gov.com/s3/buckets/"), "{report}");
    assert!(report.ends_with("&prefix=a/r/job-7/"), "{report}");
}

#[test]
fn metrics_say_what_the_record_says() {
    let run = record("2025-06-02T01-00Z", "copied with failures", 1201, 3);
    let told: Vec<(&str, u64)> = of_run(&run).iter().map(|metric| (metric.name, metric.value)).collect();
    assert_eq!(
        told,
        [
            ("RunsFailed", 0),
            ("ObjectsPlanned", 1204),
            ("BytesPlanned", 1_288_490_189),
            ("ObjectsSkippedTooLarge", 1),
            ("ObjectsSkippedArchived", 4),
            ("ObjectsSkippedCustomerKey", 0),
            ("ObjectsSkippedDeleteMarker", 0),
            ("ObjectsCopied", 1201),
            ("ObjectsFailed", 3),
            ("ObjectsNotFound", 0),
            ("ObjectsStuck", 0),
            ("ObjectsCarriedOver", 3),
            ("ReportToSettled", 11_520),
        ]
    );
    let now: Timestamp = "2025-06-03T02:00:00Z".parse().unwrap();
    let of = |newest, open| of_route(newest, open, now).iter().map(|m| (m.name, m.value)).collect::<Vec<_>>();
    let hour = SignedDuration::from_hours(1);
    assert_eq!(of(Some("2025-06-02T01-00Z"), Some(now - hour)), [("NewestReportAge", 90_000), ("OpenRunAge", 3600)]);
    assert_eq!(of(None, None), [("OpenRunAge", 0)]);
    let raised = [("run-open", Severity::Alarm), ("stuck", Severity::Alarm), ("failing", Severity::Warning)];
    let counted: Vec<_> = of_findings(raised).iter().map(|m| (m.name, m.value)).collect();
    assert_eq!(counted, [("ReportMissing", 0), ("RunOpenTooLong", 1), ("OtherFindings", 1)]);
}

/// A job that fails whole has no failed task to be counted, and one whose report does not add up need not have one.
#[test]
fn a_run_that_failed_is_counted_whatever_its_objects_did() {
    let failed = |run: &RunRecord| of_run(run).iter().find(|metric| metric.name == "RunsFailed").map(|one| one.value);
    let mut run = record("2025-06-02T01-00Z", "failed", 0, 0);
    assert_eq!(failed(&run), Some(1));
    run.outcome = None;
    assert_eq!(failed(&run), Some(1));
    let mut run = record("2025-06-02T01-00Z", "copied with failures", 5, 3);
    assert_eq!(failed(&run), Some(0), "ObjectsFailed counts these");
    run.outcome.as_mut().unwrap().findings = vec!["the completion report of job 1-2-3 lists 4 tasks".to_owned()];
    assert_eq!(failed(&run), Some(1));
    assert_eq!(failed(&record("2025-06-02T01-00Z", "copied", 5, 0)), Some(0));
}

#[test]
fn what_is_only_looked_at_costs_nothing() {
    let mut run = record("2025-06-02T01-00Z", "copied", 5, 0);
    let cents = |run: &RunRecord| of_run(run).iter().find(|one| one.name == "EstimatedCostCents").map(|one| one.value);
    assert_eq!(cents(&run), None, "not estimated");
    let cost = json!({ "total": 12.34, "items": [], "objects": 5, "bytes": 50, "prices_as_of": "2025-06-01", "prices_overridden": false });
    run.cost = serde_json::from_value(cost).unwrap();
    assert_eq!(cents(&run), Some(1234));
    run.mode = CopyMode::Preview;
    assert_eq!(cents(&run), None);
}

/// The form that CloudWatch reads:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[test]
fn metrics_are_emitted_in_the_embedded_metric_format() {
    // One for the process, as in a function.
    static EMITTER: OnceLock<Emitter> = OnceLock::new();
    let emitter = EMITTER.get_or_init(|| Emitter::new(&"photos".parse().unwrap()).unwrap());
    assert!(Emitter::new(&"other".parse().unwrap()).is_err());
    let before = Timestamp::now().as_millisecond();
    let metrics = of_run(&record("2025-06-02T01-00Z", "copied", 12, 0));
    let mut lines = Vec::new();
    emitter.write(&metrics, &mut lines).unwrap();
    emitter.write(&[], &mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(lines.lines().count(), metrics.len());
    for (line, metric) in lines.lines().zip(&metrics) {
        let mut document: Value = serde_json::from_str(line).unwrap();
        let at = document["_aws"]["Timestamp"].take().as_i64().unwrap();
        assert!((before..=Timestamp::now().as_millisecond()).contains(&at), "milliseconds: {at}");
        let unit = match metric.name {
            "BytesPlanned" => "Bytes",
            "ReportToSettled" => "Seconds",
            _ => "Count",
        };
        let directive = json!({ "Namespace": "Transship", "Dimensions": [["Route"]], "Metrics": [{ "Name": metric.name, "Unit": unit }] });
        let expected = json!({
            "_aws": { "Timestamp": null, "CloudWatchMetrics": [directive] },
            "Route": "photos",
            metric.name: metric.value,
        });
        assert_eq!(document, expected);
    }
}
