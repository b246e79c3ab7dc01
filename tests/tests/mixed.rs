//! A bucket of everything: small and large objects, archived ones, some under their owner's key, some with a delete marker. Each row of
//! the report is accounted for, and what is restored is copied by a later run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use aws_sdk_s3::types::{BucketVersioningStatus, StorageClass, VersioningConfiguration};
use e2e::large::Sparse;
use e2e::route::{DESTINATION_BUCKET, Route, SOURCE_BUCKET};
use transship::cost::What;
use transship::job::JobKind;
use transship::ledger::{RunRecord, State};
use transship::plan::{Plan, Reason};

const DAY: i64 = 24 * 60 * 60;
const LARGE: u64 = 6_000_000_000;

async fn put(route: &Route, key: &str, class: Option<StorageClass>) {
    let put = route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).set_storage_class(class);
    put.body(key.as_bytes().to_vec().into()).send().await.unwrap();
}

async fn with_everything(parameters: &[(&str, &str)]) -> Route {
    let route = Route::set_up(parameters).await.unwrap();
    let versioned = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let put_versioning = route.source.s3.put_bucket_versioning().bucket(SOURCE_BUCKET);
    put_versioning.versioning_configuration(versioned).send().await.unwrap();
    for key in ["small/1", "small/2 é", "small/3"] {
        put(&route, key, None).await;
    }
    put(&route, "instant", Some(StorageClass::GlacierIr)).await;
    put(&route, "cold", Some(StorageClass::Glacier)).await;
    put(&route, "coldest", Some(StorageClass::DeepArchive)).await;
    let large = route.source.s3.put_object().bucket(SOURCE_BUCKET).key("large");
    Sparse { size: LARGE, part: None, seed: 7 }.put(large).await.unwrap();
    let secret = route.source.s3.put_object().bucket(SOURCE_BUCKET).key("secret").body(b"secret".to_vec().into());
    let secret = secret.sse_customer_algorithm("AES256").sse_customer_key(KEY).sse_customer_key_md5(KEY_MD5);
    secret.send().await.unwrap();
    put(&route, "deleted", None).await;
    route.source.s3.delete_object().bucket(SOURCE_BUCKET).key("deleted").send().await.unwrap();
    route
}

/// 32 bytes, in Base64, and their MD5.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const KEY_MD5: &str = "hRasmdxgYDKV3nvbahU1MA==";

/// The run of a report a day later, settled; every row of the report is accounted for.
async fn next_day(route: &Route) -> RunRecord {
    route.cloud.clock().turn(DAY);
    let report = route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.settle_job().await.unwrap().unwrap();
    let records = route.records().await.unwrap();
    let run = records.into_iter().find(|record| record.report.manifest.key.as_str() == report);
    let run = run.unwrap_or_else(|| panic!("no run: {:#?}", route.cloud.functions().logs("create-job")));
    let plan = run.plan.as_ref().unwrap();
    assert_eq!(plan.objects + plan.unchanged + left_out(plan) + plan.repeated, plan.rows, "{plan:?}");
    if let Some(outcome) = &run.outcome {
        assert_eq!(
            (outcome.copied + outcome.failed, outcome.restoring),
            (plan.objects, plan.restore.objects),
            "{run:?}"
        );
    }
    run
}

fn left_out(plan: &Plan) -> u64 {
    plan.left_out.values().map(|count| count.objects).sum()
}

fn kinds(run: &RunRecord) -> Vec<JobKind> {
    run.jobs.iter().map(|job| job.kind).collect()
}

async fn is_copied(route: &Route, key: &str) -> bool {
    route.destination.s3.head_object().bucket(DESTINATION_BUCKET).key(key).send().await.is_ok()
}

