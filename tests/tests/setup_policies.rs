//! `tests/policy/setup-cases.json` through the local cloud's own evaluator, over the documents that the templates and
//! setup put up there. `tests/policy/setup.mjs` holds the same table against a simulator written by others: what that one
//! allows and denies, so does the cloud that every other test runs on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cloud::access::{Context, Identity, Kind, Policy, Request, ResourceSide, decide, facts};
use cloud::clock::Clock;
use cloud::iam::Iam;
use cloud::identity::{AccountId, Principal};
use e2e::documents::{self, Documents};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Table {
    principals: BTreeMap<String, String>,
    contexts: BTreeMap<String, BTreeMap<String, Value>>,
    others: BTreeMap<String, Other>,
    cases: BTreeMap<String, Vec<Vec<Value>>>,
}

#[derive(Deserialize)]
struct Other {
    owner: String,
    policy: Option<Value>,
}

/// One row of the table.
struct Case<'a> {
    route: &'a str,
    who: &'a str,
    action: &'a str,
    resource: &'a str,
    is_allowed: bool,
    context: Context,
}

/// What is asked for: its ARN, the account it is in, the policy on it.
struct Target {
    arn: String,
    owner: AccountId,
    policy: Option<Value>,
}

impl Table {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policy/setup-cases.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn case<'a>(&self, row: &'a [Value]) -> Case<'a> {
        let text = |n: usize| row[n].as_str().unwrap();
        let given = match row.get(5) {
            None => BTreeMap::new(),
            Some(Value::String(name)) => self.contexts[name].clone(),
            Some(given) => serde_json::from_value(given.clone()).unwrap(),
        };
        let values = |value: Value| match value {
            Value::String(one) => vec![one],
            more => serde_json::from_value(more).unwrap(),
        };
        Case {
            route: text(0),
            who: text(1),
            action: text(2),
            resource: text(3),
            is_allowed: match text(4) {
                "allow" => true,
                "deny" => false,
                other => panic!("{other} is neither allow nor deny"),
            },
            context: Context(given.into_iter().map(|(key, value)| (key, values(value))).collect()),
        }
    }

    fn caller(&self, case: &Case<'_>, documents: &Documents) -> (Principal, Identity) {
        let known = self.principals[case.who].as_str();
        if known == "anonymous" {
            return (Principal::Anonymous, Identity::Policies(Vec::new()));
        }
        if known.ends_with(".amazonaws.com") {
            let of = |key| case.context.get(key).map(|values| values[0].clone()).unwrap_or_default();
            let source_account = AccountId::parse(&of("aws:SourceAccount")).unwrap_or(AccountId::source());
            let service =
                Principal::Service { name: known.to_owned(), source_arn: of("aws:SourceArn"), source_account };
            return (service, Identity::Policies(Vec::new()));
        }
        let ours = documents.roles.iter().find(|(arn, _)| arn.ends_with(&format!("/{known}")));
        let (arn, policies) = match ours {
            Some((arn, role)) if !case.who.ends_with(", unrestrained") => (arn.as_str(), role.policies.clone()),
            Some((arn, _)) => (arn.as_str(), vec![everything()]),
            None => (known, vec![everything()]),
        };
        let policies = policies.iter().map(|policy| Arc::new(Policy::parse(policy, Kind::Identity).unwrap()));
        let account = AccountId::parse(arn.split(':').nth(4).unwrap()).unwrap();
        let role = Principal::Role { account, role_arn: arn.to_owned(), session: "session".to_owned() };
        (role, Identity::Policies(policies.collect()))
    }

    fn target(&self, case: &Case<'_>, documents: &Documents) -> Target {
        let Case { action, resource, .. } = *case;
        let account = |arn: &str| AccountId::parse(arn.split(':').nth(4).unwrap()).unwrap();
        let is_trust_asked = action == "sts:AssumeRole";
        if resource == "*" {
            return Target { arn: resource.to_owned(), owner: AccountId::destination(), policy: None };
        }
        if let Some(role) = documents.roles.get(resource) {
            let policy = is_trust_asked.then(|| role.trust.clone());
            return Target { arn: resource.to_owned(), owner: account(resource), policy };
        }
        if resource.starts_with("arn:") {
            let other = self.others.get(resource);
            let owner = other.map_or_else(|| account(resource), |other| AccountId::parse(&other.owner).unwrap());
            let policy = other.and_then(|other| other.policy.clone());
            return Target { arn: resource.to_owned(), owner, policy };
        }
        let name = resource.split('/').next().unwrap();
        let (owner, policy) = match documents.buckets.get(name) {
            Some(bucket) => (&bucket.owner, &bucket.policy),
            None => (&self.others[name].owner, &self.others[name].policy),
        };
        let owner = AccountId::parse(owner).unwrap();
        Target { arn: format!("arn:aws:s3:::{resource}"), owner, policy: policy.clone() }
    }

    fn allows(&self, case: &Case<'_>, documents: &Documents) -> bool {
        let (principal, identity) = self.caller(case, documents);
        let target = self.target(case, documents);
        let mut all = facts(&Iam::new(Clock::default()), &principal, Some(&target.owner), case.action, &case.context);
        // What the table sets, it sets over the facts.
        all.0.extend(case.context.0.clone());
        let kind = if case.action == "sts:AssumeRole" { Kind::Trust } else { Kind::Resource };
        let policy = target.policy.map(|policy| Policy::parse(&policy, kind).unwrap());
        let side = match (&policy, kind) {
            (None, _) => ResourceSide::Absent,
            (Some(policy), Kind::Trust) => ResourceSide::Trust(policy),
            (Some(policy), _) => ResourceSide::Policy(policy),
        };
        let request = Request {
            principal: &principal,
            action: case.action,
            resource: &target.arn,
            owner: Some(&target.owner),
            context: &all,
        };
        decide(&request, &identity, side).is_ok()
    }
}

fn everything() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] })
}

#[tokio::test]
async fn what_was_put_up_allows_every_call_and_denies_all_else() {
    let (table, routes) = (Table::read(), documents::of_both_routes().await.unwrap());
    let cases: Vec<_> = table.cases.values().flatten().map(|row| table.case(row)).collect();
    assert!(cases.len() >= 40);
    let wrong = cases.iter().filter(|case| table.allows(case, &routes[case.route]) != case.is_allowed);
    let wrong: Vec<_> = wrong
        .map(|Case { route, who, action, resource, is_allowed, .. }| {
            format!("{route}: {who}, {action}, {resource}: the table says {is_allowed}")
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
