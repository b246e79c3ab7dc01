//! Tests.

use super::work as work_of;
use super::*;
use crate::config::CopyMode;
use crate::cost::{Limits, Over};
use crate::job::{JobKind, JobRequest, RunId, Submitted, copy_job};
use crate::ledger::Job;
use crate::ledger::tests::{report, route};

fn record() -> RunRecord {
    let report = report("2025-06-02T01-00Z", "aa");
    let mut record = RunRecord::new(&route(), CopyMode::Changes, &report, Timestamp::UNIX_EPOCH);
    let settings = crate::job::tests::settings();
    record.requests = vec![copy_job(&route(), &settings, &RunId::of(&report), &Submitted::delivered(&report))];
    record
}

fn work(objects: u64) -> Work {
    Work { listed: 100, copied: Count { objects, bytes: 1 << 30 }, large: Large::default(), ..Work::default() }
}

fn waits(record: &RunRecord) -> bool {
    record.requests.iter().all(JobRequest::waits_for_confirmation)
}

#[test]
fn only_a_run_over_a_limit_waits() {
    let none = crate::cost::tests::budget();
    let budget = Budget { limits: Limits { objects: Some(10), ..Limits::default() }, ..none.clone() };
    let mut run = record();
    guard(&budget, &mut run, Some(&work(10)));
    assert!(!waits(&run) && run.over.is_empty() && run.cost.is_some());
    guard(&none, &mut run, Some(&work(11)));
    assert!(!waits(&run));
    guard(&budget, &mut run, Some(&work(11)));
    assert!(waits(&run));
    assert_eq!(run.over, [Over::Objects { planned: 11, most: 10 }]);
    let mut uncounted = record();
    guard(&none, &mut uncounted, None);
    assert!(!waits(&uncounted) && uncounted.cost.is_none());
    guard(&budget, &mut uncounted, None);
    assert!(waits(&uncounted));
}

#[test]
fn the_finding_has_the_numbers_and_both_commands() {
    let budget = Budget {
        limits: Limits { objects: Some(10), cost: Some("0.2".parse().unwrap()), ..Limits::default() },
        ..crate::cost::tests::budget()
    };
    let mut run = record();
    guard(&budget, &mut run, Some(&work(1200)));
    run.jobs = vec![Job { kind: JobKind::Copy, id: "job-1".to_owned() }];
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(unconfirmed(&route(), [&run].into_iter(), now), []);
    run.state = State::Waiting;
    let [Raised { name, finding, .. }] = &unconfirmed(&route(), [&run].into_iter(), now)[..] else { panic!() };
    assert_eq!(name, "unconfirmed 2025-06-02T01-00Z-aa");
    assert_eq!(finding.severity, Severity::Alarm);
    assert_eq!(
        finding.what,
        "job job-1 of run 2025-06-02T01-00Z-aa waits for its confirmation: 1,200 objects, 1.0 GiB, estimated at $0.28; \
        1,200 objects planned, MaxObjectsPerRun is 10; $0.28 estimated, MaxEstimatedCostPerRun is $0.20"
    );
    let command = "aws s3control update-job-status --region eu-west-1 --account-id 222222222222 --job-id job-1 \
        --requested-job-status";
    for part in [&format!("{command} Ready"), &format!("{command} Cancelled"), "31 Jan 1970"] {
        assert!(finding.do_next.contains(part), "{}", finding.do_next);
    }
    run.over.clear();
    assert_eq!(
        unconfirmed(&route(), [&run].into_iter(), now)[0].finding.severity,
        Severity::Warning,
        "as was asked for"
    );
}

/// What is restored counts like what is copied, and is told beside it.
#[test]
fn restores_are_guarded_too() {
    let (objects, bytes) = (Some(2), Some((2 << 30) - 1));
    let budget = Budget { limits: Limits { objects, bytes, cost: None }, ..crate::cost::tests::budget() };
    let restored = Count { objects: 2, bytes: 1 << 30 };
    let mut run = record();
    guard(&budget, &mut run, Some(&Work { restored, ..Work::default() }));
    assert!(!waits(&run) && run.over.is_empty());
    guard(&budget, &mut run, Some(&Work { restored: Count { objects: 3, ..restored }, ..Work::default() }));
    assert_eq!(run.over, [Over::Objects { planned: 3, most: 2 }], "though nothing is copied");
    guard(&budget, &mut run, Some(&Work { restored, ..work(1) }));
    let most = (2 << 30) - 1;
    assert_eq!(run.over, [Over::Objects { planned: 3, most: 2 }, Over::Bytes { planned: 2 << 30, most }]);
    assert!(waits(&run));
    run.state = State::Waiting;
    let [Raised { finding, .. }] = &unconfirmed(&route(), [&run].into_iter(), Timestamp::UNIX_EPOCH)[..] else {
        panic!()
    };
    let numbers = "1 object, 1.0 GiB, and to be restored 2 objects, 1.0 GiB, estimated at";
    assert!(finding.what.contains(numbers), "{}", finding.what);
}

/// A run's two jobs are guarded by what they copy together, and both are told of.
#[test]
fn both_jobs_of_a_run_count_together() {
    let plan = Plan {
        rows: 100,
        objects: 8,
        bytes: 40 << 30,
        large: Count { objects: 5, bytes: 39 << 30 },
        large_parts: 5000,
        ..Plan::default()
    };
    let (objects, bytes) = (Some(7), Some((40 << 30) - 1));
    let budget = Budget { limits: Limits { objects, bytes, cost: None }, ..crate::cost::tests::budget() };
    let mut run = record();
    run.requests.push(run.requests[0].clone());
    assert_eq!(work_of(&plan).large, Large { all: plan.large, parts: 5000 });
    guard(&budget, &mut run, Some(&work_of(&plan)));
    let most = (40 << 30) - 1;
    assert_eq!(run.over, [Over::Objects { planned: 8, most: 7 }, Over::Bytes { planned: 40 << 30, most }]);
    assert!(waits(&run));
    run.jobs = ["job-1", "job-2"].map(|id| Job { kind: JobKind::Copy, id: id.to_owned() }).into();
    run.state = State::Waiting;
    let [Raised { finding, .. }] = &unconfirmed(&route(), [&run].into_iter(), Timestamp::UNIX_EPOCH)[..] else {
        panic!()
    };
    assert!(finding.what.starts_with("jobs job-1, job-2 of run"), "{}", finding.what);
    assert_eq!(finding.do_next.matches("--requested-job-status Ready").count(), 2, "{}", finding.do_next);
    assert_eq!(finding.do_next.matches("--requested-job-status Cancelled").count(), 2, "{}", finding.do_next);
}
