//! IAM and STS: access keys, roles, inline policies, trust; their query protocol.

pub mod signature;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use crate::Cloud;
use crate::access::Denied;
use crate::identity::{AccountId, Principal};

/// Access keys of both accounts, sessions, roles.
#[derive(Debug, Default)]
pub struct Iam {}

/// What signs a request.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `AKIA…` or `ASIA…`
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// A role session's token; it must come with the request.
    pub session_token: Option<String>,
}

impl Iam {
    /// The keys of an account itself. Random for each cloud.
    pub fn account_keys(&self, _account: &AccountId) -> Keys {
        Keys { access_key_id: String::new(), secret_access_key: String::new(), session_token: None }
    }

    /// Who an access key belongs to, and the keys that go with it; none if unknown or expired.
    pub fn login(&self, _access_key_id: &str) -> Option<(Keys, Principal)> {
        None
    }

    /// The inline policies of a role, parsed; none if there is no such role.
    pub fn role_policies(&self, _role_arn: &str) -> Option<Vec<Value>> {
        None
    }

    /// A session for a service (`lambda.amazonaws.com`, `batchoperations.s3.amazonaws.com`), if the role is there and its
    /// trust policy lets that service assume it.
    pub fn assume_for_service(
        &self,
        _service: &str,
        role_arn: &str,
        _session: &str,
    ) -> Result<(Keys, Principal), Denied> {
        Err(Denied {
            principal: String::new(),
            action: "sts:AssumeRole".into(),
            resource: role_arn.into(),
            reason: "not built yet".into(),
        })
    }
}

/// Answers an IAM or STS request (`Action=…`, form-encoded), signature already verified by [`crate::front`].
pub async fn handle(
    _cloud: &Cloud,
    _principal: &Principal,
    _service: &str,
    _request: Request<Bytes>,
) -> Response<Bytes> {
    crate::front::not_implemented("IAM and STS")
}
