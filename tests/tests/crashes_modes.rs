//! A fault at every single call that create-job makes where it does other things than in a plain run: in mode `Everything`, in
//! mode `Preview`, where the guard has jobs wait, and where a plan's files are written in parts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod days;

use aws_sdk_s3control::types::JobProgressSummary;
use cloud::batch::ReplayedToken;
use cloud::front::{Fault, Mishap, When};
use days::Days;
use days::Event::{Newer, Older};
use days::Step::{Both, One};
use e2e::route::{MANIFEST_BUCKET, SOURCE_BUCKET};
use transship::config::CopyMode;
use transship::ledger::State;

const CRASHES: [Mishap; 2] = [Mishap::Crash(When::Before), Mishap::Crash(When::After)];

/// Lets `mishap` strike at this call; whether it struck is told by [`struck`].
fn strike_at(days: &Days, call: usize, mishap: Mishap) {
    days.route.cloud.faults().script_for("create-job", move |seen| {
        if (seen.call, seen.attempt) == (call, 1) { mishap.fault() } else { Fault::None }
    });
}

/// What was struck, which is nothing once there are no more calls.
fn struck(days: &Days) -> String {
    let hit = days.route.cloud.faults().struck();
    days.route.cloud.faults().clear();
    if hit.is_empty() { String::new() } else { format!("{hit:?}") }
}

#[tokio::test]
async fn everything_is_copied_by_one_job_a_report() {
    let mut days = Days::with(ReplayedToken::SameJob, &[("CopyMode", "Everything")]).await;
    for mishap in CRASHES {
        for call in 1.. {
            days.two_reports().await;
            strike_at(&days, call, mishap);
            days.play(&[Both(Older, Newer), One(Older)]).await;
            let hit = struck(&days);
            days.catch_up().await;
            days.check(&format!("{mishap:?} at call {call}, {hit}")).await;
            if hit.is_empty() {
                assert!(call > 5, "create-job makes more calls than that");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_run_that_has_to_wait_never_runs_without_being_confirmed() {
    let mut days = Days::with(ReplayedToken::SameJob, &[("MaxObjectsPerRun", "1")]).await;
    for mishap in CRASHES {
        for call in 1.. {
            days.two_reports().await;
            strike_at(&days, call, mishap);
            days.play(&[One(Older)]).await;
            let hit = struck(&days);
            let what = format!("{mishap:?} at call {call}, {hit}");
            days.catch_up().await;
            let last = days.answer(Newer).await;
            let job = days.route.job(last["job_id"].as_str().unwrap()).await.unwrap();
            assert_eq!(job.status().unwrap().as_str(), "Suspended", "{what}");
            days.confirm(&last).await;
            days.route.cloud.activity().settled().await;
            // What the older run was to copy was carried over to the newer.
            days.settle_for_check();
            days.check(&what).await;
            if hit.is_empty() {
                assert!(call > 10, "create-job makes more calls than that");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_preview_is_made_once_and_moves_nothing() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.set("COPY_MODE", "Preview");
    days.put_archived("cold").await;
    let baseline = days.route.kept("ledger/baseline.json").await.unwrap();
    let jobs = days.route.job_ids().await.unwrap();
    for mishap in Mishap::ALL {
        for call in 1.. {
            days.two_reports().await;
            strike_at(&days, call, mishap);
            days.play(&[One(Newer)]).await;
            let hit = struck(&days);
            let what = format!("{mishap:?} at call {call}, {hit}");
            assert_eq!(days.answer(Newer).await["outcome"], "previewed", "{what}");
            let records = days.route.records().await.unwrap();
            let last = records.last().unwrap();
            assert_eq!((last.mode, last.state), (CopyMode::Preview, State::Previewed), "{what}");
            let of_report = records.iter().filter(|record| record.run == last.run).count();
            let plan = last.plan.as_ref().unwrap();
            assert_eq!((of_report, plan.objects > 1, plan.left_out.len()), (1, true, 1), "{what}: {last:#?}");
            assert_eq!(days.route.kept("ledger/baseline.json").await.unwrap(), baseline, "{what}");
            // AWS forgets a job 90 days after its end.
            let now = days.route.job_ids().await.unwrap();
            assert!(now.iter().all(|job| jobs.contains(job)), "{what}: {now:?}");
            if hit.is_empty() {
                assert!(call > 5, "create-job makes more calls than that");
                break;
            }
        }
    }
}

/// Keys so long that a plan of them takes two parts.
const LONG: usize = 2800;

/// An object of a plan that is written in parts: cut off at each call of the upload, it is written whole the next time.
#[tokio::test]
async fn a_plan_in_parts_is_written_whole_or_not_at_all() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    let s3 = days.route.source.s3.clone();
    for n in 0..LONG {
        // Percent-encoded, each of its letters takes nine bytes.
        let key = format!("{n:06}{}", "字".repeat(338));
        s3.put_object().bucket(SOURCE_BUCKET).key(key).body(Vec::new().into()).send().await.unwrap();
    }
    days.two_reports().await;
    let parts = ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"];
    let mut hits = 0;
    for operation in parts {
        for mishap in CRASHES {
            let done = std::sync::atomic::AtomicBool::new(false);
            days.route.cloud.faults().script_for("create-job", move |seen| {
                let strikes = seen.operation == operation && !done.swap(true, std::sync::atomic::Ordering::SeqCst);
                if strikes { mishap.fault() } else { Fault::None }
            });
            assert!(days.try_answer(Older).await.is_err(), "{mishap:?} at {operation}");
            hits += usize::from(!struck(&days).is_empty());
        }
    }
    assert_eq!(hits, 2 * parts.len());
    assert_eq!(days.answer(Older).await["outcome"], "created");
    days.route.cloud.activity().settled().await;
    let records = days.route.records().await.unwrap();
    let plan = records.last().unwrap().plan.as_ref().unwrap();
    assert!(plan.objects > LONG as u64 && !plan.delivered, "{plan:#?}");
    let manifest = plan.manifest.as_ref().unwrap();
    let file = days.route.keys_below("plans/").await.unwrap().into_iter().find(|key| key.contains("/data/")).unwrap();
    let head = days.route.destination.s3.head_object().bucket(MANIFEST_BUCKET).key(&file).send().await.unwrap();
    assert!(head.e_tag().unwrap().contains('-'), "{file} of {} was to be in parts: {head:?}", manifest.key);
    let job = days.route.job(&records.last().unwrap().jobs[0].id).await.unwrap();
    let copied = job.progress_summary().and_then(JobProgressSummary::number_of_tasks_succeeded);
    assert_eq!(copied, Some(i64::try_from(plan.objects).unwrap()));
}
