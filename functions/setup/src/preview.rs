//! `{"action":"preview"}`: every document and call that Create would make, with the difference to what is there now.
//! Reads only.

use serde::Serialize;
use serde_json::{Value, json};
use transship::policy::documents::{
    SourcePolicy, hand_off, inventory_configuration, key_grants, manifest_bucket_statements, source_bucket_statements,
};
use transship::policy::{PolicyError, Statement, difference, merge};
use transship::setup::{Deployment, Step};

use crate::bucket_policy::{self, Bucket};
use crate::error::SetupError;
use crate::iam::{self, Wanted};
use crate::inventory::{self, Inventory};
use crate::lifecycle::Eager;
use crate::live::{Live, caller, manifest_bucket, source_bucket, source_caller};

/// The whole document.
#[derive(Debug, Serialize)]
pub(crate) struct Preview {
    route: String,
    steps: Vec<Planned>,
    /// What the owners of the KMS keys have to allow: key policies are never changed by setup.
    key_policies: Vec<Value>,
    /// What the source account's owner has to do, if setup may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    hand_off: Option<Value>,
}

/// One step, as Create would take it now.
#[derive(Debug, Serialize)]
struct Planned {
    step: String,
    state: State,
    /// Why it would be refused, or is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The calls, in their order.
    calls: Vec<&'static str>,
    difference: Vec<String>,
    document: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum State {
    #[serde(rename = "would create")]
    Create,
    #[serde(rename = "would change")]
    Change,
    #[serde(rename = "unchanged")]
    Unchanged,
    #[serde(rename = "would be refused")]
    Refused,
    #[serde(rename = "handed off")]
    HandedOff,
    #[serde(rename = "unknown")]
    Unknown,
}

/// What is known of a step: state, why, calls, differences.
struct Known {
    state: State,
    why: Option<String>,
    calls: Vec<&'static str>,
    difference: Vec<String>,
}

impl Known {
    fn new(state: State, calls: Vec<&'static str>, difference: Vec<String>) -> Self {
        Self { state, why: None, calls, difference }
    }

