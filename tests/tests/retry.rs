//! `{"action":"retry"}`: a run's carry-over is planned now, as a run of its own, and what it left out that a person has restored.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_s3::types::{GlacierJobParameters, RestoreRequest, StorageClass, Tier};
use aws_sdk_s3control::types::RequestedJobStatus;
use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, WholeFailure};
use cloud::front::{Fault, When};
use e2e::large::Sparse;
use e2e::route::{DESTINATION_BUCKET, MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use serde_json::{Value, json};
use transship::job::JobKind;
use transship::ledger::{Action, State};
use transship::plan::Reason;

/// A route whose only run has come to what the script says.
async fn after(script: JobScript) -> Route {
    let route = Route::set_up(&[]).await.unwrap();
    for n in 0..4 {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("an object {n}")).send().await.unwrap();
    }
    route.cloud.jobs().script(move |_| script.clone());
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.cloud.jobs().script(|_| JobScript::default());
    route
}

async fn retry(route: &Route, run: &str) -> Value {
    let answer = route.create_job(&json!({ "action": "retry", "run": run, "by": "mara" })).await.unwrap();
    route.cloud.activity().settled().await;
    answer.unwrap_or_else(|error| panic!("{error}"))["results"][0].clone()
}

#[tokio::test]
async fn what_one_run_did_not_copy_is_copied_by_a_run_of_its_own() {
    let refuse = |key: &str| {
        let failure = TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: String::new() };
        key.ends_with('2').then_some(failure)
    };
    let some = JobScript { tasks: Some(Arc::new(refuse)), ..JobScript::default() };
    let fails = WholeFailure { after: 1, code: "TooBad", reason: "by the test" };
    let all = JobScript { fails: Some(fails), ..JobScript::default() };
    for (script, objects) in [(some, 1), (all, 4)] {
        let route = after(script).await;
        let first = route.records().await.unwrap().pop().unwrap();
        let before = route.baseline().await.unwrap().unwrap();
        let answer = retry(&route, first.run.as_str()).await;
        assert_eq!(answer["outcome"], "created", "{answer}");
        let records = route.records().await.unwrap();
        let run = records.iter().find(|record| record.run != first.run).unwrap();
        assert_eq!((run.state, run.plan.as_ref().unwrap().objects), (State::Copied, objects), "{run:#?}");
        assert_eq!(run.outcome.as_ref().unwrap().copied, objects);
        let baseline = route.baseline().await.unwrap().unwrap();
        assert_eq!((baseline.carry_over.len(), &baseline.shards), (0, &before.shards));
        assert_eq!(baseline.committed.unwrap().etags, before.committed.unwrap().etags);

        let entry = route.keys_below("ledger/actions/").await.unwrap().pop().unwrap();
        let action: Action = serde_json::from_slice(&route.kept(&entry).await.unwrap().unwrap()).unwrap();
        assert_eq!(
            (action.action.as_str(), action.by.as_deref(), action.run),
            ("retry", Some("mara"), Some(first.run))
        );
        let ago = route.cloud.clock().now().duration_since(action.at);
        assert!((0..60).contains(&ago.as_secs()), "{} is when it was done", action.at);

        assert_eq!(retry(&route, run.run.as_str()).await["outcome"], "empty", "nothing is left");
        route.cloud.clock().turn(24 * 3600);
        let report = route.deliver().await.unwrap();
        route.cloud.activity().settled().await;
        assert_eq!(route.run_of(&report).await.unwrap().state, Some(State::Empty), "all is copied");
    }
}

#[tokio::test]
async fn a_retry_is_refused_while_a_run_is_open_and_where_nothing_is_carried_over() {
    let route = after(JobScript { stays_active: true, ..JobScript::default() }).await;
    let run = route.records().await.unwrap().pop().unwrap();
    let answer = retry(&route, run.run.as_str()).await;
    assert_eq!(answer["outcome"], "waiting", "{answer}");
    assert!(answer["reason"].as_str().unwrap().contains("is open"), "{answer}");
    assert_eq!(route.job_ids().await.unwrap().len(), 1);
    let route = after(JobScript::default()).await;
    assert_eq!(retry(&route, "2026-01-01T00-00Z-abc").await["outcome"], "empty");
    assert_eq!(route.keys_below("ledger/actions/").await.unwrap(), Vec::<String>::new());
}

