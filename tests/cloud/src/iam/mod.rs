//! IAM and STS: access keys, roles, inline policies, trust; their query protocol.
//!
//! Roles and their inline policies are all there is: no users, groups or managed policies.

mod answer;
mod error;
mod keys;
mod query;
mod role;
mod roles;
pub mod signature;
mod sts;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use self::error::IamError;
pub use self::keys::Keys;
use self::keys::{Credential, KeyRing};
use self::role::{Role, Roles};
use crate::Cloud;
use crate::access::{self, Context, Denied, Policy};
use crate::clock::Clock;
use crate::identity::{AccountId, Principal};

/// How long a session lasts that a service opens for itself: Lambda and Batch Operations renew theirs unseen.
const SERVICE_SESSION_SECONDS: u32 = 43_200;

/// Access keys of both accounts, sessions, roles.
#[derive(Debug)]
pub struct Iam {
    clock: Clock,
    keys: Mutex<KeyRing>,
    roles: Mutex<Roles>,
}

impl Iam {
    /// With no roles; sessions expire by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { clock, keys: Mutex::default(), roles: Mutex::default() }
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
    pub fn role_policies(&self, role_arn: &str) -> Option<Vec<Value>> {
        let roles = self.roles();
        roles.by_arn(role_arn).map(|role| role.inline.values().map(|document| document.value.clone()).collect())
    }

    /// A role's unique id, `AROA…`; none if there is no such role.
    pub fn role_id(&self, role_arn: &str) -> Option<String> {
        self.roles().by_arn(role_arn).map(|role| role.id.clone())
    }

    /// The first principal a policy names that does not exist here. AWS refuses to store such a policy ("Invalid
    /// principal in policy"). Sessions are not looked up, as on AWS.
    pub fn unknown_principal(&self, policy: &Policy) -> Option<String> {
        let roles = self.roles();
        let is_unknown = |arn: &&str| !arn.starts_with("arn:aws:sts::") && roles.by_arn(arn).is_none();
        policy.principal_arns().find(is_unknown).map(str::to_owned)
    }

    /// A session for a service (`lambda.amazonaws.com`, `batchoperations.s3.amazonaws.com`), if the role is there and its
    /// trust policy lets that service assume it.
    pub fn assume_for_service(
        &self,
        service: &str,
        role_arn: &str,
        session: &str,
    ) -> Result<(Keys, Principal), Denied> {
        let role = self.roles().by_arn(role_arn).cloned().ok_or_else(|| Denied {
            principal: service.to_owned(),
            action: "sts:AssumeRole".to_owned(),
            resource: role_arn.to_owned(),
            reason: "because there is no such role".to_owned(),
        })?;
        let service = Principal::Service {
            name: service.to_owned(),
            source_arn: String::new(),
            source_account: role.account.clone(),
        };
        access::authorize_assume(self, &service, role_arn, &role.trust.policy, &Context::default())?;
        let (keys, principal, _) = self.session(&role, session, SERVICE_SESSION_SECONDS);
        Ok((keys, principal))
    }

    /// The inline policies of a role, compiled; none of them if there is no such role.
    pub(crate) fn compiled_policies(&self, role_arn: &str) -> Vec<Arc<Policy>> {
        let roles = self.roles();
        let role = roles.by_arn(role_arn);
        role.map(|role| role.inline.values().map(|document| Arc::clone(&document.policy)).collect()).unwrap_or_default()
    }

    /// The clock that sessions expire by.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Opens a session, whoever asks for it.
    fn session(&self, role: &Role, session: &str, seconds: u32) -> (Keys, Principal, Timestamp) {
        let now = self.clock.now();
        let expires = now.checked_add(i64::from(seconds).seconds()).unwrap_or(now);
        let principal =
            Principal::Role { account: role.account.clone(), role_arn: role.arn(), session: session.to_owned() };
        let keys = self.key_ring().session(principal.clone(), expires);
        (keys, principal, expires)
    }

    fn delete_role(&self, account: &AccountId, name: &str) -> Result<(), IamError> {
        let arn = self.roles().remove(account, name)?;
        self.key_ring().end_sessions(&arn);
        Ok(())
    }

    /// Whether an access key was ever given out: one that is known and cannot log in has expired.
    pub(crate) fn is_known(&self, access_key_id: &str) -> bool {
        self.credential(access_key_id).is_some()
    }

    /// Who an access key was given to, expired or not.
    pub(crate) fn principal_of(&self, access_key_id: &str) -> Option<Principal> {
        self.credential(access_key_id).map(|credential| credential.principal)
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

    fn roles(&self) -> MutexGuard<'_, Roles> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers an IAM or STS request (`Action=…`, form-encoded), signature already verified by [`crate::front`].
#[expect(clippy::unused_async, reason = "every service answers by the same signature")]
pub async fn handle(cloud: &Cloud, principal: &Principal, service: &str, request: Request<Bytes>) -> Response<Bytes> {
    query::handle(cloud, principal, service, request.uri().query().unwrap_or_default(), request.body())
}
