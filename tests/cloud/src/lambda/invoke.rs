//! The Invoke API: `POST /2015-03-31/functions/NAME/invocations`.
//! See <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::function::{InvokeError, Outcome};
use super::runtime_api::MAX_PAYLOAD;
use super::{asynchronous, function_arn, name_of};
use crate::Cloud;
use crate::access::{Context, Denied};
use crate::identity::{AccountId, Principal};

/// Lambda's limit for the event of an asynchronous invocation.
const MAX_ASYNC_PAYLOAD: usize = 1 << 20;

/// An error of the Lambda API, as its clients parse it.
struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }
}

impl From<InvokeError> for ApiError {
    fn from(error: InvokeError) -> Self {
        let (status, kind) = match &error {
            InvokeError::NotFound(_) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
            InvokeError::NotConfigured(_) => (StatusCode::CONFLICT, "ResourceConflictException"),
            InvokeError::Role(_) => (StatusCode::FORBIDDEN, "AccessDeniedException"),
            InvokeError::Spawn { .. } => (StatusCode::BAD_GATEWAY, "InvalidRuntimeException"),
            InvokeError::NotServed => (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException"),
        };
        Self::new(status, kind, error.to_string())
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDeniedException", denied.to_string())
    }
}

/// Answers an Invoke request, signature already verified by [`crate::front`].
pub async fn handle(cloud: &Cloud, principal: &Principal, request: Request<Bytes>) -> Response<Bytes> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let mut response = match invoke(cloud, principal, &request_id, request).await {
        Ok(response) => response,
        Err(ApiError { status, kind, message }) => {
            let side = if status.is_server_error() { "Service" } else { "User" };
            // Some of Lambda's error shapes say `Message`, others `message`; clients take either.
            let body = json!({ "Type": side, "Message": message, "message": message });
            let mut response = crate::front::json(status, &body);
            response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
            response
        }
    };
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().entry("x-amzn-requestid").or_insert(id);
    }
    response
}

async fn invoke(
    cloud: &Cloud,
    principal: &Principal,
    request_id: &str,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, ApiError> {
    let (head, payload) = request.into_parts();
    let name = head.uri.path().strip_prefix("/2015-03-31/functions/").and_then(|p| p.strip_suffix("/invocations"));
    let (&Method::POST, Some(name)) = (&head.method, name) else {
        let what = format!("the local cloud has no {} {}", head.method, head.uri.path());
        return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedException", what));
    };
    let name = percent_decode_str(name).decode_utf8_lossy();
    authorize(cloud, principal, &name)?;
    let name = name_of(&name);
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let kind = header("x-amz-invocation-type").unwrap_or("RequestResponse");
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        let message = format!("Could not parse request body into json: {error}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message));
    }
    let limit = if kind == "Event" { MAX_ASYNC_PAYLOAD } else { MAX_PAYLOAD };
    if payload.len() > limit {
        let message =
            format!("{} byte payload is too large for the {kind} invocation type (limit {limit})", payload.len());
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", message));
    }
    cloud.functions().ready(name)?;
    match kind {
        "RequestResponse" => {
            let outcome = cloud.functions().invoke(cloud, name, request_id, payload).await?;
            Ok(answered(outcome))
        }
        "Event" => {
            let id = asynchronous::enqueue(cloud, name, payload);
            let mut response = empty(StatusCode::ACCEPTED);
            if let Ok(id) = HeaderValue::from_str(&id) {
                response.headers_mut().insert("x-amzn-requestid", id);
            }
            Ok(response)
        }
        "DryRun" => Ok(empty(StatusCode::NO_CONTENT)),
        other => {
            let message = format!("{other:?} is no invocation type: RequestResponse, Event or DryRun");
            Err(ApiError::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message))
        }
    }
}

/// A name alone means a function of the caller's own account; only an ARN reaches another account's, whose functions
/// have no resource policies here and so refuse.
fn authorize(cloud: &Cloud, principal: &Principal, named: &str) -> Result<(), ApiError> {
    let home = AccountId::destination();
    let caller = principal.account();
    let name = name_of(named);
    let arn = function_arn(name);
    if !named.contains(":function:") && caller != Some(&home) {
        let account = caller.map_or("anonymous", AccountId::as_str);
        let arn = arn.replace(home.as_str(), account);
        return Err(InvokeError::NotFound(arn).into());
    }
    let (action, context) = ("lambda:InvokeFunction", Context::default());
    cloud.authorize(principal, action, &arn, &context)?;
    if caller != Some(&home) {
        let reason = format!("no resource-based policy allows the {action} action");
        return Err(Denied { principal: principal.arn(), action: action.to_owned(), resource: arn, reason }.into());
    }
    Ok(())
}

fn answered(outcome: Outcome) -> Response<Bytes> {
    let (payload, failed) = match outcome {
        Outcome::Success(payload) => (payload, false),
        Outcome::Error(payload) => (payload, true),
    };
    let mut response = crate::front::answer(StatusCode::OK, "application/json", payload);
    let headers = response.headers_mut();
    headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    if failed {
        headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    response
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
