//! Tests of [`judge`] and [`together`].

use super::*;
use crate::job::{JobKind, RunId, Submitted, copy_job};
use crate::ledger::{ErrorGroup, Job, tests};
use crate::plan::Plan;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

/// An open run of ten objects.
fn open(mode: CopyMode) -> RunRecord {
    let (route, report) = (tests::route(), tests::report("2025-06-02T01-00Z", "aa"));
    let mut record = RunRecord::new(&route, mode, &report, at(0));
    let settings = crate::job::tests::settings();
    record.requests = vec![copy_job(&route, &settings, &RunId::of(&report), &Submitted::delivered(&report))];
    record.jobs = vec![Job { kind: JobKind::Copy, id: "job-1".to_owned() }];
    record.plan = Some(Box::new(Plan { objects: 10, ..Plan::default() }));
    record.state = State::Open;
    record
}

const ALL: Asked<'_> = Asked { id: "job-1", planned: Some(10), all_tasks: true };
const FAILED_ONLY: Asked<'_> = Asked { id: "job-1", planned: Some(10), all_tasks: false };

fn ended(whole: bool, total: u64, succeeded: u64, failed: u64) -> Ended {
    Ended { whole, total, succeeded, failed, why: Vec::new(), at: Some(at(0)) }
}

fn says(succeeded: u64, failed: u64) -> Report {
    Report::Says(Tally { succeeded: Some(succeeded), failed, ..Tally::default() })
}

/// The verdict long after the job's end.
fn verdict(asked: &Asked<'_>, ended: &Ended, report: Report) -> (Verdict, u64, Vec<String>) {
    let (part, verdict) = judge(asked, ended, report, at(24 * 3600)).unwrap();
    (verdict, part.carried, part.findings)
}

#[test]
fn what_adds_up_carries_over_just_the_tasks_that_failed() {
    assert_eq!(verdict(&ALL, &ended(true, 10, 10, 0), says(10, 0)), (Verdict::Nothing, 0, vec![]));
    assert_eq!(verdict(&ALL, &ended(true, 10, 7, 3), says(7, 3)), (Verdict::Keys, 3, vec![]));
    // Batch Operations may write a report of failed tasks that lists the others all the same, or none at all.
    for report in [says(7, 3), says(0, 3)] {
        assert_eq!(verdict(&FAILED_ONLY, &ended(true, 10, 7, 3), report), (Verdict::Keys, 3, vec![]));
    }
    for report in [Report::Missing, says(0, 0), says(10, 0)] {
        assert_eq!(verdict(&FAILED_ONLY, &ended(true, 10, 10, 0), report), (Verdict::Nothing, 0, vec![]));
    }
}

#[test]
fn whatever_does_not_add_up_is_a_finding_and_carries_the_whole_plan_over() {
    let unread = Report::Says(Tally { succeeded: None, failed: 2, ..Tally::default() });
    for (asked, ended, report, told) in [
        (&ALL, ended(true, 9, 9, 0), says(9, 0), "of 10 objects 9 were tasks"),
        (&ALL, ended(true, 11, 11, 0), says(11, 0), "of 10 objects 11 were tasks"),
        (&ALL, ended(true, 10, 9, 0), says(9, 0), "9 succeeded, 0 failed"),
        (&ALL, ended(true, 10, 7, 3), says(7, 2), "lists 7 and 2"),
        (&ALL, ended(true, 10, 7, 3), says(6, 3), "lists 6 and 3"),
        (&ALL, ended(true, 10, 7, 3), unread, "lists 0 and 2"),
        (&FAILED_ONLY, ended(true, 10, 7, 3), says(0, 2), "lists 0 and 2"),
        (&FAILED_ONLY, ended(true, 10, 7, 3), says(6, 3), "lists 6 and 3"),
        (&ALL, ended(true, 10, 10, 0), Report::Missing, "no completion report"),
        (&FAILED_ONLY, ended(true, 10, 7, 3), Report::Missing, "no completion report"),
        (&ALL, ended(true, 10, 10, 0), Report::Wrong("the MD5".to_owned()), "the MD5"),
        (&ALL, ended(false, 10, 4, 6), says(4, 6), "did not complete"),
        (&ALL, ended(false, 0, 0, 0), Report::Missing, "did not complete"),
    ] {
        let (verdict, carried, findings) = verdict(asked, &ended, report);
        assert_eq!((verdict, carried), (Verdict::Plan, 10), "{ended:?}");
        assert!(findings[0].contains(told), "{told}: {findings:?}");
    }
}

#[test]
fn what_could_not_be_read_of_the_successes_is_told_and_stops_nothing() {
    let unread = Report::Says(Tally { succeeded: None, failed: 3, ..Tally::default() });
    let (verdict, carried, findings) = verdict(&ALL, &ended(true, 10, 7, 3), unread);
    assert_eq!((verdict, carried, findings.len()), (Verdict::Keys, 3, 1));
}

#[test]
fn a_report_may_come_late_but_not_for_ever() {
    let ended = ended(true, 10, 10, 0);
    assert!(judge(&ALL, &ended, Report::Missing, at(29 * 60)).is_none());
    assert!(judge(&ALL, &ended, Report::Missing, at(30 * 60)).is_some());
    let unknown_end = Ended { at: None, ..ended };
    assert!(judge(&ALL, &unknown_end, Report::Missing, at(0)).is_some());
}

#[test]
fn a_run_is_what_its_jobs_come_to() {
    let keys = || Some(CarriedOver::Plan(open(CopyMode::Changes).requests[0].manifest.clone()));
    let copied = || Part { copied: 5, tried: true, ..Part::default() };
    let some = || Part { copied: 4, failed: 1, carried: 1, tried: true, which: keys(), ..Part::default() };
    let none = || Part { carried: 10, which: keys(), ..Part::default() };
    for (parts, state, carried) in [
        (vec![copied()], State::Copied, 0),
        (vec![copied(), copied()], State::Copied, 0),
        (vec![copied(), some()], State::CopiedWithFailures, 1),
        (vec![none()], State::Failed, 10),
        (vec![none(), copied()], State::CopiedWithFailures, 10),
    ] {
        let (found, outcome, lists) = together(&open(CopyMode::Changes), parts, at(0));
        assert_eq!((found, outcome.carried_over), (state, carried));
        assert_eq!(lists.is_empty(), carried == 0);
    }
    let (state, outcome, _) = together(&open(CopyMode::Everything), vec![some()], at(0));
    assert_eq!((state, outcome.carried_over, outcome.failed), (State::CopiedWithFailures, 0, 1));
}

/// What the ledger says of errors, pinned.
#[test]
fn errors_in_the_ledger_keep_their_shape() {
    let group = ErrorGroup {
        code: "AccessDenied".to_owned(),
        status: Some(403),
        objects: 2,
        message: "Access Denied".to_owned(),
        examples: vec![ObjectKey::from_plain("a b")],
    };
    let text = r#"{"code":"AccessDenied","status":403,"objects":2,"message":"Access Denied","examples":["a b"]}"#;
    assert_eq!(serde_json::to_string(&group).unwrap(), text);
    let before = r#"{"settled":"2026-01-01T00:00:00Z","copied":1,"failed":0,"carried_over":0}"#;
    let outcome: Outcome = serde_json::from_str(before).unwrap();
    assert_eq!((outcome.not_found, outcome.errors.len(), outcome.stuck), (0, 0, None));
}
