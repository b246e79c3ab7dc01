//! The state machine, and what time does to a job.

use jiff::ToSpan;

use super::*;
use crate::batch::model::CreateJobRequest;
use crate::batch::validate::create_job;
use crate::batch::xml::read;
use crate::batch::{Jobs, ReplayedToken};

fn request() -> CreateJobRequest {
    read(include_bytes!("../../../fixtures/batch/create-job.xml")).unwrap()
}

fn spec(request: &CreateJobRequest) -> JobSpec {
    create_job(request, &AccountId::destination()).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn job() -> Job {
    let whose = (AccountId::destination(), "us-east-1".to_owned());
    Job::new("id".to_owned(), 1, whose, spec(&request()), at(0))
}

fn suspended() -> Job {
    let mut job = job();
    assert!(job.go(Status::Preparing, at(1)) && job.go(Status::Suspended, at(2)));
    job
}

#[test]
fn a_job_goes_through_its_states_with_time_stamps() {
    let mut job = job();
    for (seconds, next) in [
        (1, Status::Preparing),
        (2, Status::Ready),
        (3, Status::Active),
        (10, Status::Completing),
        (12, Status::Complete),
    ] {
        assert!(job.go(next, at(seconds)), "{next:?}");
    }
    assert_eq!((job.created, job.terminated, job.suspended), (at(0), Some(at(12)), None));
    assert_eq!(job.active_seconds(at(100)), 7);
    assert_eq!(job.arn(), "arn:aws:s3:us-east-1:222222222222:job/id");
}

#[test]
fn nothing_leads_out_of_an_end_nor_back() {
    for end in [Status::Complete, Status::Cancelled, Status::Failed] {
        assert!(Status::ALL.iter().all(|next| !end.leads_to(*next)), "{end:?}");
    }
    for status in Status::ALL {
        assert!(!status.leads_to(Status::New) && !status.leads_to(status), "{status:?}");
        assert_eq!(status.leads_to(Status::Suspended), status == Status::Preparing, "confirmed once, never again");
    }
}

#[test]
fn a_waiting_job_starts_when_confirmed_and_ends_when_cancelled() {
    let mut confirmed = suspended();
    assert_eq!(confirmed.update("Ready", None, at(3)).unwrap(), Update::Start);
    assert_eq!(confirmed.status(), Status::Ready);
    assert!(matches!(confirmed.update("Ready", None, at(4)), Err(BatchError::JobStatus(_))), "it waits no more");

    let mut cancelled = suspended();
    assert_eq!(cancelled.update("Cancelled", Some("enough".to_owned()), at(3)).unwrap(), Update::Nothing);
    assert_eq!((cancelled.status(), cancelled.terminated), (Status::Cancelled, Some(at(3))));
    assert_eq!(cancelled.status_update_reason.as_deref(), Some("enough"));
    assert!(matches!(cancelled.update("Cancelled", None, at(4)), Err(BatchError::JobStatus(_))));
    assert!(matches!(cancelled.update("Paused", None, at(4)), Err(BatchError::BadRequest(_))));
}

#[test]
fn a_running_job_is_cancelled_by_whoever_runs_it() {
    let mut job = job();
    for next in [Status::Preparing, Status::Ready, Status::Active] {
        job.go(next, at(1));
    }
    job.update("Cancelled", None, at(2)).unwrap();
    assert_eq!((job.status(), job.terminated), (Status::Cancelling, None));
    assert!(!job.go(Status::Completing, at(3)));
    assert!(job.go(Status::Cancelled, at(3)));
}

#[test]
fn a_failure_is_told_once_and_cut_to_what_the_api_takes() {
    let mut job = job();
    job.fail(Failure::new("One", "é".repeat(300)), at(1));
    job.fail(Failure::new("Two", "later"), at(2));
    assert_eq!(job.failures.len(), 1);
    assert_eq!(job.failures[0].reason.chars().count(), 256);
}

#[test]
fn time_fails_an_unconfirmed_job_and_forgets_an_ended_one() {
    let mut job = suspended();
    let hours = |n: i64| at(2).checked_add(n.hours()).unwrap();
    assert!(job.age(hours(30 * 24)));
    assert_eq!(job.status(), Status::Suspended);
    let failed_at = hours(30 * 24 + 1);
    assert!(job.age(failed_at));
    assert_eq!((job.status(), job.failures[0].code), (Status::Failed, "ConfirmationExpired"));
    assert!(job.age(failed_at.checked_add((90 * 24).hours()).unwrap()));
    assert!(!job.age(failed_at.checked_add((90 * 24 + 1).hours()).unwrap()));
}

#[test]
fn a_token_makes_one_job() {
    let jobs = Jobs::default();
    let here = (&AccountId::destination(), "us-east-1");
    let create = |request: CreateJobRequest, here| {
        let spec = spec(&request);
        jobs.create(here, request, spec, at(0))
    };
    let (id, new) = create(request(), here).unwrap();
    assert!(new);
    assert_eq!(create(request(), here).unwrap(), (id.clone(), false));

    let different = CreateJobRequest { priority: Some(11), ..request() };
    assert!(matches!(create(different, here).unwrap_err(), BatchError::Idempotency(_)));
    jobs.set_replayed_token(ReplayedToken::Exception);
    assert!(matches!(create(request(), here).unwrap_err(), BatchError::Idempotency(_)));

    let elsewhere = (&AccountId::destination(), "eu-west-1");
    let (other, new) = create(request(), elsewhere).unwrap();
    assert!(new && other != id, "tokens are the account's, in one Region");
    assert!(jobs.of(elsewhere, &other, at(1), |_| ()).is_ok());
    for (account, region) in [here, (&AccountId::source(), "eu-west-1")] {
        let found = jobs.of((account, region), &other, at(1), |_| ());
        assert!(matches!(found.unwrap_err(), BatchError::NoSuchJob(_)));
    }
}
