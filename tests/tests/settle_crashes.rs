//! A fault at every single call that settle-job makes, while it settles a run with failures, hands the next report on, finds
//! something wrong and tells of it; while it drives a committed run; and in mode `Everything`. Whatever strikes, the end is
//! right: each run settled once, counted once, its failures carried over, somebody told at least once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloud::batch::JobScript;
use cloud::batch::report::TaskFailure;
use cloud::front::{Fault, Mishap, Seen, When};
use e2e::route::{INVENTORY_ID, MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use transship::ledger::{CarriedOver, RunRecord, State};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// A crash before a call is a crash after the one before it.
const CRASH: Mishap = Mishap::Crash(When::After);
/// What takes effect, and its client does not learn that.
const LOST: Mishap = Mishap::Unavailable(When::After);

/// Whether a request changes anything.
fn writes(seen: &Seen) -> bool {
    !["GetObject", "HeadObject", "ListObjectsV2", "DescribeJob", "ListJobs"].contains(&seen.operation.as_str())
}

/// What settle-job finds when the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// An ended job with a failed task, another report that waits, an inventory that somebody has disabled.
    Ended,
    /// A committed run that has no job, since create-job was cut off.
    WithoutJob,
}

/// A route whose events are lost, so that settle-job's schedule has to do everything.
struct Stage {
    route: Route,
    /// What was there at the end of the round before.
    jobs: BTreeSet<String>,
    notices: usize,
    logs: usize,
}

impl Stage {
    async fn new(parameters: &[(&str, &str)]) -> Self {
        let route = Route::set_up(parameters).await.unwrap();
        let none = aws_sdk_s3::types::NotificationConfiguration::builder().build();
        let quiet = route.destination.s3.put_bucket_notification_configuration().bucket(MANIFEST_BUCKET);
        quiet.notification_configuration(none).send().await.unwrap();
        let fails = |key: &str| {
            let denied = TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: String::new() };
            key.contains("fails").then_some(denied)
        };
        route.cloud.jobs().script(move |_| JobScript { tasks: Some(Arc::new(fails)), ..JobScript::default() });
        let stage = Self { route, jobs: BTreeSet::new(), notices: 0, logs: 0 };
        for key in ["one", "other", "fails"] {
            stage.put(key).await;
        }
        stage
    }

    async fn put(&self, key: &str) {
        self.route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).send().await.unwrap();
    }

    /// Forgets every run, so that a round finds what the first found.
    async fn forget(&mut self) {
        self.enable_inventory(true).await;
        for key in self.route.keys_below("").await.unwrap() {
            self.route.destination.s3.delete_object().bucket(MANIFEST_BUCKET).key(key).send().await.unwrap();
        }
        self.route.source.s3.delete_object().bucket(SOURCE_BUCKET).key("new").send().await.unwrap();
        self.jobs = self.job_ids().await;
        self.notices = self.route.notices().unwrap().len();
        self.logs = self.route.cloud.functions().logs("settle-job").len();
    }

    /// Jobs of 90 days ago are gone.
    async fn job_ids(&self) -> BTreeSet<String> {
        self.route.job_ids().await.unwrap().into_iter().collect()
    }

    async fn enable_inventory(&self, enabled: bool) {
        let s3 = &self.route.source.s3;
        let got = s3.get_bucket_inventory_configuration().bucket(SOURCE_BUCKET).id(INVENTORY_ID).send().await.unwrap();
        let mut configuration = got.inventory_configuration.unwrap();
        configuration.is_enabled = enabled;
        let put = s3.put_bucket_inventory_configuration().bucket(SOURCE_BUCKET).id(INVENTORY_ID);
        put.inventory_configuration(configuration).send().await.unwrap();
    }

    /// Delivers a report, of which create-job is told if it is to plan it; the report.
    async fn deliver(&self, planned: bool) -> String {
        self.route.cloud.clock().turn(DAY);
        let report = self.route.deliver().await.unwrap();
        if planned {
            // An error is what the fault script made of it.
            let _ = self.route.create_job(&e2e::events::created(&report, None, None)).await.unwrap();
        }
        self.route.cloud.activity().settled().await;
        report
    }

    /// Puts everything in place; the reports, oldest first.
    async fn set(&mut self, scene: Scene) -> Vec<String> {
        self.forget().await;
        let faults = self.route.cloud.faults();
        match scene {
            Scene::Ended => {
                let first = self.deliver(true).await;
                self.put("new").await;
                let second = self.deliver(false).await;
                self.enable_inventory(false).await;
                vec![first, second]
            }
            Scene::WithoutJob => {
                faults.script_for("create-job", |seen| {
                    if seen.operation == "CreateJob" { Fault::Crash(When::Before) } else { Fault::None }
                });
                let report = self.deliver(true).await;
                faults.clear();
                vec![report]
            }
        }
    }

    /// What comes in time: the schedule, a few times.
    async fn catch_up(&self, what: &str) {
        for _ in 0..4 {
            self.route.cloud.clock().turn(15 * MINUTE);
            let answer = self.route.settle_job().await.unwrap();
            assert!(answer.is_ok(), "{what}: {answer:?}");
            self.route.cloud.activity().settled().await;
        }
    }

    async fn runs(&self, reports: &[String]) -> Vec<RunRecord> {
        let records = self.route.records().await.unwrap();
        let of = |report: &String| {
            let mut of = records.iter().filter(|run| run.report.manifest.key.as_str() == report);
            of.find(|run| !run.is_discarded()).cloned()
        };
        reports.iter().filter_map(of).collect()
    }

    /// Everything is as if nothing had struck.
    async fn check(&self, reports: &[String], mode: &str, mishap: Mishap, what: &str) {
        let runs = self.runs(reports).await;
        assert_eq!(runs.len(), reports.len(), "{what}: a report without a run");
        assert_eq!(self.job_ids().await.difference(&self.jobs).count(), runs.len(), "{what}: one job for each run");
        let mut counted = BTreeMap::from([("ObjectsCopied", 0), ("ObjectsFailed", 0)]);
        for run in &runs {
            let outcome = run.outcome.clone().unwrap_or_else(|| panic!("{what}: not settled: {run:#?}"));
            let planned = run.plan.as_ref().map_or(3, |plan| plan.objects);
            assert_eq!((run.state, outcome.failed), (State::CopiedWithFailures, 1), "{what}: {run:#?}");
            assert_eq!(outcome.copied, planned - 1, "{what}");
            assert_eq!(outcome.findings, [""; 0], "{what}");
            assert!(run.told.is_some(), "{what}: nobody was told: {run:#?}");
            *counted.get_mut("ObjectsCopied").unwrap() += outcome.copied;
            *counted.get_mut("ObjectsFailed").unwrap() += outcome.failed;
        }
        if mode == "Changes" {
            let last = runs.last().unwrap();
            let carried = self.route.baseline().await.unwrap().unwrap().carry_over;
            let [carry] = carried.as_slice() else { panic!("{what}: {carried:#?}") };
            assert_eq!((&carry.run, carry.objects), (&last.run, 1), "{what}");
            assert!(matches!(carry.which, CarriedOver::Keys(_)), "{what}: {carry:?}");
        }
        self.check_notices(&runs, what);
        for (name, count) in counted {
            let emitted = self.emitted(name);
            assert!(emitted <= count, "{what}: {name} is counted twice");
            // Who is killed between noting that a run is measured and writing it down takes the line with it; nobody else does.
            assert!(emitted == count || mishap == CRASH, "{what}: {name} is {emitted}, not {count}");
        }
        assert!(self.route.kept("ledger/status.html").await.unwrap().is_some(), "{what}");
    }

    /// Each run is told of, and what is told twice is known as the same.
    fn check_notices(&self, runs: &[RunRecord], what: &str) {
        let notices = self.route.notices().unwrap().split_off(self.notices);
        for run in runs {
            let of_run: Vec<_> = notices.iter().filter(|notice| notice.told["run"] == run.run.as_str()).collect();
            assert!((1..=2).contains(&of_run.len()), "{what}: {of_run:#?}");
            assert!(of_run.iter().all(|notice| notice.id == of_run[0].id), "{what}: {of_run:#?}");
            assert!(of_run[0].subject.contains("copied with failures"), "{what}");
        }
        if runs.len() > 1 {
            let disabled = |notice: &&e2e::notices::Notice| notice.told["actions"].to_string().contains("inventory");
            assert!(notices.iter().any(|notice| disabled(&notice)), "{what}: {notices:#?}");
        }
    }

    /// The sum of a metric's values in this round.
    fn emitted(&self, name: &str) -> u64 {
        let logs = self.route.cloud.functions().logs("settle-job").split_off(self.logs);
        let values = logs.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        values
            .filter_map(|document| document.get("_aws").and(document.get(name)).and_then(serde_json::Value::as_u64))
            .sum()
    }
}

