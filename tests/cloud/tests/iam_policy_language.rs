//! Corners of the policy language that the shared table cannot hold: `@cloud-copilot/iam-simulate` takes `*` in a
//! request for a pattern, and reads variables in the older version.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::sync::Arc;

use cloud::access::{Context, Identity, Kind, Policy, PolicyError, Reason, Request, ResourceSide, decide};
use cloud::identity::{AccountId, Principal};
use serde_json::{Value, json};

fn role(name: &str) -> Principal {
    let account = AccountId::destination();
    let role_arn = format!("arn:aws:iam::{account}:role/{name}");
    Principal::Role { account, role_arn, session: "test".to_owned() }
}

fn policy(statement: &Value, kind: Kind) -> Arc<Policy> {
    Arc::new(Policy::parse(&json!({ "Version": "2012-10-17", "Statement": [statement] }), kind).unwrap())
}

fn decides(statement: &Value, resource: &str, context: &Context) -> Result<(), Reason> {
    let (principal, owner) = (role("copy"), AccountId::destination());
    let action = "s3:GetObject";
    let request = Request { principal: &principal, action, resource, owner: Some(&owner), context };
    decide(&request, &Identity::Policies(vec![policy(statement, Kind::Identity)]), ResourceSide::Absent)
}

fn reads(pattern: &str, key: &str) -> bool {
    let statement =
        json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::b/{pattern}") });
    decides(&statement, &format!("arn:aws:s3:::b/{key}"), &Context::default()).is_ok()
}

fn holds(condition: &Value, context: &Context) -> bool {
    let statement = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition });
    decides(&statement, "arn:aws:s3:::b/k", context).is_ok()
}

#[test]
fn every_key_is_under_a_wildcard() {
    for key in
        ["*", "*key", "a*b", "**", "?", "a?", "new\nline", " ", "a:b:c", "${aws:username}", "☃/é", "%2A", "a//b", "\"'"]
    {
        assert!(reads("*", key), "{key:?}");
    }
    assert!(reads("logs/*.gz", "logs/*.gz"));
    assert!(reads("logs/*.gz", "logs/*a.gz"));
    assert!(!reads("logs/*.gz", "logs/*"));
    assert!(reads("?", "*") && reads("?", "☃") && !reads("?", "ab"));
}

#[test]
fn wildcards_can_be_text() {
    assert!(reads("a${*}", "a*") && !reads("a${*}", "ab"));
    assert!(reads("a${?}", "a?") && !reads("a${?}", "ab"));
    assert!(reads("${$}{x}", "${x}"));
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
#[test]
fn the_older_version_has_no_variables() {
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:PrincipalAccount}" });
    for (version, key, allowed) in [
        (json!("2012-10-17"), "222222222222", true),
        (json!("2008-10-17"), "222222222222", false),
        (json!("2008-10-17"), "${aws:PrincipalAccount}", true),
        (Value::Null, "222222222222", false),
    ] {
        let mut document = json!({ "Statement": [statement] });
        if !version.is_null() {
            document["Version"] = version.clone();
        }
        let (principal, owner) = (role("copy"), AccountId::destination());
        let context = Context::default().with("aws:PrincipalAccount", "222222222222");
        let resource = format!("arn:aws:s3:::b/{key}");
        let request = Request {
            principal: &principal,
            action: "s3:GetObject",
            resource: &resource,
            owner: Some(&owner),
            context: &context,
        };
        let identity = Identity::Policies(vec![Arc::new(Policy::parse(&document, Kind::Identity).unwrap())]);
        let decision = decide(&request, &identity, ResourceSide::Absent);
        assert_eq!(decision.is_ok(), allowed, "{version} {key}");
    }
}

#[test]
fn variables_may_have_a_default() {
    let condition = json!({ "StringEquals": { "s3:prefix": "home/${aws:PrincipalTag/team, 'nobody'}" } });
    let asked = |prefix: &str| Context::default().with("s3:prefix", prefix);
    assert!(holds(&condition, &asked("home/nobody")));
    assert!(!holds(&condition, &asked("home/x")));
    assert!(holds(&condition, &asked("home/x").with("aws:PrincipalTag/team", "x")));
    // A value's wildcards are text.
    let condition = json!({ "StringLike": { "s3:prefix": "home/${aws:PrincipalTag/team}" } });
    assert!(!holds(&condition, &asked("home/x").with("aws:PrincipalTag/team", "*")));
    assert!(holds(&condition, &asked("home/*").with("aws:PrincipalTag/team", "*")));
}

