//! The copy role as it is and as it should be, and what lies between. Calls nothing.

use std::collections::BTreeMap;

use transship::policy::documents::{copy_role_policy, copy_role_trust};
use transship::policy::{PolicyError, difference, equivalent};
use transship::setup::Deployment;

use super::{POLICY_NAME, ROUTE_TAG, STACK_TAG};
use crate::error::SetupError;

/// The role as it is.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) path: String,
    pub(crate) trust: String,
    pub(crate) boundary: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The inline policy of ours.
    pub(crate) policy: Option<String>,
}

/// The role as it should be.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) trust: String,
    pub(crate) policy: String,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Wanted {
    /// By the deployment. Without a stack (an operator's invocation may not know it), the stack's tag is left out.
    pub(crate) fn of(deployment: &Deployment, stack_id: Option<&str>) -> Result<Self, SetupError> {
        let route = &deployment.route;
        let failed = |error| SetupError::Policy { bucket: route.role.to_string(), error };
        let mut tags = deployment.role_tags.clone();
        tags.insert(ROUTE_TAG.to_owned(), route.name.to_string());
        tags.extend(stack_id.map(|id| (STACK_TAG.to_owned(), id.to_owned())));
        Ok(Self {
            trust: copy_role_trust(route).to_json().map_err(failed)?,
            policy: copy_role_policy(route).to_json().map_err(failed)?,
            tags,
        })
    }
}

/// Whether two documents of a role say the same. One that is no policy is another.
pub(crate) fn same(left: &str, right: &str) -> Result<bool, PolicyError> {
    equivalent(Some(left), Some(right))
}

/// What would be changed of a role: the call, and what it changes.
pub(crate) fn differences(
    found: &Found,
    wanted: &Wanted,
    deployment: &Deployment,
) -> Result<Vec<(&'static str, String)>, PolicyError> {
    let mut lines = Vec::new();
    let boundary = deployment.boundary.as_deref();
    if found.boundary.as_deref() != boundary {
        let call = if boundary.is_some() { "PutRolePermissionsBoundary" } else { "DeleteRolePermissionsBoundary" };
        let shown = |boundary: Option<&str>| boundary.unwrap_or("none").to_owned();
        lines.push((call, format!("boundary: {} -> {}", shown(found.boundary.as_deref()), shown(boundary))));
    }
    if !same(&found.trust, &wanted.trust)? {
        lines.push(("UpdateAssumeRolePolicy", format!("trust: {} -> {}", found.trust, wanted.trust)));
    }
    for (key, value) in wanted.tags.iter().filter(|(key, value)| found.tags.get(*key) != Some(value)) {
        let was = found.tags.get(key).map_or("none", String::as_str);
        lines.push(("TagRole", format!("tag {key}: {was} -> {value}")));
    }
    match &found.policy {
        None => lines.push(("PutRolePolicy", format!("inline policy {POLICY_NAME}: none -> the document"))),
        Some(policy) if same(policy, &wanted.policy)? => {}
        Some(policy) => {
            let statements = copy_role_policy(&deployment.route);
            let by_sid = difference(Some(policy), statements.statements(), &deployment.route.sid_prefix())?;
            let lines_by_sid = crate::bucket_policy::lines(&by_sid);
            let what =
                if lines_by_sid.is_empty() { "statements of others".to_owned() } else { lines_by_sid.join(", ") };
            lines.push(("PutRolePolicy", format!("inline policy {POLICY_NAME}: {what}")));
        }
    }
    Ok(lines)
}
