//! IAM's operations on roles. Each authorises first, as AWS does: whoever may not see a role does not learn whether it
//! exists.

use std::collections::BTreeMap;

use super::answer::{self, Answer};
use super::error::IamError;
use super::keys::unique_id;
use super::query::Call;
use super::role::{Document, Role};
use crate::access::{Context, Kind};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const LARGEST_TRUST_POLICY: usize = 2048;
const LARGEST_INLINE_POLICIES: usize = 10_240;
const MOST_TAGS: usize = 50;
const SHORTEST_SESSION: u32 = 3600;
const LONGEST_SESSION: u32 = 43_200;

pub(super) fn create_role(call: &Call<'_>) -> Result<Answer, IamError> {
    let name = call.name("RoleName", 64)?;
    let path = call.optional("Path").unwrap_or("/");
    let boundary = call.optional("PermissionsBoundary");
    let tags = call.tags();
    let arn = format!("arn:aws:iam::{}:role{path}{name}", call.account);
    call.authorize("iam:CreateRole", &arn, &with_tags(with_boundary(boundary), &tags))?;
    if !(path.starts_with('/') && path.ends_with('/')) {
        return Err(IamError::Validation("The specified value for path is invalid.".to_owned()));
    }
    check_tags(tags.len())?;
    let role = Role {
        account: call.account.clone(),
        path: path.to_owned(),
        name: name.to_owned(),
        id: unique_id("AROA"),
        created: call.cloud.clock().now(),
        description: call.optional("Description").map(str::to_owned),
        max_session_seconds: max_session(call)?.unwrap_or(SHORTEST_SESSION),
        boundary: boundary.map(str::to_owned),
        tags,
        trust: trust(call, "AssumeRolePolicyDocument")?,
        inline: BTreeMap::new(),
    };
    let answer = Answer::Role { role: answer::role(&role) };
    call.cloud.iam().roles().add(role)?;
    Ok(answer)
}

pub(super) fn get_role(call: &Call<'_>) -> Result<Answer, IamError> {
    let role = role(call, "iam:GetRole")?;
    Ok(Answer::Role { role: answer::role(&role) })
}

/// All at once: there are no pages here.
pub(super) fn list_roles(call: &Call<'_>) -> Result<Answer, IamError> {
    let prefix = call.optional("PathPrefix").unwrap_or("/");
    let resource = format!("arn:aws:iam::{}:role{prefix}", call.account);
    call.authorize("iam:ListRoles", &resource, &Context::default())?;
    let roles = call.cloud.iam().roles();
    let listed = roles.of(call.account).filter(|role| role.path.starts_with(prefix)).map(answer::role).collect();
    Ok(Answer::Roles { roles: answer::Members { member: listed }, is_truncated: false })
}

pub(super) fn delete_role(call: &Call<'_>) -> Result<Answer, IamError> {
    let role = role(call, "iam:DeleteRole")?;
    call.cloud.iam().delete_role(call.account, &role.name)?;
    call.cloud.store().role_is_gone(&role.arn(), &role.id);
    Ok(Answer::Nothing)
}

pub(super) fn update_role(call: &Call<'_>) -> Result<Answer, IamError> {
    let role = role(call, "iam:UpdateRole")?;
    let seconds = max_session(call)?;
    change(call, &role, |role| {
        if let Some(description) = call.optional("Description") {
            role.description = Some(description.to_owned());
        }
        role.max_session_seconds = seconds.unwrap_or(role.max_session_seconds);
    })?;
    Ok(Answer::Empty {})
}

pub(super) fn update_role_description(call: &Call<'_>) -> Result<Answer, IamError> {
    let role = role(call, "iam:UpdateRoleDescription")?;
    let description = call.required("Description")?.to_owned();
    let changed = change(call, &role, |role| role.description = Some(description))?;
    Ok(Answer::Role { role: answer::role(&changed) })
}

pub(super) fn update_assume_role_policy(call: &Call<'_>) -> Result<Answer, IamError> {
    let role = role(call, "iam:UpdateAssumeRolePolicy")?;
    let document = trust(call, "PolicyDocument")?;
    change(call, &role, |role| role.trust = document)?;
    Ok(Answer::Nothing)
}

