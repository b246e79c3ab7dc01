//! SNS, as far as Publish goes: standard topics, whose messages are kept for tests to read. Nobody subscribes, nothing is
//! delivered. Query protocol, as IAM's.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

mod answer;
mod message;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde::Serialize;

use crate::access::{Context, Denied};
use crate::identity::{AccountId, Principal};
use crate::{Cloud, front};
use answer::SnsError;

/// The parameters of a call.
type Parameters = BTreeMap<String, String>;

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The topic's ARN.
    pub topic: String,
    /// What Publish answered.
    pub id: String,
    /// Who published it, by ARN.
    pub publisher: String,
    /// When.
    pub at: Timestamp,
    /// As it was given.
    pub subject: Option<String>,
    /// As it was given: with `structure` `json` an object of bodies by protocol.
    pub message: String,
    /// `MessageStructure`
    pub structure: Option<String>,
    /// The values of `MessageAttributes`, by name.
    pub attributes: BTreeMap<String, String>,
}

/// A topic.
#[derive(Debug, Clone, Default)]
struct Topic {
    /// `KmsMasterKeyId`
    key: Option<String>,
}

/// All topics of the cloud, and what was published to them.
#[derive(Debug, Default)]
pub struct Topics(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    topics: BTreeMap<String, Topic>,
    messages: Vec<Message>,
}

/// The ARN of a topic of this name.
pub fn topic_arn(account: &AccountId, name: &str) -> String {
    format!("arn:aws:sns:{}:{account}:{name}", crate::REGION)
}

impl Topics {
    /// Makes a topic, encrypted with `key` if there is one; one that is there stays, with its key replaced.
    pub fn put(&self, arn: &str, key: Option<&str>) {
        self.lock().topics.insert(arn.to_owned(), Topic { key: key.map(str::to_owned) });
    }

    /// Everything that was published, oldest first; it stays.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a request (`Action=…`, form-encoded), signature already verified by [`crate::front`].
pub(crate) fn handle(cloud: &Cloud, principal: &Principal, request: &Request<Bytes>) -> Response<Bytes> {
    let query = request.uri().query().unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(request.body()));
    let parameters: Parameters = pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let action = parameters.get("Action").map(String::as_str).unwrap_or_default();
    let done = match action {
        "CreateTopic" => create_topic(cloud, principal, &parameters).map(|arn| ("TopicArn", arn)),
        "Publish" => publish(cloud, principal, &parameters).map(|id| ("MessageId", id)),
        other => return front::not_implemented(&format!("{other} of SNS")),
    };
    match done {
        Ok((name, value)) => answer::success(action, name, &value),
        Err(error) => answer::error(&error),
    }
}

/// <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>
fn create_topic(cloud: &Cloud, principal: &Principal, parameters: &Parameters) -> Result<String, SnsError> {
    let name = parameters.get("Name").map(String::as_str).unwrap_or_default();
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 256 || !name.chars().all(is_fine) {
        return Err(SnsError::invalid("Topic Name"));
    }
    let account = principal.account().ok_or_else(|| SnsError::invalid("Topic Name"))?;
    let arn = topic_arn(account, name);
    authorize(cloud, principal, "sns:CreateTopic", &arn)?;
    let attributes = message::entries(parameters, "Attributes");
    if let Some(other) = attributes.keys().find(|name| *name != "KmsMasterKeyId") {
        return Err(SnsError::NotHere(format!("The local cloud has no {other} of CreateTopic")));
    }
    if !cloud.topics().lock().topics.contains_key(&arn) {
        cloud.topics().put(&arn, attributes.get("KmsMasterKeyId").map(String::as_str));
    }
    Ok(arn)
}

fn publish(cloud: &Cloud, principal: &Principal, parameters: &Parameters) -> Result<String, SnsError> {
    let arn = parameters.get("TopicArn").or_else(|| parameters.get("TargetArn"));
    let Some(arn) = arn else {
        let what = if parameters.contains_key("PhoneNumber") { "PhoneNumber" } else { "TopicArn" };
        return Err(SnsError::invalid(&format!("{what} Reason: no value for required parameter")));
    };
    check_arn(arn)?;
    authorize(cloud, principal, "sns:Publish", arn)?;
    let topic = cloud.topics().lock().topics.get(arn).cloned().ok_or(SnsError::NotFound)?;
    let fields = message::checked(parameters)?;
    if let Some(key) = &topic.key {
        for action in ["kms:GenerateDataKey", "kms:Decrypt"] {
            cloud.authorize(principal, action, key, &Context::default()).map_err(|d| SnsError::key(&d))?;
        }
    }
    let id = uuid::Uuid::new_v4().to_string();
    let message = Message {
        topic: arn.clone(),
        id: id.clone(),
        publisher: principal.arn(),
        at: cloud.clock().now(),
        subject: fields.subject,
        message: fields.message,
        structure: fields.structure,
        attributes: fields.attributes,
    };
    cloud.topics().lock().messages.push(message);
    Ok(id)
}

/// `arn:PARTITION:sns:REGION:ACCOUNT:NAME`, of this Region.
fn check_arn(arn: &str) -> Result<(), SnsError> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", "aws", "sns", region, account, name] if AccountId::parse(account).is_some() && !name.is_empty() => {
            if *region == crate::REGION {
                Ok(())
            } else {
                Err(SnsError::invalid("TopicArn"))
            }
        }
        _ => Err(SnsError::invalid("TopicArn Reason: An ARN must have at least 6 elements, not 1")),
    }
}

fn authorize(cloud: &Cloud, principal: &Principal, action: &str, arn: &str) -> Result<(), SnsError> {
    cloud.authorize(principal, action, arn, &Context::default()).map_err(|denied: Denied| SnsError::denied(&denied))
}
