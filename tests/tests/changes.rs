//! Changed-only runs, end to end: what is planned, what waits, what is left out and what is carried over.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod days;

use std::time::{Duration, Instant};

use cloud::batch::{JobScript, ReplayedToken, TaskFailure, WholeFailure};
use days::Days;
use days::Event::{Newer, Older};
use days::Step::{Both, One};
use transship::bucket::ManifestBucket;
use transship::config::{JobSettings, Reader, Route as RouteSettings};
use transship::inventory::{self, Patience, ReportKey};
use transship::job::Persistence;
use transship::ledger::{CarriedOver, State};
use transship::names::ObjectKey;
use transship::plan::{Full, Reason};
use transship::run::{Handled, Runner, Time};

#[tokio::test]
async fn exactly_what_changed_is_planned_and_nothing_when_nothing_did() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.two_reports().await;
    days.play(&[One(Older), One(Newer)]).await;
    let records = days.route.records().await.unwrap();
    let plan = records.last().unwrap().plan.clone().unwrap();
    assert_eq!((plan.objects, plan.carried_over, plan.delivered, plan.full), (2, 0, false, None));
    assert_eq!((plan.rows, plan.unchanged), (5, 3));
    assert_eq!(plan.gone, 2, "one was deleted, one changed");
    days.check("after two days").await;

    days.a_quiet_day().await;
    days.play(&[One(Older)]).await;
    let records = days.route.records().await.unwrap();
    let last = records.last().unwrap();
    assert_eq!((last.state, last.jobs.len(), last.requests.len()), (State::Empty, 0, 0));
    let kept = days.route.keys_below("ledger/baselines/").await.unwrap();
    let baseline = days.route.baseline().await.unwrap().unwrap();
    let named: Vec<&str> = baseline.shards.iter().map(|shard| shard.file.key.as_str()).collect();
    assert_eq!(kept, named, "replaced baselines are deleted");
}

#[tokio::test]
async fn a_first_run_takes_the_delivered_manifest_unless_something_is_left_out() {
    let days = Days::new(ReplayedToken::SameJob).await;
    let first = days.route.records().await.unwrap().remove(0);
    let plan = first.plan.unwrap();
    assert_eq!((plan.delivered, plan.full, plan.objects), (true, Some(Full::NoBaseline), plan.rows));
    assert_eq!(plan.manifest.unwrap(), first.report.manifest);
    assert_eq!(days.route.keys_below("plans/").await.unwrap(), Vec::<String>::new());

    let mut days = days;
    days.put_archived("cold/one, \"two\" é").await;
    days.forgetful = true;
    days.two_reports().await;
    days.play(&[One(Older)]).await;
    let records = days.route.records().await.unwrap();
    let plan = records.last().unwrap().plan.clone().unwrap();
    assert_eq!((plan.delivered, plan.full), (false, Some(Full::NoBaseline)));
    assert_eq!(plan.left_out.keys().collect::<Vec<_>>(), [&Reason::Archived]);
    assert_eq!(plan.objects + plan.left_out[&Reason::Archived].objects, plan.rows);
    let [list] = &plan.left_out_lists[..] else { panic!("{:?}", plan.left_out_lists) };
    let list = days.route.kept(list.key.as_str()).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(list).unwrap(), "cold/one%2C%20%22two%22%20%C3%A9,archived,4\n");
}

#[tokio::test]
async fn what_was_left_out_is_copied_once_it_can_be() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.put_archived("cold").await;
    days.two_reports().await;
    days.play(&[One(Older), One(Newer)]).await;
    assert!(days.copy("cold").await.is_none());
    // Read back from the archive, and stored anew.
    days.put("cold").await;
    days.two_reports().await;
    days.play(&[One(Older), One(Newer)]).await;
    assert!(days.copy("cold").await.is_some());
    days.check("in the end").await;
}

fn busy() -> TaskFailure {
    TaskFailure { status: 503, code: "SlowDown".to_owned(), message: "Please reduce your request rate.".to_owned() }
}

