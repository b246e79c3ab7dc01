//! Tests of each thing that is watched.

use super::*;
use crate::config::CopyMode;
use crate::job::{JobKind, RunId};
use crate::ledger::{Baseline, CarriedOver, CarryOver, Job, Kept, Outcome, RunRecord, State, Stuck, Watch, tests};
use crate::names::ObjectKey;
use crate::run::{Arrived, Reports, RunError, Waiting};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn start() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

fn after(hours: i64) -> Timestamp {
    start().checked_add(HOUR * i32::try_from(hours).unwrap()).unwrap()
}

fn patience(frequency: Frequency) -> Patience {
    Patience { frequency, run_open: HOUR * 24 }
}

fn names(tended: &Tended, frequency: Frequency, hours: i64) -> Vec<String> {
    watch(tended, start(), &patience(frequency), after(hours)).into_iter().map(|raised| raised.name).collect()
}

/// A report that came so many hours after `start`.
fn delivered(time: &str, hours: i64) -> Tended {
    let arrived = Some(Arrived { time: time.to_owned(), at: after(hours) });
    let reports = Reports { newest: Some(time.to_owned()), arrived, waiting: Vec::new() };
    Tended { reports, ..Tended::default() }
}

fn with_run(state: State, jobs: &[&str]) -> Tended {
    let mut record =
        RunRecord::new(&tests::route(), CopyMode::Everything, &tests::report("2026-11-01T00-00Z", "aa"), start());
    record.state = state;
    record.jobs = jobs.iter().map(|id| Job { kind: JobKind::Copy, id: (*id).to_owned() }).collect();
    let kept = Kept { value: record, etag: "e".parse().unwrap() };
    Tended { runs: vec![(ObjectKey::from_plain("ledger/runs/r/e.json"), kept)], ..delivered("2026-11-10T00-00Z", 0) }
}

#[test]
fn a_report_that_does_not_come_is_missed_when_the_schedule_says_so() {
    let none = Tended::default();
    for (frequency, first) in [(Frequency::Daily, 48), (Frequency::Weekly, 9 * 24)] {
        assert_eq!(names(&none, frequency, first), [""; 0]);
        assert_eq!(names(&none, frequency, first + 1), ["no-report"]);
    }
    for (frequency, next) in [(Frequency::Daily, 30), (Frequency::Weekly, 9 * 24)] {
        // From when it came, however long after its scan that was.
        for came in [0, 1, 20, 47] {
            let one = delivered("2026-11-01T00-00Z", came);
            assert_eq!(names(&one, frequency, came + next), [""; 0]);
            assert_eq!(names(&one, frequency, came + next + 1), ["no-report"]);
        }
    }
}

#[test]
fn a_report_that_has_begun_to_come_has_not_come() {
    let mut begun = delivered("2026-11-01T00-00Z", 1);
    begun.reports.newest = Some("2026-11-02T00-00Z".to_owned());
    let raised = watch(&begun, start(), &patience(Frequency::Daily), after(32));
    assert_eq!(raised[0].finding.what, "no inventory report has come since that of 2026-11-01T00-00Z");
    begun.reports.arrived = None;
    assert_eq!(names(&begun, Frequency::Daily, 48), [""; 0], "as long as the first may take");
    assert_eq!(names(&begun, Frequency::Daily, 49), ["no-report"]);
}

#[test]
fn a_run_is_not_open_for_ever_whatever_it_waits_for() {
    for (state, jobs, told) in
        [(State::Open, &["job-1"][..], "with job job-1"), (State::Planned, &[][..], "has no job")]
    {
        let tended = with_run(state, jobs);
        assert_eq!(names(&tended, Frequency::Daily, 24), [""; 0], "{told}");
        let raised = watch(&tended, start(), &patience(Frequency::Daily), after(25));
        assert!(raised[0].name == "run-open" && raised[0].finding.what.contains(told), "{raised:?}");
    }
    for state in [State::Copied, State::Empty, State::Superseded, State::Failed, State::CopiedWithFailures] {
        assert_eq!(names(&with_run(state, &["job-1"]), Frequency::Daily, 25), [""; 0]);
    }
}

