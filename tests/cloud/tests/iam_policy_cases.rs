//! The shared table of decisions, `tests/policy/cases.json`, through our evaluator. `tests/policy/check.mjs` runs the
//! same table through `@cloud-copilot/iam-simulate`, so neither side is judged by its own reading alone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use cloud::access::{Context, Identity, Kind, Policy, Request, ResourceSide, decide, facts};
use cloud::clock::Clock;
use cloud::iam::Iam;
use cloud::identity::{AccountId, Principal};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Table {
    documents: BTreeMap<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// An ARN, a service's name or `anonymous`.
    principal: String,
    action: String,
    resource: String,
    owner: String,
    decides: Decides,
    #[serde(default)]
    context: BTreeMap<String, OneOrMore>,
    /// Documents, or names of documents. An account's root has none: nothing restrains it on its own side.
    #[serde(default)]
    identity: Vec<Value>,
    resource_policy: Option<Value>,
}

#[derive(Deserialize, Debug, PartialEq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Decides {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

fn table() -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/cases.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn principal(text: &str, context: &Context) -> Principal {
    if text == "anonymous" {
        return Principal::Anonymous;
    }
    if text.ends_with(".amazonaws.com") {
        let of = |key| context.get(key).map(|values| values[0].clone()).unwrap_or_default();
        return Principal::Service {
            name: text.to_owned(),
            source_arn: of("aws:SourceArn"),
            source_account: AccountId::parse(&of("aws:SourceAccount")).unwrap_or(AccountId::source()),
        };
    }
    let parts: Vec<&str> = text.split([':', '/']).collect();
    let account = AccountId::parse(parts[4]).unwrap();
    match parts[5] {
        "root" => Principal::Root(account),
        "assumed-role" => {
            let role_arn = format!("arn:aws:iam::{account}:role/{}", parts[6]);
            Principal::Role { account, role_arn, session: parts[7].to_owned() }
        }
        other => panic!("no principal: {other}"),
    }
}

impl Case {
    fn decides(&self, documents: &BTreeMap<String, Value>) -> Decides {
        let kind = if self.action == "sts:AssumeRole" { Kind::Trust } else { Kind::Resource };
        let policy = |document: &Value, kind| {
            let document = document.as_str().map_or(document, |name| &documents[name]);
            Arc::new(Policy::parse(document, kind).unwrap_or_else(|error| panic!("{}: {error}", self.name)))
        };
        let context = self.given();
        let principal = principal(&self.principal, &context);
        let owner = AccountId::parse(&self.owner).unwrap();
        // What the table sets, it sets over the facts: a time, a source.
        let mut all = facts(&Iam::new(Clock::default()), &principal, Some(&owner), &self.action, &context);
        all.0.extend(context.0);
        let identity = match &principal {
            Principal::Root(_) => Identity::Everything,
            _ => Identity::Policies(self.identity.iter().map(|document| policy(document, Kind::Identity)).collect()),
        };
        let resource = self.resource_policy.as_ref().map(|document| policy(document, kind));
        let side = match (&resource, kind) {
            (None, _) => ResourceSide::Absent,
            (Some(policy), Kind::Trust) => ResourceSide::Trust(policy),
            (Some(policy), _) => ResourceSide::Policy(policy),
        };
        let request = Request {
            principal: &principal,
            action: &self.action,
            resource: &self.resource,
            owner: Some(&owner),
            context: &all,
        };
        if decide(&request, &identity, side).is_ok() { Decides::Allow } else { Decides::Deny }
    }

    fn given(&self) -> Context {
        let values = |values: &OneOrMore| match values {
            OneOrMore::One(value) => vec![value.clone()],
            OneOrMore::More(values) => values.clone(),
        };
        Context(self.context.iter().map(|(key, value)| (key.clone(), values(value))).collect())
    }
}

#[test]
fn every_case_of_the_shared_table() {
    let table = table();
    assert!(table.cases.len() >= 40);
    let wrong: Vec<_> = table.cases.iter().filter(|case| case.decides(&table.documents) != case.decides).collect();
    for case in &wrong {
        println!("{}: the table says {:?}", case.name, case.decides);
    }
    assert!(wrong.is_empty(), "{} of {} cases", wrong.len(), table.cases.len());
}

/// The order of magnitude only: a job of 10,000 objects decides about 60,000 times, in a debug build.
#[test]
fn a_decision_is_cheap() {
    let table = table();
    let document = |name: &str, kind| Arc::new(Policy::parse(&table.documents[name], kind).unwrap());
    let identity = Identity::Policies(vec![document("tutorial role", Kind::Identity)]);
    let bucket = document("tutorial source bucket", Kind::Resource);
    let principal = principal("arn:aws:sts::222222222222:assumed-role/copy/job", &Context::default());
    let (owner, iam) = (AccountId::source(), Iam::new(Clock::default()));
    let started = Instant::now();
    for n in 0..2_000 {
        let action = "s3:GetObjectTagging";
        let resource = format!("arn:aws:s3:::source/some/folder/of/objects/{n}.parquet");
        let context = facts(&iam, &principal, Some(&owner), action, &Context::default());
        let request =
            Request { principal: &principal, action, resource: &resource, owner: Some(&owner), context: &context };
        assert!(decide(&request, &identity, ResourceSide::Policy(&bucket)).is_ok());
    }
    let each = started.elapsed() / 2_000;
    println!("{each:?} a decision");
    assert!(each.as_millis() < 5, "{each:?} a decision");
}
