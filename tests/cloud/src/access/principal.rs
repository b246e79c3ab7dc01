//! `Principal` and `NotPrincipal`, matched by ourselves: [`iam_rs`] does not read `{"AWS": …, "Service": …}`, and knows
//! neither that a session is its role nor that an account's ARN stands for its policies.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use serde_json::Value;

use super::policy::PolicyError;
use super::policy::strings;
use crate::identity::{AccountId, Principal};

/// How a statement's principal meets a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    /// It does not.
    No,
    /// It names the caller's account: an Allow hands the decision to that account's identity policies.
    Account,
    /// It names the caller, or everybody.
    Caller,
}

/// The element of a statement.
#[derive(Debug)]
pub(super) enum Principals {
    Only(Vec<Named>),
    AllBut(Vec<Named>),
}

/// One principal that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Everybody,
    Account(AccountId),
    /// A role's or a session's ARN, or anything else that must be the caller's literally.
    Arn(String),
    Service(String),
    /// Federated and canonical users: nobody here is one.
    Foreign,
}

impl Principals {
    pub(super) fn matches(&self, caller: &Principal) -> Match {
        match self {
            Self::Only(named) => named.iter().map(|named| named.matches(caller)).max().unwrap_or(Match::No),
            // Who is listed in any way, be it by account, is left out.
            Self::AllBut(named) if named.iter().any(|named| named.matches(caller) != Match::No) => Match::No,
            Self::AllBut(_) => Match::Caller,
        }
    }

    /// The ARNs that must exist for the policy to be accepted.
    pub(super) fn arns(&self) -> impl Iterator<Item = &str> {
        let (Self::Only(named) | Self::AllBut(named)) = self;
        named.iter().filter_map(|named| match named {
            Named::Arn(arn) => Some(arn.as_str()),
            _ => None,
        })
    }

    /// Reads the value of `Principal` or `NotPrincipal`.
    pub(super) fn parse(value: &Value) -> Result<Vec<Named>, PolicyError> {
        let invalid = || PolicyError::Invalid(format!("Invalid principal in policy: {value}"));
        match value {
            Value::String(text) if text == "*" => Ok(vec![Named::Everybody]),
            Value::Object(kinds) if !kinds.is_empty() => {
                let mut named = Vec::new();
                for (kind, values) in kinds {
                    for text in strings(values).ok_or_else(invalid)? {
                        named.push(Named::parse(kind, text).ok_or_else(invalid)?);
                    }
                }
                Ok(named)
            }
            _ => Err(invalid()),
        }
    }
}

impl Named {
    fn parse(kind: &str, text: &str) -> Option<Self> {
        match kind {
            "AWS" if text == "*" => Some(Self::Everybody),
            "AWS" => {
                let root = text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root"));
                match AccountId::parse(root.unwrap_or(text)) {
                    Some(account) => Some(Self::Account(account)),
                    // No wildcards inside: "arn:aws:iam::111111111111:role/*" is refused by AWS.
                    None if text.starts_with("arn:aws:") && !text.contains(['*', '?']) => {
                        Some(Self::Arn(text.to_owned()))
                    }
                    None => None,
                }
            }
            "Service" => Some(Self::Service(text.to_owned())),
            "Federated" | "CanonicalUser" => Some(Self::Foreign),
            _ => None,
        }
    }

    fn matches(&self, caller: &Principal) -> Match {
        let is = |same: bool, kind| if same { kind } else { Match::No };
        match (self, caller) {
            (Self::Everybody, _) => Match::Caller,
            (Self::Account(named), Principal::Root(account)) => is(named == account, Match::Caller),
            (Self::Account(named), Principal::Role { account, .. }) => is(named == account, Match::Account),
            (Self::Arn(arn), Principal::Role { role_arn, .. }) => {
                is(arn == role_arn || *arn == caller.arn(), Match::Caller)
            }
            (Self::Service(named), Principal::Service { name, .. }) => is(named == name, Match::Caller),
            _ => Match::No,
        }
    }
}
