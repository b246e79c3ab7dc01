//! The request context: condition keys and their values.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use std::collections::BTreeMap;

use crate::iam::Iam;
use crate::identity::{AccountId, Principal};

/// The request's condition keys (`s3:prefix`, `s3:x-amz-acl`, `aws:SourceArn`, …) and their values. Keys of the
/// principal itself are added by [`authorize`](super::authorize).
#[derive(Debug, Clone, Default)]
pub struct Context(pub BTreeMap<String, Vec<String>>);

impl Context {
    /// With one more key of one value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.entry(key.to_owned()).or_default().push(value.into());
        self
    }

    /// A key's values, whatever the case it is asked in; none if it is absent or has no value.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        let exact = self.0.get(key);
        let values = exact.or_else(|| self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, v)| v));
        values.map(Vec::as_slice).filter(|values| !values.is_empty())
    }

    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), vec![value]);
    }

    fn default(&mut self, key: &str, value: &str) {
        self.0.entry(key.to_owned()).or_insert_with(|| vec![value.to_owned()]);
    }
}

/// What AWS itself knows of a request, over what the service filled in.
pub fn facts(iam: &Iam, principal: &Principal, owner: Option<&AccountId>, action: &str, context: &Context) -> Context {
    let mut context = context.clone();
    of_principal(&mut context, principal);
    if let Principal::Role { role_arn, session, .. } = principal
        && let Some(id) = iam.role_id(role_arn)
    {
        context.set("aws:userid", format!("{id}:{session}"));
    }
    if let Some(owner) = owner {
        context.set("aws:ResourceAccount", owner.to_string());
        if action.starts_with("s3:") {
            context.set("s3:ResourceAccount", owner.to_string());
        }
    }
    let now = iam.clock().now();
    context.set("aws:CurrentTime", now.to_string());
    context.set("aws:EpochTime", now.as_second().to_string());
    // Everything here is plain HTTP on loopback and stands for what goes over TLS on AWS.
    context.default("aws:SecureTransport", "true");
    context
}

fn of_principal(context: &mut Context, principal: &Principal) {
    match principal {
        Principal::Root(account) => {
            context.set("aws:PrincipalArn", principal.arn());
            context.set("aws:PrincipalAccount", account.to_string());
            context.set("aws:PrincipalType", "Account".to_owned());
            context.set("aws:userid", account.to_string());
            context.set("aws:PrincipalIsAWSService", "false".to_owned());
        }
        Principal::Role { account, role_arn, .. } => {
            context.set("aws:PrincipalArn", role_arn.clone());
            context.set("aws:PrincipalAccount", account.to_string());
            context.set("aws:PrincipalType", "AssumedRole".to_owned());
            context.set("aws:PrincipalIsAWSService", "false".to_owned());
        }
        Principal::Service { name, source_arn, source_account } => {
            context.set("aws:PrincipalServiceName", name.clone());
            context.set("aws:PrincipalIsAWSService", "true".to_owned());
            // A service that assumes a role for itself names no resource it does so for.
            if !source_arn.is_empty() {
                context.set("aws:SourceArn", source_arn.clone());
                context.set("aws:SourceAccount", source_account.to_string());
            }
        }
        Principal::Anonymous => {
            context.set("aws:PrincipalType", "Anonymous".to_owned());
            context.set("aws:userid", "anonymous".to_owned());
            context.set("aws:PrincipalIsAWSService", "false".to_owned());
        }
    }
}