pub(super) fn put_role_permissions_boundary(call: &Call<'_>) -> Result<Answer, IamError> {
    let boundary = call.required("PermissionsBoundary")?;
    let role = role_in(call, "iam:PutRolePermissionsBoundary", |_| with_boundary(Some(boundary)))?;
    change(call, &role, |role| role.boundary = Some(boundary.to_owned()))?;
    Ok(Answer::Nothing)
}

pub(super) fn delete_role_permissions_boundary(call: &Call<'_>) -> Result<Answer, IamError> {
    let role = role_in(call, "iam:DeleteRolePermissionsBoundary", boundary_of)?;
    change(call, &role, |role| role.boundary = None)?;
    Ok(Answer::Nothing)
}

pub(super) fn put_role_policy(call: &Call<'_>) -> Result<Answer, IamError> {
    let policy_name = call.name("PolicyName", 128)?;
    let role = role_in(call, "iam:PutRolePolicy", boundary_of)?;
    let document = Document::parse(call.required("PolicyDocument")?, Kind::Identity)?;
    let others = role.inline.iter().filter(|(name, _)| *name != policy_name).map(|(_, document)| document.size());
    if others.sum::<usize>() + document.size() > LARGEST_INLINE_POLICIES {
        let name = &role.name;
        return Err(IamError::LimitExceeded(format!(
            "Maximum policy size of {LARGEST_INLINE_POLICIES} bytes exceeded for role {name}"
        )));
    }
    change(call, &role, |role| {
        role.inline.insert(policy_name.to_owned(), document);
    })?;
    Ok(Answer::Nothing)
}

pub(super) fn get_role_policy(call: &Call<'_>) -> Result<Answer, IamError> {
    let policy_name = call.name("PolicyName", 128)?;
    let role = role(call, "iam:GetRolePolicy")?;
    let document = role.inline.get(policy_name).ok_or_else(|| no_such_policy(policy_name))?;
    Ok(Answer::RolePolicy {
        role_name: role.name.clone(),
        policy_name: policy_name.to_owned(),
        policy_document: answer::encoded(&document.text),
    })
}

pub(super) fn list_role_policies(call: &Call<'_>) -> Result<Answer, IamError> {
    let role = role(call, "iam:ListRolePolicies")?;
    Ok(Answer::PolicyNames {
        policy_names: answer::Members { member: role.inline.into_keys().collect() },
        is_truncated: false,
    })
}

pub(super) fn delete_role_policy(call: &Call<'_>) -> Result<Answer, IamError> {
    let policy_name = call.name("PolicyName", 128)?;
    let role = role_in(call, "iam:DeleteRolePolicy", boundary_of)?;
    if !role.inline.contains_key(policy_name) {
        return Err(no_such_policy(policy_name));
    }
    change(call, &role, |role| {
        role.inline.remove(policy_name);
    })?;
    Ok(Answer::Nothing)
}

/// Always empty: there are no managed policies.
pub(super) fn list_attached_role_policies(call: &Call<'_>) -> Result<Answer, IamError> {
    role(call, "iam:ListAttachedRolePolicies")?;
    Ok(Answer::AttachedPolicies { attached_policies: answer::Members { member: Vec::new() }, is_truncated: false })
}

/// What AWS says of a managed policy that does not exist; here none does.
pub(super) fn no_managed_policies(call: &Call<'_>, action: &str) -> Result<Answer, IamError> {
    role(call, &format!("iam:{action}"))?;
    let arn = call.required("PolicyArn")?;
    Err(IamError::NoSuchEntity(format!("Policy {arn} does not exist or is not attachable.")))
}

/// Always empty: there is no EC2.
pub(super) fn list_instance_profiles_for_role(call: &Call<'_>) -> Result<Answer, IamError> {
    role(call, "iam:ListInstanceProfilesForRole")?;
    Ok(Answer::InstanceProfiles { instance_profiles: answer::Members { member: Vec::new() }, is_truncated: false })
}

