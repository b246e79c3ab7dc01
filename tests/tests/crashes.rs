//! A fault at every single call that create-job makes, in every order of duplicate, late and concurrent reports: the end
//! is always right, object by object, and no plan has two jobs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod days;

use cloud::batch::ReplayedToken;
use cloud::front::{Fault, Mishap};
use days::Event::{Newer, Older};
use days::Step::{Both, One};
use days::{Days, Step};

/// What is tried at each call, in one order of events. Returns how many faults struck.
async fn at_every_call(days: &mut Days, order: &[Step], mishaps: &[Mishap]) -> usize {
    let mut struck = 0;
    for mishap in mishaps {
        for call in 1.. {
            days.two_reports().await;
            let mishap = *mishap;
            days.route.cloud.faults().script_for("create-job", move |seen| {
                if (seen.call, seen.attempt) == (call, 1) { mishap.fault() } else { Fault::None }
            });
            days.play(order).await;
            let hit = days.route.cloud.faults().struck();
            days.route.cloud.faults().clear();
            days.catch_up().await;
            let what = format!("{mishap:?} at call {call}, {hit:?}, in {order:?}");
            days.check(&what).await;
            if hit.is_empty() {
                assert!(call > 10, "create-job makes more calls than that: {what}");
                break;
            }
            struck += hit.len();
        }
    }
    struck
}

async fn in_order(order: &[Step], mishaps: &[Mishap], replayed: ReplayedToken) {
    let mut days = Days::new(replayed).await;
    let struck = at_every_call(&mut days, order, mishaps).await;
    assert!(struck > 10 * mishaps.len(), "{struck} faults struck");
}

const CRASHES: [Mishap; 2] = [Mishap::Crash(cloud::front::When::Before), Mishap::Crash(cloud::front::When::After)];

#[tokio::test]
async fn one_report() {
    in_order(&[One(Older)], &Mishap::ALL, ReplayedToken::SameJob).await;
}

#[tokio::test]
async fn the_same_report_twice() {
    in_order(&[One(Older), One(Older)], &CRASHES, ReplayedToken::Exception).await;
}

#[tokio::test]
async fn the_same_report_twice_at_once() {
    in_order(&[Both(Older, Older)], &CRASHES, ReplayedToken::Exception).await;
}

#[tokio::test]
async fn two_reports_in_order() {
    in_order(&[One(Older), One(Newer)], &CRASHES, ReplayedToken::SameJob).await;
}

#[tokio::test]
async fn two_reports_in_the_wrong_order() {
    in_order(&[One(Newer), One(Older)], &CRASHES, ReplayedToken::SameJob).await;
}

#[tokio::test]
async fn two_reports_at_once() {
    in_order(&[Both(Older, Newer)], &CRASHES, ReplayedToken::SameJob).await;
}

#[tokio::test]
async fn a_late_duplicate_between_two_reports() {
    in_order(&[One(Older), Both(Newer, Older), One(Newer)], &CRASHES, ReplayedToken::Exception).await;
}

/// The first run of a route writes `baseline.json`, and takes the delivered manifest as it is.
#[tokio::test]
async fn the_first_run() {
    for replayed in [ReplayedToken::SameJob, ReplayedToken::Exception] {
        let mut days = Days::new(replayed).await;
        days.forgetful = true;
        at_every_call(&mut days, &[Both(Older, Older)], &CRASHES).await;
        at_every_call(&mut days, &[One(Older)], &Mishap::ALL).await;
    }
}