#[test]
fn values_may_be_booleans_and_numbers() {
    let context = Context::default().with("aws:SecureTransport", "true").with("s3:max-keys", "5");
    assert!(holds(&json!({ "Bool": { "aws:SecureTransport": true } }), &context));
    assert!(holds(&json!({ "Bool": { "aws:SecureTransport": [false, true] } }), &context));
    assert!(!holds(&json!({ "Bool": { "aws:SecureTransport": false } }), &context));
    assert!(holds(&json!({ "StringEquals": { "aws:SecureTransport": "true" } }), &context));
    assert!(holds(&json!({ "NumericLessThan": { "s3:max-keys": 10 } }), &context));
    assert!(holds(&json!({ "Null": { "s3:max-keys": false, "s3:prefix": true } }), &context));
}

#[test]
fn one_key_under_several_operators() {
    let arn = |arn: &str| Context::default().with("aws:SourceArn", arn);
    let condition = json!({
        "ArnLike": { "aws:SourceArn": "arn:aws:s3:::a*" },
        "ArnEquals": { "aws:SourceArn": "arn:aws:s3:::*b" },
        "StringLike": { "aws:SourceArn": "*:::*" },
    });
    assert!(holds(&condition, &arn("arn:aws:s3:::ab")));
    assert!(!holds(&condition, &arn("arn:aws:s3:::a")));
    assert!(!holds(&condition, &arn("arn:aws:s3:::b")));
}

#[test]
fn dates_are_read_in_every_form() {
    let now = Context::default().with("aws:CurrentTime", "2026-06-01T12:00:00.123Z");
    for before in ["2026-06-01", "2026-06-01T11:59:59Z", "2026-06-01T13:00:00+02:00", "1780000000"] {
        assert!(holds(&json!({ "DateGreaterThan": { "aws:CurrentTime": before } }), &now), "{before}");
    }
    assert!(!holds(&json!({ "DateGreaterThan": { "aws:CurrentTime": "2026-06-02" } }), &now));
}

#[test]
fn a_refusal_says_which_side_refused() {
    let (principal, owner, other) = (role("copy"), AccountId::destination(), AccountId::source());
    let allow = policy(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }), Kind::Identity);
    let deny = policy(&json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }), Kind::Identity);
    let theirs = policy(
        &json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "*", "Resource": "*" }),
        Kind::Resource,
    );
    let forbids = policy(
        &json!({ "Effect": "Deny", "Principal": { "AWS": "222222222222" }, "Action": "*", "Resource": "*" }),
        Kind::Resource,
    );
    let context = Context::default();
    let ask = |owner, identity: &[&Arc<Policy>], side| {
        let (action, resource) = ("s3:GetObject", "arn:aws:s3:::b/k");
        let request = Request { principal: &principal, action, resource, owner: Some(owner), context: &context };
        decide(&request, &Identity::Policies(identity.iter().map(|policy| Arc::clone(policy)).collect()), side)
    };
    assert_eq!(ask(&owner, &[], ResourceSide::Absent), Err(Reason::NotAllowedByIdentity));
    assert_eq!(ask(&other, &[], ResourceSide::Policy(&theirs)), Err(Reason::NotAllowedByIdentity));
    assert_eq!(ask(&other, &[&allow], ResourceSide::Absent), Err(Reason::NotAllowedByResource));
    assert_eq!(ask(&owner, &[&allow, &deny], ResourceSide::Policy(&theirs)), Err(Reason::DeniedByIdentity));
    assert_eq!(ask(&owner, &[&allow, &deny], ResourceSide::Policy(&forbids)), Err(Reason::DeniedByResource));
    assert_eq!(ask(&owner, &[&allow], ResourceSide::Trust(&deny)), Err(Reason::DeniedByResource));
}

#[test]
fn what_is_misspelt_is_refused() {
    let bad = |statement: Value, kind| {
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        Policy::parse(&document, kind).expect_err("refused").to_string()
    };
    let with =
        |condition: Value| json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": condition });
    assert!(bad(with(json!({ "StringLikes": { "s3:prefix": "a" } })), Kind::Identity).contains("StringLikes"));
    assert!(bad(with(json!({ "StringLike": { "prefix": "a" } })), Kind::Identity).contains("vendor"));
    assert!(bad(with(json!({ "DateLessThan": { "aws:CurrentTime": "soon" } })), Kind::Identity).contains("soon"));
    assert!(bad(with(json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/33" } })), Kind::Identity).contains("/33"));
    assert!(bad(with(json!({ "StringLike": { "s3:prefix": { "a": 1 } } })), Kind::Identity).contains("Invalid value"));
    assert!(bad(json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }), Kind::Resource).contains("Principal"));
    assert!(
        bad(json!({ "Effect": "Allow", "Action": [], "Resource": "*" }), Kind::Identity).contains("Action"),
        "an empty list"
    );
    assert_eq!(
        Policy::parse(&json!({ "Statement": [] }), Kind::Identity).unwrap_err(),
        PolicyError::Syntax("Statement is empty.".to_owned())
    );
}
