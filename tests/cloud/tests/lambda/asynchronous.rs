//! Asynchronous invocations: Invoke with `Event`, retries by the cloud's clock, the on-failure destination.

use bytes::Bytes;
use cloud::identity::{AccountId, Principal};
use cloud::lambda::{EventInvokeConfig, Limits, handle};
use cloud::{Cloud, lambda};
use http::{Request, StatusCode};
use serde_json::json;

use super::{eventually, iam_action, served};

const QUEUE: &str = "arn:aws:sqs:us-east-1:222222222222:echo-failures";

async fn invoke_event(cloud: &Cloud, event: &serde_json::Value) -> http::Response<Bytes> {
    let request = Request::post(format!("/2015-03-31/functions/{}/invocations", lambda::function_arn("echo")))
        .header("x-amz-invocation-type", "Event")
        .body(event.to_string().into())
        .unwrap();
    handle(cloud, &Principal::Root(AccountId::destination()), request).await
}

fn set(cloud: &Cloud, config: serde_json::Value) {
    let config: EventInvokeConfig = serde_json::from_value(config).unwrap();
    cloud.functions().set_event_invoke_config("echo", config);
}

/// How often `echo` has been given an event.
fn runs(cloud: &Cloud) -> usize {
    cloud.functions().logs("echo").iter().filter(|line| line.starts_with("got ")).count()
}

/// Log lines may arrive a moment after the answer.
async fn ran(cloud: &Cloud, times: usize) {
    eventually(&format!("run {times}"), || runs(cloud) >= times).await;
    assert_eq!(runs(cloud), times);
}

#[tokio::test]
async fn settled_means_that_the_function_has_run() {
    let (cloud, _server) = served().await;
    let answer = invoke_event(&cloud, &json!({ "do": "sleep", "milliseconds": 100, "marker": "done" })).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert!(answer.body().is_empty());
    assert_eq!(cloud.activity().in_flight(), 1);
    cloud.activity().settled().await;
    eventually("the log line", || cloud.functions().logs("echo").iter().any(|line| line.contains("done"))).await;
    assert_eq!(cloud.functions().failures(), []);
}

#[tokio::test]
async fn a_failed_event_is_tried_after_one_minute_and_after_two() {
    for what in ["fail", "crash"] {
        let (cloud, _server) = served().await;
        invoke_event(&cloud, &json!({ "do": what })).await;
        let mut times = 1;
        for (turned, due) in [(59, false), (2, true), (118, false), (3, true), (600, false)] {
            cloud.activity().settled().await;
            ran(&cloud, times).await;
            cloud.clock().turn(turned);
            times += usize::from(due);
        }
        cloud.activity().settled().await;
        ran(&cloud, 3).await;
        let failures = cloud.functions().failures();
        assert_eq!(failures.len(), 1, "{failures:?}");
        let failure = &failures[0];
        assert_eq!((failure.function.as_str(), failure.attempts), ("echo", 3), "{failures:?}");
        assert_eq!(failure.condition, "RetriesExhausted");
        assert_eq!(failure.payload, json!({ "do": what }).to_string());
        assert_eq!(cloud.functions().queues().all().len(), 0, "no destination is set");
    }
}

#[tokio::test]
async fn a_function_that_runs_out_of_time_is_tried_again_too() {
    let (cloud, _server) = served().await;
    cloud
        .functions()
        .set_limits("echo", Limits { timeout: std::time::Duration::from_millis(300), ..Limits::default() });
    invoke_event(&cloud, &json!({ "do": "sleep", "milliseconds": 60_000 })).await;
    cloud.exhausted().await;
    let failures = cloud.functions().failures();
    assert_eq!(failures[0].attempts, 3, "{failures:?}");
    assert!(failures[0].error.contains("Task timed out after 0.30 seconds"), "{failures:?}");
}

#[tokio::test]
async fn a_hasty_clock_retries_at_once() {
    let (cloud, _server) = served().await;
    cloud.clock().set_hasty(true);
    invoke_event(&cloud, &json!({ "do": "fail" })).await;
    eventually("the failure", || !cloud.functions().failures().is_empty()).await;
    ran(&cloud, 3).await;
}

#[tokio::test]
async fn the_destination_gets_the_event_with_its_error() {
    let (cloud, _server) = served().await;
    let destination = json!({ "OnFailure": { "Type": "SQS", "Destination": QUEUE } });
    set(&cloud, json!({ "MaximumRetryAttempts": 1, "DestinationConfig": destination }));
    invoke_event(&cloud, &json!({ "do": "fail" })).await;
    cloud.exhausted().await;
    assert_eq!(cloud.functions().queues().messages(QUEUE).len(), 0, "the role may not send");
    assert_eq!(cloud.functions().failures()[0].attempts, 2);

    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE }
    ] });
    let policy = policy.to_string();
    let parameters =
        [("Action", "PutRolePolicy"), ("RoleName", "echo-role"), ("PolicyName", "p"), ("PolicyDocument", &policy)];
    iam_action(&cloud, &parameters).await;
    invoke_event(&cloud, &json!({ "do": "fail" })).await;
    cloud.exhausted().await;
    let messages = cloud.functions().queues().messages(QUEUE);
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert_eq!(message["version"], "1.0");
    assert_eq!(message["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(message["requestContext"]["approximateInvokeCount"], 2);
    let arn = "arn:aws:lambda:us-east-1:222222222222:function:echo:$LATEST";
    assert_eq!(message["requestContext"]["functionArn"], arn);
    assert_eq!(message["requestPayload"], json!({ "do": "fail" }));
    assert_eq!(message["responseContext"]["functionError"], "Unhandled");
    assert!(message["responsePayload"]["errorMessage"].as_str().unwrap().contains("no luck with"), "{message}");
}

#[tokio::test]
async fn an_event_may_become_too_old_for_a_retry() {
    let (cloud, _server) = served().await;
    set(&cloud, json!({ "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60 }));
    invoke_event(&cloud, &json!({ "do": "fail" })).await;
    cloud.exhausted().await;
    let failures = cloud.functions().failures();
    assert_eq!((failures[0].attempts, failures[0].condition), (1, "EventAgeExceeded"), "{failures:?}");
    set(&cloud, json!({ "MaximumRetryAttempts": 0 }));
    invoke_event(&cloud, &json!({ "do": "fail" })).await;
    cloud.exhausted().await;
    let failures = cloud.functions().failures();
    assert_eq!((failures[1].attempts, failures[1].condition), (1, "RetriesExhausted"), "{failures:?}");
}
