//! IAM and STS: access keys, roles, inline policies, trust; their query protocol.

mod answer;
mod keys;
pub mod signature;

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

pub use self::keys::Keys;
use self::keys::{Credential, KeyRing};
use crate::Cloud;
use crate::access::Denied;
use crate::clock::Clock;
use crate::identity::{AccountId, Principal};

/// Access keys of both accounts, sessions, roles.
#[derive(Debug)]
pub struct Iam {
    clock: Clock,
    keys: Mutex<KeyRing>,
}

impl Iam {
    /// With no roles; sessions expire by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { clock, keys: Mutex::default() }
    }

    /// The keys of an account itself. Random for each cloud.
    pub fn account_keys(&self, account: &AccountId) -> Keys {
        self.key_ring().account(account)
    }

    /// Who an access key belongs to, and the keys that go with it; none if unknown or expired.
    pub fn login(&self, access_key_id: &str) -> Option<(Keys, Principal)> {
        let credential = self.credential(access_key_id)?;
        (!self.is_expired(&credential)).then_some((credential.keys, credential.principal))
    }

    /// The inline policies of a role, parsed; none if there is no such role.
    pub fn role_policies(&self, _role_arn: &str) -> Option<Vec<Value>> {
        None
    }

    /// A session for a service (`lambda.amazonaws.com`, `batchoperations.s3.amazonaws.com`), if the role is there and its
    /// trust policy lets that service assume it.
    pub fn assume_for_service(
        &self,
        service: &str,
        role_arn: &str,
        _session: &str,
    ) -> Result<(Keys, Principal), Denied> {
        Err(Denied {
            principal: service.to_owned(),
            action: "sts:AssumeRole".into(),
            resource: role_arn.into(),
            reason: "not built yet".into(),
        })
    }

    /// As [`Iam::login`], expired or not.
    fn credential(&self, access_key_id: &str) -> Option<Credential> {
        self.key_ring().get(access_key_id).cloned()
    }

    fn is_expired(&self, credential: &Credential) -> bool {
        credential.expires.is_some_and(|at| at <= self.clock.now())
    }

    fn key_ring(&self) -> MutexGuard<'_, KeyRing> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
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
