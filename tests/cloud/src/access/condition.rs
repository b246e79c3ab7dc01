//! Condition elements, made into what [`iam_rs`] decides rightly.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::net::IpAddr;

use iam_rs::{IAMOperator, OperatorType};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::context::Context;
use super::dialect;
use super::policy::{PolicyError, invalid};

/// One operator with one key.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) operator: IAMOperator,
    pub(super) key: String,
    values: Vec<String>,
    form: Form,
}

/// Writes a request's value for [`iam_rs`].
pub(super) type RequestForm = fn(&str) -> String;

/// How the two sides are written for [`iam_rs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `StringLike`: the policy's wildcards count.
    Pattern,
    /// `StringEquals`, `Bool`: text on both sides.
    Text,
    /// `ArnLike`, `ArnEquals`: wildcards, but not across colons.
    Arn,
    /// Numbers, times, addresses, presence: as they stand, without variables.
    Raw,
}

impl Condition {
    pub(super) fn parse(operator: &str, key: &str, values: &Value) -> Result<Self, PolicyError> {
        let parsed =
            known(operator).ok_or_else(|| PolicyError::Invalid(format!("Invalid Condition type : {operator}.")))?;
        if !key.contains(':') {
            return Err(invalid("Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
        }
        let is_bool = operator.contains("Bool");
        let form = match parsed.category() {
            OperatorType::Arn => Form::Arn,
            OperatorType::String if operator.contains("Like") => Form::Pattern,
            OperatorType::String => Form::Text,
            _ => Form::Raw,
        };
        let values = match values {
            Value::Array(values) => values.iter().collect(),
            single => vec![single],
        };
        let mut read = Vec::with_capacity(values.len());
        for value in values {
            let text = text(value)
                .and_then(|text| canonical(text, &parsed, is_bool))
                .ok_or_else(|| PolicyError::Invalid(format!("Invalid value {value} of {operator} {key}.")))?;
            read.push(text);
        }
        Ok(Self { operator: parsed, key: key.to_owned(), values: read, form })
    }

    pub(super) fn has_variables(&self) -> bool {
        self.form != Form::Raw && self.values.iter().any(|value| dialect::has_variables(value))
    }

    /// The policy's side.
    pub(super) fn policy_values(&self, variables: Option<&Context>) -> Vec<String> {
        let values = self.values.iter();
        match self.form {
            Form::Pattern => values.map(|value| dialect::fill(value, variables, true)).collect(),
            Form::Text => values.map(|value| dialect::fill(value, variables, false)).collect(),
            Form::Arn => values.map(|value| dialect::arn_pattern(&dialect::fill(value, variables, true))).collect(),
            Form::Raw => values.cloned().collect(),
        }
    }

    /// How the request's side is written.
    pub(super) fn request_form(&self) -> RequestForm {
        match self.form {
            Form::Pattern | Form::Text => dialect::literal,
            Form::Arn => |value| dialect::arn(&dialect::literal(value)),
            Form::Raw => str::to_owned,
        }
    }

    /// Whether the request's side is written alike for both.
    pub(super) fn reads_as(&self, other: &Self) -> bool {
        let kind = |form| match form {
            Form::Pattern | Form::Text => 0,
            Form::Arn => 1,
            Form::Raw => 2,
        };
        kind(self.form) == kind(other.form)
    }
}

/// The operator that [`iam_rs`] decides rightly in place of the one that stands there: `ArnEquals` is `ArnLike` on AWS;
/// `Bool` compares the words, since every value of a request here is a string.
fn known(operator: &str) -> Option<IAMOperator> {
    let (set, rest) = match operator.split_once(':') {
        Some((set, rest)) => (format!("{set}:"), rest),
        None => (String::new(), operator),
    };
    let (base, mut suffix) = match rest.strip_suffix("IfExists") {
        Some(base) => (base, "IfExists"),
        None => (rest, ""),
    };
    if set == "ForAllValues:" {
        // An absent key satisfies ForAllValues anyway.
        suffix = "";
    }
    let base = match base {
        "ArnEquals" => "ArnLike",
        "ArnNotEquals" => "ArnNotLike",
        "Bool" => "StringEqualsIgnoreCase",
        other => other,
    };
    format!("{set}{base}{suffix}").parse().ok()
}

/// JSON's strings, numbers and booleans, as AWS takes them.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

/// The value as [`iam_rs`] reads it, if it is one of the operator's kind.
fn canonical(text: String, operator: &IAMOperator, is_bool: bool) -> Option<String> {
    match operator.category() {
        OperatorType::Numeric => text.parse::<f64>().ok().map(|_| text),
        OperatorType::Date => date(&text),
        OperatorType::IpAddress => is_network(&text).then_some(text),
        OperatorType::Null => Some(text.to_ascii_lowercase()).filter(|text| text == "true" || text == "false"),
        _ if is_bool && !dialect::has_variables(&text) => {
            Some(text.to_ascii_lowercase()).filter(|text| text == "true" || text == "false")
        }
        _ => Some(text),
    }
}

/// ISO 8601 with or without time and zone, or seconds since 1970. [`iam_rs`] reads only the full form.
fn date(text: &str) -> Option<String> {
    if text.parse::<f64>().is_ok() || text.parse::<Timestamp>().is_ok() {
        return Some(text.to_owned());
    }
    let time = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)))?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().to_string())
}

fn is_network(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let longest = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|prefix| prefix <= longest))
}
