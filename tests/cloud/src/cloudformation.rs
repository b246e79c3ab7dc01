//! CloudFormation, as far as a custom resource sees it: Create, Update, Delete, the rollbacks of both, the clean-up after a
//! replacement, and the answer by a PUT to a URL that only this request knows.
//!
//! What is here is one custom resource with its service token, not templates: those the tests read by themselves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::Cloud;
use crate::front::answer;

/// Answers that are waited for, by the token in their URL.
#[derive(Debug, Default)]
pub struct CloudFormation {
    awaited: Mutex<HashMap<String, Awaited>>,
}

#[derive(Debug)]
struct Awaited {
    request: Value,
    sender: oneshot::Sender<Answer>,
}

/// What a custom resource answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    /// `SUCCESS` or `FAILED`.
    pub status: String,
    /// Why it failed.
    #[serde(default)]
    pub reason: String,
    /// The resource's name from now on; another one than before means that it was replaced.
    pub physical_resource_id: String,
    /// As in the request.
    pub stack_id: String,
    /// As in the request.
    pub request_id: String,
    /// As in the request.
    pub logical_resource_id: String,
    /// What `Fn::GetAtt` gives.
    #[serde(default)]
    pub data: Value,
}

/// A custom resource of one stack, and what CloudFormation remembers of it.
#[derive(Debug, Clone)]
pub struct CustomResource {
    /// `arn:aws:cloudformation:…:stack/NAME/UUID`
    pub stack_id: String,
    /// The function that stands behind `ServiceToken`.
    pub function: String,
    /// Its name in the template.
    pub logical_id: String,
    /// `Custom::…`
    pub resource_type: String,
    /// How long CloudFormation waits for an answer: an hour, or the property `ServiceTimeout`.
    pub timeout: Duration,
    /// Its physical id and properties, while it is there.
    pub current: Option<(String, Value)>,
}

/// A stack operation that did not end well, after whatever rollback it caused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// `CREATE_FAILED`, `UPDATE_FAILED`; the rollback went through.
    #[error("{0}; rolled back")]
    RolledBack(String),
    /// The rollback or the deletion failed as well: somebody has to look.
    #[error("{0}")]
    Stuck(String),
}

impl CustomResource {
    /// A resource that is not there yet.
    pub fn new(stack: &str, function: &str, resource_type: &str) -> Self {
        Self {
            stack_id: format!(
                "arn:aws:cloudformation:{}:{}:stack/{stack}/{}",
                crate::REGION,
                crate::identity::AccountId::destination(),
                uuid::Uuid::new_v4()
            ),
            function: function.to_owned(),
            logical_id: "Route".to_owned(),
            resource_type: resource_type.to_owned(),
            timeout: Duration::from_mins(1),
            current: None,
        }
    }

    /// Creates it. Where that fails, Delete follows, as in `ROLLBACK_IN_PROGRESS`.
    pub async fn create(&mut self, cloud: &Cloud, properties: Value) -> Result<Answer, StackError> {
        let answered = self.ask(cloud, "Create", None, &properties, None).await;
        match answered {
            Ok(answer) if answer.status == "SUCCESS" => {
                self.current = Some((answer.physical_resource_id.clone(), properties));
                Ok(answer)
            }
            failed => {
                // Without an answer CloudFormation makes up a physical id.
                let (id, reason) = match failed {
                    Ok(answer) => (answer.physical_resource_id, answer.reason),
                    Err(reason) => (format!("{}-{}", self.logical_id, uuid::Uuid::new_v4().simple()), reason),
                };
                self.current = Some((id, properties));
                match self.delete(cloud).await {
                    Ok(()) => Err(StackError::RolledBack(reason)),
                    Err(error) => Err(StackError::Stuck(format!("{reason}; then {error}"))),
                }
            }
        }
    }

    /// Updates it. Where that fails, an Update back follows; where the physical id changes, the old one's Delete.
    pub async fn update(&mut self, cloud: &Cloud, properties: Value) -> Result<Answer, StackError> {
        let (id, old) =
            self.current.clone().ok_or_else(|| StackError::Stuck("there is nothing to update".to_owned()))?;
        match self.ask(cloud, "Update", Some(&id), &properties, Some(&old)).await {
            Ok(answer) if answer.status == "SUCCESS" => {
                self.current = Some((answer.physical_resource_id.clone(), properties));
                if answer.physical_resource_id != id {
                    // UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
                    self.remove(cloud, &id, &old).await?;
                }
                Ok(answer)
            }
            failed => {
                let reason = failed.map_or_else(|reason| reason, |answer| answer.reason);
                match self.ask(cloud, "Update", Some(&id), &old, Some(&properties)).await {
                    Ok(answer) if answer.status == "SUCCESS" => Err(StackError::RolledBack(reason)),
                    Ok(answer) => Err(StackError::Stuck(format!("{reason}; then {}", answer.reason))),
                    Err(error) => Err(StackError::Stuck(format!("{reason}; then {error}"))),
                }
            }
        }
    }