/// Somebody else writes `baseline.json` between its plan and its commit: the plan is given up, and made anew.
#[tokio::test]
async fn a_retry_that_comes_second_plans_anew_and_leaves_nothing_open() {
    let fails = WholeFailure { after: 0, code: "TooBad", reason: "by the test" };
    let route = after(JobScript { fails: Some(fails), ..JobScript::default() }).await;
    let first = route.records().await.unwrap().pop().unwrap();
    // Closes the run; what follows is the retry alone.
    route.settle_job().await.unwrap().unwrap();
    let s3 = route.destination.s3.clone();
    let commits = AtomicUsize::new(0);
    route.cloud.faults().script_for("create-job", move |seen| {
        let commit = seen.operation == "PutObject" && seen.path.ends_with("/ledger/baseline.json");
        if commit && commits.fetch_add(1, Ordering::SeqCst) == 0 {
            Fault::First(moved(s3.clone()))
        } else {
            Fault::None
        }
    });
    let answer = retry(&route, first.run.as_str()).await;
    // settle-job, which hears of the first job's report at some moment, may be the one that makes the job.
    assert!(["created", "already created"].map(Value::from).contains(&answer["outcome"]), "{answer}");
    let records = route.records().await.unwrap();
    let mut states: Vec<(State, usize)> = records
        .iter()
        .filter(|record| record.run != first.run)
        .map(|record| (record.state, record.jobs.len()))
        .collect();
    states.sort_by_key(|(_, jobs)| *jobs);
    assert_eq!(states, [(State::Superseded, 0), (State::Copied, 1)], "{records:#?}");
    assert_eq!(
        (route.job_ids().await.unwrap().len(), route.baseline().await.unwrap().unwrap().carry_over),
        (2, vec![])
    );
    assert_eq!(route.keys_below("ledger/actions/").await.unwrap().len(), 1, "asked for once");
}

/// Writes `baseline.json` once more, as others do.
fn moved(s3: aws_sdk_s3::Client) -> futures::future::BoxFuture<'static, ()> {
    Box::pin(async move {
        let key = "ledger/baseline.json";
        let got = s3.get_object().bucket(MANIFEST_BUCKET).key(key).send().await.unwrap();
        let mut baseline: Value = serde_json::from_slice(&got.body.collect().await.unwrap().to_vec()).unwrap();
        baseline["writes"] = (baseline["writes"].as_u64().unwrap() + 1).into();
        let body = serde_json::to_vec(&baseline).unwrap().into();
        s3.put_object().bucket(MANIFEST_BUCKET).key(key).body(body).send().await.unwrap();
    })
}

const DAY: i64 = 24 * 60 * 60;

async fn put_archived(route: &Route, key: &str, class: StorageClass) {
    let put = route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).storage_class(class);
    put.body(key.as_bytes().to_vec().into()).send().await.unwrap();
}

/// As a person of the source account does.
async fn restore(route: &Route, key: &str) {
    let parameters = GlacierJobParameters::builder().tier(Tier::Bulk).build().unwrap();
    let request = RestoreRequest::builder().days(5).glacier_job_parameters(parameters).build();
    let restore = route.source.s3.restore_object().bucket(SOURCE_BUCKET).key(key).restore_request(request);
    restore.send().await.unwrap();
}