#[tokio::test]
async fn a_job_that_fails_is_planned_again_with_what_changed_since() {
    for fails in [
        JobScript { fails: Some(WholeFailure { after: 0, code: "X", reason: "no" }), ..JobScript::default() },
        JobScript { tasks: Some(std::sync::Arc::new(|_| Some(busy()))), ..JobScript::default() },
    ] {
        let mut days = Days::new(ReplayedToken::SameJob).await;
        days.two_reports().await;
        days.route.cloud.jobs().script(move |_| fails.clone());
        days.play(&[One(Older)]).await;
        days.route.cloud.jobs().script(|_| JobScript::default());
        days.play(&[One(Newer)]).await;
        let records = days.route.records().await.unwrap();
        let [.., failed, last] = &records[..] else { panic!("{records:?}") };
        assert!(matches!(failed.state, State::Failed | State::CopiedWithFailures), "{:?}", failed.state);
        let plan = last.plan.as_ref().unwrap();
        // The object of the first day, unchanged since, and the two of the second.
        assert_eq!((plan.carried_over, plan.objects), (1, 3), "{plan:?}");
        assert_eq!(days.route.baseline().await.unwrap().unwrap().carry_over, [], "taken out by the commit");
        days.settle_for_check();
        days.check("after the failure").await;
    }
}

#[tokio::test]
async fn reports_wait_while_a_run_is_open_and_the_newest_wins() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.two_reports().await;
    days.route.cloud.jobs().script(|_| JobScript { stays_active: true, ..JobScript::default() });
    let answer = days.answer(Older).await;
    assert_eq!(answer["outcome"], "created");
    let id = answer["job_id"].as_str().unwrap().to_owned();
    days.route.cloud.jobs().script(|_| JobScript::default());
    for _ in 0..2 {
        let answer = days.answer(Newer).await;
        assert_eq!(answer["outcome"], "waiting", "{answer}");
    }
    days.one_more_report().await;
    assert_eq!(days.answer(Newer).await["outcome"], "waiting");
    days.route.cloud.jobs().let_go(&days.route.cloud, &id);
    days.route.cloud.activity().settled().await;
    assert_eq!(days.answer(Newer).await["outcome"], "created");
    assert_eq!(days.answer(Older).await["outcome"], "superseded");
    days.route.cloud.activity().settled().await;
    days.check("in the end").await;
}

#[tokio::test]
async fn a_newer_report_takes_over_from_a_job_that_nobody_confirmed() {
    let mut days = Days::with(ReplayedToken::SameJob, &[("ConfirmationRequired", "true")]).await;
    days.two_reports().await;
    let first = days.answer(Older).await;
    days.route.cloud.activity().settled().await;
    let second = days.answer(Newer).await;
    assert_eq!(second["outcome"], "created", "{second}");
    let job = days.route.job(first["job_id"].as_str().unwrap()).await.unwrap();
    assert_eq!(job.status().unwrap().as_str(), "Cancelled");
    let records = days.route.records().await.unwrap();
    let plan = records.last().unwrap().plan.as_ref().unwrap();
    assert!(plan.objects >= 3, "what nobody confirmed is in it: {plan:?}");
    days.confirm(&second).await;
    days.route.cloud.activity().settled().await;
    days.settle_for_check();
    days.check("confirmed").await;
}

#[tokio::test]
async fn concurrent_first_events_make_one_baseline() {
    let mut days = Days::new(ReplayedToken::Exception).await;
    days.forgetful = true;
    days.two_reports().await;
    days.play(&[Both(Older, Older)]).await;
    assert_eq!(days.route.baseline().await.unwrap().unwrap().writes, 2);
    assert_eq!(days.route.records().await.unwrap().len(), 1);
    days.catch_up().await;
    days.check("one baseline").await;
}

/// Memory for three of the 256 parts of all hashes, where each has hashes that are new.
const HARDLY_ANY: u64 = 40_000;

/// A day with more new objects than [`HARDLY_ANY`] memory holds.
async fn too_many(days: &mut Days) {
    for n in 0..8 {
        days.put(&format!("one of many {n}")).await;
    }
    days.two_reports().await;
}

