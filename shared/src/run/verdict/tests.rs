//! Tests of [`judge`] and [`together`].

use super::*;
use crate::job::{JobKind, RunId, Submitted, copy_job};
use crate::ledger::{ErrorGroup, Job, tests};
use crate::names::ObjectKey;
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
    Ended { whole, total, succeeded, failed, at: Some(at(0)), ..Ended::default() }
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
    let plan = || Some(CarriedOver::Plan(open(CopyMode::Changes).requests[0].manifest.clone()));
    let copied = || Part { copied: 5, tasks: Tasks::Tried, ..Part::default() };
    let some = || Part { copied: 4, failed: 1, carried: 1, tasks: Tasks::Tried, which: plan(), ..Part::default() };
    let whole = |tasks| move || Part { carried: 10, tasks, which: plan(), ..Part::default() };
    let (broken, replaced, refused) = (whole(Tasks::Broken), whole(Tasks::Replaced), whole(Tasks::None));
    let restore = |whole, replaced| Part::of_restores(0, &Ended { whole, replaced, ..Ended::default() });
    for (parts, state, carried) in [
        (vec![copied()], State::Copied, 0),
        (vec![copied(), copied()], State::Copied, 0),
        (vec![copied(), some()], State::CopiedWithFailures, 1),
        (vec![broken()], State::Failed, 10),
        // A job that failed whole is not made up for by another.
        (vec![broken(), copied()], State::Failed, 10),
        (vec![some(), broken()], State::Failed, 11),
        (vec![replaced(), broken()], State::Failed, 20),
        (vec![replaced()], State::Superseded, 10),
        (vec![copied(), replaced()], State::Superseded, 10),
        (vec![some(), replaced()], State::CopiedWithFailures, 11),
        (vec![replaced(), refused()], State::CopiedWithFailures, 20),
        // Without a job of its own the rest of the run goes on.
        (vec![copied(), refused()], State::CopiedWithFailures, 10),
        (vec![refused()], State::Failed, 10),
        (vec![copied(), restore(false, false)], State::Copied, 0),
        (vec![copied(), restore(false, true)], State::Copied, 0),
        (vec![restore(false, true)], State::Superseded, 0),
        (vec![restore(false, false)], State::Copied, 0),
    ] {
        let what = format!("{parts:?}");
        let (found, outcome, lists) = together(&open(CopyMode::Changes), parts, at(0));
        assert_eq!((found, outcome.carried_over), (state, carried), "{what}");
        assert_eq!(lists.is_empty(), carried == 0, "{what}");
    }
    let (state, outcome, _) = together(&open(CopyMode::Everything), vec![some()], at(0));
    assert_eq!((state, outcome.carried_over, outcome.failed), (State::CopiedWithFailures, 0, 1));
}

/// A job that a newer report took the place of has not failed, and says so.
#[test]
fn a_job_that_was_replaced_carries_its_plan_over_and_tells_by_what() {
    let ended = Ended { replaced: true, ..ended(false, 0, 0, 0) };
    let (part, verdict) = judge(&ALL, &ended, Report::Missing, at(0)).unwrap();
    assert_eq!((verdict, part.carried, part.tasks), (Verdict::Plan, 10, Tasks::Replaced));
    assert!(part.findings[0].contains("a newer report came"), "{:?}", part.findings);
}

/// What a run took over is as stuck as it was, as far as its job that failed whole was to copy it; the lists stay, each once.
#[test]
fn a_plan_that_is_carried_over_whole_keeps_what_was_counted() {
    let stuck = |objects, key: &str| Stuck { runs: 5, objects, examples: vec![ObjectKey::from_plain(key)] };
    let list = |name: &str| Written {
        key: ObjectKey::from_plain(name),
        etag: "ee".parse().unwrap(),
        version_id: None,
        size: 1,
        md5: String::new(),
    };
    let mut record = open(CopyMode::Changes);
    let mut carried = |kind, which, stuck, counted_in: &[&str]| {
        let mut over = CarryOver::new(&record.run, String::new(), 3, kind, which);
        over.stuck = stuck;
        over.counted_in = counted_in.iter().map(|name| list(name)).collect();
        record.carried.push(over);
    };
    let plan = CarriedOver::Plan(open(CopyMode::Changes).requests[0].manifest.clone());
    carried(JobKind::Copy, CarriedOver::Keys(list("a")), Some(stuck(2, "x")), &[]);
    carried(JobKind::Copy, plan, Some(stuck(1, "y")), &["a", "b"]);
    carried(JobKind::Large, CarriedOver::Keys(list("c")), Some(stuck(7, "z")), &[]);
    let unbelieved = Some(stuck(9, "of a report that does not add up"));
    let mut part = Part { carried: 10, stuck: unbelieved, ..Part::default() };
    part.carry_whole(&record, &record.requests[0]);
    let (_, outcome, lists) = together(&record, vec![part], at(0));
    let keys: Vec<&str> = lists[0].counted_in.iter().map(|list| list.key.as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
    let found = outcome.stuck.clone().unwrap();
    let examples: Vec<&str> = found.examples.iter().map(ObjectKey::as_str).collect();
    assert_eq!((found.objects, examples, &outcome.stuck), (3, vec!["x", "y"], &lists[0].stuck));
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
