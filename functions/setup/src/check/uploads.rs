//! Uploads at the destination that nobody goes on with: they cost storage and show in no listing of objects. copy-large aborts
//! its own wherever it can; what is left is a lifecycle rule's, and the bucket is not ours to give it one.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleRule, MultipartUpload};
use jiff::{SignedDuration, Timestamp};
use transship::setup::Deployment;

use super::Finding;
use crate::error::SetupError;
use crate::live::caller;

const UPLOADS: &str = "destination bucket's unfinished uploads";
/// Whoever goes on with an upload has done so by then: each report does.
const OLD: SignedDuration = SignedDuration::from_hours(7 * 24);
const RULE: &str = r#"give the bucket a lifecycle rule {"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7}}"#;

/// Whether a rule aborts them; where none does, those that are old.
pub(super) async fn look(client: &Client, deployment: &Deployment) -> Finding {
    let route = &deployment.route;
    if route.copy_large_role.is_none() {
        return Finding::ok(UPLOADS, "no copy-large makes any");
    }
    let (bucket, owner) = (route.destination_bucket.as_str(), route.account.as_str());
    let unseen = |error: SetupError| Finding::unseen(UPLOADS, &error);
    let (target, folder) = (format!("bucket {bucket}"), route.destination_folder());
    let needs = |action: &str| format!("{} needs {action} on it", caller(deployment));
    let rules = client.get_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(owner).send().await;
    let rules = match rules {
        Ok(got) => got.rules.unwrap_or_default(),
        Err(error) if error.code() == Some("NoSuchLifecycleConfiguration") => Vec::new(),
        Err(error) => {
            let needs = needs("s3:GetLifecycleConfiguration");
            return unseen(SetupError::aws("GetBucketLifecycleConfiguration", &error, target, needs));
        }
    };
    if let Some(rule) = rules.iter().find(|rule| aborts(rule, &folder)) {
        let days = rule.abort_incomplete_multipart_upload();
        let days = days.and_then(AbortIncompleteMultipartUpload::days_after_initiation);
        return Finding::ok(UPLOADS, format!("a lifecycle rule aborts them after {} days", days.unwrap_or_default()));
    }
    let listed = client.list_multipart_uploads().bucket(bucket).prefix(&folder).expected_bucket_owner(owner);
    let listed = match listed.send().await {
        Ok(listed) => listed,
        Err(error) => {
            let needs = needs("s3:ListBucketMultipartUploads");
            return unseen(SetupError::aws("ListMultipartUploads", &error, target, needs));
        }
    };
    let old: Vec<&str> =
        listed.uploads().iter().filter(|upload| is_old(upload)).filter_map(MultipartUpload::key).collect();
    if old.is_empty() {
        return Finding::ok(UPLOADS, "none is older than 7 days, and no lifecycle rule would abort one");
    }
    let more = if listed.is_truncated() == Some(true) { " or more" } else { "" };
    let some = old.iter().take(10).copied().collect::<Vec<_>>().join(", ");
    Finding::unknown(
        UPLOADS,
        format!("{}{more} are older than 7 days, and no lifecycle rule aborts them: {some}", old.len()),
        format!("abort them, if nobody else goes on with them (aws s3api abort-multipart-upload), and {RULE}"),
    )
}

/// Whether a rule aborts every upload under `folder`.
fn aborts(rule: &LifecycleRule, folder: &str) -> bool {
    let filter = rule.filter();
    // A rule by tags or sizes aborts no uploads.
    let by_more = filter.is_some_and(|filter| {
        filter.tag().is_some()
            || filter.and().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some()
    });
    #[allow(deprecated, reason = "rules of older shape are there, and hold")]
    let prefix = filter.and_then(|filter| filter.prefix()).or(rule.prefix()).unwrap_or_default();
    rule.status() == &ExpirationStatus::Enabled
        && rule.abort_incomplete_multipart_upload().is_some()
        && !by_more
        && folder.starts_with(prefix)
}

fn is_old(upload: &MultipartUpload) -> bool {
    let initiated = upload.initiated().and_then(|at| Timestamp::from_second(at.secs()).ok());
    initiated.is_some_and(|at| Timestamp::now().duration_since(at) > OLD)
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{LifecycleRuleFilter, Tag};

    use super::*;

    fn rule(filter: LifecycleRuleFilter, status: ExpirationStatus) -> LifecycleRule {
        let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build();
        LifecycleRule::builder().status(status).filter(filter).abort_incomplete_multipart_upload(abort).build().unwrap()
    }

    #[test]
    fn a_rule_counts_that_aborts_every_upload_of_ours() {
        let prefix = |text: &str| LifecycleRuleFilter::builder().prefix(text).build();
        for (of, covers) in [("", true), ("vendor/", true), ("vendor/exports/", false), ("other/", false)] {
            assert_eq!(aborts(&rule(prefix(of), ExpirationStatus::Enabled), "vendor/"), covers, "{of}");
        }
        assert!(!aborts(&rule(prefix(""), ExpirationStatus::Disabled), ""));
        let tag = Tag::builder().key("a").value("b").build().unwrap();
        let tagged = LifecycleRuleFilter::builder().tag(tag).build();
        assert!(!aborts(&rule(tagged, ExpirationStatus::Enabled), ""));
    }
}
