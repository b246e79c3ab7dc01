//! The guard, end to end: a run over a limit waits until a person confirms or cancels it, or a newer report takes its place.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use aws_sdk_s3::types::StorageClass;
use aws_sdk_s3control::types::{JobStatus, RequestedJobStatus};
use cloud::front::{Fault, When};
use cloud::identity::AccountId;
use e2e::large::Sparse;
use e2e::notices::Notice;
use e2e::route::{DESTINATION_BUCKET, INVENTORY_ID, Route, SOURCE_BUCKET};
use serde_json::Value;
use transship::cost::{Over, What};
use transship::job::JobKind;
use transship::ledger::{RunRecord, State};

const DAY: i64 = 24 * 3600;

/// A route with three objects of 1,000 bytes each.
async fn with_objects(parameters: &[(&str, &str)]) -> Route {
    let route = Route::set_up(parameters).await.unwrap();
    put(&route, 0..3).await;
    route
}

async fn put(route: &Route, numbers: std::ops::Range<u32>) {
    for n in numbers {
        let put = route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("object {n}"));
        put.body(vec![b'x'; 1000].into()).send().await.unwrap();
    }
}

/// A report a day after the last: the run that it became.
async fn deliver(route: &Route) -> RunRecord {
    // What S3 sends on its own at the set-up holds credentials of that day.
    route.cloud.activity().settled().await;
    route.cloud.clock().turn(DAY);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    run_of(route, &report).await
}

async fn run_of(route: &Route, report: &str) -> RunRecord {
    let records = route.records().await.unwrap();
    let run = records.into_iter().find(|run| run.report.manifest.key.as_str() == report);
    run.unwrap_or_else(|| panic!("no run: {:#?}", route.cloud.functions().logs("create-job")))
}

async fn again(route: &Route, run: &RunRecord) -> RunRecord {
    run_of(route, run.report.manifest.key.as_str()).await
}

/// What the schedule's invocation answers.
async fn tick(route: &Route) -> Value {
    let answer = route.settle_job().await.unwrap();
    route.cloud.activity().settled().await;
    answer.unwrap_or_else(|error| panic!("settle-job failed: {error}"))
}

async fn status(route: &Route, run: &RunRecord) -> JobStatus {
    route.job(&run.jobs[0].id).await.unwrap().status().unwrap().clone()
}

/// Does what a finding's command says, word for word.
async fn obey(route: &Route, finding: &Value, wanted: &str) {
    let text = finding["do_next"].as_str().unwrap();
    let command = text.split("aws s3control update-job-status ").find(|command| command.contains(wanted)).unwrap();
    let mut words = command.split_whitespace();
    let mut given = std::collections::BTreeMap::new();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        given.entry(name).or_insert(value);
    }
    assert_eq!((given["--account-id"], given["--region"]), (AccountId::destination().as_str(), cloud::REGION));
    let update = route.destination.s3control.update_job_status().account_id(given["--account-id"]);
    let status = RequestedJobStatus::from(given["--requested-job-status"]);
    update.job_id(given["--job-id"]).requested_job_status(status).send().await.unwrap();
    route.cloud.activity().settled().await;
}

async fn copies(route: &Route) -> usize {
    let listed = route.destination.s3.list_objects_v2().bucket(DESTINATION_BUCKET).send().await.unwrap();
    listed.contents().len()
}

/// The one finding, which has to be that of this run.
fn finding<'a>(answer: &'a Value, run: &RunRecord) -> &'a Value {
    let [finding] = &answer["findings"].as_array().unwrap()[..] else { panic!("{answer:#}") };
    assert_eq!(finding["name"], format!("unconfirmed {}", run.run));
    finding
}

