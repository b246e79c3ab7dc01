//! The copy role: made, changed in place, taken away. It is never deleted and made again while a route lives, since the
//! source bucket's policy would go stale.

mod role;

use std::collections::BTreeMap;

use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use transship::error::AwsError;
use transship::setup::{Deployment, Step};

pub(crate) use self::role::{Found, Wanted, differences, same};
use crate::error::SetupError;
use crate::patience::{Patience, persist};
use crate::progress::Progress;

/// The inline policy's name.
pub(crate) const POLICY_NAME: &str = "copy";
/// The tag that proves the role this stack's.
pub(crate) const STACK_TAG: &str = "transship:stack";
/// The tag that names the route.
pub(crate) const ROUTE_TAG: &str = "transship:route";

/// The copy role of one deployment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyRole<'a> {
    pub(crate) client: &'a Client,
    pub(crate) deployment: &'a Deployment,
    /// Whose it has to be.
    pub(crate) stack_id: Option<&'a str>,
}

impl CopyRole<'_> {
    fn name(&self) -> &str {
        &self.deployment.role_name
    }

    fn arn(&self) -> String {
        self.deployment.route.role.to_string()
    }

    fn needs(&self, action: &str) -> String {
        format!("the role transship-{}-setup needs {action} on {}", self.deployment.route.name, self.arn())
    }

    /// The role as it is; none if there is none.
    pub(crate) async fn find(&self) -> Result<Option<Found>, SetupError> {
        let got = match self.client.get_role().role_name(self.name()).send().await {
            Ok(got) => got,
            Err(error) if error.code() == Some("NoSuchEntity") => return Ok(None),
            Err(error) => return Err(SetupError::aws("GetRole", &error, self.arn(), self.needs("iam:GetRole"))),
        };
        let Some(role) = got.role else { return Ok(None) };
        let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        Ok(Some(Found {
            path: role.path().to_owned(),
            trust: decoded(role.assume_role_policy_document().unwrap_or_default()),
            boundary: role.permissions_boundary().and_then(|b| b.permissions_boundary_arn()).map(str::to_owned),
            tags,
            policy: self.policy().await?,
        }))
    }

    async fn policy(&self) -> Result<Option<String>, SetupError> {
        match self.client.get_role_policy().role_name(self.name()).policy_name(POLICY_NAME).send().await {
            Ok(got) => Ok(Some(decoded(got.policy_document()))),
            Err(error) if error.code() == Some("NoSuchEntity") => Ok(None),
            Err(error) => Err(SetupError::aws("GetRolePolicy", &error, self.arn(), self.needs("iam:GetRolePolicy"))),
        }
    }

    /// Why the role is not this stack's; none, if it is.
    pub(crate) fn foreign(&self, found: &Found) -> Option<String> {
        let tag = |key: &str| found.tags.get(key).map(String::as_str);
        let stack = tag(STACK_TAG);
        let wrong_stack = self.stack_id.is_some_and(|id| stack != Some(id)) || stack.is_none();
        if !wrong_stack && tag(ROUTE_TAG) == Some(self.deployment.route.name.as_str()) {
            return None;
        }
        Some(match stack {
            Some(stack) => format!("its tag {STACK_TAG} is {stack}"),
            None => format!("it has no tag {STACK_TAG}"),
        })
    }

    /// Makes the role, or changes it in place.
    pub(crate) async fn put_up(
        &self,
        old: Option<&Deployment>,
        patience: &mut Patience,
        progress: &Progress,
    ) -> Result<(), SetupError> {
        let wanted = Wanted::of(self.deployment, self.stack_id)?;
        let mut found = self.found(*patience).await?;
        progress.touched(Step::Role);
        if found.is_none() {
            match persist(patience, concurrent, || self.create(&wanted)).await {
                // Made by an attempt whose answer was lost, or by somebody else meanwhile: looking again tells.
                Err(SetupError::Aws { error, .. }) if error.code == "EntityAlreadyExists" => {
                    found = Some(self.seen(*patience).await?);
                }
                created => created?,
            }
        }
        if let Some(found) = &found {
            self.change(found, &wanted, old, patience).await?;
        }
        let policy = found.as_ref().and_then(|found| found.policy.as_deref());
        if !policy.is_some_and(|policy| same(policy, &wanted.policy).unwrap_or(false)) {
            persist(patience, not_seen_yet, || self.put_policy(&wanted.policy)).await?;
        }
        Ok(())
    }

    /// The role as it is, if it is ours; one of somebody else is refused.
    async fn found(&self, mut patience: Patience) -> Result<Option<Found>, SetupError> {
        let found = persist(&mut patience, |_| false, || self.find()).await?;
        if let Some(found) = &found {
            self.refuse_foreign(found)?;
        }
        Ok(found)
    }

    /// The role that IAM says is there, once it shows itself: nothing is written to one that is not proved ours.
    async fn seen(&self, mut patience: Patience) -> Result<Found, SetupError> {
        loop {
            if let Some(found) = self.found(patience).await? {
                return Ok(found);
            }
            if !patience.again().await {
                return Err(SetupError::NotOurs {
                    what: format!("a role named {}", self.name()),
                    found: "CreateRole says so, and GetRole does not show it".to_owned(),
                    advice:
                        "look whether that role is there and has the tag transship:stack of this stack, then try again"
                            .to_owned(),
                });
            }
        }
    }

    pub(crate) fn refuse_foreign(&self, found: &Found) -> Result<(), SetupError> {
        let what = format!("role {}", self.arn());
        if let Some(why) = self.foreign(found) {
            return Err(SetupError::NotOurs {
                what,
                found: why,
                advice: "give the stack another Route, or delete that role if no stack needs it any more".to_owned(),
            });
        }
        let (path, wanted) = (&found.path, &self.deployment.role_path);
        if path != wanted {
            return Err(SetupError::NotPossible(format!(
                "{what}: the role is there with path {path}, and CopyRolePath is {wanted}: IAM cannot move a role, and a \
                 new one would leave the source bucket's policy with a stale principal. Nothing was changed; set \
                 CopyRolePath to {path}, or deploy a route of another name"
            )));
        }
        Ok(())
    }

    async fn create(&self, wanted: &Wanted) -> Result<(), SetupError> {
        let route = &self.deployment.route;
        let call = self
            .client
            .create_role()
            .role_name(self.name())
            .path(&self.deployment.role_path)
            .description(format!("Transship {}: S3 Batch Operations copies with it", route.name))
            .assume_role_policy_document(&wanted.trust)
            .set_permissions_boundary(self.deployment.boundary.clone())
            .set_tags(Some(tags(&wanted.tags)?));
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(SetupError::aws("CreateRole", &error, self.arn(), self.needs("iam:CreateRole and iam:TagRole")))
            }
        }
    }

    async fn change(
        &self,
        found: &Found,
        wanted: &Wanted,
        old: Option<&Deployment>,
        patience: &mut Patience,
    ) -> Result<(), SetupError> {
        let boundary = self.deployment.boundary.as_deref();
        // First of all: setup's own permissions may depend on it.
        if found.boundary.as_deref() != boundary {
            persist(patience, concurrent, || self.set_boundary(boundary)).await?;
        }
        if !same(&found.trust, &wanted.trust).unwrap_or(false) {
            persist(patience, concurrent, || self.set_trust(&wanted.trust)).await?;
        }
        let missing: BTreeMap<String, String> = wanted
            .tags
            .iter()
            .filter(|(k, v)| found.tags.get(*k) != Some(v))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if !missing.is_empty() {
            persist(patience, concurrent, || self.set_tags(&missing)).await?;
        }
        // Tags of others stay: only those go that the deployment had asked for.
        let gone: Vec<String> = old
            .into_iter()
            .flat_map(|old| old.role_tags.keys())
            .filter(|key| found.tags.contains_key(*key) && !wanted.tags.contains_key(*key))
            .cloned()
            .collect();
        if !gone.is_empty() {
            persist(patience, concurrent, || self.remove_tags(&gone)).await?;
        }
        Ok(())
    }

    async fn put_policy(&self, policy: &str) -> Result<(), SetupError> {
        let call = self.client.put_role_policy().role_name(self.name()).policy_name(POLICY_NAME);
        match call.policy_document(policy).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(SetupError::aws("PutRolePolicy", &error, self.arn(), self.needs("iam:PutRolePolicy"))),
        }
    }

    async fn set_trust(&self, trust: &str) -> Result<(), SetupError> {
        let call = self.client.update_assume_role_policy().role_name(self.name()).policy_document(trust);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(SetupError::aws(
                "UpdateAssumeRolePolicy",
                &error,
                self.arn(),
                self.needs("iam:UpdateAssumeRolePolicy"),
            )),
        }
    }

    async fn set_boundary(&self, boundary: Option<&str>) -> Result<(), SetupError> {
        let Some(boundary) = boundary else {
            return match self.client.delete_role_permissions_boundary().role_name(self.name()).send().await {
                Ok(_) => Ok(()),
                Err(error) => Err(SetupError::aws(
                    "DeleteRolePermissionsBoundary",
                    &error,
                    self.arn(),
                    self.needs("iam:DeleteRolePermissionsBoundary"),
                )),
            };
        };
        let call = self.client.put_role_permissions_boundary().role_name(self.name()).permissions_boundary(boundary);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(SetupError::aws(
                "PutRolePermissionsBoundary",
                &error,
                self.arn(),
                self.needs("iam:PutRolePermissionsBoundary"),
            )),
        }
    }

    async fn set_tags(&self, missing: &BTreeMap<String, String>) -> Result<(), SetupError> {
        match self.client.tag_role().role_name(self.name()).set_tags(Some(tags(missing)?)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(SetupError::aws("TagRole", &error, self.arn(), self.needs("iam:TagRole"))),
        }
    }

    async fn remove_tags(&self, keys: &[String]) -> Result<(), SetupError> {
        match self.client.untag_role().role_name(self.name()).set_tag_keys(Some(keys.to_vec())).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(SetupError::aws("UntagRole", &error, self.arn(), self.needs("iam:UntagRole"))),
        }
    }

    /// Deletes the role with its inline policies, if it is this stack's.
    pub(crate) async fn take_down(&self, patience: &mut Patience) -> Result<(), SetupError> {
        let mut find = *patience;
        let Some(found) = persist(&mut find, |_| false, || self.find()).await? else { return Ok(()) };
        if let Some(why) = self.foreign(&found) {
            tracing::warn!(role = %self.arn(), why, "left alone: not this stack's");
            return Ok(());
        }
        persist(patience, not_gone_yet, || self.delete_with_policies()).await
    }

    /// The role goes only without policies. Each attempt lists them anew.
    async fn delete_with_policies(&self) -> Result<(), SetupError> {
        for name in self.policy_names().await? {
            self.delete_policy(&name).await?;
        }
        self.delete().await
    }

    /// The managed policies attached to the role, by their ARNs. setup attaches none.
    pub(crate) async fn attached_policies(&self) -> Result<Vec<String>, SetupError> {
        let mut arns = Vec::new();
        let mut pages = self.client.list_attached_role_policies().role_name(self.name()).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    arns.extend(page.attached_policies().iter().filter_map(|a| a.policy_arn()).map(str::to_owned));
                }
                Err(error) if error.code() == Some("NoSuchEntity") => break,
                Err(error) => {
                    let needs = self.needs("iam:ListAttachedRolePolicies");
                    return Err(SetupError::aws("ListAttachedRolePolicies", &error, self.arn(), needs));
                }
            }
        }
        Ok(arns)
    }

    /// The names of the role's inline policies.
    pub(crate) async fn policy_names(&self) -> Result<Vec<String>, SetupError> {
        let mut names = Vec::new();
        let mut pages = self.client.list_role_policies().role_name(self.name()).into_paginator().send();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => names.extend(page.policy_names().iter().cloned()),
                Err(error) if error.code() == Some("NoSuchEntity") => break,
                Err(error) => {
                    let needs = self.needs("iam:ListRolePolicies");
                    return Err(SetupError::aws("ListRolePolicies", &error, self.arn(), needs));
                }
            }
        }
        Ok(names)
    }

    async fn delete_policy(&self, name: &str) -> Result<(), SetupError> {
        match self.client.delete_role_policy().role_name(self.name()).policy_name(name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchEntity") => Ok(()),
            Err(error) => {
                Err(SetupError::aws("DeleteRolePolicy", &error, self.arn(), self.needs("iam:DeleteRolePolicy")))
            }
        }
    }

    async fn delete(&self) -> Result<(), SetupError> {
        match self.client.delete_role().role_name(self.name()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchEntity") => Ok(()),
            Err(error) => Err(SetupError::aws("DeleteRole", &error, self.arn(), self.needs("iam:DeleteRole"))),
        }
    }
}

fn concurrent(error: &AwsError) -> bool {
    matches!(
        error.code.as_str(),
        "ConcurrentModification" | "ConcurrentModificationException" | "EntityTemporarilyUnmodifiable"
    )
}

/// A role that was just made is not seen everywhere at once.
fn not_seen_yet(error: &AwsError) -> bool {
    error.code == "NoSuchEntity" || concurrent(error)
}

/// An inline policy that was just deleted is still there for some of IAM, or somebody put another one meanwhile. An
/// attached policy is somebody's who has to detach it: no waiting helps.
fn not_gone_yet(error: &AwsError) -> bool {
    concurrent(error) || (error.code == "DeleteConflict" && !error.message.contains("detach"))
}

fn decoded(document: &str) -> String {
    percent_decode_str(document).decode_utf8_lossy().into_owned()
}

fn tags(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, SetupError> {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.collect::<Result<_, _>>().map_err(|error| SetupError::NotPossible(error.to_string()))
}