#[test]
fn a_report_that_nothing_stands_in_the_way_of_is_not_left_lying() {
    let manifest = ObjectKey::from_plain("inventory/s/i/2026-11-10T00-00Z/manifest.json");
    let (etag, since) = ("aa".parse().unwrap(), start());
    let waiting = Waiting { run: RunId::new("2026-11-10T00-00Z", &etag), manifest, etag, since };
    let mut tended = delivered("2026-11-10T00-00Z", 0);
    tended.reports.waiting = vec![waiting.clone()];
    assert_eq!(names(&tended, Frequency::Daily, 1), [""; 0]);
    assert_eq!(names(&tended, Frequency::Daily, 2), ["report-unhandled"]);
    let mut unread = Tended { reports: tended.reports.clone(), ..Tended::default() };
    unread.failed = vec![RunError::NoRecord(ObjectKey::from_plain("ledger/baseline.json"))];
    assert_eq!(names(&unread, Frequency::Daily, 2), ["failing"], "nobody knows which reports have been handled");
    let mut behind = with_run(State::Open, &["job-1"]);
    behind.reports.waiting = vec![waiting];
    assert_eq!(names(&behind, Frequency::Daily, 2), [""; 0], "it waits for the open run");
}

#[test]
fn stuck_objects_and_failures_are_named() {
    let mut tended = with_run(State::CopiedWithFailures, &["job-1"]);
    let stuck = Stuck { runs: 5, objects: 2, examples: vec![ObjectKey::from_plain("a\nb")] };
    tended.runs[0].1.value.outcome = Some(Outcome { stuck: Some(stuck), ..Outcome::default() });
    tended.failed = vec![RunError::Contended("x".to_owned()), RunError::NoRecord(ObjectKey::from_plain("k"))];
    let raised = watch(&tended, start(), &patience(Frequency::Daily), after(1));
    assert!(
        raised[0].finding.what.contains(r#"2 objects have failed in 5 runs in a row or more, such as "a\nb""#),
        "{raised:?}"
    );
    let severities: Vec<Severity> = raised.iter().map(|raised| raised.finding.severity).collect();
    assert_eq!(severities, [Severity::Alarm, Severity::Warning, Severity::Alarm]);
    assert!(raised.iter().all(|raised| !raised.finding.do_next.is_empty()));
}

#[test]
fn what_is_stuck_is_what_is_left_to_be_copied() {
    let stuck = |key: &str| Stuck { runs: 5, objects: 1, examples: vec![ObjectKey::from_plain(key)] };
    let mut tended = with_run(State::CopiedWithFailures, &["job-1"]);
    tended.runs[0].1.value.mode = CopyMode::Changes;
    tended.runs[0].1.value.outcome = Some(Outcome { stuck: Some(stuck("one")), ..Outcome::default() });
    let what = |tended: &Tended| {
        let raised = watch(tended, start(), &patience(Frequency::Daily), after(1));
        raised.into_iter().map(|raised| raised.finding.what).collect::<Vec<_>>().join("; ")
    };
    assert!(what(&tended).starts_with("1 object has failed"), "{}", what(&tended));
    // A retry has taken over another run's lists, and its own are in the baseline as well.
    let mut baseline = Baseline::new(&tests::route(), String::new());
    let manifest = crate::job::Submitted::delivered(&tests::report("2026-11-02T00-00Z", "bb"));
    for run in [RunId::new("2026-11-02T00-00Z", &"bb".parse().unwrap()), tended.runs[0].1.value.run.clone()] {
        let which = CarriedOver::Plan(manifest.clone());
        let list = CarryOver::new(&run, String::new(), 9, JobKind::Copy, which);
        baseline.carry_over.push(CarryOver { stuck: Some(stuck("other")), ..list });
    }
    tended.baseline = Some(baseline);
    assert!(what(&tended).starts_with("2 objects have failed"), "{}", what(&tended));
    assert!(what(&tended).ends_with(r#"such as "other", "one""#), "{}", what(&tended));
    // Mode Everything takes nothing over: what its last run says is all there is.
    tended.runs[0].1.value.mode = CopyMode::Everything;
    assert!(what(&tended).starts_with("1 object has failed"), "{}", what(&tended));

    let (key, mut empty) = with_run(State::Empty, &[]).runs.remove(0);
    empty.value.run = RunId::new("2026-11-03T00-00Z", &"cc".parse().unwrap());
    tended.baseline = None;
    tended.runs.insert(0, (key, empty));
    assert_eq!(names(&tended, Frequency::Daily, 1), [""; 0], "all of it is gone");
}

fn raised(name: &str, severity: Severity) -> Raised {
    Raised { name: name.to_owned(), about: String::new(), finding: Finding::new(severity, "it is so", "mend it") }
}

/// A look at the route: the names of what is told, and of what is told to be over.
fn look(watch: &mut Watch, raised: &[Raised], now: Timestamp) -> (Vec<String>, Vec<String>) {
    see(watch, raised, now);
    let due = due(watch, raised, now);
    due.told(watch, now);
    (due.raised.into_iter().map(|raised| raised.name).collect(), due.resolved.into_iter().map(|(key, _)| key).collect())
}

#[test]
fn a_finding_is_told_when_it_begins_again_while_it_lasts_and_when_it_is_over() {
    let mut watch = Watch::new(start());
    let found = [raised("no-report", Severity::Alarm)];
    let (no, one) = (Vec::<String>::new(), vec!["no-report".to_owned()]);
    assert_eq!(look(&mut watch, &found, after(0)), (one.clone(), no.clone()));
    assert_eq!(look(&mut watch, &found, after(23)), (no.clone(), no.clone()));
    assert_eq!(look(&mut watch, &found, after(24)), (one.clone(), no.clone()), "again after a day");
    assert_eq!(look(&mut watch, &found, after(25)), (no.clone(), no.clone()));
    assert_eq!(look(&mut watch, &[], after(26)), (no.clone(), one.clone()));
    assert_eq!(look(&mut watch, &[], after(27)), (no.clone(), no.clone()));
    assert_eq!(look(&mut watch, &found, after(28)), (one, no), "another occurrence");
}

#[test]
fn a_warning_is_told_if_it_lasts() {
    let mut watch = Watch::new(start());
    let found = [raised("failing", Severity::Warning)];
    let (no, one) = (Vec::<String>::new(), vec!["failing".to_owned()]);
    assert_eq!(look(&mut watch, &found, after(0)), (no.clone(), no.clone()));
    assert_eq!(look(&mut watch, &[], after(0)), (no.clone(), no.clone()), "nobody was told of it");
    assert_eq!(watch.raised.len(), 0);
    look(&mut watch, &found, after(1));
    assert_eq!(look(&mut watch, &found, after(2)), (one, no));
}

#[test]
fn who_was_cut_off_while_telling_is_stood_in_for() {
    let mut watch = Watch::new(start());
    let found = [raised("no-report", Severity::Alarm)];
    see(&mut watch, &found, start());
    watch.telling = Some(start());
    let minutes = |n: i64| start() + SignedDuration::from_mins(n);
    assert!(due(&watch, &found, minutes(9)).is_nothing(), "somebody else is telling");
    assert_eq!(due(&watch, &found, minutes(10)).raised, found);
    // The same if it is over meanwhile, or was told and is over.
    watch.raised.values_mut().for_each(|known| known.told = Some(start()));
    see(&mut watch, &[], minutes(11));
    assert_eq!(due(&watch, &[], minutes(12)).resolved(), ["it is so"]);
    // And if it comes back before anybody was told that it was over, nobody need know.
    see(&mut watch, &found, minutes(13));
    assert!(due(&watch, &found, minutes(13)).is_nothing());
}

#[test]
fn the_same_finding_about_another_run_is_another() {
    let mut watch = Watch::new(start());
    let about = |run: &str| [raised("run-open", Severity::Alarm).about(&run)];
    assert_eq!(look(&mut watch, &about("one"), after(0)).0, ["run-open"]);
    let (told, over) = look(&mut watch, &about("other"), after(1));
    assert_eq!((told, over), (vec!["run-open".to_owned()], vec!["run-open one".to_owned()]));
}
