//! Where asynchronous events go that a function did not manage: the on-failure destination, a queue.
//! See <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, function_arn};
use crate::Cloud;
use crate::access::Context;

/// What `PutFunctionEventInvokeConfig` sets, as a template's `EventInvokeConfig` words it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct EventInvokeConfig {
    /// How often a failed event is tried again: 0 to 2.
    pub maximum_retry_attempts: u8,
    /// How old an event may become: 60 to 21600.
    pub maximum_event_age_in_seconds: u32,
    /// Where it goes then.
    pub destination_config: DestinationConfig,
}

impl Default for EventInvokeConfig {
    fn default() -> Self {
        Self {
            maximum_retry_attempts: 2,
            maximum_event_age_in_seconds: 21_600,
            destination_config: DestinationConfig::default(),
        }
    }
}

/// The destinations of an [`EventInvokeConfig`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct DestinationConfig {
    /// None: the event is lost.
    pub on_failure: Option<OnFailure>,
}

/// An on-failure destination.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct OnFailure {
    /// SAM's word for what it is; the ARN says it as well.
    #[serde(rename = "Type", default)]
    pub kind: Option<String>,
    /// The ARN. This cloud keeps the messages of `arn:aws:sqs:…` alone.
    pub destination: String,
}

/// The messages of every queue, by ARN: queues are there when they are named.
#[derive(Debug, Default)]
pub struct Queues(Mutex<BTreeMap<String, Vec<Value>>>);

impl Queues {
    /// The messages of a queue, oldest first; they stay.
    pub fn messages(&self, arn: &str) -> Vec<Value> {
        self.with(|all| all.get(arn).cloned().unwrap_or_default())
    }

    /// Every queue that has messages, with these.
    pub fn all(&self) -> BTreeMap<String, Vec<Value>> {
        self.with(|all| all.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<String, Vec<Value>>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The record of a failed event.
fn record(cloud: &Cloud, failure: &Failure) -> Value {
    let read =
        |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap_or_else(|_| json!(String::from_utf8_lossy(text)));
    json!({
        "version": "1.0",
        "timestamp": format!("{:.3}", cloud.clock().now()),
        "requestContext": {
            "requestId": failure.request_id,
            "functionArn": format!("{}:$LATEST", function_arn(&failure.function)),
            "condition": failure.condition,
            "approximateInvokeCount": failure.attempts,
        },
        "requestPayload": read(&failure.payload),
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": read(failure.error.as_bytes()),
    })
}

/// Sends a failed event where the function's settings say, with the function's role.
pub(super) fn send(cloud: &Cloud, failure: &Failure, to: &OnFailure) {
    let arn = &to.destination;
    if !arn.starts_with("arn:aws:sqs:") {
        tracing::error!(destination = arn, "the local cloud has no such destination: the failed event is lost");
        return;
    }
    let Some(role) = cloud.functions().role(&failure.function) else { return };
    let allowed = cloud
        .iam()
        .assume_for_service(super::SERVICE, &role, &failure.function)
        .and_then(|(_, principal)| cloud.authorize(&principal, "sqs:SendMessage", arn, &Context::default()));
    match allowed {
        Ok(()) => cloud.functions().queues().with(|all| {
            all.entry(arn.clone()).or_default().push(record(cloud, failure));
        }),
        Err(denied) => tracing::error!(destination = arn, %denied, "the failed event is lost"),
    }
}
