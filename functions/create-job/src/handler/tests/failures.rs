//! AWS says no, or twice, or later.

use std::time::{Duration, Instant};

use super::aws::Replay;
use super::{RUN, delivered, event, handler, invoke, only};

#[tokio::test]
async fn the_same_event_twice_is_one_job_whatever_aws_answers_to_a_known_token() {
    for replay in [Replay::SameJob, Replay::IdempotencyException] {
        // The second time ListJobs does not show the job at once: only the token is left to tell.
        for unlisted in 0..3 {
            let aws = delivered();
            aws.state().replay = replay;
            let first = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
            // As if the first had been cut off before it recorded the job.
            aws.forget("ledger/");
            aws.state().unlisted = unlisted;
            let second = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
            assert_eq!(only(&first)["outcome"], "created");
            assert_eq!(only(&second)["job_id"], "job-1", "{replay:?} {unlisted}");
            assert_eq!(aws.state().jobs.len(), 1, "{replay:?} {unlisted}");
        }
    }
}

#[tokio::test]
async fn a_token_that_aws_has_forgotten_makes_no_second_job() {
    let aws = delivered();
    invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    aws.forget("ledger/");
    aws.state().jobs[0].token = "forgotten".to_owned();
    let answer = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "already created");
    assert_eq!(aws.state().jobs.len(), 1);
}

#[tokio::test]
async fn a_known_token_without_a_job_is_tried_again_later() {
    let aws = delivered();
    aws.state().failures.push_back((400, "IdempotencyException", "known"));
    let retry = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap_err();
    assert!(retry.to_string().contains("ListJobs shows no job"), "{retry}");
}

#[tokio::test]
async fn another_routes_job_of_the_same_run_id_is_not_ours() {
    let aws = delivered();
    invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    {
        let mut state = aws.state();
        state.jobs[0].description = format!("transship photos-2 run {RUN} everything");
        state.jobs[0].token = "theirs".to_owned();
    }
    aws.forget("ledger/");
    let answer = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "created");
    assert_eq!(aws.state().jobs.len(), 2);
}

#[tokio::test]
async fn throttling_and_faults_fail_the_invocation_so_that_lambda_tries_again() {
    for failure in [
        (400, "TooManyRequestsException", "Slow down"),
        (500, "InternalServiceException", "We encountered an internal error"),
        (503, "SlowDown", "Please reduce your request rate"),
    ] {
        let aws = delivered();
        aws.state().failures.push_back(failure);
        let retry = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap_err();
        assert!(retry.to_string().contains(failure.1), "{retry}");
        let answer = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
        assert_eq!(only(&answer)["outcome"], "created");
    }
}

#[tokio::test]
async fn a_role_that_is_not_seen_yet_is_waited_for() {
    for failure in [
        (403, "AccessDenied", "Access Denied"),
        (400, "InvalidRequest", "The role cannot be assumed"),
        (400, "BadRequestException", "Role arn:aws:iam::222222222222:role/x does not exist or cannot be assumed"),
    ] {
        let aws = delivered();
        aws.state().failures.extend([failure, failure]);
        let answer = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
        assert_eq!(only(&answer)["outcome"], "created", "{failure:?}");
    }
}

#[tokio::test]
async fn a_permission_that_stays_missing_is_named_after_a_bounded_time() {
    let aws = delivered();
    let denied = (403, "AccessDenied", "not authorized to perform: s3:CreateJob");
    aws.state().failures.extend(std::iter::repeat_n(denied, 500));
    let start = Instant::now();
    let retry = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    let text = retry.to_string();
    for needed in ["s3:CreateJob", "iam:PassRole on arn:aws:iam::222222222222:role/transship-photos-copy"] {
        assert!(text.contains(needed), "{text}");
    }
}

#[tokio::test]
async fn a_request_that_can_never_be_right_is_not_retried() {
    let aws = delivered();
    aws.state().failures.push_back((400, "BadRequestException", "Priority is out of range"));
    let answer = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "failed");
    assert_eq!(only(&answer)["reason"], "CreateJob failed: BadRequestException: Priority is out of range");
}

#[tokio::test]
async fn s3s_own_failures_are_told_apart_too() {
    let aws = delivered();
    aws.state().s3_failures.push_back((503, "SlowDown", "Please reduce your request rate"));
    invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap_err();
    let aws = delivered();
    aws.state().s3_failures.push_back((403, "AccessDenied", "Access Denied"));
    let denied = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap_err();
    assert!(denied.to_string().contains("the function's role needs s3:GetObject"), "{denied}");
    let aws = delivered();
    aws.state().s3_failures.push_back((400, "InvalidArgument", "Invalid version id specified"));
    let answer = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "failed");
}