#[tokio::test]
async fn a_mixed_bucket_is_one_run_of_two_jobs_and_a_list_of_what_is_left_out() {
    let route = with_everything(&[]).await;
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((run.state, kinds(&run)), (State::Copied, vec![JobKind::Copy, JobKind::Large]), "{run:#?}");
    // What has a delete marker is no object, and in no row of a report of current versions.
    let versions = route.cloud.store().list(SOURCE_BUCKET, "", false);
    assert_eq!(versions.iter().filter(|version| version.is_latest && version.is_delete_marker).count(), 1);
    assert_eq!((plan.rows, plan.objects, plan.large.objects, plan.large.bytes), (8, 5, 1, LARGE));
    let counts: Vec<(Reason, u64)> = plan.left_out.iter().map(|(reason, count)| (*reason, count.objects)).collect();
    assert_eq!(counts, [(Reason::Archived, 2), (Reason::CustomerKey, 1)]);
    // In parts of 256 MiB each, and two requests around them; four small objects beside it.
    let requests = run.cost.as_ref().unwrap().items.iter().find(|item| item.what == What::CopyRequests).unwrap();
    assert_eq!((plan.large_parts, requests.count), (23, 23 + 2 + 4));
    let [list] = &plan.left_out_lists[..] else { panic!("{:?}", plan.left_out_lists) };
    let list = String::from_utf8(route.kept(list.key.as_str()).await.unwrap().unwrap()).unwrap();
    let mut rows: Vec<&str> = list.lines().collect();
    rows.sort_unstable();
    assert_eq!(rows, ["cold,archived,4", "coldest,archived,7", "secret,customer-key,6"]);
    let mut tokens: Vec<String> = Vec::new();
    for request in &run.requests {
        tokens.push(serde_json::to_value(&request.request).unwrap()["ClientRequestToken"].to_string());
    }
    assert_ne!(tokens[0], tokens[1]);
    for key in ["small/1", "small/2 é", "small/3", "instant", "large"] {
        assert!(is_copied(&route, key).await, "{key}");
    }
    for key in ["cold", "coldest", "secret", "deleted"] {
        assert!(!is_copied(&route, key).await, "{key}");
    }

    // What an archived object takes the place of is left out, too.
    put(&route, "small/1", Some(StorageClass::Glacier)).await;
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((run.state, plan.unchanged, plan.left_out[&Reason::Archived].objects), (State::Empty, 4, 3));
}

#[tokio::test]
async fn a_restored_object_is_copied_by_the_next_run_and_restored_once() {
    let route = with_everything(&[("RestoreArchived", "Bulk"), ("RestoreDays", "10")]).await;
    let run = next_day(&route).await;
    assert_eq!(kinds(&run), [JobKind::Copy, JobKind::Large, JobKind::Restore], "{run:#?}");
    assert_eq!(run.state, State::Copied, "{:#?}", run.outcome);
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((plan.objects, plan.restore.objects, plan.left_out[&Reason::Archived].objects), (5, 2, 2));
    assert!(!is_copied(&route, "cold").await, "its restore has begun, no more");

    // By this tier one takes 12 hours, the other 48.
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((kinds(&run), plan.objects, plan.restore.objects), (vec![JobKind::Copy], 1, 0), "{run:#?}");
    assert!(is_copied(&route, "cold").await && !is_copied(&route, "coldest").await);
    next_day(&route).await;
    next_day(&route).await;
    assert!(is_copied(&route, "coldest").await);

    // Long after the restored copies are gone there is nothing to restore, and nothing to copy.
    route.cloud.clock().turn(30 * DAY);
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((run.state, plan.unchanged, plan.restore.objects), (State::Empty, 7, 0), "{plan:?}");
    assert_eq!(plan.left_out.keys().collect::<Vec<_>>(), [&Reason::CustomerKey]);
}

/// Nothing tells which of its objects a job had asked for when it failed: none of them counts as asked for.
#[tokio::test]
async fn what_cannot_be_restored_is_told_and_asked_for_again() {
    for after in [0, 1] {
        a_restore_job_fails(after).await;
    }
}

async fn a_restore_job_fails(after: usize) {
    use cloud::batch::{JobScript, WholeFailure};
    let route = with_everything(&[("RestoreArchived", "Standard")]).await;
    let fails = JobScript { fails: Some(WholeFailure { after, code: "X", reason: "no" }), ..JobScript::default() };
    route.cloud.jobs().script(move |job| {
        let restores = job.spec.operation_name() == "S3InitiateRestoreObject";
        if restores { fails.clone() } else { JobScript::default() }
    });
    route.cloud.clock().turn(DAY);
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.settle_job().await.unwrap().unwrap();
    let first = route.records().await.unwrap().remove(0);
    let outcome = first.outcome.as_ref().unwrap();
    assert_eq!((first.state, outcome.copied, outcome.carried_over), (State::Copied, 5, 0));
    assert_eq!(outcome.restoring, after as u64);
    assert!(outcome.findings.iter().any(|finding| finding.contains("did not complete")), "{:?}", outcome.findings);
    route.cloud.jobs().script(|_| JobScript::default());
    let run = next_day(&route).await;
    assert_eq!((kinds(&run), run.plan.as_ref().unwrap().restore.objects), (vec![JobKind::Restore], 2));
    next_day(&route).await;
    assert!(is_copied(&route, "cold").await && is_copied(&route, "coldest").await, "within 12 hours");
}

