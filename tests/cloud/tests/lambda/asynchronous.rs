//! Asynchronous invocations: Invoke with `Event`, retries, S3 notifications.

use std::time::Duration;

use bytes::Bytes;
use cloud::identity::{AccountId, Principal};
use cloud::lambda::{Limits, handle};
use cloud::{Cloud, lambda};
use http::{Request, StatusCode};
use serde_json::json;

use super::{eventually, served};

async fn invoke_event(cloud: &Cloud, event: &serde_json::Value) -> http::Response<Bytes> {
    let request = Request::post(format!("/2015-03-31/functions/{}/invocations", lambda::function_arn("echo")))
        .header("x-amz-invocation-type", "Event")
        .body(event.to_string().into())
        .unwrap();
    handle(cloud, &Principal::Root(AccountId::destination()), request).await
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
async fn a_failed_event_is_tried_as_often_as_set_and_then_recorded() {
    let (cloud, _server) = served().await;
    let retry_delays = vec![Duration::from_millis(5); 2];
    cloud.functions().set_limits("echo", Limits { retry_delays, ..Limits::default() });
    invoke_event(&cloud, &json!({ "do": "fail" })).await;
    cloud.activity().settled().await;
    let failures = cloud.functions().failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!((failures[0].function.as_str(), failures[0].attempts), ("echo", 3));
    assert!(failures[0].error.contains("no luck with"), "{failures:?}");
    assert_eq!(failures[0].payload, json!({ "do": "fail" }).to_string());
}