async fn is_copied(route: &Route, key: &str) -> bool {
    route.destination.s3.head_object().bucket(DESTINATION_BUCKET).key(key).send().await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_restored_is_copied_by_a_retry_of_the_run_that_left_it_out() {
    let route = Route::set_up(&[]).await.unwrap();
    for (key, class) in [("cold ä", StorageClass::Glacier), ("coldest", StorageClass::DeepArchive)] {
        put_archived(&route, key, class).await;
    }
    put_archived(&route, "never restored", StorageClass::Glacier).await;
    let large = route.source.s3.put_object().bucket(SOURCE_BUCKET).key("large").storage_class(StorageClass::Glacier);
    Sparse { size: 6_000_000_000, part: Some(512 << 20), seed: 1 }.put(large).await.unwrap();
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let first = route.records().await.unwrap().pop().unwrap();
    assert_eq!((first.state, first.plan.as_ref().unwrap().left_out[&Reason::Archived].objects), (State::Empty, 4));

    for key in ["cold ä", "coldest", "large"] {
        restore(&route, key).await;
    }
    let answer = retry(&route, first.run.as_str()).await;
    assert_eq!(answer["outcome"], "empty", "{answer}");
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.ends_with("of 4 archived objects that it left out, none can be read yet"), "{reason}");
    assert_eq!(route.keys_below("ledger/actions/").await.unwrap(), Vec::<String>::new());

    // By this tier GLACIER takes 12 hours, DEEP_ARCHIVE 48.
    route.cloud.clock().turn(DAY);
    let answer = retry(&route, first.run.as_str()).await;
    assert_eq!(answer["outcome"], "created", "{answer}");
    assert_eq!(answer["reason"], "of 4 archived objects that it left out, 2 can be read, 2 not yet");
    route.settle_job().await.unwrap().unwrap();
    let records = route.records().await.unwrap();
    let run = records.iter().find(|record| record.run != first.run).unwrap();
    let plan = run.plan.as_ref().unwrap();
    let kinds: Vec<JobKind> = run.jobs.iter().map(|job| job.kind).collect();
    assert_eq!((run.state, kinds), (State::Copied, vec![JobKind::Copy, JobKind::Large]), "{run:#?}");
    let bytes = 6_000_000_000 + "cold ä".len() as u64;
    assert_eq!((plan.objects, plan.carried_over, plan.bytes, plan.large.objects), (2, 0, bytes, 1));
    assert_eq!(run.cost.as_ref().unwrap().bytes, bytes);
    let mut there = Vec::new();
    for key in ["cold ä", "large", "coldest", "never restored"] {
        there.push(is_copied(&route, key).await);
    }
    assert_eq!(there, [true, true, false, false]);

    // No baseline holds what a retry copied: it stays on the list, and nothing copies it again by itself.
    route.cloud.clock().turn(DAY * 2);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let records = route.records().await.unwrap();
    let next = records.iter().find(|record| record.report.manifest.key.as_str() == report).unwrap();
    assert_eq!(next.state, State::Empty);
    let answer = retry(&route, next.run.as_str()).await;
    assert_eq!(answer["reason"], "of 4 archived objects that it left out, 3 can be read, 1 not yet");
    assert!(is_copied(&route, "coldest").await);
}

