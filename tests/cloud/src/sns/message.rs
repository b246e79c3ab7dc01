//! What Publish takes: subject, body, structure, attributes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Parameters;
use super::answer::SnsError;

/// 256 KB, in bytes of UTF-8: the body, the subject and the attributes together.
const MOST_BYTES: usize = 262_144;

/// A subject has fewer characters than this.
const SUBJECT: usize = 100;

/// A message that may be published.
pub(super) struct Fields {
    pub(super) subject: Option<String>,
    pub(super) message: String,
    pub(super) structure: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
}

/// Refuses what SNS refuses.
pub(super) fn checked(parameters: &Parameters) -> Result<Fields, SnsError> {
    for other in ["MessageGroupId", "MessageDeduplicationId"] {
        if parameters.contains_key(other) {
            return Err(SnsError::invalid(&format!(
                "{other} Reason: The request includes {other} parameter that is not valid for this topic type"
            )));
        }
    }
    let subject = parameters.get("Subject").cloned();
    if subject.as_deref().is_some_and(|subject| !is_subject(subject)) {
        return Err(SnsError::invalid("Subject"));
    }
    let message = parameters.get("Message").cloned().unwrap_or_default();
    if message.is_empty() {
        return Err(SnsError::invalid("Empty message"));
    }
    let structure = parameters.get("MessageStructure").cloned();
    match structure.as_deref() {
        None => {}
        Some("json") => check_structure(&message)?,
        Some(_) => return Err(SnsError::invalid("MessageStructure")),
    }
    let attributes = attributes(parameters)?;
    let beside: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
    if message.len() + subject.as_ref().map_or(0, String::len) + beside > MOST_BYTES {
        return Err(SnsError::invalid("Message too long"));
    }
    Ok(Fields { subject, message, structure, attributes })
}

/// ASCII that begins with a letter, a digit or a punctuation mark, with no line break or control character, of fewer than
/// 100 characters.
fn is_subject(subject: &str) -> bool {
    let first = subject.bytes().next();
    first.is_some_and(|first| first.is_ascii_graphic())
        && subject.len() < SUBJECT
        && subject.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn check_structure(message: &str) -> Result<(), SnsError> {
    let wrong = |why: &str| SnsError::invalid(&format!("Message Structure - {why}"));
    let bodies: Value = serde_json::from_str(message).map_err(|_| wrong("JSON message body failed to parse"))?;
    match bodies.get("default") {
        Some(Value::String(_)) => Ok(()),
        _ => Err(wrong("No default entry in JSON message body")),
    }
}

/// `MessageAttributes.entry.1.Name=…&….Value.DataType=String&….Value.StringValue=…`
fn attributes(parameters: &Parameters) -> Result<BTreeMap<String, String>, SnsError> {
    let mut found = BTreeMap::new();
    for n in 1.. {
        let get = |part: &str| parameters.get(&format!("MessageAttributes.entry.{n}.{part}"));
        let Some(name) = get("Name") else { break };
        let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > 256 || !name.chars().all(is_fine) {
            return Err(SnsError::value("The message attribute name is invalid"));
        }
        match (get("Value.DataType").map(String::as_str), get("Value.StringValue")) {
            (Some("String" | "String.Array" | "Number"), Some(value)) if !value.is_empty() => {
                found.insert(name.clone(), value.clone());
            }
            (Some("String" | "String.Array" | "Number"), _) => {
                return Err(SnsError::value(&format!(
                    "The message attribute '{name}' must contain non-empty message attribute value for message attribute type 'String'."
                )));
            }
            _ => {
                return Err(SnsError::value(&format!(
                    "The message attribute '{name}' has an invalid message attribute type"
                )));
            }
        }
    }
    Ok(found)
}

/// `PREFIX.entry.1.key=…&PREFIX.entry.1.value=…`
pub(super) fn entries(parameters: &Parameters, prefix: &str) -> BTreeMap<String, String> {
    (1..)
        .map_while(|n| {
            let key = parameters.get(&format!("{prefix}.entry.{n}.key"))?;
            let value = parameters.get(&format!("{prefix}.entry.{n}.value"))?;
            Some((key.clone(), value.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_short_ascii_on_one_line() {
        for good in ["a", "Transship photos: copied", "(1) of 2", &"x".repeat(99)] {
            assert!(is_subject(good), "{good}");
        }
        for bad in ["", " a", "a\nb", "a\tb", "\u{e9}", "a\u{7f}", &"x".repeat(100)] {
            assert!(!is_subject(bad), "{bad:?}");
        }
    }
}
