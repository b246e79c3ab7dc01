//! Access keys: the accounts' own, random for each cloud, and those of role sessions, which expire.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use uuid::Uuid;

use crate::identity::{AccountId, Principal};

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

/// An access key that was given out, with whom it stands for.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub(super) keys: Keys,
    pub(super) principal: Principal,
    /// None for an account's own key.
    pub(super) expires: Option<Timestamp>,
}

/// Every access key that was given out. Expired ones stay, so that they can be told from unknown ones.
#[derive(Debug, Default)]
pub(super) struct KeyRing {
    by_id: HashMap<String, Credential>,
    of_account: HashMap<AccountId, String>,
}

impl KeyRing {
    pub(super) fn get(&self, access_key_id: &str) -> Option<&Credential> {
        self.by_id.get(access_key_id)
    }

    /// The key of an account itself, made when it is first asked for.
    pub(super) fn account(&mut self, account: &AccountId) -> Keys {
        if let Some(credential) = self.of_account.get(account).and_then(|id| self.by_id.get(id)) {
            return credential.keys.clone();
        }
        let keys = Keys { access_key_id: unique_id("AKIA"), secret_access_key: secret(), session_token: None };
        self.of_account.insert(account.clone(), keys.access_key_id.clone());
        self.add(keys, Principal::Root(account.clone()), None)
    }

    /// A new session's key.
    pub(super) fn session(&mut self, principal: Principal, expires: Timestamp) -> Keys {
        let token = format!("{}{}", STANDARD.encode(random()), STANDARD.encode(random()));
        let keys = Keys { access_key_id: unique_id("ASIA"), secret_access_key: secret(), session_token: Some(token) };
        self.add(keys, principal, Some(expires))
    }

    /// Ends all sessions of a role: AWS no longer knows the keys of a role that was deleted.
    pub(super) fn end_sessions(&mut self, of_role: &str) {
        self.by_id.retain(
            |_, credential| !matches!(&credential.principal, Principal::Role { role_arn, .. } if role_arn == of_role),
        );
    }

    fn add(&mut self, keys: Keys, principal: Principal, expires: Option<Timestamp>) -> Keys {
        let credential = Credential { keys: keys.clone(), principal, expires };
        self.by_id.insert(keys.access_key_id.clone(), credential);
        keys
    }
}

/// A unique id of AWS's shape: a prefix that says what it is of (`AKIA`, `ASIA`, `AROA`) and 16 letters and digits.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub(super) fn unique_id(prefix: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = random().into_iter().take(16).map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    prefix.chars().chain(letters).collect()
}

/// 40 characters, as AWS's secrets have.
fn secret() -> String {
    STANDARD.encode(&random()[..30])
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes
}