/// More runs have come since than are looked at: the retry is the newest all the same, and somebody is told that it waits.
#[tokio::test]
async fn a_retry_of_an_old_run_is_looked_after_as_any_run() {
    let route = Route::set_up(&[("MaxObjectsPerRun", "1")]).await.unwrap();
    for key in ["cold", "colder"] {
        put_archived(&route, key, StorageClass::Glacier).await;
    }
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.settle_job().await.unwrap().unwrap();
    let first = route.records().await.unwrap().pop().unwrap().run;
    // Those of later reports: settled, told of, and nothing to do with this one.
    let key = route.keys_below("ledger/runs/").await.unwrap().pop().unwrap();
    let mut record: Value = serde_json::from_slice(&route.kept(&key).await.unwrap().unwrap()).unwrap();
    for n in 0..61 {
        let later = format!("2999-01-01T00-00Z-{n:032x}");
        record["run"] = later.as_str().into();
        let put = route.destination.s3.put_object().bucket(MANIFEST_BUCKET).key(format!("ledger/runs/{later}/e.json"));
        put.body(serde_json::to_vec(&record).unwrap().into()).send().await.unwrap();
    }
    for key in ["cold", "colder"] {
        restore(&route, key).await;
    }
    route.cloud.clock().turn(DAY);
    let before = route.notices().unwrap().len();
    assert_eq!(retry(&route, first.as_str()).await["outcome"], "created");
    route.settle_job().await.unwrap().unwrap();
    let told = |text: &str| route.notices().unwrap()[before..].iter().any(|notice| notice.text.contains(text));
    assert!(told("--requested-job-status Ready"), "{:#?}", route.subjects().unwrap());

    let job = route.job_ids().await.unwrap().pop().unwrap();
    let cancel = route.destination.s3control.update_job_status().account_id("222222222222").job_id(job);
    cancel.requested_job_status(RequestedJobStatus::Cancelled).send().await.unwrap();
    route.settle_job().await.unwrap().unwrap();
    let records = route.records().await.unwrap();
    let run = records.iter().find(|record| record.run.is_retry()).unwrap();
    assert!(run.state == State::Failed && run.told.is_some() && run.measured.is_some(), "{run:#?}");
}

#[tokio::test]
async fn a_retry_takes_up_what_failed_and_what_was_restored_together() {
    let refuse = |key: &str| {
        let failure = TaskFailure { status: 403, code: "AccessDenied".to_owned(), message: String::new() };
        key.ends_with('2').then_some(failure)
    };
    let route = Route::set_up(&[("MaxBytesPerRun", "1000000")]).await.unwrap();
    for n in 0..4 {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("an object {n}")).send().await.unwrap();
    }
    put_archived(&route, "cold", StorageClass::Glacier).await;
    let some = JobScript { tasks: Some(Arc::new(refuse)), ..JobScript::default() };
    route.cloud.jobs().script(move |_| some.clone());
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.cloud.jobs().script(|_| JobScript::default());
    restore(&route, "cold").await;
    route.cloud.clock().turn(DAY);
    let first = route.records().await.unwrap().pop().unwrap();
    let answer = retry(&route, first.run.as_str()).await;
    assert_eq!(answer["reason"], "of 1 archived object that it left out, 1 can be read", "{answer}");
    let records = route.records().await.unwrap();
    let run = records.iter().find(|record| record.run != first.run).unwrap();
    let plan = run.plan.as_ref().unwrap();
    // Nobody knows the bytes of what failed: the whole waits for a person.
    assert_eq!((run.state, plan.objects, plan.carried_over, plan.bytes), (State::Waiting, 2, 1, 0), "{run:#?}");
}

#[tokio::test]
async fn where_create_job_may_not_ask_the_answer_says_what_it_needs() {
    let (route, run) = left_out(&[], &["cold"]).await;
    restore(&route, "cold").await;
    route.cloud.clock().turn(DAY);
    route.source.s3.delete_bucket_policy().bucket(SOURCE_BUCKET).send().await.unwrap();
    let told = told_of_archived(&route, &run).await;
    assert!(told.contains("1 may not be looked at, or is gone: create-job's role needs s3:GetObject"), "{told}");
}

/// A route whose only run left these archived objects out.
async fn left_out(parameters: &[(&str, &str)], keys: &[&str]) -> (Route, String) {
    let route = Route::set_up(parameters).await.unwrap();
    for key in keys {
        put_archived(&route, key, StorageClass::Glacier).await;
    }
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    let run = route.records().await.unwrap().pop().unwrap();
    (route, run.run.as_str().to_owned())
}

/// What a retry says of archived objects, and that it plans nothing.
async fn told_of_archived(route: &Route, run: &str) -> String {
    let answer = retry(route, run).await;
    assert_eq!(answer["outcome"], "empty", "{answer}");
    answer["reason"].as_str().unwrap().split_once("has taken it over; ").unwrap().1.to_owned()
}

