//! The answer to CloudFormation: one PUT of a small document to the request's pre-signed URL.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use serde::Serialize;

use crate::event::Caller;
use crate::patience::Patience;

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Why it failed; it has succeeded, if none.
    pub(crate) failure: Option<String>,
    /// PhysicalResourceId
    pub(crate) physical_id: String,
    /// What `Fn::GetAtt` gives.
    pub(crate) data: BTreeMap<&'static str, String>,
}

/// The largest reason; the whole answer may have [`LARGEST`] bytes.
const LARGEST_REASON: usize = 1024;
/// The largest answer that CloudFormation takes, in bytes.
pub(crate) const LARGEST: usize = 4096;

/// In place of a text that does not fit.
const TOO_LONG: &str = "too long for CloudFormation; invoke the function with {\"action\":\"preview\"}";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    data: &'a BTreeMap<&'static str, String>,
}

/// Why CloudFormation was not told. Never holds the URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The answer could not be put together.
    #[error("the answer could not be put together: {0}")]
    Answer(String),
    /// The URL did not take it until the time was up.
    #[error("the URL for the answer refused it with HTTP status {0} until the time was up")]
    Refused(u16),
    /// It did not get through until the time was up.
    #[error("the answer did not get through: {0}")]
    NoConnection(String),
}

/// Puts the answer, and keeps at it until `until`.
pub(crate) async fn send(
    connector: &SharedHttpConnector,
    caller: &Caller,
    outcome: &Outcome,
    until: Instant,
) -> Result<(), Unanswered> {
    let body = body(caller, outcome).map_err(|error| Unanswered::Answer(error.to_string()))?;
    let mut patience = Patience::new(until.saturating_duration_since(Instant::now()), Duration::from_millis(250));
    loop {
        let failed = match put(connector, &caller.response_url, &body).await {
            Ok(200..=299) => return Ok(()),
            // A refusal may be the bucket's Region, or a clock, that comes right; nothing is lost by asking again, and
            // an answer that never arrives costs the stack an hour.
            Ok(status) => Unanswered::Refused(status),
            Err(error) => error,
        };
        tracing::warn!(error = %failed, "CloudFormation is not told yet");
        if !patience.again().await {
            return Err(failed);
        }
    }
}

fn body(caller: &Caller, outcome: &Outcome) -> Result<String, serde_json::Error> {
    let render = |data: &BTreeMap<&'static str, String>| {
        serde_json::to_string(&Body {
            status: if outcome.failure.is_some() { "FAILED" } else { "SUCCESS" },
            reason: outcome.failure.as_deref().map(|reason| shortened(&redacted(reason, caller))),
            physical_resource_id: &outcome.physical_id,
            stack_id: &caller.stack_id,
            request_id: &caller.request_id,
            logical_resource_id: &caller.logical_id,
            data,
        })
    };
    let whole = render(&outcome.data)?;
    if whole.len() <= LARGEST {
        return Ok(whole);
    }
    // Every name stays: a template that asks for an attribute that is not there fails.
    let fits = |value: &String| if value.len() > 400 { TOO_LONG.to_owned() } else { value.clone() };
    render(&outcome.data.iter().map(|(name, value)| (*name, fits(value))).collect())
}

/// Should a message ever quote the URL, it is not passed on.
fn redacted(reason: &str, caller: &Caller) -> String {
    reason.replace(&caller.response_url, "(URL)")
}

/// A text that an answer has room for.
pub(crate) fn shortened(reason: &str) -> String {
    if reason.len() <= LARGEST_REASON {
        return reason.to_owned();
    }
    let more = " … (the function's log has the whole of it)";
    let end = (0..=LARGEST_REASON - more.len()).rev().find(|&at| reason.is_char_boundary(at)).unwrap_or_default();
    format!("{}{more}", &reason[..end])
}

async fn put(connector: &SharedHttpConnector, url: &str, body: &str) -> Result<u16, Unanswered> {
    let bad = |what: &'static str| move |_| Unanswered::Answer(what.to_owned());
    let mut request = Request::new(SdkBody::from(body));
    request.set_method("PUT").map_err(bad("PUT"))?;
    request.set_uri(url).map_err(bad("ResponseURL is no URL"))?;
    // The URL is signed for an empty content type.
    request.headers_mut().insert("content-type", "");
    request.headers_mut().insert("content-length", body.len().to_string());
    match tokio::time::timeout(Duration::from_secs(5), connector.call(request)).await {
        Ok(Ok(response)) => Ok(response.status().as_u16()),
        // The error's text may quote the URL.
        Ok(Err(error)) if error.is_timeout() => Err(Unanswered::NoConnection("timeout".to_owned())),
        Ok(Err(_)) => Err(Unanswered::NoConnection("no connection".to_owned())),
        Err(_) => Err(Unanswered::NoConnection("timeout".to_owned())),
    }
}

#[cfg(test)]
mod tests;
