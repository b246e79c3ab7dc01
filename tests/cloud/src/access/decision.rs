//! The decision itself, knowing no cloud: an explicit Deny anywhere wins; in one account either side allows; across
//! accounts both must.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::sync::Arc;

use super::context::Context;
use super::policy::{Policy, Verdict};
use super::principal::Match;
use crate::identity::{AccountId, Principal};

/// What is to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// `s3:GetObject` …
    pub action: &'a str,
    /// An ARN, or `*` for an action without a resource.
    pub resource: &'a str,
    /// The account the resource is in.
    pub owner: Option<&'a AccountId>,
    /// All condition keys, those of the principal too; see [`facts`](super::facts).
    pub context: &'a Context,
}

/// The caller's side.
#[derive(Debug)]
pub enum Identity {
    /// The account itself: nothing restrains it on its own side.
    Everything,
    /// The policies of a role; empty for services and for nobody.
    Policies(Vec<Arc<Policy>>),
}

/// The resource's side.
#[derive(Debug, Clone, Copy)]
pub enum ResourceSide<'a> {
    /// It has no policy.
    Absent,
    /// A bucket policy: in its own account, identity policies suffice without it.
    Policy(&'a Policy),
    /// A role's trust policy: nobody assumes a role that does not trust them, in whatever account.
    Trust(&'a Policy),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A Deny statement of an identity policy applies.
    DeniedByIdentity,
    /// A Deny statement of the resource's policy applies.
    DeniedByResource,
    /// No identity policy allows it, and one must.
    NotAllowedByIdentity,
    /// The resource's policy does not allow it, and must.
    NotAllowedByResource,
    /// The role does not trust the caller.
    NotTrusted,
}

impl Reason {
    /// The end of AWS's message.
    pub(super) fn in_words(self, action: &str) -> String {
        match self {
            Self::DeniedByIdentity => "with an explicit deny in an identity-based policy".to_owned(),
            Self::DeniedByResource => "with an explicit deny in a resource-based policy".to_owned(),
            Self::NotAllowedByIdentity => format!("because no identity-based policy allows the {action} action"),
            Self::NotAllowedByResource => format!("because no resource-based policy allows the {action} action"),
            Self::NotTrusted => format!("because no role trust policy allows the {action} action"),
        }
    }
}

/// Decides one request.
pub fn decide(request: &Request<'_>, identity: &Identity, resource: ResourceSide<'_>) -> Result<(), Reason> {
    let by_identity = identity.verdict(request);
    let (by_resource, is_trust) = match resource {
        ResourceSide::Absent => (Verdict::Silent, false),
        ResourceSide::Policy(policy) => (policy.verdict(request), false),
        ResourceSide::Trust(policy) => (policy.verdict(request), true),
    };
    if by_resource == Verdict::Deny {
        return Err(Reason::DeniedByResource);
    }
    if by_identity == Verdict::Deny {
        return Err(Reason::DeniedByIdentity);
    }
    let identity_allows = matches!(by_identity, Verdict::Allow(_));
    let not_by_resource = if is_trust { Reason::NotTrusted } else { Reason::NotAllowedByResource };
    let Some(account) = request.principal.account() else {
        // Services and nobody have no policies of their own.
        return match by_resource {
            Verdict::Allow(_) => Ok(()),
            _ => Err(not_by_resource),
        };
    };
    let same_account = request.owner == Some(account);
    match by_resource {
        Verdict::Allow(Match::Caller) if same_account => Ok(()),
        // The account is named: its own policies decide.
        Verdict::Allow(_) if identity_allows => Ok(()),
        Verdict::Allow(_) => Err(Reason::NotAllowedByIdentity),
        _ if same_account && !is_trust && identity_allows => Ok(()),
        _ if same_account && !is_trust => Err(Reason::NotAllowedByIdentity),
        _ => Err(not_by_resource),
    }
}

impl Identity {
    fn verdict(&self, request: &Request<'_>) -> Verdict {
        let policies = match self {
            Self::Everything => return Verdict::Allow(Match::Caller),
            Self::Policies(policies) => policies,
        };
        let mut verdict = Verdict::Silent;
        for policy in policies {
            match policy.verdict(request) {
                Verdict::Deny => return Verdict::Deny,
                Verdict::Silent => {}
                allow @ Verdict::Allow(_) => verdict = allow,
            }
        }
        verdict
    }
}