/// A route as create-job sees it, planned by a function of hardly any memory.
async fn runner(days: &Days) -> (Runner, inventory::Report) {
    runner_with(days, Older, HARDLY_ANY, &[]).await
}

/// A route as create-job sees it with other settings, planned with so much memory; and a report.
async fn runner_with(
    days: &Days,
    event: days::Event,
    memory: u64,
    change: &[(&'static str, &'static str)],
) -> (Runner, inventory::Report) {
    let env = &days.route.stack.environment;
    let mut env =
        env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<std::collections::BTreeMap<_, _>>();
    env.extend(change.iter().copied());
    let mut reader = Reader::new(&env);
    let route = RouteSettings::read(&mut reader).unwrap();
    let settings = JobSettings::read(&mut reader).unwrap();
    let bucket = ManifestBucket::new(&days.route.destination.s3, &route);
    let event = &days.event(event)["Records"][0]["s3"]["object"];
    let key = ObjectKey::from_plain(event["key"].as_str().unwrap());
    let notice = transship::event::Notice {
        bucket: route.manifest_bucket.to_string(),
        key: key.clone(),
        etag: None,
        version_id: None,
    };
    let key = ReportKey::parse(&key, &route.inventory_prefix, &route.source_bucket, &route.inventory_id).unwrap();
    let report = inventory::fetch(&bucket, &route, key, &notice, Patience::default()).await.unwrap();
    (Runner::new(route, settings, bucket, days.route.destination.s3control.clone(), memory), report)
}

