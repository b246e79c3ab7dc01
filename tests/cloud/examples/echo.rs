//! A function for the cloud's own tests: a real `bootstrap` that does what its event says.

use std::time::Duration;

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

/// `{"do": "env" | "crash" | "fail" | "sleep", "milliseconds": N}`; anything else is answered as it came, with the
/// process and the request it was answered by.
async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    println!("got {payload}");
    match payload["do"].as_str() {
        Some("env") => Ok(json!(std::env::vars().collect::<std::collections::BTreeMap<_, _>>())),
        Some("crash") => std::process::exit(7),
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
