//! Whether a KMS key's policy lets somebody use the key, as far as the policy alone can tell. Where it cannot be sure
//! (conditions, above all), it says so.

use serde_json::Value;

use super::denials::{Asker, is_asker, matches, names_asker, strings};
use crate::policy::PolicyError;

/// What a key's policy says of one statement that it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAccess {
    /// It allows all of it: to the asker, or to the asker's account, which then decides by IAM.
    Allowed,
    /// It allows none, or not all, of it.
    Missing,
    /// This statement denies it, always.
    Denied(String),
    /// It depends, on this.
    Unsure(String),
}

/// Holds a key's policy against one statement that Transship asks the key's owner for.
///
/// An Allow counts that names the asker, the root of its account, or everybody, without conditions beyond those of the
/// wanted statement. An Allow by `NotPrincipal`, or under other conditions, makes it unsure, and so does a Deny under
/// conditions. Grants and resource control policies are not seen here.
///
/// # Errors
/// A document that is not JSON.
pub fn key_access(policy: &str, asker: Asker<'_>, wanted: &Value) -> Result<KeyAccess, PolicyError> {
    let document: Value = serde_json::from_str(policy).map_err(PolicyError::NotJson)?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    let actions = strings(&wanted["Action"]);
    let (mut missing, mut doubts) = (actions.clone(), Vec::new());
    for (index, statement) in statements.into_iter().enumerate() {
        let named = || match statement.get("Sid").and_then(Value::as_str) {
            Some(sid) => format!("statement {sid}"),
            None => format!("statement number {index}, counted from 0"),
        };
        let covered: Vec<&String> = actions.iter().filter(|action| covers(statement, action)).collect();
        if covered.is_empty() {
            continue;
        }
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Deny") if names_asker(statement, asker) => match conditions(statement) {
                None => return Ok(KeyAccess::Denied(named())),
                Some(conditions) => doubts.push(format!("{} denies under conditions: {conditions}", named())),
            },
            Some("Allow") if statement.get("Principal").is_some_and(|principal| is_asker(principal, asker)) => {
                if is_within(conditions(statement), &wanted["Condition"]) {
                    missing.retain(|action| !covered.contains(&action));
                } else if let Some(conditions) = conditions(statement) {
                    doubts.push(format!("{} allows under conditions: {conditions}", named()));
                }
            }
            Some("Allow") if statement.get("NotPrincipal").is_some() => {
                doubts.push(format!("{} allows by NotPrincipal", named()));
            }
            _ => {}
        }
    }
    let denies = doubts.iter().any(|doubt| doubt.contains(" denies "));
    Ok(match (missing.is_empty(), doubts.is_empty()) {
        (true, _) if !denies => KeyAccess::Allowed,
        (false, true) => KeyAccess::Missing,
        _ => KeyAccess::Unsure(doubts.join("; ")),
    })
}

fn covers(statement: &Value, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let any =
        |patterns: &Value| strings(patterns).iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action));
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(patterns), _) => any(patterns),
        (None, Some(patterns)) => !any(patterns),
        (None, None) => false,
    }
}

fn conditions(statement: &Value) -> Option<&Value> {
    statement.get("Condition").filter(|conditions| conditions.as_object().is_some_and(|c| !c.is_empty()))
}

/// Whether every condition is one of the wanted ones: those are met.
fn is_within(conditions: Option<&Value>, wanted: &Value) -> bool {
    let Some(operators) = conditions.and_then(Value::as_object) else { return true };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().is_some_and(|keys| {
            keys.iter().all(|(key, value)| {
                let wanted = &wanted[operator][key];
                !wanted.is_null() && strings(value).iter().any(|value| wanted.as_str() == Some(value))
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROLE: &str = "arn:aws:iam::222222222222:role/copy";

    fn access(statements: &Value) -> KeyAccess {
        let role = ROLE.parse().unwrap();
        let wanted = json!({ "Action": ["kms:Decrypt", "kms:GenerateDataKey"] });
        key_access(&json!({ "Statement": statements }).to_string(), Asker::Role(&role), &wanted).unwrap()
    }

    fn allow(principal: &str, action: &Value) -> Value {
        json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": action, "Resource": "*" })
    }

    #[test]
    fn who_is_named_or_whose_account_is_named_may() {
        let uses = json!(["kms:decrypt", "kms:GenerateDataKey*"]);
        for principal in [ROLE, "arn:aws:iam::222222222222:root", "222222222222", "*"] {
            assert_eq!(access(&json!([allow(principal, &uses)])), KeyAccess::Allowed, "{principal}");
            assert_eq!(access(&allow(principal, &json!("kms:*"))), KeyAccess::Allowed, "{principal}");
        }
        let each = json!([allow(ROLE, &json!("kms:Decrypt")), allow("*", &json!("kms:GenerateDataKey"))]);
        assert_eq!(access(&each), KeyAccess::Allowed);
    }

    #[test]
    fn what_is_not_allowed_is_missing() {
        for statements in [
            json!([]),
            allow(ROLE, &json!("kms:Decrypt")),
            allow("arn:aws:iam::111111111111:root", &json!("kms:*")),
            allow("arn:aws:iam::222222222222:role/another", &json!("kms:*")),
            json!({ "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" }, "Action": "kms:*" }),
        ] {
            assert_eq!(access(&statements), KeyAccess::Missing, "{statements}");
        }
    }

    #[test]
    fn a_denial_is_final_and_conditions_are_not_judged() {
        let all = allow(ROLE, &json!("kms:*"));
        let mut deny = all.clone();
        deny["Effect"] = json!("Deny");
        deny["Sid"] = json!("No");
        assert_eq!(access(&json!([all, deny])), KeyAccess::Denied("statement No".to_owned()));
        deny["Condition"] = json!({ "StringNotEquals": { "kms:ViaService": "s3.eu-west-1.amazonaws.com" } });
        assert!(matches!(access(&json!([all, deny])), KeyAccess::Unsure(why) if why.contains("No denies")));
        let mut via = all.clone();
        via["Condition"] = json!({ "StringEquals": { "kms:ViaService": "s3.eu-west-1.amazonaws.com" } });
        assert!(matches!(access(&json!([via])), KeyAccess::Unsure(why) if why.contains("kms:ViaService")));
        assert_eq!(access(&json!([via, all])), KeyAccess::Allowed);
        let others = json!({ "Effect": "Allow", "NotPrincipal": { "AWS": ROLE }, "Action": "kms:*" });
        assert!(matches!(access(&json!([others])), KeyAccess::Unsure(_)));
    }

    #[test]
    fn a_service_is_held_to_the_conditions_that_are_wanted_of_it() {
        let mut wanted = json!({
            "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" }, "Action": "kms:GenerateDataKey",
            "Condition": { "StringEquals": { "aws:SourceAccount": "111111111111" }, "ArnLike": { "aws:SourceArn": "a" } }
        });
        let of = |policy: &Value, wanted: &Value| {
            key_access(&json!({ "Statement": policy }).to_string(), Asker::Service("s3.amazonaws.com"), wanted).unwrap()
        };
        assert_eq!(of(&wanted, &wanted), KeyAccess::Allowed);
        let policy = wanted.clone();
        wanted["Condition"]["StringEquals"]["aws:SourceAccount"] = json!("999999999999");
        assert!(matches!(of(&policy, &wanted), KeyAccess::Unsure(_)));
    }
}