/// Parameter, its value, what the finding says, and what the record does.
type Case = (&'static str, &'static str, &'static str, fn(&Over) -> bool);

#[tokio::test]
async fn each_limit_makes_a_run_wait_and_confirming_completes_it_as_usual() {
    let cases: [Case; 3] = [
        ("MaxObjectsPerRun", "2", "3 objects planned, MaxObjectsPerRun is 2", |over| {
            *over == Over::Objects { planned: 3, most: 2 }
        }),
        ("MaxBytesPerRun", "2999", "MaxBytesPerRun is 2.9 KiB (2,999 bytes)", |over| {
            *over == Over::Bytes { planned: 3000, most: 2999 }
        }),
        ("MaxEstimatedCostPerRun", "0.25", "$0.25 estimated, MaxEstimatedCostPerRun is $0.25", |over| {
            matches!(over, Over::Cost { .. })
        }),
    ];
    for (name, most, text, is_over) in cases {
        let route = with_objects(&[(name, most)]).await;
        let run = deliver(&route).await;
        assert_eq!((run.state, status(&route, &run).await), (State::Waiting, JobStatus::Suspended), "{name}");
        assert!(matches!(&run.over[..], [over] if is_over(over)), "{name}: {:?}", run.over);
        assert!(route.job(&run.jobs[0].id).await.unwrap().confirmation_required().unwrap());
        let answer = tick(&route).await;
        let raised = finding(&answer, &run);
        assert_eq!(raised["severity"], "alarm");
        assert!(raised["what"].as_str().unwrap().contains(text), "{raised:#}");
        assert!(raised["what"].as_str().unwrap().contains("3 objects, 2.9 KiB, estimated at $0.25"), "{raised:#}");
        let page = String::from_utf8(route.kept("ledger/status.html").await.unwrap().unwrap()).unwrap();
        assert!(page.contains("waiting for confirmation") && page.contains("update-job-status"), "{page}");
        let notice = route.notices().unwrap().pop().unwrap();
        for part in [text, "--requested-job-status Ready", "--requested-job-status Cancelled", run.jobs[0].id.as_str()]
        {
            assert!(notice.text.contains(part), "{part}: {}", notice.text);
        }
        assert_eq!((&notice.told["severity"], copies(&route).await), (&"alarm".into(), 0));

        obey(&route, raised, "Ready").await;
        let run = again(&route, &run).await;
        assert_eq!((run.state, run.outcome.clone().unwrap().copied, copies(&route).await), (State::Copied, 3, 3));
        assert_eq!(tick(&route).await["findings"], Value::Array(Vec::new()), "over when it is confirmed");
        assert_eq!(deliver(&route).await.state, State::Empty, "{name}: the baseline has moved");
    }
}

#[tokio::test]
async fn at_a_limit_nothing_waits() {
    let limits = [("MaxObjectsPerRun", "3"), ("MaxBytesPerRun", "3000"), ("MaxEstimatedCostPerRun", "0.26")];
    let route = with_objects(&limits).await;
    let run = deliver(&route).await;
    assert_eq!((run.state, &run.over[..]), (State::Copied, &[][..]));
    // Three rows listed, one job, three tasks and three requests, in one Region.
    assert_eq!(run.cost.unwrap().total, "0.250018008".parse().unwrap());
    tick(&route).await;
    let told = route.cloud.functions().logs("settle-job");
    assert!(told.iter().any(|line| line.contains("Estimated cost                     $0.25")), "{told:#?}");
    let status: Value = serde_json::from_slice(&route.kept("ledger/status.json").await.unwrap().unwrap()).unwrap();
    assert_eq!(status["runs"][0]["estimated_cost"], 0.250_018_008, "{status:#}");
    let page = String::from_utf8(route.kept("ledger/status.html").await.unwrap().unwrap()).unwrap();
    assert!(page.contains(">Cost</th>") && page.contains("$0.25"), "{page}");
}

#[tokio::test]
async fn what_is_cancelled_is_carried_over_and_waits_again() {
    let route = with_objects(&[("MaxObjectsPerRun", "2")]).await;
    let run = deliver(&route).await;
    obey(&route, finding(&tick(&route).await, &run), "Cancelled").await;
    let answer = tick(&route).await;
    assert_eq!(answer["closed"][0]["state"], "failed", "{answer}");
    let run = again(&route, &run).await;
    let outcome = run.outcome.unwrap();
    assert_eq!((outcome.copied, outcome.carried_over), (0, 3));
    assert_eq!(route.baseline().await.unwrap().unwrap().carry_over.len(), 1);

    let next = deliver(&route).await;
    let plan = next.plan.as_ref().unwrap();
    assert_eq!((next.state, plan.objects, plan.carried_over), (State::Waiting, 3, 3));
    obey(&route, finding(&tick(&route).await, &next), "Ready").await;
    assert_eq!((again(&route, &next).await.state, copies(&route).await), (State::Copied, 3));
    assert_eq!(route.baseline().await.unwrap().unwrap().carry_over, []);
}

#[tokio::test]
async fn a_newer_report_takes_the_place_of_a_run_that_still_waits() {
    let route = with_objects(&[("MaxObjectsPerRun", "2")]).await;
    let first = deliver(&route).await;
    assert_eq!(first.state, State::Waiting);
    finding(&tick(&route).await, &first);
    put(&route, 3..5).await;
    let second = deliver(&route).await;
    let first = again(&route, &first).await;
    assert_eq!((first.state, status(&route, &first).await), (State::Superseded, JobStatus::Cancelled));
    assert_eq!(first.outcome.as_ref().unwrap().carried_over, 3);
    let plan = second.plan.as_ref().unwrap();
    assert_eq!((second.state, plan.objects, plan.carried_over), (State::Waiting, 5, 3));
    let answer = tick(&route).await;
    // Nothing has failed: it is told of once, and nobody is alarmed but of the run that waits now.
    let about = |notice: &&Notice| notice.told["run"] == first.run.as_str();
    let notices = route.notices().unwrap();
    let told: Vec<&Notice> = notices.iter().filter(about).collect();
    assert_eq!((told.len(), &told[0].told["outcome"]), (1, &"superseded".into()), "{notices:#?}");
    assert!(told[0].text.contains("a newer report came"), "{}", told[0].text);
    let over = format!("RESOLVED: job {} of run {} waits", first.jobs[0].id, first.run);
    assert!(notices.iter().any(|notice| notice.text.contains(&over)), "{over}: {notices:#?}");
    let status: Value = serde_json::from_slice(&route.kept("ledger/status.json").await.unwrap().unwrap()).unwrap();
    let summary = status["runs"].as_array().unwrap().iter().find(|run| run["run"] == first.run.as_str()).unwrap();
    assert_eq!((&summary["state"], &summary["severity"]), (&"superseded".into(), &"note".into()));
    let failed =
        route.cloud.functions().logs("settle-job").into_iter().filter(|line| line.contains("\"RunsFailed\":1"));
    assert_eq!(failed.count(), 0, "no alarm counts it");
    obey(&route, finding(&answer, &second), "Ready").await;
    let second = again(&route, &second).await;
    assert_eq!((second.state, second.outcome.unwrap().copied, copies(&route).await), (State::Copied, 5, 5));
}

/// Whoever closes the run after a crash knows by the job who cancelled it, and why.
#[tokio::test]
async fn a_crash_after_the_cancelling_does_not_make_the_run_a_failed_one() {
    let route = with_objects(&[("MaxObjectsPerRun", "2")]).await;
    let first = deliver(&route).await;
    route.cloud.faults().script_for("create-job", |seen| {
        if seen.operation == "UpdateJobStatus" { Fault::Crash(When::After) } else { Fault::None }
    });
    route.cloud.clock().turn(DAY);
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.cloud.faults().clear();
    assert_eq!(status(&route, &first).await, JobStatus::Cancelled);
    tick(&route).await;
    assert_eq!(again(&route, &first).await.state, State::Superseded);
    let carried = |run: &RunRecord| run.plan.as_ref().is_some_and(|plan| plan.carried_over == 3);
    assert!(
        route.records().await.unwrap().iter().any(|run| run.run != first.run && carried(run)),
        "the next is planned"
    );
}

#[tokio::test]
async fn nobody_confirms_and_what_was_planned_is_not_lost() {
    let route = with_objects(&[("MaxObjectsPerRun", "2")]).await;
    let first = deliver(&route).await;
    route.cloud.clock().turn(31 * DAY);
    tick(&route).await;
    let first = again(&route, &first).await;
    let outcome = first.outcome.unwrap();
    assert_eq!((first.state, outcome.carried_over), (State::Failed, 3));
    assert!(outcome.findings[0].contains("not confirmed within 30 days"), "{:?}", outcome.findings);
    assert_eq!(deliver(&route).await.plan.unwrap().carried_over, 3);
}

#[tokio::test]
async fn everything_is_counted_and_guarded_and_the_newest_report_alone_waits() {
    let route = with_objects(&[("CopyMode", "Everything"), ("MaxBytesPerRun", "2999")]).await;
    let first = deliver(&route).await;
    assert_eq!((first.state, &first.over[..]), (State::Waiting, &[Over::Bytes { planned: 3000, most: 2999 }][..]));
    put(&route, 3..5).await;
    let second = deliver(&route).await;
    let first = again(&route, &first).await;
    assert_eq!((first.state, status(&route, &first).await), (State::Superseded, JobStatus::Cancelled));
    assert_eq!(second.cost.as_ref().map(|cost| (cost.objects, cost.bytes)), Some((5, 5000)));
    obey(&route, finding(&tick(&route).await, &second), "Ready").await;
    assert_eq!((again(&route, &second).await.state, copies(&route).await), (State::Copied, 5));
}

/// An inventory may be without the column Size: what cannot be counted waits.
#[tokio::test]
async fn everything_of_which_no_size_is_known_waits() {
    let route = with_objects(&[("CopyMode", "Everything"), ("MaxBytesPerRun", "1000000")]).await;
    let got = route.source.s3.get_bucket_inventory_configuration().bucket(SOURCE_BUCKET).id(INVENTORY_ID);
    let mut inventory = got.send().await.unwrap().inventory_configuration.unwrap();
    inventory.optional_fields.as_mut().unwrap().retain(|field| field.as_str() != "Size");
    let put = route.source.s3.put_bucket_inventory_configuration().bucket(SOURCE_BUCKET).id(INVENTORY_ID);
    put.inventory_configuration(inventory).send().await.unwrap();
    let run = deliver(&route).await;
    assert_eq!((run.state, &run.over[..], &run.cost), (State::Waiting, &[Over::Unknown][..], &None));
    assert_eq!((status(&route, &run).await, copies(&route).await), (JobStatus::Suspended, 0));
    // That the inventory is altered is told as well.
    let answer = tick(&route).await;
    let name = Value::from(format!("unconfirmed {}", run.run));
    let findings = answer["findings"].as_array().unwrap();
    obey(&route, findings.iter().find(|finding| finding["name"] == name).unwrap(), "Ready").await;
    assert_eq!((again(&route, &run).await.state, copies(&route).await), (State::Copied, 3));
}

/// Whether S3 says of the source's object that its restore is under way.
async fn is_being_restored(route: &Route, key: &str) -> bool {
    let head = route.source.s3.head_object().bucket(SOURCE_BUCKET).key(key).send().await.unwrap();
    head.restore().is_some_and(|restore| restore.contains("ongoing-request=\"true\""))
}

#[tokio::test]
async fn a_run_that_only_restores_waits_and_restores_once_it_is_confirmed() {
    let objects = ("MaxObjectsPerRun", "1", Over::Objects { planned: 2, most: 1 });
    let bytes = ("MaxBytesPerRun", "1999", Over::Bytes { planned: 2000, most: 1999 });
    for (name, most, over) in [objects, bytes] {
        let route = Route::set_up(&[("RestoreArchived", "Bulk"), (name, most)]).await.unwrap();
        for key in ["cold", "colder"] {
            let put = route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).storage_class(StorageClass::Glacier);
            put.body(vec![b'x'; 1000].into()).send().await.unwrap();
        }
        let run = deliver(&route).await;
        let kinds: Vec<JobKind> = run.jobs.iter().map(|job| job.kind).collect();
        assert_eq!((run.state, kinds, &run.over), (State::Waiting, vec![JobKind::Restore], &vec![over]), "{run:#?}");
        assert_eq!(status(&route, &run).await, JobStatus::Suspended);
        assert!(!is_being_restored(&route, "cold").await && !is_being_restored(&route, "colder").await);
        obey(&route, finding(&tick(&route).await, &run), "Ready").await;
        tick(&route).await;
        let outcome = again(&route, &run).await.outcome.unwrap();
        assert_eq!((outcome.restoring, outcome.copied), (2, 0), "{outcome:?}");
        assert!(is_being_restored(&route, "cold").await && is_being_restored(&route, "colder").await);
    }
}

