//! Bucket policies: put, get, delete, and what S3 refuses to take.

use s3s::dto::{
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    PutBucketPolicyInput, PutBucketPolicyOutput,
};
use s3s::{S3Error, S3Request, S3Result, s3_error};
use serde_json::{Map, Value};

use super::caller::Caller;
use super::{Backend, Store};
use crate::Cloud;
use crate::access::{Kind, Policy};
use crate::identity::{AccountId, Principal};

/// The most a policy may measure.
const MOST_BYTES: usize = 20 * 1024;

/// The owner's own root may always see and mend the policy, whatever it denies. Others need the permission, and none
/// from another account may, even with it.
fn authorize(caller: &Caller<'_>, action: &str) -> S3Result<()> {
    if caller.principal == Principal::Root(caller.owner.clone()) {
        return Ok(());
    }
    caller.bucket(action)?;
    if caller.principal.account() == Some(&caller.owner) {
        Ok(())
    } else {
        Err(s3_error!(MethodNotAllowed, "Only the bucket owner's account may use the bucket policy"))
    }
}

/// `PutBucketPolicy`.
pub(super) fn put(backend: &Backend, req: S3Request<PutBucketPolicyInput>) -> S3Result<PutBucketPolicyOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    authorize(&caller, "s3:PutBucketPolicy")?;
    let text = req.input.policy;
    let policy = check(&backend.cloud, &caller.bucket, &text)?;
    backend.cloud.store().write(&caller.bucket, |bucket| {
        let blocks = bucket.settings.public_access_block.as_ref().and_then(|b| b.block_public_policy).unwrap_or(false);
        if blocks && is_public(&policy) {
            return Err(s3_error!(
                AccessDenied,
                "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::{}\" because public policies are blocked by the BlockPublicPolicy block public access setting.",
                caller.principal.arn(),
                caller.bucket
            ));
        }
        bucket.settings.policy = Some((text, policy));
        Ok(PutBucketPolicyOutput::default())
    })
}

/// `GetBucketPolicy`: the text as it was put.
pub(super) fn get(backend: &Backend, req: &S3Request<GetBucketPolicyInput>) -> S3Result<GetBucketPolicyOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    authorize(&caller, "s3:GetBucketPolicy")?;
    let policy =
        backend.cloud.store().read(&caller.bucket, |b| b.settings.policy.as_ref().map(|(text, _)| text.clone()))?;
    match policy {
        Some(policy) => Ok(GetBucketPolicyOutput { policy: Some(policy) }),
        None => Err(s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist")),
    }
}

/// `DeleteBucketPolicy`.
pub(super) fn delete(
    backend: &Backend,
    req: &S3Request<DeleteBucketPolicyInput>,
) -> S3Result<DeleteBucketPolicyOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    authorize(&caller, "s3:DeleteBucketPolicy")?;
    backend.cloud.store().write(&caller.bucket, |bucket| {
        bucket.settings.policy = None;
        Ok(DeleteBucketPolicyOutput::default())
    })
}

impl Store {
    /// In every bucket's policy the unique id of a role that was deleted stands where its ARN stood. It stays so when
    /// a role of that name is made again.
    pub(crate) fn role_is_gone(&self, arn: &str, id: &str) {
        self.with_buckets(|buckets| {
            for (text, policy) in buckets.values_mut().filter_map(|bucket| bucket.settings.policy.as_mut()) {
                let statements = match policy.get_mut("Statement") {
                    Some(Value::Array(statements)) => statements.iter_mut().collect(),
                    Some(one) => vec![one],
                    None => Vec::new(),
                };
                let mut is_named = false;
                for statement in statements {
                    for element in ["Principal", "NotPrincipal"] {
                        let named = match statement.get_mut(element).and_then(|principal| principal.get_mut("AWS")) {
                            Some(Value::Array(named)) => named.iter_mut().collect(),
                            Some(one) => vec![one],
                            None => Vec::new(),
                        };
                        for name in named.into_iter().filter(|name| *name == arn) {
                            *name = Value::from(id);
                            is_named = true;
                        }
                    }
                }
                if is_named {
                    *text = policy.to_string();
                }
            }
        });
    }
}

fn malformed(message: impl Into<String>) -> S3Error {
    S3Error::with_message(s3s::S3ErrorCode::MalformedPolicy, message.into())
}

