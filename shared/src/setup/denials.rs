//! Whether statements of others can keep a principal from what it has to do. A bucket's policy is read as far as one can
//! without the request: what depends on conditions is told as such.

use serde_json::Value;

use crate::names::RoleArn;
use crate::policy::{PolicyError, SidPrefix};

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Asker<'a> {
    /// The copy role.
    Role(&'a RoleArn),
    /// A service, such as `s3.amazonaws.com`.
    Service(&'a str),
}

/// A statement of others that denies some of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Its Sid, or its place in the policy.
    pub statement: String,
    /// Its conditions, as they stand there; it denies always, if none.
    pub conditions: Option<Value>,
}

/// The Deny statements of others that name the asker, one of the actions, and one of the resources.
///
/// A denial of everything but TLS is none: Transship and AWS's services use TLS.
///
/// # Errors
/// A document that is not JSON.
pub fn denials(
    policy: &str,
    asker: Asker<'_>,
    actions: &[&str],
    resources: &[String],
    owner: &SidPrefix,
) -> Result<Vec<Denial>, PolicyError> {
    let document: Value = serde_json::from_str(policy).map_err(PolicyError::NotJson)?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    let mut found = Vec::new();
    for (index, statement) in statements.into_iter().enumerate() {
        let sid = statement.get("Sid").and_then(Value::as_str);
        let denies = statement.get("Effect").and_then(Value::as_str) == Some("Deny")
            && !sid.is_some_and(|sid| owner.owns(sid))
            && names_asker(statement, asker)
            && names(
                statement,
                "Action",
                "NotAction",
                |pattern| {
                    actions.iter().any(|action| matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase()))
                },
                |patterns| {
                    actions.iter().any(|action| {
                        !patterns.iter().any(|p| matches(&p.to_ascii_lowercase(), &action.to_ascii_lowercase()))
                    })
                },
            )
            && names(
                statement,
                "Resource",
                "NotResource",
                |pattern| resources.iter().any(|resource| overlap(pattern, resource)),
                |patterns| resources.iter().any(|resource| !patterns.iter().any(|p| matches(p, resource))),
            );
        let conditions =
            statement.get("Condition").filter(|conditions| conditions.as_object().is_some_and(|c| !c.is_empty()));
        if denies && !conditions.is_some_and(is_tls_only) {
            let statement = sid.map_or_else(|| format!("number {index}, counted from 0"), str::to_owned);
            found.push(Denial { statement, conditions: conditions.cloned() });
        }
    }
    Ok(found)
}

/// Whether an element, or the element that excludes, names what is asked for. A statement has one of the two.
fn names(
    statement: &Value,
    element: &str,
    excluding: &str,
    named: impl Fn(&str) -> bool,
    not_excluded: impl Fn(&[String]) -> bool,
) -> bool {
    match (statement.get(element), statement.get(excluding)) {
        (Some(value), _) => strings(value).iter().any(|pattern| named(pattern)),
        (None, Some(value)) => not_excluded(&strings(value)),
        (None, None) => true,
    }
}

pub(super) fn names_asker(statement: &Value, asker: Asker<'_>) -> bool {
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(principal), _) => is_asker(principal, asker),
        (None, Some(principal)) => !is_asker(principal, asker),
        (None, None) => false,
    }
}

pub(super) fn is_asker(principal: &Value, asker: Asker<'_>) -> bool {
    if principal.as_str() == Some("*") {
        return true;
    }
    let of = |kind: &str| principal.get(kind).map(strings).unwrap_or_default();
    match asker {
        Asker::Service(name) => {
            of("Service").iter().any(|service| service == name) || of("AWS").contains(&"*".to_owned())
        }
        Asker::Role(role) => of("AWS").iter().any(|named| {
            let root = format!("arn:{}:iam::{}:root", role.partition(), role.account());
            named == "*" || named == role.as_str() || named == role.account() || *named == root
        }),
    }
}

/// `{"Bool": {"aws:SecureTransport": "false"}}` and nothing else, in any spelling.
fn is_tls_only(conditions: &Value) -> bool {
    let Some(operators) = conditions.as_object() else { return false };
    operators.iter().all(|(operator, keys)| {
        operator.to_ascii_lowercase().starts_with("bool")
            && keys.as_object().is_some_and(|keys| {
                keys.iter().all(|(key, value)| {
                    key.eq_ignore_ascii_case("aws:SecureTransport") && strings(value).iter().all(|v| v == "false")
                })
            })
    })
}

/// A value that may stand alone or in a list.
pub(super) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

/// Whether a pattern with `*` and `?` matches a text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// Whether two patterns may name one thing: what stands before their first wildcards agrees.
fn overlap(left: &str, right: &str) -> bool {
    let literal = |pattern: &str| pattern.split(['*', '?']).next().unwrap_or_default().to_owned();
    let (l, r) = (literal(left), literal(right));
    let (left_is_literal, right_is_literal) = (l.len() == left.len(), r.len() == right.len());
    match (left_is_literal, right_is_literal) {
        (true, _) => matches(right, left),
        (_, true) => matches(left, right),
        _ => l.starts_with(&r) || r.starts_with(&l),
    }
}
