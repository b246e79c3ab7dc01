//! A bucket policy that may hold anybody's statements, kept as the text they were written in.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::PolicyError;
use super::statement::{Statement, VERSION};

/// A bucket policy, cut at its top level only.
///
/// What others wrote is never taken apart and put together again: elements and statements are carried as the text that
/// stood there, so numbers, unknown keys and the order of keys survive. Only white space between tokens goes.
#[derive(Debug)]
pub(super) struct BucketPolicy {
    before: Vec<Element>,
    pub(super) statements: Vec<Entry>,
    after: Vec<Element>,
}

type Element = (String, Box<RawValue>);

/// One statement of a bucket policy: the text, and what it says.
#[derive(Debug)]
pub(super) struct Entry {
    raw: Box<RawValue>,
    pub(super) value: Value,
}

impl BucketPolicy {
    /// A policy of our own making, without statements yet.
    pub(super) fn new() -> Result<Self, PolicyError> {
        let version = serde_json::value::to_raw_value(VERSION).map_err(PolicyError::NotJson)?;
        Ok(Self { before: vec![("Version".to_owned(), version)], statements: Vec::new(), after: Vec::new() })
    }

    pub(super) fn parse(text: &str) -> Result<Self, PolicyError> {
        let found = kind(&serde_json::from_str::<Value>(text).map_err(PolicyError::NotJson)?);
        if found != OBJECT {
            return Err(PolicyError::NotAnObject { found });
        }
        let Elements(mut before) = serde_json::from_str(text).map_err(PolicyError::NotJson)?;
        for (at, (name, _)) in before.iter().enumerate() {
            if before.iter().skip(at + 1).any(|(other, _)| other == name) {
                return Err(PolicyError::DuplicateElement(name.clone()));
            }
        }
        let at = before.iter().position(|(name, _)| name == "Statement").ok_or(PolicyError::NoStatement)?;
        let mut after = before.split_off(at);
        let (_, statement) = after.remove(0);
        for (_, raw) in before.iter_mut().chain(&mut after) {
            *raw = compact(raw)?;
        }
        Ok(Self { before, statements: entries(&statement)?, after })
    }

    /// Everything but `Statement`, by name and text.
    pub(super) fn elements(&self) -> impl Iterator<Item = (&str, &str)> {
        self.before.iter().chain(&self.after).map(|(name, raw)| (name.as_str(), raw.get()))
    }

    pub(super) fn to_text(&self) -> Result<String, PolicyError> {
        serde_json::to_string(self).map_err(PolicyError::NotJson)
    }
}

impl Entry {
    fn parse(raw: &RawValue) -> Result<Self, PolicyError> {
        let value = serde_json::from_str(raw.get()).map_err(PolicyError::NotJson)?;
        Ok(Self { raw: compact(raw)?, value })
    }

    pub(super) fn of(statement: &Statement) -> Result<Self, PolicyError> {
        Self::parse(&serde_json::value::to_raw_value(statement).map_err(PolicyError::NotJson)?)
    }

    pub(super) fn sid(&self) -> Option<&str> {
        self.value.get("Sid").and_then(Value::as_str)
    }

    /// Length of the statement in the document, in bytes.
    pub(super) fn len(&self) -> usize {
        self.raw.get().len()
    }
}

fn entries(statement: &RawValue) -> Result<Vec<Entry>, PolicyError> {
    let value: Value = serde_json::from_str(statement.get()).map_err(PolicyError::NotJson)?;
    match &value {
        Value::Object(_) => Ok(vec![Entry::parse(statement)?]),
        Value::Array(items) => {
            if let Some((index, item)) = items.iter().enumerate().find(|(_, item)| !item.is_object()) {
                return Err(PolicyError::StatementEntry { index, found: kind(item) });
            }
            let raws: Vec<&RawValue> = serde_json::from_str(statement.get()).map_err(PolicyError::NotJson)?;
            raws.into_iter().map(Entry::parse).collect()
        }
        other => Err(PolicyError::StatementType { found: kind(other) }),
    }
}

const OBJECT: &str = "an object";

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => OBJECT,
    }
}

/// The same JSON without white space between its tokens: S3's limit counts bytes.
fn compact(raw: &RawValue) -> Result<Box<RawValue>, PolicyError> {
    let (mut in_string, mut escaped) = (false, false);
    let text = raw.get().chars().filter(|&c| {
        let keep = in_string || !c.is_ascii_whitespace();
        if escaped {
            escaped = false;
        } else if c == '"' {
            in_string = !in_string;
        } else if c == '\\' {
            escaped = true;
        }
        keep
    });
    RawValue::from_string(text.collect()).map_err(PolicyError::NotJson)
}

/// The top level of a document, in order, also what stands there twice.
struct Elements(Vec<Element>);

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Elements;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a policy document")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Elements, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = map.next_entry()? {
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for BucketPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, raw) in &self.before {
            map.serialize_entry(name, raw)?;
        }
        map.serialize_entry("Statement", &self.statements.iter().map(|entry| &entry.raw).collect::<Vec<_>>())?;
        for (name, raw) in &self.after {
            map.serialize_entry(name, raw)?;
        }
        map.end()
    }
}
