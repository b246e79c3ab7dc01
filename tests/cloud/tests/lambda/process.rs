//! How processes live and die.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use cloud::lambda::{InvokeError, Limits};
use serde_json::{Value, json};

use super::{echo_binary, ends, eventually, failure, invoke, served, settings, success};

#[tokio::test]
async fn a_warm_process_answers_events_one_after_another() {
    let (cloud, _server) = served().await;
    let before = jiff::Timestamp::now().as_millisecond();
    let first = success(invoke(&cloud, json!({ "n": 1 })).await);
    let second = success(invoke(&cloud, json!({ "n": 2 })).await);
    assert_eq!(first["event"], json!({ "n": 1 }));
    assert_eq!(second["event"], json!({ "n": 2 }));
    assert_eq!(first["pid"], second["pid"]);
    assert_ne!(first["request_id"], second["request_id"]);
    assert_eq!(first["function_arn"], "arn:aws:lambda:us-east-1:222222222222:function:echo");
    let left = first["deadline"].as_i64().unwrap() - before;
    assert!((60_000..75_000).contains(&left), "the deadline is {left} ms away, not about a minute");
}

#[tokio::test]
async fn events_at_one_time_run_in_environments_of_their_own_up_to_the_limit() {
    let (cloud, _server) = served().await;
    cloud.functions().set_limits("echo", Limits { concurrency: 2, ..Limits::default() });
    let sleeps = (0..5).map(|_| invoke(&cloud, json!({ "do": "sleep", "milliseconds": 200 })));
    let pids: Vec<Value> =
        futures::future::join_all(sleeps).await.into_iter().map(|outcome| success(outcome)["pid"].clone()).collect();
    let distinct: BTreeSet<String> = pids.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), 2, "{pids:?}");
}

#[tokio::test]
async fn the_functions_error_reaches_the_caller_and_the_process_lives_on() {
    let (cloud, _server) = served().await;
    let pid = success(invoke(&cloud, json!({})).await)["pid"].clone();
    let error = failure(invoke(&cloud, json!({ "do": "fail" })).await);
    assert!(error["errorMessage"].as_str().unwrap().starts_with("no luck with"), "{error}");
    assert!(error["errorType"].is_string(), "{error}");
    assert_eq!(success(invoke(&cloud, json!({})).await)["pid"], pid);
}

#[tokio::test]
async fn a_crash_fails_its_event_only_and_the_next_gets_a_fresh_process() {
    let (cloud, _server) = served().await;
    let pid = success(invoke(&cloud, json!({})).await)["pid"].clone();
    let error = failure(invoke(&cloud, json!({ "do": "crash" })).await);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(error["errorMessage"].as_str().unwrap().ends_with("Runtime exited with error: exit status: 7"), "{error}");
    assert_ne!(success(invoke(&cloud, json!({})).await)["pid"], pid);
}

#[tokio::test]
async fn a_process_that_dies_while_idle_is_not_used_again() {
    let (cloud, _server) = served().await;
    let pid = success(invoke(&cloud, json!({})).await)["pid"].clone();
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    ends(&pid).await;
    assert_ne!(success(invoke(&cloud, json!({})).await)["pid"], pid);
}

#[tokio::test]
async fn a_process_that_cannot_start_is_an_error_of_the_event() {
    let (cloud, _server) = served().await;
    cloud.functions().configure(&cloud, "echo", settings(&[("ECHO_INIT", "exit")])).unwrap();
    let error = failure(invoke(&cloud, json!({})).await);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(error["errorMessage"].as_str().unwrap().contains("exit status: 3"), "{error}");
}

#[tokio::test]
async fn an_event_that_takes_too_long_is_killed() {
    let (cloud, _server) = served().await;
    let pid = success(invoke(&cloud, json!({})).await)["pid"].clone();
    cloud.functions().set_limits("echo", Limits { timeout: Duration::from_secs(1), ..Limits::default() });
    let error = failure(invoke(&cloud, json!({ "do": "sleep", "milliseconds": 60_000 })).await);
    assert!(error["errorMessage"].as_str().unwrap().ends_with("Task timed out after 1.00 seconds"), "{error}");
    ends(&pid).await;
}

#[tokio::test]
async fn new_settings_end_idle_processes_and_reach_the_next_event() {
    let (cloud, _server) = served().await;
    let old = success(invoke(&cloud, json!({})).await)["pid"].clone();
    cloud.functions().configure(&cloud, "echo", settings(&[("GREETING", "hello")])).unwrap();
    let environment = success(invoke(&cloud, json!({ "do": "env" })).await);
    assert_eq!(environment["GREETING"], "hello");
    ends(&old).await;
}

#[tokio::test]
async fn stopping_ends_every_process() {
    let (cloud, _server) = served().await;
    let pid = success(invoke(&cloud, json!({})).await)["pid"].clone();
    cloud.functions().stop();
    ends(&pid).await;
}

#[tokio::test]
async fn a_function_without_settings_is_not_run() {
    let (cloud, _server) = served().await;
    cloud.functions().attach("raw", echo_binary());
    let outcome = cloud.functions().invoke(&cloud, "raw", "id", Bytes::from_static(b"{}")).await;
    assert!(matches!(outcome, Err(InvokeError::NotConfigured(_))), "{outcome:?}");
    let outcome = cloud.functions().invoke(&cloud, "none", "id", Bytes::from_static(b"{}")).await;
    assert!(matches!(outcome, Err(InvokeError::NotFound(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_a_function_writes_is_kept() {
    let (cloud, _server) = served().await;
    success(invoke(&cloud, json!({ "marker": "find me" })).await);
    eventually("the log line", || cloud.functions().logs("echo").iter().any(|line| line.contains("find me"))).await;
}
