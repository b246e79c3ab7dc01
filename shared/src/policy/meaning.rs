//! What a policy says, apart from how it is written.
//!
//! S3 hands a policy out in its own form: a list of one becomes a string, an account id the ARN of the account's root,
//! a boolean a string. So a read-back is compared by meaning.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::PolicyError;
use super::document::{BucketPolicy, Entry};
use super::merge::{owns, wanted};
use super::sid::SidPrefix;
use super::statement::Statement;

/// Whether two bucket policies say the same. `None` is no policy, and so is a policy without statements.
///
/// # Errors
/// One of them is not a policy.
pub fn equivalent(left: Option<&str>, right: Option<&str>) -> Result<bool, PolicyError> {
    let (left, right) = (canonical_document(left)?, canonical_document(right)?);
    Ok(same_in_any_order(&left.0, right.0) && same_in_any_order(&left.1, right.1))
}

/// What stands between a bucket policy and the one that holds the route's statements, by Sid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Wanted, and not there.
    pub missing: Vec<String>,
    /// There, but saying something else than wanted.
    pub altered: Vec<String>,
    /// There and the route's, but not wanted, or there twice.
    pub surplus: Vec<String>,
}

impl Difference {
    /// Whether the policy holds exactly the route's statements, next to those of others.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.altered.is_empty() && self.surplus.is_empty()
    }
}

/// Holds what is there against what should be; changes nothing.
///
/// # Errors
/// A document that is not a policy, statements that are not the route's.
pub fn difference(existing: Option<&str>, ours: &[Statement], owner: &SidPrefix) -> Result<Difference, PolicyError> {
    let mut wanted = wanted(ours, owner)?;
    let mut difference = Difference::default();
    let there = existing.map(BucketPolicy::parse).transpose()?.map(|policy| policy.statements).unwrap_or_default();
    for entry in there.iter().filter(|entry| owns(owner, entry)) {
        let sid = entry.sid().unwrap_or_default().to_owned();
        match wanted.iter().position(|want| want.sid() == entry.sid()) {
            None => difference.surplus.push(sid),
            Some(at) if same_statement(&entry.value, &wanted.remove(at).value) => {}
            Some(_) => difference.altered.push(sid),
        }
    }
    difference.missing = wanted.iter().filter_map(Entry::sid).map(str::to_owned).collect();
    Ok(difference)
}

/// A principal that names a deleted role or user: S3 shows its unique id where its ARN stood, and the statement no
/// longer holds for anybody, even if a role of that name is made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StalePrincipal {
    /// The statement's Sid, if it has one.
    pub sid: Option<String>,
    /// Its place in the policy, from 0.
    pub index: usize,
    /// The unique id, `AROA…` of a role or `AIDA…` of a user.
    pub id: String,
}

/// Finds the principals of a policy that name what has been deleted.
///
/// # Errors
/// A document that is not a policy.
pub fn stale_principals(text: &str) -> Result<Vec<StalePrincipal>, PolicyError> {
    let policy = BucketPolicy::parse(text)?;
    let mut stale = Vec::new();
    for (index, entry) in policy.statements.iter().enumerate() {
        for element in ["Principal", "NotPrincipal"] {
            let Some(principals) = entry.value.get(element).and_then(|principal| principal.get("AWS")) else {
                continue;
            };
            for id in strings(principals).into_iter().filter(|id| is_unique_id(id)) {
                stale.push(StalePrincipal { sid: entry.sid().map(str::to_owned), index, id });
            }
        }
    }
    Ok(stale)
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
fn is_unique_id(principal: &str) -> bool {
    (principal.starts_with("AROA") || principal.starts_with("AIDA"))
        && principal.len() >= 16
        && principal.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

pub(super) fn same_statement(left: &Value, right: &Value) -> bool {
    canonical_statement(left) == canonical_statement(right)
}

/// A document as two lists whose order means nothing: its elements, and its statements.
type Canonical = (Vec<Value>, Vec<Value>);

fn canonical_document(text: Option<&str>) -> Result<Canonical, PolicyError> {
    let Some(policy) = text.map(BucketPolicy::parse).transpose()?.filter(|policy| !policy.statements.is_empty()) else {
        return Ok(Canonical::default());
    };
    let mut elements = Vec::new();
    for (name, raw) in policy.elements() {
        elements.push(json!([name, serde_json::from_str::<Value>(raw).map_err(PolicyError::NotJson)?]));
    }
    if !policy.elements().any(|(name, _)| name == "Version") {
        elements.push(json!(["Version", "2008-10-17"]));
    }
    Ok((elements, policy.statements.iter().map(|entry| canonical_statement(&entry.value)).collect()))
}

fn same_in_any_order(left: &[Value], mut right: Vec<Value>) -> bool {
    left.len() == right.len()
        && left.iter().all(|value| {
            let found = right.iter().position(|other| other == value);
            found.is_some_and(|at| right.swap_remove(at) == *value)
        })
}

fn canonical_statement(statement: &Value) -> Value {
    let Some(elements) = statement.as_object() else { return statement.clone() };
    let canonical = elements.iter().map(|(name, value)| {
        let value = match name.as_str() {
            // Action names are compared without regard to case, ARNs are not.
            "Action" | "NotAction" => set(strings(value).into_iter().map(|action| action.to_lowercase())),
            "Resource" | "NotResource" => set(strings(value)),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => condition(value),
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    Value::Object(canonical.collect())
}

fn principal(value: &Value) -> Value {
    match value {
        // Both spellings stand for everybody in a resource policy.
        Value::String(everyone) if everyone == "*" => principal(&json!({ "AWS": "*" })),
        Value::Object(kinds) => kinds
            .iter()
            .map(|(kind, names)| (kind.clone(), set(strings(names).iter().map(|name| account_id(name).to_owned()))))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// The account id where the ARN of an account's root stands; anything else as it is.
fn account_id(principal: &str) -> &str {
    principal
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":iam::"))
        .and_then(|(_, rest)| rest.strip_suffix(":root"))
        .filter(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()))
        .unwrap_or(principal)
}

fn condition(value: &Value) -> Value {
    let Some(operators) = value.as_object() else { return value.clone() };
    let operators = operators.iter().map(|(operator, keys)| {
        let keys = match keys.as_object() {
            // Condition keys are compared without regard to case. A list, so that two spellings of one key stay two.
            Some(keys) => {
                let mut pairs: Vec<_> = keys
                    .iter()
                    .map(|(key, values)| format!("{}={}", key.to_lowercase(), set(strings(values))))
                    .collect();
                pairs.sort();
                Value::from(pairs)
            }
            None => keys.clone(),
        };
        (operator.clone(), keys)
    });
    Value::Object(operators.collect())
}

/// A value that may stand alone or in a list; booleans and numbers as the strings that AWS makes of them.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn set(values: impl IntoIterator<Item = String>) -> Value {
    Value::from(values.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>())
}
