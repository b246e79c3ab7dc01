//! Roles: what IAM keeps of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::error::IamError;
use crate::access::{Kind, Policy};
use crate::identity::AccountId;

/// A policy document as it was put, and compiled.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) value: Value,
    pub(super) policy: Arc<Policy>,
}

impl Document {
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Self, IamError> {
        let (policy, value) = Policy::parse_text(text, kind)?;
        Ok(Self { text: text.to_owned(), value, policy: Arc::new(policy) })
    }

    /// As IAM's quotas count: without white space.
    pub(super) fn size(&self) -> usize {
        self.text.chars().filter(|char| !char.is_whitespace()).count()
    }
}

/// One role.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) account: AccountId,
    /// `/` or `/a/b/`
    pub(super) path: String,
    pub(super) name: String,
    /// `AROA…`; a role made again under the same name has another.
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) description: Option<String>,
    pub(super) max_session_seconds: u32,
    /// Kept and shown, not enforced: managed policies do not exist here, so there is no document behind the ARN.
    pub(super) boundary: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) trust: Document,
    pub(super) inline: BTreeMap<String, Document>,
}

impl Role {
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, self.path, self.name)
    }
}

/// The roles of all accounts.
#[derive(Debug, Default)]
pub(super) struct Roles {
    /// By account and lower-case name: names differ in more than case.
    roles: BTreeMap<(AccountId, String), Role>,
}

impl Roles {
    pub(super) fn get(&self, account: &AccountId, name: &str) -> Result<&Role, IamError> {
        self.roles.get(&(account.clone(), name.to_ascii_lowercase())).ok_or_else(|| no_such_role(name))
    }

    pub(super) fn get_mut(&mut self, account: &AccountId, name: &str) -> Result<&mut Role, IamError> {
        self.roles.get_mut(&(account.clone(), name.to_ascii_lowercase())).ok_or_else(|| no_such_role(name))
    }

    /// By ARN, path included.
    pub(super) fn by_arn(&self, arn: &str) -> Option<&Role> {
        let (account, path) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
        let name = path.rsplit('/').next()?;
        self.get(&AccountId::parse(account)?, name).ok().filter(|role| role.arn() == arn)
    }

    pub(super) fn of(&self, account: &AccountId) -> impl Iterator<Item = &Role> {
        self.roles.values().filter(move |role| role.account == *account)
    }

    pub(super) fn add(&mut self, role: Role) -> Result<(), IamError> {
        let key = (role.account.clone(), role.name.to_ascii_lowercase());
        if self.roles.contains_key(&key) {
            return Err(IamError::EntityAlreadyExists(format!("Role with name {} already exists.", role.name)));
        }
        self.roles.insert(key, role);
        Ok(())
    }

    /// Removes a role without inline policies and returns its ARN.
    pub(super) fn remove(&mut self, account: &AccountId, name: &str) -> Result<String, IamError> {
        let role = self.get(account, name)?;
        if !role.inline.is_empty() {
            return Err(IamError::DeleteConflict("Cannot delete entity, must delete policies first.".to_owned()));
        }
        let arn = role.arn();
        self.roles.remove(&(account.clone(), name.to_ascii_lowercase()));
        Ok(arn)
    }
}

fn no_such_role(name: &str) -> IamError {
    IamError::NoSuchEntity(format!("The role with name {name} cannot be found."))
}
