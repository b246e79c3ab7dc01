//! The query protocol: parameters in, an operation picked by `Action`, XML out.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;

use super::answer::{self, Answer};
use super::error::IamError;
use super::{roles, sts};
use crate::Cloud;
use crate::access::Context;
use crate::identity::{AccountId, Principal};

/// One call.
pub(super) struct Call<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) principal: &'a Principal,
    /// The caller's.
    pub(super) account: &'a AccountId,
    parameters: BTreeMap<String, String>,
}

/// Answers one call; `query` is a GET's, `body` a POST's form.
pub(super) fn handle(cloud: &Cloud, principal: &Principal, service: &str, query: &str, body: &[u8]) -> Response<Bytes> {
    let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(body));
    let parameters: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let action = parameters.get("Action").cloned().unwrap_or_default();
    let result = match principal.account() {
        Some(account) => dispatch(&Call { cloud, principal, account, parameters }, service, &action),
        None => Err(IamError::AccessDenied("Only accounts and roles call IAM and STS.".to_owned())),
    };
    match result {
        Ok(answer) => answer::success(service, &action, answer),
        Err(error) => answer::error(service, error.status(), error.code(), &error.to_string()),
    }
}

fn dispatch(call: &Call<'_>, service: &str, action: &str) -> Result<Answer, IamError> {
    match (service, action) {
        ("sts", "AssumeRole") => sts::assume_role(call),
        ("sts", "GetCallerIdentity") => Ok(sts::get_caller_identity(call)),
        ("iam", "CreateRole") => roles::create_role(call),
        ("iam", "GetRole") => roles::get_role(call),
        ("iam", "ListRoles") => roles::list_roles(call),
        ("iam", "DeleteRole") => roles::delete_role(call),
        ("iam", "UpdateRole") => roles::update_role(call),
        ("iam", "UpdateRoleDescription") => roles::update_role_description(call),
        ("iam", "UpdateAssumeRolePolicy") => roles::update_assume_role_policy(call),
        ("iam", "PutRolePermissionsBoundary") => roles::put_role_permissions_boundary(call),
        ("iam", "DeleteRolePermissionsBoundary") => roles::delete_role_permissions_boundary(call),
        ("iam", "PutRolePolicy") => roles::put_role_policy(call),
        ("iam", "GetRolePolicy") => roles::get_role_policy(call),
        ("iam", "ListRolePolicies") => roles::list_role_policies(call),
        ("iam", "DeleteRolePolicy") => roles::delete_role_policy(call),
        ("iam", "ListAttachedRolePolicies") => roles::list_attached_role_policies(call),
        ("iam", "AttachRolePolicy" | "DetachRolePolicy") => roles::no_managed_policies(call, action),
        ("iam", "ListInstanceProfilesForRole") => roles::list_instance_profiles_for_role(call),
        ("iam", "TagRole") => roles::tag_role(call),
        ("iam", "UntagRole") => roles::untag_role(call),
        ("iam", "ListRoleTags") => roles::list_role_tags(call),
        _ => Err(IamError::InvalidAction(action.to_owned())),
    }
}

impl Call<'_> {
    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, IamError> {
        self.optional(name).ok_or_else(|| {
            let member = name[..1].to_ascii_lowercase() + &name[1..];
            IamError::Validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// A name of IAM's alphabet, of at most so many characters.
    pub(super) fn name(&self, parameter: &str, longest: usize) -> Result<&str, IamError> {
        let name = self.required(parameter)?;
        let is_fine = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
        if name.is_empty() || name.len() > longest || !name.chars().all(is_fine) {
            return Err(IamError::Validation(format!(
                "The specified value for {parameter} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_- and be 1 to {longest} characters long"
            )));
        }
        Ok(name)
    }

    /// A whole number within bounds.
    pub(super) fn seconds(&self, parameter: &str, from: u32, to: u32) -> Result<Option<u32>, IamError> {
        let Some(text) = self.optional(parameter) else { return Ok(None) };
        match text.parse() {
            Ok(seconds) if (from..=to).contains(&seconds) => Ok(Some(seconds)),
            _ => Err(IamError::Validation(format!(
                "1 validation error detected: Value '{text}' at '{parameter}' failed to satisfy constraint: Member must have value between {from} and {to}"
            ))),
        }
    }

    /// `Tags.member.1.Key=…&Tags.member.1.Value=…`
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        (1..)
            .map_while(|n| {
                let key = self.optional(&format!("Tags.member.{n}.Key"))?;
                let value = self.optional(&format!("Tags.member.{n}.Value")).unwrap_or_default();
                Some((key.to_owned(), value.to_owned()))
            })
            .collect()
    }

    /// `TagKeys.member.1=…`
    pub(super) fn tag_keys(&self) -> Vec<&str> {
        (1..).map_while(|n| self.optional(&format!("TagKeys.member.{n}"))).collect()
    }

    /// Whether the caller's policies let it do this.
    pub(super) fn authorize(&self, action: &str, resource: &str, context: &Context) -> Result<(), IamError> {
        Ok(self.cloud.authorize(self.principal, action, resource, context)?)
    }
}
