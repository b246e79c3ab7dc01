//! A function for the cloud's own tests: a real `bootstrap` that does what its event says.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    if std::env::var("ECHO_INIT").is_ok_and(|value| value == "exit") {
        eprintln!("giving up before the first event");
        std::process::exit(3);
    }
    lambda_runtime::run(service_fn(handle)).await
}

/// `{"do": "env" | "crash" | "fail" | "sleep" | "put", "milliseconds": N, "bucket": B, "keys": [KEY, …]}`; anything else
/// is answered as it came, with the process and the request it was answered by.
async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    println!("got {payload}");
    match payload["do"].as_str() {
        Some("env") => Ok(json!(std::env::vars().collect::<std::collections::BTreeMap<_, _>>())),
        Some("crash") => std::process::exit(7),
        Some("put") => put(&payload).await,
        Some("fail") => Err(format!("no luck with {payload}").into()),
        Some("sleep") => {
            tokio::time::sleep(Duration::from_millis(payload["milliseconds"].as_u64().unwrap_or(0))).await;
            Ok(json!({ "pid": std::process::id() }))
        }
        _ => Ok(json!({
            "event": payload,
            "pid": std::process::id(),
            "request_id": context.request_id,
            "function_arn": context.invoked_function_arn,
            "deadline": context.deadline,
        })),
    }
}

/// Puts the objects, one after the other, as a function of ours would: with the environment's credentials, four attempts.
async fn put(payload: &Value) -> Result<Value, Error> {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .load()
        .await;
    let s3 = aws_sdk_s3::Client::new(&config);
    let bucket = payload["bucket"].as_str().unwrap_or_default();
    for key in payload["keys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        s3.put_object().bucket(bucket).key(key).body(key.as_bytes().to_vec().into()).send().await?;
    }
    Ok(json!({ "pid": std::process::id() }))
}