#[tokio::test]
async fn what_is_gone_or_overwritten_or_not_answered_or_not_listed_any_more_is_told_apart() {
    let (route, run) = left_out(&[], &["overwritten"]).await;
    let s3 = &route.source.s3;
    s3.put_object().bucket(SOURCE_BUCKET).key("overwritten").send().await.unwrap();
    let gone = "of 1 archived object that it left out, 1 is gone or no longer archived: the next report tells";
    assert_eq!(told_of_archived(&route, &run).await, gone);

    // Who may not list the bucket cannot tell one that is gone from one that it may not look at.
    let (route, run) = left_out(&[], &["deleted", "stays"]).await;
    route.source.s3.delete_object().bucket(SOURCE_BUCKET).key("deleted").send().await.unwrap();
    let told = told_of_archived(&route, &run).await;
    let both = "of 2 archived objects that it left out, 1 cannot be read yet; 1 may not be looked at, or is gone: create-job's";
    assert!(told.starts_with(both), "{told}");

    route.cloud.faults().script_for("create-job", |seen| {
        let (code, message) = ("SlowDown", "Please reduce your request rate.");
        let slow = seen.operation == "HeadObject" && ["deleted", "stays"].iter().any(|key| seen.path.ends_with(key));
        if slow { Fault::Answer { status: 503, code, message, when: When::Before } } else { Fault::None }
    });
    let unknown = "of 2 archived objects that it left out, S3 gave no answer for 2: retry once more";
    assert_eq!(told_of_archived(&route, &run).await, unknown);
    route.cloud.faults().clear();

    // As the lifecycle rule does after 120 days.
    let plan = route.records().await.unwrap().pop().unwrap().plan.unwrap();
    for list in &plan.left_out_lists {
        route.destination.s3.delete_object().bucket(MANIFEST_BUCKET).key(list.key.as_str()).send().await.unwrap();
    }
    let told = told_of_archived(&route, &run).await;
    assert!(told.starts_with("it left out 2 archived objects, but the list of them is not there any more"), "{told}");
}

/// The run left out what its own restore job has asked for, too: that is a later run's to plan, and a retry would copy it twice.
#[tokio::test]
async fn a_retry_leaves_what_our_restore_job_has_asked_for_to_later_runs() {
    let route = Route::set_up(&[("RestoreArchived", "Bulk"), ("RestoreDays", "10")]).await.unwrap();
    put_archived(&route, "ours", StorageClass::Glacier).await;
    put_archived(&route, "in a tier", StorageClass::IntelligentTiering).await;
    assert!(route.cloud.store().archive(SOURCE_BUCKET, "in a tier", false));
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.settle_job().await.unwrap().unwrap();
    let first = route.records().await.unwrap().pop().unwrap();
    let plan = first.plan.as_ref().unwrap();
    assert_eq!((plan.left_out[&Reason::Archived].objects, plan.restore.objects), (2, 1));

    route.cloud.clock().turn(DAY);
    let head = route.source.s3.head_object().bucket(SOURCE_BUCKET).key("ours").send().await.unwrap();
    assert!(head.restore().unwrap().contains("ongoing-request=\"false\""), "it can be read by now: {head:?}");
    let run = first.run.as_str();
    let told = told_of_archived(&route, run).await;
    assert_eq!(told, "of 1 archived object that it left out, none can be read yet");
    assert!(!is_copied(&route, "ours").await);

    // An inventory tells the tier: what is out of it is the next run's.
    let back = route.source.s3.restore_object().bucket(SOURCE_BUCKET).key("in a tier");
    back.restore_request(RestoreRequest::builder().build()).send().await.unwrap();
    route.cloud.clock().turn(DAY);
    let told = told_of_archived(&route, run).await;
    assert!(told.ends_with("1 is gone or no longer archived: the next report tells"), "{told}");
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    assert!(is_copied(&route, "ours").await && is_copied(&route, "in a tier").await);
}