/// Parses a policy and refuses it in the words of S3.
fn check(cloud: &Cloud, bucket: &str, text: &str) -> S3Result<Value> {
    if text.len() > MOST_BYTES {
        return Err(malformed(format!("Policies must not exceed {MOST_BYTES} bytes")));
    }
    let not_json = || malformed("Policies must be valid JSON and the first byte must be '{'");
    let policy: Value = serde_json::from_str(text).map_err(|_| not_json())?;
    let document = policy.as_object().ok_or_else(not_json)?;
    if let Some(field) = document.keys().find(|k| !["Version", "Id", "Statement"].contains(&k.as_str())) {
        return Err(malformed(format!("Unknown field {field}")));
    }
    match document.get("Version") {
        None => {}
        Some(Value::String(version)) if version == "2012-10-17" || version == "2008-10-17" => {}
        Some(_) => return Err(malformed("The policy must contain a valid version string")),
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        Some(Value::Array(_)) => return Err(malformed("Could not parse the policy: Statement is empty!")),
        Some(_) => return Err(malformed("Could not parse the policy")),
        None => return Err(malformed("Missing required field Statement")),
    };
    for statement in statements {
        let statement = statement.as_object().ok_or_else(|| malformed("Could not parse the policy"))?;
        check_statement(cloud, bucket, statement)?;
    }
    // What the evaluator cannot read, a misspelt condition operator above all, must not be stored: it would decide nothing.
    Policy::parse(&policy, Kind::Resource).map_err(|error| malformed(error.to_string()))?;
    Ok(policy)
}

fn check_statement(cloud: &Cloud, bucket: &str, statement: &Map<String, Value>) -> S3Result<()> {
    const FIELDS: [&str; 9] =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    if let Some(field) = statement.keys().find(|k| !FIELDS.contains(&k.as_str())) {
        return Err(malformed(format!("Unknown field {field}")));
    }
    match statement.get("Effect") {
        None => return Err(malformed("Missing required field Effect")),
        Some(Value::String(effect)) if effect == "Allow" || effect == "Deny" => {}
        Some(effect) => return Err(malformed(format!("Invalid effect: {}", effect.as_str().unwrap_or_default()))),
    }
    check_principal(cloud, one_of(statement, "Principal", "NotPrincipal")?)?;
    let actions = strings(one_of(statement, "Action", "NotAction")?, "Policy has invalid action")?;
    let resources = strings(one_of(statement, "Resource", "NotResource")?, "Policy has invalid resource")?;
    if statement.get("Condition").is_some_and(|c| !c.is_object()) {
        return Err(malformed("Could not parse the policy: Condition is no object"));
    }
    if actions.iter().any(|action| !is_action(action)) {
        return Err(malformed("Policy has invalid action"));
    }
    if !resources.iter().all(|resource| is_of_bucket(resource, bucket)) {
        return Err(malformed("Policy has invalid resource"));
    }
    let applies = |action: &&str| {
        resources.iter().any(|resource| match is_object_action(action) {
            None => true,
            Some(true) => resource.contains(['/', '*', '?']),
            Some(false) => !resource.contains('/'),
        })
    };
    if statement.contains_key("Action") && statement.contains_key("Resource") && !actions.iter().all(applies) {
        return Err(malformed("Action does not apply to any resource(s) in statement"));
    }
    Ok(())
}

/// Exactly one of an element and its negation.
fn one_of<'a>(statement: &'a Map<String, Value>, name: &str, negation: &str) -> S3Result<&'a Value> {
    match (statement.get(name), statement.get(negation)) {
        (Some(value), None) | (None, Some(value)) => Ok(value),
        (None, None) => Err(malformed(format!("Missing required field {name}"))),
        (Some(_), Some(_)) => Err(malformed(format!("Statement has both {name} and {negation}"))),
    }
}

/// A string, or a list of strings.
fn strings<'a>(value: &'a Value, refusal: &str) -> S3Result<Vec<&'a str>> {
    let strings = match value {
        Value::String(one) => vec![Some(one.as_str())],
        Value::Array(many) if !many.is_empty() => many.iter().map(Value::as_str).collect(),
        _ => return Err(malformed(refusal)),
    };
    strings.into_iter().collect::<Option<_>>().ok_or_else(|| malformed(refusal))
}

fn check_principal(cloud: &Cloud, principal: &Value) -> S3Result<()> {
    const REFUSAL: &str = "Invalid principal in policy";
    match principal {
        Value::String(all) if all == "*" => Ok(()),
        Value::Object(kinds) if !kinds.is_empty() => {
            for (kind, names) in kinds {
                let names = strings(names, REFUSAL)?;
                let valid = match kind.as_str() {
                    "AWS" => names.iter().all(|name| is_aws_principal(cloud, name)),
                    "Service" => names.iter().all(|name| name.ends_with(".amazonaws.com")),
                    "Federated" | "CanonicalUser" => true,
                    _ => false,
                };
                if !valid {
                    return Err(malformed(REFUSAL));
                }
            }
            Ok(())
        }
        _ => Err(malformed(REFUSAL)),
    }
}

/// Whether S3 could resolve it: in the two accounts of this cloud a role must be there, and there are no users. Unique
/// ids (`AROA…`), which a policy shows in place of a role that is gone, cannot be put back.
fn is_aws_principal(cloud: &Cloud, name: &str) -> bool {
    if name == "*" || AccountId::parse(name).is_some() {
        return true;
    }
    let mut parts = name.splitn(6, ':');
    let (Some("arn"), Some("aws"), Some(service), Some(""), Some(account), Some(resource)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Some(account) = AccountId::parse(account) else { return false };
    if resource.contains(['*', '?']) {
        return false;
    }
    let ours = [AccountId::source(), AccountId::destination()].contains(&account);
    match (service, resource.split_once('/')) {
        ("iam", None) => resource == "root",
        ("iam", Some(("role", _))) => !ours || cloud.iam().role_policies(name).is_some(),
        ("iam", Some(("user", _))) => !ours,
        ("sts", Some(("assumed-role" | "federated-user", _))) => true,
        _ => false,
    }
}

fn is_action(action: &str) -> bool {
    let name = action.strip_prefix("s3:");
    action == "*" || name.is_some_and(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'*' || b == b'?'))
}

