//! Decides requests: identity policies and bucket policies together, as AWS does. A wrapper around [`iam_rs`].
//!
//! [`authorize`] gathers what a decision needs from the cloud; [`decide`] takes it and knows no cloud. Documents are
//! compiled once ([`Policy`]) and kept ([`Compiled`]).

mod compiled;
mod condition;
mod context;
mod decision;
mod dialect;
mod policy;
mod principal;
mod statement;

pub use self::compiled::Compiled;
pub use self::context::{Context, facts};
pub use self::decision::{Identity, Reason, Request, ResourceSide, decide};
pub use self::policy::{Kind, Policy, PolicyError};

use crate::Cloud;
use crate::iam::Iam;
use crate::identity::{AccountId, Principal};

/// A request that was refused; its message is the one AWS gives, with principal, action and resource.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
#[derive(Debug, Clone, thiserror::Error)]
#[error("User: {principal} is not authorized to perform: {action} on resource: \"{resource}\" {reason}")]
pub struct Denied {
    /// Who asked.
    pub principal: String,
    /// `s3:GetObject` …
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// Which policy denies, or that none allows: `with an explicit deny in …`, `because no …`.
    pub reason: String,
}

impl Denied {
    pub(crate) fn new(request: &Request<'_>, reason: Reason) -> Self {
        Self {
            principal: request.principal.arn(),
            action: request.action.to_owned(),
            resource: request.resource.to_owned(),
            reason: reason.in_words(request.action),
        }
    }
}

/// What the account of a bucket may always do with its policy, even if the policy denies it: nobody else could mend it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>
const OWNERS_WAY_BACK: [&str; 3] = ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];

/// See [`Cloud::authorize`].
pub fn authorize(
    cloud: &Cloud,
    principal: &Principal,
    action: &str,
    resource: &str,
    context: &Context,
) -> Result<(), Denied> {
    let bucket = bucket_of(resource);
    let owner = match bucket {
        Some(bucket) => cloud.store().owner(bucket),
        None => account_of(resource),
    };
    // A resource of nobody (`*`, a bucket that is not there) counts as the caller's own: identity policies decide.
    let owner = owner.or_else(|| principal.account().cloned());
    if let (Principal::Root(account), Some(owner)) = (principal, &owner)
        && account == owner
        && OWNERS_WAY_BACK.contains(&action)
    {
        return Ok(());
    }
    let policy = bucket.and_then(|bucket| cloud.compiled().of_bucket(bucket, cloud.store().policy(bucket)));
    let resource_side = policy.as_deref().map_or(ResourceSide::Absent, ResourceSide::Policy);
    let context = facts(cloud.iam(), principal, owner.as_ref(), action, context);
    let request = Request { principal, action, resource, owner: owner.as_ref(), context: &context };
    judge(cloud.iam(), &request, resource_side)
}

/// Decides `sts:AssumeRole` on a role, by its trust policy and, where that leaves it to them, the caller's own policies.
pub(crate) fn authorize_assume(
    iam: &Iam,
    principal: &Principal,
    role_arn: &str,
    trust: &Policy,
    context: &Context,
) -> Result<(), Denied> {
    let action = "sts:AssumeRole";
    let owner = account_of(role_arn);
    let context = facts(iam, principal, owner.as_ref(), action, context);
    let request = Request { principal, action, resource: role_arn, owner: owner.as_ref(), context: &context };
    judge(iam, &request, ResourceSide::Trust(trust))
}

fn judge(iam: &Iam, request: &Request<'_>, resource_side: ResourceSide<'_>) -> Result<(), Denied> {
    let identity = match request.principal {
        Principal::Root(_) => Identity::Everything,
        Principal::Role { role_arn, .. } => Identity::Policies(iam.compiled_policies(role_arn)),
        Principal::Service { .. } | Principal::Anonymous => Identity::Policies(Vec::new()),
    };
    decide(request, &identity, resource_side).map_err(|reason| Denied::new(request, reason))
}

/// `b` of `arn:aws:s3:::b` and `arn:aws:s3:::b/key`.
fn bucket_of(resource: &str) -> Option<&str> {
    let path = resource.strip_prefix("arn:aws:s3:::")?;
    path.split('/').next().filter(|bucket| !bucket.is_empty())
}

/// The account in an ARN, as those of IAM, Lambda and Batch Operations jobs have it.
fn account_of(resource: &str) -> Option<AccountId> {
    AccountId::parse(resource.split(':').nth(4)?)
}
