//! The manifest bucket: S3 may deliver inventories and completion reports into it.

use aws_sdk_s3::error::ProvideErrorMetadata;
use serde_json::Value;
use transship::policy::difference;
use transship::policy::documents::manifest_bucket_statements;
use transship::setup::{Asker, Denial, Deployment, denials};

use super::{AGAIN, Finding, State, of_denials, region};
use crate::bucket_policy::lines;
use crate::error::SetupError;
use crate::live::{Live, caller, manifest_bucket};

const POLICY: &str = "manifest bucket's policy";
const DELIVERY: &str = "manifest bucket's denials of the inventory";
const REPORTS: &str = "manifest bucket's denials of completion reports";
const LOCK: &str = "manifest bucket's Object Lock";
const DELIVERED: &str = "inventory reports delivered";

/// Everything about the manifest bucket.
pub(super) async fn look(live: &Live, deployment: &Deployment) -> Vec<Finding> {
    let route = &deployment.route;
    let there = region::look(
        "manifest bucket",
        &live.s3,
        &route.manifest_bucket,
        &route.account,
        &route.region,
        "ManifestBucketName",
    );
    let mut findings = vec![there.await];
    findings.extend(policy(live, deployment).await);
    findings.push(lock(live, deployment).await);
    findings.push(delivered(live, deployment).await);
    findings
}

async fn policy(live: &Live, deployment: &Deployment) -> Vec<Finding> {
    let caller = caller(deployment);
    let policy = match manifest_bucket(&live.s3, deployment, &caller).policy().await {
        Ok(policy) => policy,
        Err(error) => return vec![Finding::unseen(POLICY, &error)],
    };
    let route = &deployment.route;
    let owner = route.sid_prefix();
    let ours = match difference(policy.as_deref(), &manifest_bucket_statements(route), &owner) {
        Ok(difference) if difference.is_empty() => {
            Finding::ok(POLICY, "S3 may deliver the inventory, and nobody comes without TLS")
        }
        Ok(difference) => {
            let found = lines(&difference).join(", ");
            Finding::wrong(POLICY, found, AGAIN)
        }
        Err(error) => Finding::unknown(POLICY, error.to_string(), "mend the bucket's policy"),
    };
    let Some(policy) = policy else { return vec![ours] };
    let partition = route.role.partition();
    let bucket = route.manifest_bucket.arn(partition);
    let under = |prefix: &str| [format!("{bucket}/{prefix}/*")];
    let service = Asker::Service("s3.amazonaws.com");
    let role = Asker::Role(&route.role);
    let put = ["s3:PutObject"];
    let deliver = denials(&policy, service, &put, &under(route.inventory_prefix.as_str()), &owner);
    let report = denials(&policy, role, &put, &under(route.report_prefix.as_str()), &owner);
    match (deliver, report) {
        (Ok(deliver), Ok(report)) => {
            vec![ours, of_denials(DELIVERY, "S3 to deliver the inventory", &deliver), reports(&report)]
        }
        (Err(error), _) | (_, Err(error)) => {
            vec![ours, Finding::unknown(DELIVERY, error.to_string(), "mend the bucket's policy")]
        }
    }
}

/// Completion reports are always SSE-S3: a statement that wants another encryption keeps them out.
fn reports(denials: &[Denial]) -> Finding {
    let wants_kms = denials.iter().find(|denial| denial.conditions.as_ref().is_some_and(wants_other_than_sse_s3));
    if let Some(denial) = wants_kms {
        return Finding::wrong(
            REPORTS,
            format!("statement {} denies SSE-S3, and completion reports are always SSE-S3", denial.statement),
            "let that statement take AES256, or leave reports/ out of it",
        );
    }
    let mut finding = of_denials(REPORTS, "the copy role to write reports", denials);
    if finding.state == State::Ok {
        "no statement denies completion reports".clone_into(&mut finding.found);
    }
    finding
}

fn wants_other_than_sse_s3(conditions: &Value) -> bool {
    let Some(operators) = conditions.as_object() else { return false };
    operators.iter().filter(|(operator, _)| operator.to_ascii_lowercase().starts_with("stringnot")).any(|(_, keys)| {
        keys.as_object().is_some_and(|keys| {
            keys.iter().any(|(key, value)| {
                key.eq_ignore_ascii_case("s3:x-amz-server-side-encryption") && !value.to_string().contains("AES256")
            })
        })
    })
}

async fn lock(live: &Live, deployment: &Deployment) -> Finding {
    let route = &deployment.route;
    let call = live.s3.get_object_lock_configuration().bucket(route.manifest_bucket.as_str());
    match call.expected_bucket_owner(route.account.as_str()).send().await {
        Ok(got) => {
            let rule = got.object_lock_configuration.and_then(|configuration| configuration.rule);
            match rule.and_then(|rule| rule.default_retention) {
                Some(_) => Finding::wrong(
                    LOCK,
                    "objects are retained by default, and S3 Batch Operations writes no report to such a bucket",
                    "take the default retention off the bucket",
                ),
                None => Finding::ok(LOCK, "no default retention"),
            }
        }
        Err(error) if error.code() == Some("ObjectLockConfigurationNotFoundError") => Finding::ok(LOCK, "off"),
        Err(error) => {
            let target = format!("bucket {}", route.manifest_bucket);
            let needs = format!("{} needs s3:GetBucketObjectLockConfiguration on it", caller(deployment));
            Finding::unseen(LOCK, &SetupError::aws("GetObjectLockConfiguration", &error, target, needs))
        }
    }
}

/// Reports that lie there show that the source's side works, also where setup may not look at it.
async fn delivered(live: &Live, deployment: &Deployment) -> Finding {
    let route = &deployment.route;
    let prefix = format!("{}/{}/{}/", route.inventory_prefix, route.source_bucket, route.inventory_id);
    let call = live.s3.list_objects_v2().bucket(route.manifest_bucket.as_str()).prefix(&prefix).delimiter("/");
    match call.expected_bucket_owner(route.account.as_str()).send().await {
        Ok(got) => {
            let folders = got.common_prefixes().iter().filter_map(|folder| folder.prefix());
            let times = folders.filter_map(|folder| folder.strip_prefix(&prefix)?.strip_suffix('/'));
            match times.filter(|time| time.starts_with(|c: char| c.is_ascii_digit())).max() {
                Some(newest) => Finding::ok(DELIVERED, format!("one of {newest} is there")),
                None => Finding::unknown(
                    DELIVERED,
                    format!("none under {prefix}"),
                    "the first one comes within 48 hours after the inventory is configured (weekly ones on Sundays)",
                ),
            }
        }
        Err(error) => {
            let target = format!("bucket {}", route.manifest_bucket);
            let needs = format!("{} needs s3:ListBucket on it", caller(deployment));
            Finding::unseen(DELIVERED, &SetupError::aws("ListObjectsV2", &error, target, needs))
        }
    }
}