pub(super) fn tag_role(call: &Call<'_>) -> Result<Answer, IamError> {
    let tags = call.tags();
    let role = role_in(call, "iam:TagRole", |_| with_tags(Context::default(), &tags))?;
    let mut all = role.tags.clone();
    all.extend(tags);
    check_tags(all.len())?;
    change(call, &role, |role| role.tags = all)?;
    Ok(Answer::Nothing)
}

pub(super) fn untag_role(call: &Call<'_>) -> Result<Answer, IamError> {
    let keys = call.tag_keys();
    let context = keys.iter().fold(Context::default(), |context, key| context.with("aws:TagKeys", *key));
    let role = role_in(call, "iam:UntagRole", |_| context)?;
    change(call, &role, |role| role.tags.retain(|key, _| !keys.contains(&key.as_str())))?;
    Ok(Answer::Nothing)
}

pub(super) fn list_role_tags(call: &Call<'_>) -> Result<Answer, IamError> {
    let role = role(call, "iam:ListRoleTags")?;
    Ok(Answer::Tags { tags: answer::tags(&role.tags), is_truncated: false })
}

/// The role that `RoleName` says, if the caller may do `action` to it.
fn role(call: &Call<'_>, action: &str) -> Result<Role, IamError> {
    role_in(call, action, |_| Context::default())
}

/// As [`role`], with condition keys of this action.
fn role_in(call: &Call<'_>, action: &str, context: impl FnOnce(&Role) -> Context) -> Result<Role, IamError> {
    let name = call.name("RoleName", 64)?;
    let found = call.cloud.iam().roles().get(call.account, name).cloned();
    let (arn, context) = match &found {
        Ok(role) => (role.arn(), with_resource_tags(context(role), &role.tags)),
        Err(_) => (format!("arn:aws:iam::{}:role/{name}", call.account), Context::default()),
    };
    call.authorize(action, &arn, &context)?;
    found
}

/// Changes the role if it is still the same one, and returns it as it is then.
fn change(call: &Call<'_>, role: &Role, change: impl FnOnce(&mut Role)) -> Result<Role, IamError> {
    let mut roles = call.cloud.iam().roles();
    let stored = roles.get_mut(call.account, &role.name)?;
    change(stored);
    Ok(stored.clone())
}

fn trust(call: &Call<'_>, parameter: &str) -> Result<Document, IamError> {
    let document = Document::parse(call.required(parameter)?, Kind::Trust)?;
    if document.size() > LARGEST_TRUST_POLICY {
        return Err(IamError::LimitExceeded(format!("Cannot exceed quota for ACLSizePerRole: {LARGEST_TRUST_POLICY}")));
    }
    if let Some(arn) = call.cloud.iam().unknown_principal(&document.policy) {
        return Err(IamError::MalformedPolicyDocument(format!("Invalid principal in policy: \"AWS\":\"{arn}\"")));
    }
    Ok(document)
}

fn max_session(call: &Call<'_>) -> Result<Option<u32>, IamError> {
    call.seconds("MaxSessionDuration", SHORTEST_SESSION, LONGEST_SESSION)
}

fn check_tags(count: usize) -> Result<(), IamError> {
    if count > MOST_TAGS {
        return Err(IamError::LimitExceeded(format!(
            "The number of tags has reached the maximum limit of {MOST_TAGS}."
        )));
    }
    Ok(())
}

fn with_boundary(boundary: Option<&str>) -> Context {
    boundary.map_or_else(Context::default, |arn| Context::default().with("iam:PermissionsBoundary", arn))
}

fn boundary_of(role: &Role) -> Context {
    with_boundary(role.boundary.as_deref())
}

fn with_tags(context: Context, tags: &BTreeMap<String, String>) -> Context {
    tags.iter().fold(context, |context, (key, value)| {
        context.with(&format!("aws:RequestTag/{key}"), value).with("aws:TagKeys", key)
    })
}

fn with_resource_tags(context: Context, tags: &BTreeMap<String, String>) -> Context {
    tags.iter().fold(context, |context, (key, value)| {
        context.with(&format!("aws:ResourceTag/{key}"), value).with(&format!("iam:ResourceTag/{key}"), value)
    })
}

fn no_such_policy(name: &str) -> IamError {
    IamError::NoSuchEntity(format!("The role policy with name {name} cannot be found."))
}
