//! How a run is closed: what its completion report, its job and its plan say, held against each other, and what is carried
//! over to the next.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;

use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, ReportScript, WholeFailure};
use e2e::route::{Route, SOURCE_BUCKET};
use transship::ledger::{CarriedOver, RunRecord, State};

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
