//! Tests of [`account`].

use super::*;
use crate::config::CopyMode;
use crate::job::{JobKind, RunId, Submitted, copy_job};
use crate::ledger::{Job, tests};
use crate::plan::Plan;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

/// An open run of ten objects.
fn open() -> RunRecord {
    let (route, report) = (tests::route(), tests::report("2025-06-02T01-00Z", "aa"));
    let mut record = RunRecord::new(&route, CopyMode::Changes, &report, at(0));
    let settings = crate::job::tests::settings();
    record.requests = vec![copy_job(&route, &settings, &RunId::of(&report), &Submitted::delivered(&report))];
    record.jobs = vec![Job { kind: JobKind::Copy, id: "job-1".to_owned() }];
    record.plan = Some(Plan { objects: 10, ..Plan::default() });
    record.state = State::Open;
    record
}

fn ended(whole: bool, total: u64, succeeded: u64, failed: u64) -> Fate {
    Fate::Ended { whole, total, succeeded, failed, why: Vec::new() }
}

#[test]
fn a_job_that_copied_every_planned_object_leaves_nothing() {
    let account = account(&open(), &[ended(true, 10, 10, 0)], at(60)).unwrap();
    assert_eq!((account.state, account.carry_over.len()), (State::Copied, 0));
    assert_eq!(account.outcome.copied, 10);
}

#[test]
fn whatever_is_not_known_to_be_copied_is_carried_over_whole() {
    for (fate, state) in [
        (ended(true, 10, 9, 1), State::CopiedWithFailures),
        (ended(true, 9, 9, 0), State::CopiedWithFailures),
        (ended(true, 11, 11, 0), State::CopiedWithFailures),
        (ended(false, 10, 4, 6), State::Failed),
        (ended(false, 0, 0, 0), State::Failed),
        (Fate::Unknown, State::Failed),
    ] {
        let account = account(&open(), std::slice::from_ref(&fate), at(3600)).unwrap();
        assert_eq!(account.state, state, "{fate:?}");
        let [carried] = &account.carry_over[..] else { panic!("{fate:?}: {:?}", account.carry_over) };
        assert_eq!(carried.objects, 10);
        assert!(matches!(&carried.which, CarriedOver::Plan(plan) if plan.etag.as_str() == "aa"));
        assert_eq!(account.outcome.findings, [carried.reason.clone()], "{fate:?}");
    }
}

#[test]
fn a_run_is_open_while_a_job_may_still_copy() {
    assert_eq!(account(&open(), &[Fate::Running], at(3600)), None);
    assert_eq!(account(&open(), &[Fate::Unknown], at(60)), None, "just created, and not known everywhere yet");
}
