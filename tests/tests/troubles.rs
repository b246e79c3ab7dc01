//! What a reader of the commit protocol found to go wrong, each once: conflicts that decide nothing, settings that change in
//! the middle of a run, plans that are gone, two modes of one report.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod days;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloud::batch::{JobScript, ReplayedToken, WholeFailure};
use cloud::front::{Fault, When};
use days::Days;
use days::Event::{Newer, Older};
use days::Step::{Both, One};
use e2e::route::MANIFEST_BUCKET;
use transship::ledger::State;
use transship::plan::Full;

fn conflict() -> Fault {
    let message = "A conflicting operation occurred during the processing of this request.";
    Fault::Answer { status: 409, code: "ConditionalRequestConflict", message, when: When::Before }
}

/// A 409 says that another write is under way, not who wins: at each write in turn, nothing is lost and nothing done twice.
#[tokio::test]
async fn a_conflict_at_any_write_decides_nothing() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    for write in 1.. {
        days.two_reports().await;
        let count = AtomicUsize::new(0);
        days.route.cloud.faults().script_for("create-job", move |seen| {
            let strikes = seen.operation == "PutObject" && count.fetch_add(1, Ordering::SeqCst) + 1 == write;
            if strikes { conflict() } else { Fault::None }
        });
        days.play(&[One(Older)]).await;
        let hit = days.route.cloud.faults().struck();
        days.route.cloud.faults().clear();
        days.catch_up().await;
        days.check(&format!("a conflict at write {write}: {hit:?}")).await;
        if hit.is_empty() {
            assert!(write > 5, "create-job writes more than that");
            break;
        }
    }
}

/// The slower of two commits meets a conflict while the faster one's is under way.
#[tokio::test]
async fn a_conflict_of_two_at_once_leaves_one_run_with_its_job() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.two_reports().await;
    let count = Arc::new(AtomicUsize::new(0));
    days.route.cloud.faults().script_for("create-job", move |seen| {
        if !(seen.operation == "PutObject" && seen.path.ends_with("/ledger/baseline.json")) {
            return Fault::None;
        }
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => Fault::Hang(When::Before, Duration::from_millis(600)),
            1 => conflict(),
            _ => Fault::None,
        }
    });
    days.play(&[Both(Older, Older)]).await;
    days.route.cloud.faults().clear();
    let records = days.route.records().await.unwrap();
    let last = records.last().unwrap();
    assert_eq!((last.state, last.jobs.len()), (State::Open, 1), "{last:?}");
    days.catch_up().await;
    days.check("two at once").await;
}

/// Driven a day late; DescribeJob does not know the new job yet.
#[tokio::test]
async fn a_job_made_late_may_be_unknown_at_first() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.two_reports().await;
    days.route.cloud.faults().script_for("create-job", |seen| {
        if seen.operation == "CreateJob" { Fault::Crash(When::Before) } else { Fault::None }
    });
    assert!(days.try_answer(Older).await.is_err());
    days.route.cloud.faults().clear();
    days.one_more_report().await;
    days.route.cloud.faults().script_for("create-job", |seen| {
        let message = "The job does not exist";
        match seen.operation.as_str() {
            "DescribeJob" => Fault::Answer { status: 404, code: "NoSuchJobException", message, when: When::Before },
            _ => Fault::None,
        }
    });
    assert_eq!(days.answer(Newer).await["outcome"], "waiting");
    days.route.cloud.faults().clear();
    days.route.cloud.activity().settled().await;
    assert_eq!(days.answer(Newer).await["outcome"], "created");
    days.route.cloud.activity().settled().await;
    days.check("known in the end").await;
}

async fn fails(days: &Days) {
    let fails = JobScript { fails: Some(WholeFailure { after: 0, code: "X", reason: "no" }), ..JobScript::default() };
    days.route.cloud.jobs().script(move |_| fails.clone());
    days.play(&[One(Older)]).await;
    days.route.cloud.jobs().script(|_| JobScript::default());
}

#[tokio::test]
async fn a_plan_that_is_carried_over_and_gone_makes_the_next_run_a_full_one() {
    let mut days = Days::new(ReplayedToken::SameJob).await;
    days.two_reports().await;
    fails(&days).await;
    for key in days.route.keys_below("plans/").await.unwrap().into_iter().filter(|key| key.contains("/data/")) {
        days.route.destination.s3.delete_object().bucket(MANIFEST_BUCKET).key(key).send().await.unwrap();
    }
    assert_eq!(days.answer(Newer).await["outcome"], "created");
    days.route.cloud.activity().settled().await;
    let records = days.route.records().await.unwrap();
    assert_eq!(records.last().unwrap().plan.as_ref().unwrap().full, Some(Full::CarryOver));
}

/// A fault at each call of a run that takes over what a failed job left.
#[tokio::test]
async fn a_crash_at_any_call_after_a_failed_job_loses_nothing() {
    let mut days = Days::new(ReplayedToken::Exception).await;
    for call in 1.. {
        days.two_reports().await;
        fails(&days).await;
        days.route.cloud.faults().script_for("create-job", move |seen| {
            if seen.call == call { Fault::Crash(When::After) } else { Fault::None }
        });
        days.play(&[One(Newer)]).await;
        let hit = days.route.cloud.faults().struck();
        days.route.cloud.faults().clear();
        days.catch_up().await;
        days.settle_for_check();
        days.check(&format!("a crash after call {call}: {hit:?}")).await;
        if hit.is_empty() {
            assert!(call > 15, "create-job makes more calls than that");
            break;
        }
    }
}