    /// Deletes it; a second Delete of a resource that is gone asks nobody.
    pub async fn delete(&mut self, cloud: &Cloud) -> Result<(), StackError> {
        let Some((id, properties)) = self.current.clone() else { return Ok(()) };
        self.remove(cloud, &id, &properties).await?;
        self.current = None;
        Ok(())
    }

    async fn remove(&self, cloud: &Cloud, id: &str, properties: &Value) -> Result<(), StackError> {
        match self.ask(cloud, "Delete", Some(id), properties, None).await {
            Ok(answer) if answer.status == "SUCCESS" => Ok(()),
            Ok(answer) => Err(StackError::Stuck(format!("DELETE_FAILED: {}", answer.reason))),
            Err(reason) => Err(StackError::Stuck(format!("DELETE_FAILED: {reason}"))),
        }
    }

    /// One request to the function, asynchronously as CloudFormation does it, and its answer; else why there was none.
    async fn ask(
        &self,
        cloud: &Cloud,
        request_type: &str,
        id: Option<&str>,
        properties: &Value,
        old: Option<&Value>,
    ) -> Result<Answer, String> {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let endpoint = cloud.endpoint().ok_or("the cloud is not served")?;
        let mut request = json!({
            "RequestType": request_type,
            "RequestId": uuid::Uuid::new_v4().to_string(),
            "ResponseURL": format!("http://{endpoint}/_cloud/cloudformation/{token}?X-Amz-Signature={token}"),
            "ServiceToken": crate::lambda::function_arn(&self.function),
            "StackId": self.stack_id,
            "ResourceType": self.resource_type,
            "LogicalResourceId": self.logical_id,
            "ResourceProperties": properties,
        });
        if let Some(id) = id {
            request["PhysicalResourceId"] = json!(id);
        }
        if let Some(old) = old {
            request["OldResourceProperties"] = old.clone();
        }
        let payload = Bytes::from(request.to_string());
        let (sender, receiver) = oneshot::channel();
        cloud.cloudformation().expect(&token, Awaited { request, sender });
        crate::lambda::invoke_event(cloud, &self.function, payload);
        let answered = tokio::time::timeout(self.timeout, receiver).await;
        cloud.cloudformation().forget(&token);
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err("Custom Resource failed to stabilize in expected time".to_owned()),
        }
    }
}

impl CloudFormation {
    fn expect(&self, token: &str, awaited: Awaited) {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), awaited);
    }

    fn forget(&self, token: &str) {
        self.take(token);
    }

    fn take(&self, token: &str) -> Option<Awaited> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).remove(token)
    }

    /// Takes an answer as the pre-signed URL does: PUT, the content type that was signed (none), at most 4,096 bytes, and
    /// for the request that was made. What does not fit is refused, and CloudFormation goes on waiting.
    pub(crate) fn accept(&self, token: &str, request: &Request<Bytes>) -> Response<Bytes> {
        let refused = |why: &str| answer(StatusCode::FORBIDDEN, "text/plain", why.to_owned());
        let content_type = request.headers().get(http::header::CONTENT_TYPE);
        if content_type.is_some_and(|value| !value.is_empty()) {
            return refused("SignatureDoesNotMatch: the URL was signed for an empty content type");
        }
        if request.body().len() > 4096 {
            return refused("the answer is over 4,096 bytes");
        }
        let Ok(given) = serde_json::from_slice::<Answer>(request.body()) else {
            return refused("the answer is not of CloudFormation's form");
        };
        let Some(awaited) = self.take(token) else { return refused("nobody waits for this answer") };
        let fits = given.stack_id == awaited.request["StackId"]
            && given.request_id == awaited.request["RequestId"]
            && given.logical_resource_id == awaited.request["LogicalResourceId"];
        if !fits {
            self.expect(token, awaited);
            return refused("the answer is for another request");
        }
        // Whoever asked may have given up meanwhile.
        let _ = awaited.sender.send(given);
        answer(StatusCode::OK, "text/plain", "")
    }
}
