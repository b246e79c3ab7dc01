//! What is up in both accounts, so that two moments can be compared.

use serde_json::{Value, json};

use crate::support::{COPY_ROLE, World};

/// Everything that a route puts up, and everything of others beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) role: Value,
    policies: Vec<(&'static str, Option<Value>)>,
    inventories: Vec<(&'static str, Option<String>)>,
}

pub(super) async fn state(world: &World) -> State {
    let mut policies = vec![("photos-manifests", world.manifest_policy().await.map(listed))];
    let mut inventories = Vec::new();
    for bucket in ["vendor-photos", "vendor-archive"] {
        policies.push((bucket, world.source_policy(bucket).await.map(listed)));
        let get = world.source.s3.get_bucket_inventory_configuration().bucket(bucket).id("transship").send().await;
        inventories.push((bucket, get.ok().map(|got| format!("{:?}", got.inventory_configuration))));
    }
    State { role: role(world).await, policies, inventories }
}

/// One statement and a list of one mean the same.
fn listed(mut policy: Value) -> Value {
    if policy["Statement"].is_object() {
        policy["Statement"] = json!([policy["Statement"]]);
    }
    policy
}

/// The copy role without what differs between two of the same: its id, its dates, the stack's id.
async fn role(world: &World) -> Value {
    let iam = &world.destination.iam;
    let Ok(got) = iam.get_role().role_name(COPY_ROLE).send().await else { return Value::Null };
    let role = got.role.unwrap();
    let mut tags: Vec<String> = role.tags().iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect();
    tags.sort_unstable();
    let names = iam.list_role_policies().role_name(COPY_ROLE).send().await.unwrap().policy_names;
    let mut inline = Vec::new();
    for name in names {
        let got = iam.get_role_policy().role_name(COPY_ROLE).policy_name(&name).send().await.unwrap();
        inline.push((name, got.policy_document));
    }
    json!({
        "path": role.path(),
        "trust": role.assume_role_policy_document(),
        "tags": tags.join(" ").replace(&world.stack.stack_id, "STACK"),
        "inline": inline,
    })
}
