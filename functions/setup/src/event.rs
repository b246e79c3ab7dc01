//! What invokes the function: CloudFormation's custom resource requests, and an operator's commands.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>

use serde_json::Value;
use transship::names::excerpt;

/// An invocation.
#[derive(Debug)]
pub(crate) enum Event {
    /// CloudFormation wants something, and an answer.
    Lifecycle(Request, Caller),
    /// CloudFormation wants something that cannot be understood, and an answer.
    Unclear(Caller, String),
    /// `{"action":"preview"}`
    Preview,
    /// `{"action":"check"}`
    Check,
    /// Nobody to answer.
    Unknown(String),
}

/// What it takes to answer.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Pre-signed: whoever has it can answer in our place, so it is never shown.
    pub(crate) response_url: String,
    /// The stack's ARN.
    pub(crate) stack_id: String,
    /// Of the request.
    pub(crate) request_id: String,
    /// The resource's name in the template.
    pub(crate) logical_id: String,
    /// What the resource was known by; none before a Create has been answered.
    pub(crate) physical_id: Option<String>,
    /// Nothing was asked for but to take away.
    pub(crate) is_delete: bool,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("stack_id", &self.stack_id)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// What CloudFormation wants.
#[derive(Debug)]
pub(crate) enum Request {
    /// Put up.
    Create(Value),
    /// Put up the new, take down what only the old had.
    Update {
        /// As it should be.
        new: Value,
        /// As it was.
        old: Value,
    },
    /// Take down.
    Delete(Value),
}

impl Event {
    /// Reads an event; understands as much as it can, so that CloudFormation need not wait for its own timeout.
    pub(crate) fn read(event: &Value) -> Self {
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        if event.get("ResponseURL").is_none() && event.get("RequestType").is_none() {
            return Self::command(event);
        }
        let caller = (|| {
            Some(Caller {
                response_url: text("ResponseURL").filter(|url| !url.is_empty())?,
                stack_id: text("StackId")?,
                request_id: text("RequestId")?,
                logical_id: text("LogicalResourceId")?,
                physical_id: text("PhysicalResourceId"),
                is_delete: text("RequestType").as_deref() == Some("Delete"),
            })
        })();
        let Some(caller) = caller else {
            let needed = "ResponseURL, StackId, RequestId and LogicalResourceId";
            return Self::Unknown(format!("a custom resource request that cannot be answered: it needs {needed}"));
        };
        match request(event, text("RequestType").as_deref()) {
            Ok(request) => Self::Lifecycle(request, caller),
            Err(why) => Self::Unclear(caller, why),
        }
    }

    fn command(event: &Value) -> Self {
        match event.get("action").and_then(Value::as_str) {
            Some("preview") => Self::Preview,
            Some("check") => Self::Check,
            Some(other) => Self::Unknown(format!("expected action preview or check, found {:?}", excerpt(other))),
            None => Self::Unknown(
                "expected a custom resource request of CloudFormation, or {\"action\":\"preview\"} or \
                 {\"action\":\"check\"}"
                    .to_owned(),
            ),
        }
    }
}

fn request(event: &Value, kind: Option<&str>) -> Result<Request, String> {
    let properties = |name: &str| match event.get(name) {
        Some(properties @ Value::Object(_)) => Ok(properties.clone()),
        _ => Err(format!("the request has no {name}, or they are no object")),
    };
    match kind {
        Some("Create") => Ok(Request::Create(properties("ResourceProperties")?)),
        Some("Delete") => Ok(Request::Delete(properties("ResourceProperties")?)),
        Some("Update") => Ok(Request::Update {
            new: properties("ResourceProperties")?,
            old: properties("OldResourceProperties").unwrap_or(Value::Null),
        }),
        Some(other) => Err(format!("expected RequestType Create, Update or Delete, found {:?}", excerpt(other))),
        None => Err("the request has no RequestType".to_owned()),
    }
}