#[tokio::test]
async fn a_retry_is_guarded_like_any_run() {
    let route = with_objects(&[("MaxObjectsPerRun", "2")]).await;
    let run = deliver(&route).await;
    obey(&route, finding(&tick(&route).await, &run), "Cancelled").await;
    tick(&route).await;
    let retry = serde_json::json!({ "action": "retry", "run": run.run });
    let answer = route.create_job(&retry).await.unwrap().unwrap();
    assert_eq!(answer["results"][0]["outcome"], "created", "{answer}");
    let records = route.records().await.unwrap();
    let retried = records.iter().find(|record| record.run != run.run).unwrap();
    assert_eq!((retried.state, &retried.over[..]), (State::Waiting, &[Over::Objects { planned: 3, most: 2 }][..]));
    obey(&route, finding(&tick(&route).await, retried), "Ready").await;
    assert_eq!(copies(&route).await, 3);
}

/// A list of keys says nothing of their size.
#[tokio::test]
async fn a_retry_of_a_whole_plan_has_its_bytes_and_one_of_keys_waits() {
    use cloud::batch::report::TaskFailure;
    use cloud::batch::{JobScript, WholeFailure};
    let whole = JobScript { fails: Some(WholeFailure { after: 0, code: "X", reason: "no" }), ..JobScript::default() };
    let refuse = |_: &str| Some(TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: String::new() });
    let keys = JobScript { tasks: Some(std::sync::Arc::new(refuse)), ..JobScript::default() };
    for (script, over, bytes) in [(whole, vec![], Some(3000)), (keys, vec![Over::Unknown], None)] {
        let route = with_objects(&[("MaxBytesPerRun", "100000")]).await;
        route.cloud.jobs().script(move |_| script.clone());
        let run = deliver(&route).await;
        tick(&route).await;
        let retried = retried(&route, &run).await;
        assert_eq!((retried.over, retried.cost.map(|cost| cost.bytes)), (over, bytes));
    }
}

