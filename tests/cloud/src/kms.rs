//! KMS, as far as a look at a key goes: `DescribeKey` and `GetKeyPolicy`. Keys are put here by tests; nothing is encrypted.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html>

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::Cloud;
use crate::access::Context;
use crate::front;
use crate::identity::Principal;

/// A key, as a test puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its policy.
    pub policy: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`
    pub state: String,
}

/// All keys, by ARN.
#[derive(Debug, Default)]
pub struct Keys(Mutex<BTreeMap<String, Key>>);

impl Keys {
    /// Puts a key, in place of one of the same ARN.
    pub fn put(&self, arn: &str, key: Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.to_owned(), key);
    }

    fn get(&self, arn: &str) -> Option<Key> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }
}

/// Answers a request (JSON 1.1, `X-Amz-Target: TrentService.…`), signature already verified by [`crate::front`].
pub(crate) fn handle(cloud: &Cloud, principal: &Principal, request: &Request<Bytes>) -> Response<Bytes> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let id = body["KeyId"].as_str().unwrap_or_default();
    let answer: fn(&str, &Key) -> Value = match operation {
        "DescribeKey" => |id, key| {
            json!({ "KeyMetadata": {
                "Arn": id, "KeyId": id.rsplit('/').next(), "KeyState": key.state, "Enabled": key.state == "Enabled",
                "KeyManager": "CUSTOMER",
            } })
        },
        "GetKeyPolicy" => |_, key| json!({ "Policy": key.policy, "PolicyName": "default" }),
        other => return front::not_implemented(&format!("{other} of KMS")),
    };
    // No other account may: the key's own policy is not asked here.
    let action = format!("kms:{operation}");
    let is_own = principal.account().is_some_and(|account| id.split(':').nth(4) == Some(account.as_str()));
    if let Err(denied) = cloud.authorize(principal, &action, id, &Context::default()) {
        return refused("AccessDeniedException", &denied.to_string());
    }
    match cloud.kms().get(id) {
        Some(key) if is_own => front::json(StatusCode::OK, &answer(id, &key)),
        Some(_) => refused("AccessDeniedException", &format!("{id} is in another account")),
        None => refused("NotFoundException", &format!("Key '{id}' does not exist")),
    }
}

fn refused(kind: &str, message: &str) -> Response<Bytes> {
    front::json(StatusCode::BAD_REQUEST, &json!({ "__type": kind, "message": message }))
}