#[tokio::test]
async fn what_was_restored_and_no_report_came_in_its_days_is_asked_for_again() {
    let route = with_everything(&[("RestoreArchived", "Bulk"), ("RestoreDays", "10")]).await;
    let run = next_day(&route).await;
    assert_eq!(run.plan.as_ref().unwrap().restore.objects, 2);
    route.cloud.clock().turn(30 * DAY);
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((kinds(&run), plan.restore.objects), (vec![JobKind::Restore], 2), "{plan:?}");
    for _ in 0..3 {
        next_day(&route).await;
    }
    assert!(is_copied(&route, "cold").await && is_copied(&route, "coldest").await);
}

/// A request that S3 Batch Operations never takes must not keep later reports waiting.
#[tokio::test]
async fn a_run_whose_other_jobs_are_refused_for_good_is_closed_all_the_same() {
    use cloud::front::{Fault, When};
    let route = with_everything(&[("RestoreArchived", "Standard")]).await;
    let jobs = std::sync::atomic::AtomicUsize::new(0);
    route.cloud.faults().script_for("create-job", move |seen| {
        let another = seen.operation == "CreateJob" && jobs.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0;
        let (code, message) = ("InvalidRequestException", "This operation is not supported.");
        if another { Fault::Answer { status: 400, code, message, when: When::Before } } else { Fault::None }
    });
    route.cloud.clock().turn(DAY);
    route.deliver().await.unwrap();
    route.cloud.activity().settled().await;
    route.settle_job().await.unwrap().unwrap();
    let first = route.records().await.unwrap().remove(0);
    assert_eq!((first.jobs.len(), first.refused.len(), first.state), (1, 2, State::CopiedWithFailures), "{first:#?}");
    let outcome = first.outcome.as_ref().unwrap();
    assert_eq!((outcome.copied, outcome.carried_over, outcome.findings.len()), (4, 1, 2), "{outcome:?}");
    assert!(outcome.findings.iter().all(|finding| finding.contains("refused")), "{:?}", outcome.findings);
    route.cloud.faults().clear();
    let run = next_day(&route).await;
    assert_eq!(kinds(&run), [JobKind::Large, JobKind::Restore]);
    assert!(is_copied(&route, "large").await);
}

/// An inventory tells the access tier of INTELLIGENT_TIERING, so nobody has to be asked.
#[tokio::test]
async fn what_leaves_an_archive_tier_is_copied_by_the_next_run() {
    use aws_sdk_s3::types::{ArchiveStatus, RestoreRequest};
    let route = Route::set_up(&[("RestoreArchived", "Bulk")]).await.unwrap();
    let keys = ["archive tier", "deep archive tier", "frequent tier", "was copied before"];
    for key in keys {
        put(&route, key, Some(StorageClass::IntelligentTiering)).await;
    }
    let archive = |key: &str, deep| assert!(route.cloud.store().archive(SOURCE_BUCKET, key, deep));
    archive(keys[0], false);
    archive(keys[1], true);
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((run.state, plan.objects, plan.left_out[&Reason::Archived].objects), (State::Copied, 2, 2));
    // Theirs takes no days: it is its owner's to restore.
    assert_eq!((kinds(&run), plan.restore.objects), (vec![JobKind::Copy], 0));
    archive(keys[3], false);
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((run.state, plan.unchanged, plan.left_out[&Reason::Archived].objects), (State::Empty, 2, 2), "{plan:?}");

    // A day later the one is out of its tier; the other takes 12 hours.
    for key in [keys[0], keys[1]] {
        let restore = route.source.s3.restore_object().bucket(SOURCE_BUCKET).key(key);
        restore.restore_request(RestoreRequest::builder().build()).send().await.unwrap();
    }
    let head = route.source.s3.head_object().bucket(SOURCE_BUCKET).key(keys[1]).send().await.unwrap();
    assert_eq!(head.archive_status(), Some(&ArchiveStatus::DeepArchiveAccess));
    let run = next_day(&route).await;
    let plan = run.plan.as_ref().unwrap();
    assert_eq!((run.state, plan.objects, plan.unchanged, plan.left_out.len()), (State::Copied, 2, 2, 0), "{plan:?}");
    for key in keys {
        assert!(is_copied(&route, key).await, "{key}");
    }
    assert_eq!(next_day(&route).await.state, State::Empty, "and not again");
}