/// A retry of a whole plan of large objects has their parts too: they are most of what it costs.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_large_objects_is_estimated_as_the_run_was() {
    use cloud::batch::{JobScript, WholeFailure};
    let route = Route::set_up(&[("MaxEstimatedCostPerRun", "0.2501")]).await.unwrap();
    let large = route.source.s3.put_object().bucket(SOURCE_BUCKET).key("large");
    Sparse { size: 6_000_000_000, part: None, seed: 1 }.put(large).await.unwrap();
    let fails = WholeFailure { after: 0, code: "X", reason: "no" };
    let script = JobScript { fails: Some(fails), ..JobScript::default() };
    route.cloud.jobs().script(move |_| script.clone());
    let run = deliver(&route).await;
    obey(&route, finding(&tick(&route).await, &run), "Ready").await;
    tick(&route).await;
    let retried = retried(&route, &run).await;
    let (before, after) = (run.plan.unwrap(), retried.plan.unwrap());
    assert!(before.large_parts > 1);
    assert_eq!((after.large, after.large_parts), (before.large, before.large_parts));
    let listed = run.cost.as_ref().unwrap().of(What::Listed);
    assert_eq!(retried.cost.unwrap().total.plus(listed), run.cost.unwrap().total);
    assert!(retried.state == State::Waiting && matches!(&retried.over[..], [Over::Cost { .. }]), "{:?}", retried.over);
}

/// The run that a retry of `run` has become.
async fn retried(route: &Route, run: &RunRecord) -> RunRecord {
    let retry = serde_json::json!({ "action": "retry", "run": run.run });
    let answer = route.create_job(&retry).await.unwrap().unwrap();
    assert_eq!(answer["results"][0]["outcome"], "created", "{answer}");
    route.records().await.unwrap().into_iter().find(|record| record.run != run.run).unwrap()
}