/// What is tried at each call that is `among` those that count. Returns how many faults struck.
async fn at_every_call(scene: Scene, mode: &str, mishap: Mishap, among: fn(&Seen) -> bool) -> usize {
    let mut stage = Stage::new(&[("CopyMode", mode)]).await;
    for call in 1.. {
        let reports = stage.set(scene).await;
        let calls = AtomicUsize::new(0);
        stage.route.cloud.faults().script_for("settle-job", move |seen| {
            let counts = seen.attempt == 1 && among(seen);
            if counts && calls.fetch_add(1, Ordering::Relaxed) + 1 == call { mishap.fault() } else { Fault::None }
        });
        let _ = stage.route.settle_job().await.unwrap();
        stage.route.cloud.activity().settled().await;
        let hit = stage.route.cloud.faults().struck();
        stage.route.cloud.faults().clear();
        let what = format!("{mishap:?} at call {call}, {hit:?}, {scene:?}");
        stage.catch_up(&what).await;
        stage.check(&reports, mode, mishap, &what).await;
        if hit.is_empty() {
            return call - 1;
        }
    }
    0
}

#[tokio::test]
async fn a_crash_while_a_run_is_settled() {
    assert!(at_every_call(Scene::Ended, "Changes", CRASH, |_| true).await > 25);
}

#[tokio::test]
async fn a_lost_answer_while_a_run_is_settled() {
    assert!(at_every_call(Scene::Ended, "Changes", LOST, writes).await > 8);
}

#[tokio::test]
async fn a_crash_while_a_committed_run_is_driven() {
    assert!(at_every_call(Scene::WithoutJob, "Changes", CRASH, |_| true).await > 15);
}

#[tokio::test]
async fn a_crash_in_mode_everything() {
    assert!(at_every_call(Scene::WithoutJob, "Everything", CRASH, |_| true).await > 10);
}
