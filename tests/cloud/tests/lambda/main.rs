//! The Lambda service with a real process behind it: `examples/echo.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions, not the helpers beside them")]

mod asynchronous;
mod environment;
mod faults;
mod notifications;
mod process;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use cloud::identity::{AccountId, Principal};
use cloud::lambda::{FunctionSettings, Outcome};
use cloud::{Cloud, front, iam};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::222222222222:role/echo-role";

/// Built by `cargo test` before this program runs.
fn echo_binary() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let path = program.parent().and_then(Path::parent).unwrap().join("examples/echo");
    assert!(path.is_file(), "no {}: run `cargo build --workspace --examples` first", path.display());
    path
}

async fn iam_action(cloud: &Cloud, parameters: &[(&str, &str)]) {
    let body: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("Version", "2010-05-08")
        .extend_pairs(parameters)
        .finish();
    let request = http::Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body))
        .unwrap();
    let answer = iam::handle(cloud, &Principal::Root(AccountId::destination()), "iam", request).await;
    assert!(answer.status().is_success(), "{answer:?}");
}

/// A role of the destination account that one service may assume.
async fn create_role(cloud: &Cloud, name: &str, service: &str) {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
    });
    let trust = trust.to_string();
    iam_action(cloud, &[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await;
}

fn settings(environment: &[(&str, &str)]) -> FunctionSettings {
    let environment: BTreeMap<_, _> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    FunctionSettings { role: ROLE.to_owned(), environment }
}

/// A served cloud with the function `echo`, configured.
async fn served() -> (Cloud, front::Server) {
    let cloud = Cloud::new();
    let server = front::serve(&cloud, 0).await.unwrap();
    create_role(&cloud, "echo-role", "lambda.amazonaws.com").await;
    cloud.functions().attach("echo", echo_binary());
    let arn = cloud.functions().configure(&cloud, "echo", settings(&[])).unwrap();
    assert_eq!(arn, "arn:aws:lambda:us-east-1:222222222222:function:echo");
    (cloud, server)
}

async fn invoke(cloud: &Cloud, event: Value) -> Outcome {
    let id = uuid::Uuid::new_v4().to_string();
    cloud.functions().invoke(cloud, "echo", &id, event.to_string().into()).await.unwrap()
}

fn success(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Success(payload) => serde_json::from_slice(&payload).unwrap(),
        Outcome::Error(error) => panic!("{}", String::from_utf8_lossy(&error)),
    }
}

fn failure(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Error(error) => serde_json::from_slice(&error).unwrap(),
        Outcome::Success(payload) => panic!("it managed: {}", String::from_utf8_lossy(&payload)),
    }
}

/// Waits up to 10 s for something that happens soon.
async fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..500 {
        if happened() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{what} never happened");
}

/// Waits until a process is gone, or is only waiting to be reaped: its first thread may go before the others.
async fn ends(pid: &Value) {
    eventually(&format!("the end of process {pid}"), || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or(true, |stat| threads <= 1 && stat.contains(") Z "))
    })
    .await;
}
