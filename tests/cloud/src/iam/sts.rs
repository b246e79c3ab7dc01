//! STS: sessions of roles, and who the caller is.

use super::answer::{self, Answer};
use super::error::IamError;
use super::query::Call;
use crate::access::{Context, Denied};
use crate::identity::Principal;

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SHORTEST_SESSION: u32 = 900;
const LONGEST_SESSION: u32 = 43_200;
const DEFAULT_SESSION: u32 = 3600;
/// A role that assumes a role gets no more than this.
const LONGEST_CHAINED_SESSION: u32 = 3600;

pub(super) fn assume_role(call: &Call<'_>) -> Result<Answer, IamError> {
    let role_arn = call.required("RoleArn")?;
    let session = call.name("RoleSessionName", 64)?;
    if session.len() < 2 {
        return Err(IamError::Validation("RoleSessionName must have at least 2 characters".to_owned()));
    }
    for parameter in ["Policy", "PolicyArns.member.1.arn", "Tags.member.1.Key", "SourceIdentity", "SerialNumber"] {
        if call.optional(parameter).is_some() {
            return Err(IamError::Validation(format!("The local cloud has no {parameter} of AssumeRole")));
        }
    }
    let seconds = call.seconds("DurationSeconds", SHORTEST_SESSION, LONGEST_SESSION)?.unwrap_or(DEFAULT_SESSION);
    let role = call.cloud.iam().roles().by_arn(role_arn).cloned();
    // A role that is not there and one that does not trust the caller look the same.
    let role = role.ok_or_else(|| not_authorized(call.principal, role_arn))?;
    let mut context = Context::default().with("sts:RoleSessionName", session);
    if let Some(id) = call.optional("ExternalId") {
        context = context.with("sts:ExternalId", id);
    }
    crate::access::authorize_assume(call.cloud.iam(), call.principal, role_arn, &role.trust.policy, &context)?;
    let is_chained = matches!(call.principal, Principal::Role { .. });
    if is_chained && seconds > LONGEST_CHAINED_SESSION {
        return Err(IamError::Validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
                .to_owned(),
        ));
    }
    if seconds > role.max_session_seconds {
        return Err(IamError::Validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".to_owned(),
        ));
    }
    let (keys, principal, expires) = call.cloud.iam().session(&role, session, seconds);
    Ok(Answer::AssumedRole {
        credentials: answer::credentials(&keys, expires),
        assumed_role_user: answer::AssumedRoleUser {
            assumed_role_id: format!("{}:{session}", role.id),
            arn: principal.arn(),
        },
    })
}

/// Needs no permission.
pub(super) fn get_caller_identity(call: &Call<'_>) -> Answer {
    let account = call.account.to_string();
    let user_id = match call.principal {
        Principal::Role { role_arn, session, .. } => {
            format!("{}:{session}", call.cloud.iam().role_id(role_arn).unwrap_or_default())
        }
        _ => account.clone(),
    };
    Answer::CallerIdentity { arn: call.principal.arn(), user_id, account }
}

fn not_authorized(principal: &Principal, role_arn: &str) -> Denied {
    Denied {
        principal: principal.arn(),
        action: "sts:AssumeRole".to_owned(),
        resource: role_arn.to_owned(),
        reason: "because no role trust policy allows the sts:AssumeRole action".to_owned(),
    }
}
