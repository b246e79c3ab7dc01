//! The KMS keys: usable, and their policies let those use them who have to. Read only where the key's account lets us.

use aws_sdk_kms::Client;
use aws_sdk_kms::operation::describe_key::DescribeKeyError;
use aws_sdk_kms::types::{KeyManagerType, KeyState};
use serde_json::Value;
use transship::names::{KmsKeyArn, RoleArn};
use transship::policy::documents::{KeyGrant, key_grants};
use transship::setup::{Asker, Deployment, KeyAccess, key_access};

use super::Finding;
use crate::error::SetupError;
use crate::live::{Live, caller, source_caller};

const STATE: &str = "KMS key";
const KEY: &str = "KMS key policy";
/// A key's one policy; it cannot have another name.
const POLICY: &str = "default";

/// Findings for each key that is named.
pub(super) async fn look(live: &Live, deployment: &Deployment) -> Vec<Finding> {
    let grants = key_grants(&deployment.route);
    if grants.is_empty() {
        return vec![Finding::ok(KEY, "no key is named, so none is needed")];
    }
    let mut findings = Vec::new();
    for grant in &grants {
        match live.kms(deployment, &grant.key).await {
            Ok(Some(client)) => findings.extend(of_key(&client, deployment, grant).await),
            Ok(None) => findings.push(unread(grant, "it is in an account that setup does not get into")),
            Err(error) => findings.push(unread(grant, &error.to_string())),
        }
    }
    findings
}

async fn of_key(client: &Client, deployment: &Deployment, grant: &KeyGrant) -> Vec<Finding> {
    let key = &grant.key;
    let mut findings = vec![state(client, deployment, key).await];
    let got = client.get_key_policy().key_id(key.as_str()).policy_name(POLICY).send().await;
    let policy = match got {
        Ok(got) => got.policy.unwrap_or_default(),
        Err(error) => {
            let needs = needs(deployment, key, "kms:GetKeyPolicy");
            let error = SetupError::aws("GetKeyPolicy", &error, format!("key {key}"), needs);
            findings.push(unread(grant, &error.to_string()));
            return findings;
        }
    };
    findings.extend(grant.statements.iter().map(|wanted| {
        let wanted = serde_json::to_value(wanted).unwrap_or_default();
        judged(key, &policy, &wanted)
    }));
    findings
}

/// Who has to let whom read the key.
fn needs(deployment: &Deployment, key: &KmsKeyArn, action: &str) -> String {
    let who =
        if key.account() == deployment.route.account.as_str() { caller(deployment) } else { source_caller(deployment) };
    format!(
        "{who} needs {action} on {key}, in its own policy and in the key's (source-account.yaml has SourceKmsKeyArn for it)"
    )
}

async fn state(client: &Client, deployment: &Deployment, key: &KmsKeyArn) -> Finding {
    let found = match client.describe_key().key_id(key.as_str()).send().await {
        Ok(found) => found.key_metadata,
        Err(error) if error.as_service_error().is_some_and(DescribeKeyError::is_not_found_exception) => {
            return Finding::wrong(STATE, format!("there is no key {key}"), "mend the parameter that names it");
        }
        Err(error) => {
            let needs = needs(deployment, key, "kms:DescribeKey");
            return Finding::unseen(STATE, &SetupError::aws("DescribeKey", &error, format!("key {key}"), needs));
        }
    };
    let Some(found) = found else { return Finding::unknown(STATE, format!("{key} is not described"), "check again") };
    if found.key_manager() == Some(&KeyManagerType::Aws) {
        let todo = "name a customer managed key: nobody can change the policy of this one";
        return Finding::wrong(STATE, format!("{key} is an AWS managed key"), todo);
    }
    match found.key_state() {
        Some(KeyState::Enabled) => Finding::ok(STATE, format!("{key} is enabled")),
        state => {
            let state = state.map_or("unknown", KeyState::as_str);
            Finding::wrong(STATE, format!("the state of {key} is {state}"), "have its owner enable it")
        }
    }
}

fn judged(key: &KmsKeyArn, policy: &str, wanted: &Value) -> Finding {
    let role: Option<RoleArn> = wanted["Principal"]["AWS"].as_str().and_then(|role| role.parse().ok());
    let asker = match (&role, wanted["Principal"]["Service"].as_str()) {
        (Some(role), _) => Asker::Role(role),
        (None, Some(service)) => Asker::Service(service),
        (None, None) => return Finding::unknown(KEY, format!("nobody is named for {key}"), "a defect of Transship"),
    };
    let who = role.as_ref().map_or("s3.amazonaws.com", RoleArn::as_str);
    let may = format!("{who} {} with {key}", wanted["Action"]);
    let add = format!("have the key's owner add to its policy: {wanted}");
    match key_access(policy, asker, wanted) {
        Ok(KeyAccess::Allowed) => Finding::ok(KEY, format!("lets {may}")),
        Ok(KeyAccess::Missing) => Finding::wrong(KEY, format!("does not let {may}"), add),
        Ok(KeyAccess::Denied(statement)) => {
            let todo = format!("have the key's owner take {who} out of that statement");
            Finding::wrong(KEY, format!("{statement} denies {may}"), todo)
        }
        Ok(KeyAccess::Unsure(why)) => {
            let todo = format!("see that this does not keep it from that; this would be sure: {wanted}");
            Finding::unknown(KEY, format!("may let {may}: {why}"), todo)
        }
        Err(error) => Finding::unknown(KEY, format!("the policy of {key}: {error}"), add),
    }
}

fn unread(grant: &KeyGrant, why: &str) -> Finding {
    let statements = serde_json::to_string(&grant.statements).unwrap_or_default();
    Finding::unknown(
        KEY,
        format!("the policy of {} is not read: {why}", grant.key),
        format!("see that it allows this (it may by way of IAM, where the key is in the role's account): {statements}"),
    )
}
