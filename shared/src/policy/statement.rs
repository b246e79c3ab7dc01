use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::names::RoleArn;

use super::sid::{Purpose, SidPrefix};

/// The version that documents of our own carry.
pub(super) const VERSION: &str = "2012-10-17";

/// One statement that Transship writes, of an identity, resource, trust or key policy.
///
/// It never needs what only Version 2012-10-17 has (policy variables), since a bucket policy that it is merged into
/// may be of Version 2008-10-17 and keeps its version: another version could change what the others' statements mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    sid: String,
    effect: Effect,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Principal>,
    #[serde(serialize_with = "one_or_many")]
    action: Vec<String>,
    #[serde(serialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    resource: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
}

/// Who a statement of a resource, trust or key policy is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A role, by its ARN.
    Role(RoleArn),
    /// An AWS service, such as `s3.amazonaws.com`.
    Service(&'static str),
    /// Everybody; only ever used to deny.
    Everyone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Effect {
    Allow,
    Deny,
}

impl Statement {
    pub(super) fn allow(owner: &SidPrefix, purpose: Purpose, actions: &[&str]) -> Self {
        Self::new(Effect::Allow, owner, purpose, actions)
    }

    pub(super) fn deny(owner: &SidPrefix, purpose: Purpose, actions: &[&str]) -> Self {
        Self::new(Effect::Deny, owner, purpose, actions)
    }

    fn new(effect: Effect, owner: &SidPrefix, purpose: Purpose, actions: &[&str]) -> Self {
        Self {
            sid: owner.sid(purpose),
            effect,
            principal: None,
            action: actions.iter().map(ToString::to_string).collect(),
            resource: Vec::new(),
            condition: BTreeMap::new(),
        }
    }

    pub(super) fn by(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    pub(super) fn on(mut self, resources: impl IntoIterator<Item = String>) -> Self {
        self.resource.extend(resources);
        self
    }

    pub(super) fn when(mut self, operator: &'static str, key: &'static str, value: impl Into<String>) -> Self {
        self.condition.entry(operator).or_default().insert(key, value.into());
        self
    }

    /// The statement's Sid, which names route and purpose.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    pub(super) fn has_policy_variable(&self) -> bool {
        let values = self.condition.values().flat_map(BTreeMap::values);
        self.resource.iter().chain(values).any(|text| text.contains("${"))
    }
}

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Role(arn) => serializer.collect_map([("AWS", arn.as_str())]),
            Self::Service(name) => serializer.collect_map([("Service", name)]),
            Self::Everyone => serializer.serialize_str("*"),
        }
    }
}

/// A whole document of our own: a role's trust policy or inline policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: Vec<Statement>,
}

impl PolicyDocument {
    pub(super) fn new(statement: Vec<Statement>) -> Self {
        Self { version: VERSION, statement }
    }

    /// The document's statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statement
    }

    /// The document as JSON, as IAM takes it.
    pub fn to_json(&self) -> Result<String, super::PolicyError> {
        serde_json::to_string(self).map_err(super::PolicyError::NotJson)
    }

    /// The same on several lines, for a person.
    pub fn to_json_pretty(&self) -> Result<String, super::PolicyError> {
        serde_json::to_string_pretty(self).map_err(super::PolicyError::NotJson)
    }
}

fn one_or_many<S: Serializer>(values: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match values {
        [one] => serializer.serialize_str(one),
        many => serializer.collect_seq(many),
    }
}
