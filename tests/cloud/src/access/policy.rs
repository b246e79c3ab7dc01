//! Policy documents: read strictly, as AWS does when they are put, and compiled for [`decide`](super::decide).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::decision::Request;
use super::principal::{Match, Principals};
use super::statement::Statement;

/// Where a document stands; it decides which elements it must and must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of a role.
    Identity,
    /// Of a bucket.
    Resource,
    /// Who may assume a role.
    Trust,
}

/// Why AWS refuses a document: `MalformedPolicyDocument` of IAM, `MalformedPolicy` of S3.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON, or not an object with statements.
    #[error("Syntax errors in policy. {0}")]
    Syntax(String),
    /// An element has a value it must not have.
    #[error("{0}")]
    Invalid(String),
}

/// A compiled document.
#[derive(Debug)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// What one document says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A statement denies.
    Deny,
    /// A statement allows, for this kind of principal.
    Allow(Match),
    /// No statement applies.
    Silent,
}

impl Policy {
    /// Compiles a document.
    pub fn parse(document: &Value, kind: Kind) -> Result<Self, PolicyError> {
        let document = document.as_object().ok_or_else(|| syntax("The document is not a JSON object."))?;
        no_others(document, &["Version", "Id", "Statement"])?;
        let variables = match document.get("Version").map(Value::as_str) {
            // Policy variables came with the newer version; in the older one `${` is text.
            Some(Some("2012-10-17")) => true,
            None | Some(Some("2008-10-17")) => false,
            Some(_) => return Err(syntax("Version must be 2012-10-17 or 2008-10-17.")),
        };
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => return Err(syntax("Statement is missing.")),
        };
        if statements.is_empty() {
            return Err(syntax("Statement is empty."));
        }
        let mut sids = HashSet::new();
        for sid in statements.iter().filter_map(|statement| statement.get("Sid")).filter_map(Value::as_str) {
            if !sids.insert(sid) {
                return Err(invalid("Statement IDs (SID) in a single policy must be unique."));
            }
        }
        let statements = statements.into_iter().map(|statement| {
            let statement = statement.as_object().ok_or_else(|| syntax("A statement is not a JSON object."))?;
            Statement::parse(statement, kind, variables)
        });
        Ok(Self { statements: statements.collect::<Result<_, _>>()? })
    }

    /// Compiles a document's text.
    pub fn parse_text(text: &str, kind: Kind) -> Result<(Self, Value), PolicyError> {
        let document: Value = serde_json::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        Ok((Self::parse(&document, kind)?, document))
    }

    /// The ARNs that the document names as principals; AWS refuses a document that names one that does not exist.
    pub fn principal_arns(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().filter_map(Statement::principals).flat_map(Principals::arns)
    }

    pub(super) fn verdict(&self, request: &Request<'_>) -> Verdict {
        let mut allowed = Match::No;
        for statement in &self.statements {
            let matched = statement.matches(request);
            if matched == Match::No {
                continue;
            }
            if statement.denies() {
                return Verdict::Deny;
            }
            allowed = allowed.max(matched);
        }
        if allowed == Match::No { Verdict::Silent } else { Verdict::Allow(allowed) }
    }
}

pub(super) fn syntax(message: &str) -> PolicyError {
    PolicyError::Syntax(message.to_owned())
}

pub(super) fn invalid(message: &str) -> PolicyError {
    PolicyError::Invalid(message.to_owned())
}

/// Refuses elements that the policy grammar does not have, misspelt ones above all.
pub(super) fn no_others(object: &Map<String, Value>, known: &[&str]) -> Result<(), PolicyError> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(PolicyError::Syntax(format!("There is no element {key}."))),
        None => Ok(()),
    }
}

/// One string, or a list of them.
pub(super) fn strings(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        _ => None,
    }
}