    fn refused(why: &SetupError) -> Self {
        Self { state: State::Refused, why: Some(why.to_string()), calls: Vec::new(), difference: Vec::new() }
    }
}

/// Looks at everything that Create would touch.
pub(crate) async fn preview(live: &Live, deployment: &Deployment) -> Result<Preview, SetupError> {
    let route = &deployment.route;
    let wanted = Wanted::of(deployment, live.stack_id.as_deref())?;
    let mut steps = Vec::new();
    for step in Step::ORDER {
        let (known, document) = match step {
            Step::Role => (role(live, deployment, &wanted).await, role_document(deployment, &wanted)),
            Step::ManifestPolicy => {
                let caller = caller(deployment);
                let ours = manifest_bucket_statements(route);
                let bucket = manifest_bucket(&live.s3, deployment, &caller);
                policy(&bucket, deployment, &ours).await
            }
            Step::SourcePolicy => source_policy(live, deployment).await,
            Step::Inventory => {
                let document = inventory_configuration(route, deployment.schedule);
                (source_inventory(live, deployment).await, json(&document))
            }
        };
        let known = known.unwrap_or_else(|error| Known {
            state: State::Unknown,
            why: Some(error.to_string()),
            calls: Vec::new(),
            difference: Vec::new(),
        });
        let Known { state, why, calls, difference } = known;
        steps.push(Planned { step: step.what(deployment), state, why, calls, difference, document });
    }
    let grants = key_grants(route);
    let key_policies =
        grants.iter().map(|grant| json!({ "key": grant.key.to_string(), "statements": grant.statements })).collect();
    Ok(Preview {
        route: route.name.to_string(),
        steps,
        key_policies,
        hand_off: if deployment.hands_off() { Some(handed_off(deployment)?) } else { None },
    })
}

fn handed_off(deployment: &Deployment) -> Result<Value, SetupError> {
    let failed = |error: PolicyError| SetupError::NotPossible(error.to_string());
    let documents = hand_off(&deployment.route, deployment.schedule, SourcePolicy::Unknown).map_err(failed)?;
    Ok(json!({
        "bucket": deployment.route.source_bucket.to_string(),
        "bucket_policy_statements": source_bucket_statements(&deployment.route),
        "inventory_configuration": documents.inventory_configuration,
        "commands": documents.commands,
        "removal": documents.removal,
    }))
}

fn json(document: &impl Serialize) -> Value {
    serde_json::to_value(document).unwrap_or_default()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn role_document(deployment: &Deployment, wanted: &Wanted) -> Value {
    json!({
        "RoleName": deployment.role_name,
        "Path": deployment.role_path,
        "AssumeRolePolicyDocument": parsed(&wanted.trust),
        "PolicyName": iam::POLICY_NAME,
        "PolicyDocument": parsed(&wanted.policy),
        "PermissionsBoundary": deployment.boundary,
        "Tags": wanted.tags,
    })
}

async fn role(live: &Live, deployment: &Deployment, wanted: &Wanted) -> Result<Known, SetupError> {
    let role = live.role(deployment);
    let Some(found) = role.find().await? else {
        return Ok(Known::new(State::Create, vec!["CreateRole", "PutRolePolicy"], Vec::new()));
    };
    if let Err(error) = role.refuse_foreign(&found) {
        return Ok(Known::refused(&error));
    }
    let differs = iam::differences(&found, wanted, deployment);
    let differs = differs.map_err(|error| SetupError::Policy { bucket: deployment.role_name.clone(), error })?;
    if differs.is_empty() {
        return Ok(Known::new(State::Unchanged, Vec::new(), Vec::new()));
    }
    let mut calls: Vec<&str> = differs.iter().map(|(call, _)| *call).collect();
    calls.dedup();
    Ok(Known::new(State::Change, calls, differs.into_iter().map(|(_, line)| line).collect()))
}

/// What is to be done with a bucket's policy, and the whole policy afterwards (our statements only, if it is unknown).
async fn policy(
    bucket: &Bucket<'_>,
    deployment: &Deployment,
    ours: &[Statement],
) -> (Result<Known, SetupError>, Value) {
    let owner = deployment.route.sid_prefix();
    let existing = match bucket.policy().await {
        Ok(existing) => existing,
        Err(error) => return (Err(error), json(&ours)),
    };
    let merged = merge(existing.as_deref(), ours, &owner)
        .and_then(|merged| Ok((merged, difference(existing.as_deref(), ours, &owner)?)));
    match merged {
        Err(error) => {
            let error = SetupError::Policy { bucket: bucket.name.to_string(), error };
            (Ok(Known::refused(&error)), json(&ours))
        }
        Ok((merged, _)) if !merged.changed => {
            (Ok(Known::new(State::Unchanged, Vec::new(), Vec::new())), parsed(&merged.text))
        }
        Ok((merged, difference)) => {
            let state = if merged.made_by_us { State::Create } else { State::Change };
            let known = Known::new(state, vec!["PutBucketPolicy"], bucket_policy::lines(&difference));
            (Ok(known), parsed(&merged.text))
        }
    }
}

async fn source_policy(live: &Live, deployment: &Deployment) -> (Result<Known, SetupError>, Value) {
    let ours = source_bucket_statements(&deployment.route);
    let client = match live.source(deployment, Eager::Brief).await {
        Ok(Some(client)) => client,
        Ok(None) => return (Ok(Known::new(State::HandedOff, Vec::new(), Vec::new())), json(&ours)),
        Err(error) => return (Err(error), json(&ours)),
    };
    let caller = source_caller(deployment);
    policy(&source_bucket(&client, deployment, &caller), deployment, &ours).await
}

async fn source_inventory(live: &Live, deployment: &Deployment) -> Result<Known, SetupError> {
    let Some(client) = live.source(deployment, Eager::Brief).await? else {
        return Ok(Known::new(State::HandedOff, Vec::new(), Vec::new()));
    };
    let caller = source_caller(deployment);
    let edge = Inventory { client: &client, deployment, caller: &caller };
    let wanted = inventory::wanted(deployment).map_err(|error| SetupError::NotPossible(error.to_string()))?;
    let Some(found) = edge.find().await? else {
        return Ok(Known::new(State::Create, vec!["PutBucketInventoryConfiguration"], Vec::new()));
    };
    if let Err(error) = edge.refuse_foreign(&found, None) {
        return Ok(Known::refused(&error));
    }
    let lines = inventory::lines(&found, &wanted);
    Ok(if lines.is_empty() {
        Known::new(State::Unchanged, Vec::new(), Vec::new())
    } else {
        Known::new(State::Change, vec!["PutBucketInventoryConfiguration"], lines)
    })
}
