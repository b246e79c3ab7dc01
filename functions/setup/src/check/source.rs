//! The source account, as far as its role lets us look.

use aws_sdk_s3::Client;
use transship::policy::documents::source_bucket_statements;
use transship::policy::{difference, stale_principals};
use transship::setup::{Asker, Deployment, denials};

use super::encryption::{self, Default};
use super::{AGAIN, Finding, of_denials, region};
use crate::bucket_policy::lines;
use crate::error::SetupError;
use crate::inventory::{self, Inventory};
use crate::lifecycle::Eager;
use crate::live::{Live, source_bucket, source_caller};

const ACCESS: &str = "access to the source account";
const POLICY: &str = "source bucket's policy";
const STALE: &str = "source bucket's principals";
const DENIALS: &str = "source bucket's denials";
const INVENTORY: &str = "inventory configuration";
const KEY: &str = "source bucket's default encryption";
/// What a copy does there.
const READS: [&str; 4] = ["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectAcl", "s3:GetObjectVersion"];

/// Everything about the source account.
pub(super) async fn look(live: &Live, deployment: &Deployment) -> Vec<Finding> {
    let route = &deployment.route;
    let client = match live.source(deployment, Eager::Brief).await {
        Ok(Some(client)) => client,
        Ok(None) => {
            let found = "SourceAccessRoleArn is empty, so the source account is its owner's to look at";
            let todo = "have the owner run the commands of {\"action\":\"preview\"}; delivered reports show that the \
                        inventory is in place, and the first job's completion report that the policy is";
            return vec![Finding::unknown(ACCESS, found, todo)];
        }
        Err(error) => return vec![Finding::unseen(ACCESS, &error)],
    };
    let mut findings = vec![
        Finding::ok(ACCESS, format!("{} could be assumed", source_caller(deployment))),
        region::look(
            "source bucket",
            &client,
            &route.source_bucket,
            &route.source_account,
            &route.region,
            "SourceBucket or SourceAccountId",
        )
        .await,
    ];
    findings.extend(policy(&client, deployment).await);
    findings.push(configuration(&client, deployment).await);
    findings.push(default_key(&client, deployment).await);
    findings
}

async fn policy(client: &Client, deployment: &Deployment) -> Vec<Finding> {
    let route = &deployment.route;
    let caller = source_caller(deployment);
    let policy = match source_bucket(client, deployment, &caller).policy().await {
        Ok(Some(policy)) => policy,
        Ok(None) => return vec![Finding::wrong(POLICY, "the bucket has no policy", AGAIN)],
        Err(error) => return vec![Finding::unseen(POLICY, &error)],
    };
    let owner = route.sid_prefix();
    let objects = format!("{}/{}*", route.source_bucket.arn(route.role.partition()), route.source_folder());
    let findings = (|| {
        let difference = difference(Some(&policy), &source_bucket_statements(route), &owner)?;
        let ours = if difference.is_empty() {
            Finding::ok(POLICY, "the copy role may read")
        } else {
            Finding::wrong(POLICY, lines(&difference).join(", "), AGAIN)
        };
        let stale: Vec<String> = stale_principals(&policy)?
            .into_iter()
            .map(|stale| format!("{} in statement {}", stale.id, stale.sid.unwrap_or_else(|| stale.index.to_string())))
            .collect();
        let stale = if stale.is_empty() {
            Finding::ok(STALE, "none that was deleted")
        } else {
            let todo = format!(
                "a role or user was deleted: if the statement is Transship's, {AGAIN}; else have the bucket's owner remove \
                 that principal, since S3 takes no change of the policy before"
            );
            Finding::wrong(STALE, stale.join(", "), todo)
        };
        let denials = denials(&policy, Asker::Role(&route.role), &READS, &[objects], &owner)?;
        Ok(vec![ours, stale, of_denials(DENIALS, "the copy role to read", &denials)])
    })();
    findings.unwrap_or_else(|error: transship::policy::PolicyError| {
        vec![Finding::unknown(POLICY, error.to_string(), "have the bucket's owner mend the policy")]
    })
}

async fn configuration(client: &Client, deployment: &Deployment) -> Finding {
    let caller = source_caller(deployment);
    let edge = Inventory { client, deployment, caller: &caller };
    let found = match edge.find().await {
        Ok(Some(found)) => found,
        Ok(None) => return Finding::wrong(INVENTORY, "there is none of this id", AGAIN),
        Err(error) => return Finding::unseen(INVENTORY, &error),
    };
    if let Err(error) = edge.refuse_foreign(&found, None) {
        let todo = format!(
            "if it was this stack's and somebody altered where it delivers, delete it and {AGAIN}; else give this route \
             another InventoryId"
        );
        return Finding::wrong(INVENTORY, error.to_string(), todo);
    }
    match inventory::wanted(deployment) {
        Ok(wanted) => {
            let lines = inventory::lines(&found, &wanted);
            if lines.is_empty() {
                Finding::ok(INVENTORY, "enabled and exact")
            } else {
                Finding::wrong(INVENTORY, lines.join(", "), AGAIN)
            }
        }
        Err(error) => Finding::unknown(INVENTORY, error.to_string(), "check again"),
    }
}

/// Objects under the AWS managed key cannot be read from another account, whatever policies say.
async fn default_key(client: &Client, deployment: &Deployment) -> Finding {
    let route = &deployment.route;
    let default = match encryption::default_key(client, &route.source_bucket, &route.source_account).await {
        Ok(default) => default,
        Err(error) => {
            let target = format!("bucket {}", route.source_bucket);
            let needs = format!("{} needs s3:GetEncryptionConfiguration on it", source_caller(deployment));
            return Finding::unseen(KEY, &SetupError::of(error, target, needs));
        }
    };
    let key = match default {
        Default::S3 => return Finding::ok(KEY, "SSE-S3"),
        Default::AwsManaged if route.source_account == route.account => {
            return Finding::ok(KEY, "aws/s3, within one account");
        }
        Default::AwsManaged => return aws_managed(),
        Default::Key(key) => key,
    };
    if route.source_keys.iter().any(|known| encryption::is(&key, known)) {
        return Finding::ok(KEY, format!("{key}, which SourceKmsKeyArn names"));
    }
    let found = format!("{key}, which SourceKmsKeyArn does not name: the copy role may not decrypt with it");
    let todo = match route.source_keys.first() {
        None => {
            "set SourceKmsKeyArn to the key's own ARN, and have its owner add the statement that preview then shows \
                 to the key's policy"
                .to_owned()
        }
        // A second key is not taken: every object has to be under one.
        Some(named) => format!(
            "SourceKmsKeyArn takes one key: have the bucket's owner make {named} the default again and copy the objects \
             that are under {key} onto themselves; or, where all objects are under {key}, name that as SourceKmsKeyArn"
        ),
    };
    Finding::wrong(KEY, found, todo)
}

fn aws_managed() -> Finding {
    Finding::wrong(
        KEY,
        "the AWS managed key aws/s3, under which no object can be read from another account",
        "have the bucket's owner set a customer managed key as default and copy the objects onto themselves with it",
    )
}
