//! Faults at the requests of one function, call by call: what it makes of them, and that nobody else's are counted.

use std::time::Instant;

use aws_sdk_s3::Client;
use cloud::Cloud;
use cloud::front::{Fault, Mishap, When};
use cloud::lambda::Outcome;
use serde_json::{Value, json};

use super::notifications::client;
use super::{iam_action, invoke, served};

const KEYS: [&str; 3] = ["a", "b", "c"];

/// A served cloud whose function `echo` may write to the bucket `b`.
async fn writing() -> (Cloud, cloud::front::Server, Client) {
    let (cloud, server) = served().await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*" }
    ] });
    let (policy, client) = (policy.to_string(), client(&cloud, &server));
    let parameters =
        [("Action", "PutRolePolicy"), ("RoleName", "echo-role"), ("PolicyName", "p"), ("PolicyDocument", &policy)];
    iam_action(&cloud, &parameters).await;
    client.create_bucket().bucket("bucket").send().await.unwrap();
    (cloud, server, client)
}

fn event() -> Value {
    json!({ "do": "put", "bucket": "bucket", "keys": KEYS })
}

async fn stored(client: &Client) -> Vec<String> {
    let listed = client.list_objects_v2().bucket("bucket").send().await.unwrap();
    listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
}

#[tokio::test]
async fn only_the_functions_own_requests_are_seen() {
    let (cloud, _server, client) = writing().await;
    cloud.faults().script_for("echo", |_| Fault::None);
    client.put_object().bucket("bucket").key("mine").send().await.unwrap();
    assert!(matches!(invoke(&cloud, event()).await, Outcome::Success(_)));
    client.head_object().bucket("bucket").key("a").send().await.unwrap();
    let seen = cloud.faults().seen();
    let calls: Vec<_> = seen.iter().map(|s| (s.number, s.call, s.operation.as_str(), s.path.as_str())).collect();
    assert_eq!(
        calls,
        [(1, 1, "PutObject", "/bucket/a"), (2, 2, "PutObject", "/bucket/b"), (3, 3, "PutObject", "/bucket/c")]
    );
    let first = &seen[0];
    assert_eq!((first.function.as_deref(), first.service.as_str(), first.attempt), (Some("echo"), "s3", 1));
    assert_eq!(first.principal, "arn:aws:sts::222222222222:assumed-role/echo-role/echo");
}

/// The loop that tests of exactly-once make: every call, every mishap.
#[tokio::test]
async fn each_call_goes_wrong_in_each_way() {
    let (cloud, _server, client) = writing().await;
    let began = Instant::now();
    for n in 1..=KEYS.len() {
        for mishap in Mishap::ALL {
            for key in KEYS {
                client.delete_object().bucket("bucket").key(key).send().await.unwrap();
            }
            // The first attempt alone: the SDK's second one succeeds, unless the process is gone.
            cloud.faults().script_for("echo", move |seen| {
                if seen.call == n && seen.attempt == 1 { mishap.fault() } else { Fault::None }
            });
            let outcome = invoke(&cloud, event()).await;
            cloud.faults().clear();
            let context = format!("{mishap:?} at call {n}: {outcome:?}");
            let struck = cloud.faults().struck();
            assert_eq!(struck.len(), 1, "{context}");
            assert_eq!(struck[0].path, format!("/bucket/{}", KEYS[n - 1]), "{context}");
            let done = match mishap {
                Mishap::Crash(When::Before) => n - 1,
                Mishap::Crash(When::After) => n,
                Mishap::Unavailable(_) | Mishap::Cut(_) => KEYS.len(),
            };
            assert_eq!(stored(&client).await, KEYS[..done], "{context}");
            let crashed = matches!(&outcome, Outcome::Error(error)
                if String::from_utf8_lossy(error).contains("Runtime exited with error: signal: killed"));
            assert_eq!(crashed, matches!(mishap, Mishap::Crash(_)), "{context}");
            assert_eq!(matches!(outcome, Outcome::Success(_)), !crashed, "{context}");
        }
    }
    println!("{} runs in {:?}", KEYS.len() * Mishap::ALL.len(), began.elapsed());
}

#[tokio::test]
async fn a_fault_at_every_attempt_of_a_call_is_an_error_of_the_function() {
    let (cloud, _server, client) = writing().await;
    for mishap in [Mishap::Unavailable(When::Before), Mishap::Unavailable(When::After), Mishap::Cut(When::Before)] {
        client.delete_object().bucket("bucket").key("b").send().await.unwrap();
        cloud.faults().script_for("echo", move |seen| if seen.call == 2 { mishap.fault() } else { Fault::None });
        let began = Instant::now();
        assert!(matches!(invoke(&cloud, event()).await, Outcome::Error(_)), "{mishap:?}");
        println!("{mishap:?} four times: {:?}", began.elapsed());
        cloud.faults().clear();
        let attempts: Vec<_> = cloud.faults().struck().iter().map(|seen| seen.attempt).collect();
        assert_eq!(attempts, [1, 2, 3, 4], "{mishap:?}");
        let effect = stored(&client).await.contains(&"b".to_owned());
        assert_eq!(effect, mishap == Mishap::Unavailable(When::After), "{mishap:?}");
    }
}
