//! How a run is closed: what its completion report, its job and its plan say, held against each other, and what is carried
//! over to the next.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;

use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, ReportScript, WholeFailure};
use cloud::front::Fault;
use e2e::large::Sparse;
use e2e::route::{MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use serde_json::{Value, json};
use transship::job::JobKind;
use transship::ledger::{CarriedOver, RunRecord, State, Stuck};

const OBJECTS: u64 = 6;

async fn with_objects(parameters: &[(&str, &str)]) -> Route {
    let route = Route::set_up(parameters).await.unwrap();
    for n in 0..OBJECTS {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("an object+{n}")).send().await.unwrap();
    }
    route
}

/// A report a day after the last: the run that it became, with its job.
async fn deliver(route: &Route) -> RunRecord {
    route.cloud.clock().turn(24 * 3600);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let records = route.records().await.unwrap();
    let run = records.into_iter().find(|record| record.report.manifest.key.as_str() == report);
    run.unwrap_or_else(|| panic!("no run: {:#?}", route.cloud.functions().logs("create-job")))
}

/// The run as it is closed before that of the next report is planned; and that one.
async fn then_next(route: &Route, first: &RunRecord) -> (RunRecord, RunRecord) {
    let next = deliver(route).await;
    let records = route.records().await.unwrap();
    (records.into_iter().find(|record| record.run == first.run).unwrap(), next)
}

fn refuse(status: u16, code: &'static str) -> TaskFailure {
    TaskFailure { status, code: code.to_owned(), message: "by the test".to_owned() }
}

/// Fails the tasks of these objects.
fn failing(route: &Route, some: &'static [(&'static str, u16, &'static str)]) {
    route.cloud.jobs().script(move |_| JobScript {
        tasks: Some(Arc::new(move |key| {
            let key = key.replace('+', " ").replace("%20", " ").replace("%2B", "+");
            some.iter().find(|(name, _, _)| *name == key).map(|(_, status, code)| refuse(*status, code))
        })),
        ..JobScript::default()
    });
}

#[tokio::test]
async fn just_the_tasks_that_failed_are_carried_over_whatever_the_report_lists() {
    for scope in ["AllTasks", "FailedTasksOnly"] {
        let route = with_objects(&[("ReportScope", scope)]).await;
        failing(&route, &[("an object+1", 403, "AccessDenied"), ("an object+4", 404, "NoSuchKey")]);
        let first = deliver(&route).await;
        failing(&route, &[]);
        let (first, next) = then_next(&route, &first).await;
        assert_eq!(first.state, State::CopiedWithFailures, "{scope}: {first:#?}");
        let outcome = first.outcome.unwrap();
        let counts = (outcome.copied, outcome.failed, outcome.not_found, outcome.carried_over);
        assert_eq!(counts, (OBJECTS - 2, 2, 1, 2), "{scope}");
        assert_eq!(outcome.findings, Vec::<String>::new(), "{scope}: a task that failed is no difference");
        let denied = outcome.errors.iter().find(|group| group.code == "AccessDenied").unwrap();
        assert_eq!((denied.status, denied.objects, denied.examples[0].as_str()), (Some(403), 1, "an object+1"));

        let [list] = &next.carried[..] else { panic!("{:?}", next.carried) };
        let CarriedOver::Keys(file) = &list.which else { panic!("{list:?}") };
        let text = String::from_utf8(route.kept(file.key.as_str()).await.unwrap().unwrap()).unwrap();
        let mut rows: Vec<&str> = text.lines().collect();
        rows.sort_unstable();
        assert_eq!(rows, [format!("{SOURCE_BUCKET},an%20object%2B1,1"), format!("{SOURCE_BUCKET},an%20object%2B4,1")]);
        let plan = next.plan.clone().unwrap();
        assert_eq!((plan.objects, plan.carried_over), (2, 2), "{scope}");
        let (next, empty) = then_next(&route, &next).await;
        assert_eq!((next.state, empty.state), (State::Copied, State::Empty), "{scope}: {next:#?}");
    }
}

