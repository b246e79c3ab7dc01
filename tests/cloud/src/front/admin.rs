//! The cloud's own controls, `/_cloud/…`: unsigned, since only this machine reaches them.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::json as answer;
use crate::inventory::{self, InventoryError};
use crate::lambda::{ConfigureError, FunctionSettings};
use crate::{Cloud, lambda};

/// Answers one control request; errors are `{"error"}`.
pub(super) async fn handle(cloud: &Cloud, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path().strip_prefix("/_cloud/").unwrap_or_default().to_owned();
    match (request.method(), path.split('/').collect::<Vec<_>>().as_slice()) {
        (&Method::POST, ["inventory"]) => deliver(cloud, request.uri().query().unwrap_or_default()).await,
        (&Method::POST, ["settle"]) => {
            match request.uri().query() {
                Some("retries") => cloud.exhausted().await,
                _ => cloud.activity().settled().await,
            }
            answer(StatusCode::OK, &json!({ "settled": true }))
        }
        (&Method::POST, ["clock"]) => turn(cloud, request.uri().query().unwrap_or_default()),
        (&Method::GET, ["requests"]) => answer(StatusCode::OK, &json!({ "s3control": cloud.record().requests() })),
        (&Method::GET, ["queues"]) => answer(StatusCode::OK, &json!({ "queues": cloud.functions().queues().all() })),
        (&Method::GET, ["messages"]) => answer(StatusCode::OK, &json!({ "messages": cloud.topics().messages() })),
        (&Method::PUT, ["cloudformation", token]) => cloud.cloudformation().accept(token, &request),
        (&Method::GET, ["functions"]) => answer(StatusCode::OK, &json!({ "functions": cloud.functions().names() })),
        (&Method::PUT, ["functions", name]) => configure(cloud, name, request.body()),
        (&Method::GET, ["functions", name, "logs"]) => logs(cloud, name),
        (method, _) => error(
            StatusCode::NOT_FOUND,
            format!(
                "there is no {method} /_cloud/{path} here, only POST /_cloud/inventory?bucket=B, POST /_cloud/settle, \
                 POST /_cloud/settle?retries, POST /_cloud/clock?turn=SECONDS, \
                 PUT /_cloud/functions/NAME, GET /_cloud/functions, GET /_cloud/functions/NAME/logs, \
                 GET /_cloud/queues, GET /_cloud/messages, GET /_cloud/requests"
            ),
        ),
    }
}

/// Moves the clock on by so many seconds.
fn turn(cloud: &Cloud, query: &str) -> Response<Bytes> {
    let Some(Ok(seconds)) = query.strip_prefix("turn=").map(str::parse) else {
        return error(StatusCode::BAD_REQUEST, "say by how many seconds: /_cloud/clock?turn=60");
    };
    cloud.clock().turn(seconds);
    answer(StatusCode::OK, &json!({ "now": cloud.clock().now().to_string() }))
}

async fn deliver(cloud: &Cloud, query: &str) -> Response<Bytes> {
    let bucket = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "bucket").map(|(_, bucket)| bucket);
    let Some(bucket) = bucket.filter(|bucket| !bucket.is_empty()) else {
        return error(StatusCode::BAD_REQUEST, "say which: /_cloud/inventory?bucket=B");
    };
    let outcome = inventory::deliver(cloud, &bucket).await;
    match &outcome {
        Ok(manifests) => answer(StatusCode::OK, &json!({ "manifests": manifests })),
        Err(missing @ InventoryError::NoSuchBucket(_)) => error(StatusCode::NOT_FOUND, missing.to_string()),
        Err(InventoryError::Refused { delivered, .. }) => {
            // Other configurations' reports were delivered all the same.
            let message = outcome.as_ref().err().map(ToString::to_string);
            answer(StatusCode::CONFLICT, &json!({ "error": message, "manifests": delivered }))
        }
    }
}

fn configure(cloud: &Cloud, name: &str, body: &[u8]) -> Response<Bytes> {
    let settings = match serde_json::from_slice::<FunctionSettings>(body) {
        Ok(settings) => settings,
        Err(wrong) => {
            let message = format!("send {{\"role\": ARN, \"environment\": {{NAME: TEXT}}}}: {wrong}");
            return error(StatusCode::BAD_REQUEST, message);
        }
    };
    match cloud.functions().configure(cloud, name, settings) {
        Ok(arn) => answer(StatusCode::OK, &json!({ "function": arn })),
        Err(missing @ ConfigureError::NoSuchFunction { .. }) => error(StatusCode::NOT_FOUND, missing.to_string()),
        Err(wrong) => error(StatusCode::BAD_REQUEST, wrong.to_string()),
    }
}

fn logs(cloud: &Cloud, name: &str) -> Response<Bytes> {
    let functions = cloud.functions();
    if !functions.names().iter().any(|attached| attached == name) {
        return error(StatusCode::NOT_FOUND, format!("there is no function {name}"));
    }
    let failures: Vec<_> = functions.failures().into_iter().filter(|failure| failure.function == name).collect();
    let failures: Vec<_> = failures.iter().map(lambda::Failure::to_json).collect();
    answer(StatusCode::OK, &json!({ "logs": functions.logs(name), "failures": failures }))
}

fn error(status: StatusCode, message: impl Into<String>) -> Response<Bytes> {
    answer(status, &json!({ "error": message.into() }))
}