fn time(planning: Instant) -> Time {
    let persistence = Persistence { patience: Duration::ZERO, until: planning, pause: Duration::from_millis(1) };
    Time { persistence, planning, whole: planning.saturating_duration_since(Instant::now()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_exceeds_the_memory_is_planned_range_by_range() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.put_archived("cold").await;
    too_many(&mut days).await;
    let (runner, report) = runner(&days).await;
    let handled = runner.handle(&report, &time(Instant::now() + Duration::from_mins(10))).await.unwrap();
    assert!(matches!(handled, Handled::Created(_)), "{handled:?}");
    days.route.cloud.activity().settled().await;
    let records = days.route.records().await.unwrap();
    let last = records.last().unwrap();
    let plan = last.plan.as_ref().unwrap();
    assert_eq!((plan.rows, plan.objects, plan.left_out[&Reason::Archived].objects), (14, 10, 1), "{plan:?}");
    assert!(last.next.as_ref().unwrap().shards.len() > 1, "{:?}", last.next);
    // And the next run, which has memory enough, puts the ranges together again.
    days.play(&[One(Newer)]).await;
    let records = days.route.records().await.unwrap();
    let plan = records.last().unwrap().plan.as_ref().unwrap();
    assert_eq!((plan.objects, plan.carried_over), (2, 0), "{plan:?}");
    days.check("range by range").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_one_invocation_goes_on_in_the_next_and_what_never_fits_is_refused() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    too_many(&mut days).await;
    let (runner, report) = runner(&days).await;
    let error = runner.handle(&report, &time(Instant::now())).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("give the function more memory"), "{error}");
    // Time for about one pass: what a busy machine needs for one is found out. Each invocation keeps what it has done.
    let (mut unfinished, mut allowed) = (0, Duration::from_millis(60));
    let handled = loop {
        match runner.handle(&report, &time(Instant::now() + allowed)).await {
            Ok(Handled::Unfinished) => unfinished += 1,
            Ok(handled) => break handled,
            Err(error) if error.to_string().contains("more memory") => allowed += allowed / 4,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(matches!(handled, Handled::Created(_)), "{handled:?}");
    assert!(unfinished > 0, "it was to take several invocations");
    days.route.cloud.activity().settled().await;
    days.play(&[One(Newer)]).await;
    days.check("in several invocations").await;
}

#[tokio::test]
async fn a_crash_in_between_carries_the_same_over_once() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.two_reports().await;
    let fails = JobScript { fails: Some(WholeFailure { after: 0, code: "X", reason: "no" }), ..JobScript::default() };
    days.route.cloud.jobs().script(move |_| fails.clone());
    days.play(&[One(Older)]).await;
    days.route.cloud.jobs().script(|_| JobScript::default());
    // The carry-over is written; the process ends before the run is closed.
    days.route.cloud.faults().script_for("create-job", |seen| {
        let closes = seen.operation == "PutObject" && seen.path.contains("/ledger/runs/");
        if closes { cloud::front::Fault::Crash(cloud::front::When::Before) } else { cloud::front::Fault::None }
    });
    assert!(days.try_answer(Newer).await.is_err());
    days.route.cloud.faults().clear();
    let carried = days.route.baseline().await.unwrap().unwrap().carry_over;
    assert!(matches!(&carried[..], [one] if matches!(one.which, CarriedOver::Plan(_))), "{carried:?}");
    assert_eq!(days.answer(Newer).await["outcome"], "created");
    days.route.cloud.activity().settled().await;
    let records = days.route.records().await.unwrap();
    assert_eq!(records.last().unwrap().plan.as_ref().unwrap().objects, 3);
    days.settle_for_check();
    days.check("carried over once").await;
}

const ENOUGH: u64 = 100 * 1024 * 1024;

fn far() -> Time {
    time(Instant::now() + Duration::from_mins(10))
}

/// Cut off between record and commit; then the prefix is changed, and the event comes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_changed_in_the_middle_of_a_run_gets_everything_by_the_next() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.two_reports().await;
    days.route.cloud.faults().script_for("create-job", |seen| {
        let commits = seen.operation == "PutObject" && seen.path.ends_with("/ledger/baseline.json");
        if commits { cloud::front::Fault::Crash(cloud::front::When::Before) } else { cloud::front::Fault::None }
    });
    assert!(days.try_answer(Older).await.is_err());
    days.route.cloud.faults().clear();
    let elsewhere = [("DESTINATION_PREFIX", "elsewhere")];
    let (runner, report) = runner_with(&days, Older, ENOUGH, &elsewhere).await;
    runner.handle(&report, &far()).await.unwrap();
    days.route.cloud.activity().settled().await;
    let (runner, report) = runner_with(&days, Newer, ENOUGH, &elsewhere).await;
    runner.handle(&report, &far()).await.unwrap();
    let records = days.route.records().await.unwrap();
    let plan = records.last().unwrap().plan.as_ref().unwrap();
    assert_eq!((plan.full, plan.objects), (Some(Full::OtherRoute), plan.rows), "{plan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_has_a_job_of_each_mode() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.two_reports().await;
    let (everything, report) = runner_with(&days, Older, ENOUGH, &[("COPY_MODE", "Everything")]).await;
    let Handled::Created(all) = everything.handle(&report, &far()).await.unwrap() else { panic!("no job") };
    days.route.cloud.activity().settled().await;
    let (changes, _) = runner_with(&days, Older, ENOUGH, &[]).await;
    let Handled::Created(some) = changes.handle(&report, &far()).await.unwrap() else { panic!("no job") };
    assert_ne!(all, some);
}

/// What an upload of several parts leaves is one object, and a second one with other bytes is refused.
#[tokio::test(flavor = "multi_thread")]
async fn large_files_are_written_once() {
    let days = Days::new(ReplayedToken::SameJob).await;
    let (runner, _) = runner_with(&days, Newer, ENOUGH, &[]).await;
    let key = ObjectKey::from_plain("plans/test/large.csv");
    let write = |fill: u8| {
        let (bucket, key, runtime) = (runner.bucket().clone(), key.clone(), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || {
            let mut upload = transship::bucket::Upload::new(bucket, runtime, key);
            std::io::Write::write_all(&mut upload, &vec![fill; 20_000_000]).unwrap();
            upload.finish()
        })
    };
    let first = write(7).await.unwrap().unwrap();
    assert!(first.etag.as_str().ends_with("-3"), "{first:?}");
    let again = write(7).await.unwrap().unwrap();
    assert_eq!((again.etag, again.md5), (first.etag, first.md5));
    let other = write(8).await.unwrap().unwrap_err();
    assert!(matches!(other, transship::bucket::BucketError::Taken { .. }), "{other}");
}