#[tokio::test]
async fn a_job_whose_report_does_not_add_up_is_carried_over_whole() {
    let failed = WholeFailure { after: 2, code: "TooBad", reason: "by the test" };
    let cases: [(&str, JobScript, State, &str); 4] = [
        (
            "failed whole",
            JobScript { fails: Some(failed), ..JobScript::default() },
            State::Failed,
            "TooBad: by the test",
        ),
        (
            "lost",
            JobScript { report: ReportScript::Missing, ..JobScript::default() },
            State::CopiedWithFailures,
            "has left no completion report",
        ),
        (
            "short",
            JobScript { report: ReportScript::Short(1), ..JobScript::default() },
            State::CopiedWithFailures,
            "its completion report lists 5 and 0",
        ),
        (
            "altered",
            JobScript { report: ReportScript::WrongMd5, ..JobScript::default() },
            State::CopiedWithFailures,
            "the MD5 of",
        ),
    ];
    for (name, script, state, told) in cases {
        let route = with_objects(&[]).await;
        route.cloud.jobs().script(move |_| script.clone());
        let first = deliver(&route).await;
        route.cloud.jobs().script(|_| JobScript::default());
        let (first, next) = then_next(&route, &first).await;
        assert_eq!(first.state, state, "{name}");
        let outcome = first.outcome.unwrap();
        assert_eq!(outcome.carried_over, OBJECTS, "{name}");
        assert!(outcome.findings[0].contains(told), "{name}: {:?}", outcome.findings);
        assert!(matches!(&next.carried[..], [list] if matches!(list.which, CarriedOver::Plan(_))), "{name}");
        assert_eq!(next.plan.clone().unwrap().carried_over, OBJECTS, "{name}");
        let (next, _) = then_next(&route, &next).await;
        assert_eq!(next.state, State::Copied, "{name}");
    }
}

#[tokio::test]
async fn an_object_that_fails_run_after_run_is_named_until_it_is_copied() {
    let route = with_objects(&[("StuckAfterRuns", "3")]).await;
    failing(&route, &[("an object+1", 403, "AccessDenied"), ("an object+2", 404, "NoSuchKey")]);
    let mut run = deliver(&route).await;
    for runs in 1..=4 {
        let next;
        (run, next) = then_next(&route, &run).await;
        let stuck = run.outcome.unwrap().stuck;
        match stuck {
            None => assert!(runs < 3, "{runs}"),
            Some(stuck) => {
                assert!(runs >= 3, "{runs}");
                assert_eq!((stuck.runs, stuck.objects, stuck.examples[0].as_str()), (3, 1, "an object+1"), "{runs}");
            }
        }
        run = next;
    }
    failing(&route, &[]);
    let (_, copying) = then_next(&route, &run).await;
    let (copying, empty) = then_next(&route, &copying).await;
    assert_eq!((copying.state, copying.outcome.unwrap().stuck, empty.state), (State::Copied, None, State::Empty));
}