/// Whether an action is on objects (or else on buckets); none if it is a pattern.
fn is_object_action(action: &str) -> Option<bool> {
    if action.contains(['*', '?']) {
        return None;
    }
    let name = action.strip_prefix("s3:").unwrap_or(action);
    let on_object = match name {
        "GetBucketObjectLockConfiguration" | "PutBucketObjectLockConfiguration" => false,
        "AbortMultipartUpload" | "ListMultipartUploadParts" | "BypassGovernanceRetention" => true,
        name => name.contains("Object"),
    };
    Some(on_object)
}

/// `arn:aws:s3:::bucket`, or something in it; a pattern may not reach beyond it.
fn is_of_bucket(resource: &str, bucket: &str) -> bool {
    let rest = resource.strip_prefix("arn:aws:s3:::").and_then(|name| name.strip_prefix(bucket));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*']))
}

/// Lets everybody do something, unconditionally.
fn is_public(policy: &Value) -> bool {
    let statements = match policy.get("Statement") {
        Some(Value::Array(many)) => many.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let everybody = |principal: &Value| match principal {
        Value::String(all) => all == "*",
        other => match other.get("AWS") {
            Some(Value::String(all)) => all == "*",
            Some(Value::Array(many)) => many.iter().any(|one| one == "*"),
            _ => false,
        },
    };
    statements.iter().any(|s| {
        s.get("Effect").is_some_and(|e| e == "Allow")
            && s.get("Condition").is_none()
            && s.get("Principal").is_some_and(everybody)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "222222222222";

    fn refusal(policy: &Value) -> String {
        match check(&Cloud::new(), "bucket", &policy.to_string()) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.message().unwrap().to_owned(),
        }
    }

    fn statement(change: impl FnOnce(&mut Map<String, Value>)) -> Value {
        let mut statement = serde_json::json!({
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
            "Action": ["s3:GetObject", "s3:GetObjectTagging"],
            "Resource": "arn:aws:s3:::bucket/*",
        });
        change(statement.as_object_mut().unwrap());
        serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] })
    }

    #[test]
    fn each_fault_is_refused_in_the_words_of_s3() {
        let set = |name: &'static str, value: Value| {
            refusal(&statement(|s| {
                s.insert(name.to_owned(), value);
            }))
        };
        let role = |account: &str| serde_json::json!({ "AWS": format!("arn:aws:iam::{account}:role/absent") });
        assert_eq!(refusal(&statement(|_| {})), "none");
        assert_eq!(set("Resource", "arn:aws:s3:::other/*".into()), "Policy has invalid resource");
        assert_eq!(set("Resource", "arn:aws:s3:::bucketeer/*".into()), "Policy has invalid resource");
        assert_eq!(
            set("Resource", "arn:aws:s3:::bucket".into()),
            "Action does not apply to any resource(s) in statement"
        );
        assert_eq!(set("Action", "s3:ListBucket".into()), "Action does not apply to any resource(s) in statement");
        assert_eq!(set("Action", "GetObject".into()), "Policy has invalid action");
        assert_eq!(set("Principal", "user".into()), "Invalid principal in policy");
        assert_eq!(set("Principal", role(ACCOUNT)), "Invalid principal in policy");
        assert_eq!(set("Principal", role("333333333333")), "none");
        assert_eq!(set("Principal", serde_json::json!({ "AWS": "AROAEXAMPLEID" })), "Invalid principal in policy");
        assert_eq!(set("Effect", "allow".into()), "Invalid effect: allow");
        assert_eq!(refusal(&statement(|s| drop(s.remove("Principal")))), "Missing required field Principal");
        assert_eq!(refusal(&Value::Array(Vec::new())), "Policies must be valid JSON and the first byte must be '{'");
    }

    #[test]
    fn a_policy_over_20_kilobytes_is_refused() {
        let long = statement(|s| drop(s.insert("Sid".to_owned(), "a".repeat(MOST_BYTES).into())));
        assert!(refusal(&long).contains("exceed"));
    }

    #[test]
    fn only_an_unconditional_allow_for_everybody_is_public() {
        let everybody = |s: &mut Map<String, Value>| drop(s.insert("Principal".to_owned(), "*".into()));
        assert!(is_public(&statement(everybody)));
        assert!(!is_public(&statement(|_| {})));
        assert!(!is_public(&statement(|s| {
            everybody(s);
            s.insert("Effect".to_owned(), "Deny".into());
        })));
    }
}