/// What the schedule's invocation finds, by name.
async fn found(route: &Route) -> Vec<String> {
    let answer: Value = route.settle_job().await.unwrap().unwrap();
    route.cloud.activity().settled().await;
    let findings = answer["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["name"].as_str().unwrap().to_owned()).collect()
}

fn stuck(run: &RunRecord) -> Option<Stuck> {
    run.outcome.clone().unwrap().stuck
}

fn resolved(route: &Route) -> usize {
    let over = |text: &str| text.contains("RESOLVED: 1 object has failed in 3 runs in a row or more");
    route.notices().unwrap().iter().filter(|notice| over(&notice.text)).count()
}

/// A whole plan that is carried over says nothing of any one object: neither that it failed once more, nor that it did not.
#[tokio::test]
async fn a_plan_that_is_carried_over_whole_neither_ends_nor_renews_how_often_an_object_has_failed() {
    const DENIED: &[(&str, u16, &str)] = &[("an object+1", 403, "AccessDenied")];
    let whole = |route: &Route| {
        let fails = WholeFailure { after: 0, code: "TooBad", reason: "by the test" };
        route.cloud.jobs().script(move |_| JobScript { fails: Some(fails.clone()), ..JobScript::default() });
    };
    let route = with_objects(&[("StuckAfterRuns", "3")]).await;
    failing(&route, DENIED);
    let one = deliver(&route).await;
    let (_, two) = then_next(&route, &one).await;
    whole(&route);
    let (two, three) = then_next(&route, &two).await;
    let (three, four) = then_next(&route, &three).await;
    failing(&route, DENIED);
    let (four, five) = then_next(&route, &four).await;
    assert_eq!((two.state, three.state, four.state), (State::CopiedWithFailures, State::Failed, State::Failed));
    assert_eq!((stuck(&two), stuck(&three), stuck(&four)), (None, None, None), "it has failed twice");
    assert_eq!(found(&route).await, ["stuck"], "for the third time");

    route.cloud.jobs().script(|_| JobScript { report: ReportScript::Missing, ..JobScript::default() });
    let (five, six) = then_next(&route, &five).await;
    let third = stuck(&five).unwrap();
    assert_eq!((third.runs, third.objects, third.examples[0].as_str()), (3, 1, "an object+1"));
    whole(&route);
    let (six, seven) = then_next(&route, &six).await;
    assert_eq!((six.state, stuck(&six)), (State::CopiedWithFailures, Some(third.clone())), "its report was lost");
    assert_eq!(found(&route).await, ["stuck"]);
    route.create_job(&json!({ "action": "rebuild" })).await.unwrap().unwrap();
    failing(&route, DENIED);
    let (seven, eight) = then_next(&route, &seven).await;
    assert_eq!((seven.state, stuck(&seven)), (State::Failed, Some(third.clone())), "it failed whole");
    assert_eq!(eight.plan.as_ref().unwrap().objects, OBJECTS, "the baseline was forgotten");
    assert_eq!(found(&route).await, ["stuck"]);
    assert_eq!(resolved(&route), 0, "not before it is copied");
    failing(&route, &[]);
    let (eight, nine) = then_next(&route, &eight).await;
    assert_eq!(stuck(&eight), Some(third), "once more, and the rebuild has not forgotten the others");
    let (nine, _) = then_next(&route, &nine).await;
    assert_eq!((nine.state, stuck(&nine)), (State::Copied, None));
    assert_eq!((found(&route).await, resolved(&route)), (vec![], 1));
}

#[tokio::test]
async fn an_object_that_is_stuck_and_gone_is_named_no_more() {
    let route = with_objects(&[("StuckAfterRuns", "1")]).await;
    failing(&route, &[("an object+1", 403, "AccessDenied")]);
    let run = deliver(&route).await;
    assert_eq!(found(&route).await, ["stuck"]);
    route.source.s3.delete_object().bucket(SOURCE_BUCKET).key("an object+1").send().await.unwrap();
    let (run, empty) = then_next(&route, &run).await;
    assert_eq!((stuck(&run).is_some(), empty.state), (true, State::Empty));
    assert_eq!(found(&route).await, Vec::<String>::new());
}

/// A retry's record stands before its run's in the ledger, and yet it is the last word.
#[tokio::test]
async fn an_object_that_is_stuck_and_copied_by_a_retry_is_named_no_more() {
    let route = with_objects(&[("StuckAfterRuns", "1")]).await;
    failing(&route, &[("an object+1", 403, "AccessDenied")]);
    let run = deliver(&route).await;
    assert_eq!(found(&route).await, ["stuck"]);
    let retry = json!({ "action": "retry", "run": run.run });

    route.create_job(&retry).await.unwrap().unwrap();
    route.cloud.activity().settled().await;
    assert_eq!(found(&route).await, ["stuck"]);
    let last = route.notices().unwrap().pop().unwrap();
    assert!(last.text.contains("ALARM: 1 object has failed in 1 runs in a row or more, such as"), "{}", last.text);
    assert!(!last.text.contains("Bytes planned"), "nobody knows them: {}", last.text);

    route.cloud.jobs().script(|_| JobScript::default());
    let records = route.records().await.unwrap();
    let failed = records.iter().find(|record| record.run.is_retry()).unwrap();
    let retry = json!({ "action": "retry", "run": failed.run });
    route.create_job(&retry).await.unwrap().unwrap();
    route.cloud.activity().settled().await;
    assert_eq!(found(&route).await, Vec::<String>::new());
    assert_eq!(route.baseline().await.unwrap().unwrap().carry_over, vec![]);
    assert!(!route.notices().unwrap().pop().unwrap().text.contains("ALARM"));
}

/// Planning makes a full run where a list is gone: closing that run must not need the list either.
#[tokio::test]
async fn a_list_of_failed_tasks_that_is_gone_keeps_no_run_open() {
    let route = with_objects(&[]).await;
    failing(&route, &[("an object+1", 403, "AccessDenied")]);
    let first = deliver(&route).await;
    let CarriedOver::Keys(list) = route.baseline().await.unwrap().unwrap().carry_over.remove(0).which else { panic!() };
    let gone = route.destination.s3.delete_object().bucket(MANIFEST_BUCKET).key(list.key.as_str());
    gone.set_version_id(list.version_id).send().await.unwrap();
    let (_, full) = then_next(&route, &first).await;
    assert_eq!(full.plan.as_ref().unwrap().objects, OBJECTS);
    assert_eq!(found(&route).await, Vec::<String>::new());
    let (full, _) = then_next(&route, &full).await;
    assert_eq!(full.state, State::CopiedWithFailures, "{full:#?}");
    let outcome = full.outcome.unwrap();
    assert_eq!((outcome.failed, outcome.carried_over), (1, 1));
    assert!(outcome.findings[0].contains("cannot be read any more"), "{:?}", outcome.findings);
}

/// A run of a copy job and one for an object over 5 GB, of which `this` goes by the script.
async fn with_two_jobs(this: JobKind, script: JobScript) -> (Route, RunRecord) {
    let route = with_objects(&[]).await;
    let large = route.source.s3.put_object().bucket(SOURCE_BUCKET).key("large");
    Sparse { size: 6_000_000_000, part: None, seed: 7 }.put(large).await.unwrap();
    route.cloud.jobs().script(move |job| {
        let is_large = job.spec.operation_name() == "LambdaInvoke";
        if is_large == (this == JobKind::Large) { script.clone() } else { JobScript::default() }
    });
    let run = deliver(&route).await;
    let kinds: Vec<JobKind> = run.jobs.iter().map(|job| job.kind).collect();
    assert_eq!(kinds, [JobKind::Copy, JobKind::Large]);
    (route, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_two_jobs_of_which_one_fails_whole_is_failed() {
    let fails = WholeFailure { after: 0, code: "TooBad", reason: "by the test" };
    for (kind, carried) in [(JobKind::Copy, OBJECTS), (JobKind::Large, 1)] {
        let script = JobScript { fails: Some(fails.clone()), ..JobScript::default() };
        let (route, run) = with_two_jobs(kind, script).await;
        route.cloud.jobs().script(|_| JobScript::default());
        let (run, next) = then_next(&route, &run).await;
        let outcome = run.outcome.as_ref().unwrap();
        let counts = (outcome.copied, outcome.carried_over);
        assert_eq!((run.state, counts), (State::Failed, (OBJECTS + 1 - carried, carried)), "{kind:?}: {outcome:#?}");
        assert_eq!((next.carried.len(), next.carried[0].kind, next.carried[0].objects), (1, kind, carried));
        let (next, _) = then_next(&route, &next).await;
        assert_eq!(next.state, State::Copied, "{kind:?}");
    }
}

/// While one job of a run has not ended, the completion reports of the others are not read: they would be again each time.
#[tokio::test(flavor = "multi_thread")]
async fn no_completion_report_is_read_before_all_jobs_of_a_run_have_ended() {
    let (route, run) = with_two_jobs(JobKind::Large, JobScript { stays_active: true, ..JobScript::default() }).await;
    let of_copies = format!("reports/job-{}/", run.jobs[0].id);
    assert!(!route.keys_below(&of_copies).await.unwrap().is_empty(), "it is there");
    let read = |route: &Route| {
        let seen = route.cloud.faults().seen();
        seen.iter().filter(|seen| seen.operation == "GetObject" && seen.path.contains(&of_copies)).count()
    };
    route.cloud.faults().script_for("settle-job", |_| Fault::None);
    found(&route).await;
    assert_eq!((read(&route), then_state(&route, &run).await), (0, State::Open));
    assert!(route.cloud.jobs().let_go(&route.cloud, &run.jobs[1].id));
    route.cloud.activity().settled().await;
    assert_eq!(then_state(&route, &run).await, State::Copied);
    assert!(read(&route) > 0);
}

async fn then_state(route: &Route, run: &RunRecord) -> State {
    route.records().await.unwrap().into_iter().find(|record| record.run == run.run).unwrap().state
}
