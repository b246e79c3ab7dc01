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
/// So many keys are named.
const SOME: usize = 10;
/// So many pages of a thousand uploads are looked at.
const PAGES: u32 = 50;
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
    let (mut old, mut after) = (Old::default(), (None, None));
    for page in 1.. {
        let listed = client.list_multipart_uploads().bucket(bucket).prefix(&folder).expected_bucket_owner(owner);
        let listed = match listed.set_key_marker(after.0).set_upload_id_marker(after.1).send().await {
            Ok(listed) => listed,
            Err(error) => {
                let needs = needs("s3:ListBucketMultipartUploads");
                return unseen(SetupError::aws("ListMultipartUploads", &error, target, needs));
            }
        };
        old.add(listed.uploads(), Timestamp::now());
        after = (listed.next_key_marker, listed.next_upload_id_marker);
        old.more = listed.is_truncated == Some(true) && after.0.is_some();
        if !old.more || page == PAGES {
            break;
        }
    }
    old.finding()
}

/// Uploads that are old.
#[derive(Debug, Default)]
struct Old {
    count: u64,
    /// Keys of some.
    some: Vec<String>,
    /// Whether there are uploads that were not looked at.
    more: bool,
}

impl Old {
    fn add(&mut self, uploads: &[MultipartUpload], now: Timestamp) {
        let old = |upload: &&MultipartUpload| {
            let initiated = upload.initiated().and_then(|at| Timestamp::from_second(at.secs()).ok());
            initiated.is_some_and(|at| now.duration_since(at) > OLD)
        };
        for upload in uploads.iter().filter(old) {
            self.count += 1;
            if self.some.len() < SOME {
                self.some.extend(upload.key().map(str::to_owned));
            }
        }
    }

    /// That there is no rule is wrong as soon as it shows.
    fn finding(&self) -> Finding {
        match (self.count, self.more) {
            (0, false) => {
                Finding::ok(UPLOADS, "no lifecycle rule of the bucket aborts them, and none is older than 7 days")
            }
            (0, true) => Finding::unknown(
                UPLOADS,
                "no lifecycle rule of the bucket aborts them, and there are more than were looked at",
                RULE,
            ),
            (count, more) => Finding::wrong(
                UPLOADS,
                format!(
                    "{count}{} older than 7 days, and no lifecycle rule of the bucket aborts them: {}",
                    if more {
                        " or more are"
                    } else if count == 1 {
                        " is"
                    } else {
                        " are"
                    },
                    self.some.join(", "),
                ),
                format!("abort them, if nobody else goes on with them (aws s3api abort-multipart-upload), and {RULE}"),
            ),
        }
    }
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

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::DateTime;
    use aws_sdk_s3::types::{LifecycleRuleFilter, Tag};

    use super::super::State;
    use super::*;

    /// settle-job tells of what is wrong, and of nothing else.
    #[test]
    fn old_uploads_that_nothing_aborts_are_wrong() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let day = 24 * 3600;
        let upload = |key: &str, age: i64| {
            MultipartUpload::builder().key(key).initiated(DateTime::from_secs(now.as_second() - age)).build()
        };
        let mut old = Old::default();
        old.add(&[upload("young", 7 * day)], now);
        assert_eq!(old.finding().state, State::Ok);
        old.more = true;
        assert_eq!(old.finding().state, State::Unknown);
        old.more = false;
        old.add(&[upload("old", 7 * day + 1)], now);
        let finding = old.finding();
        assert_eq!(finding.state, State::Wrong);
        assert!(finding.found.starts_with("1 is older than 7 days"), "{}", finding.found);
        let many: Vec<MultipartUpload> = (0..20).map(|n| upload(&format!("k{n}"), 8 * day)).collect();
        old.add(&many, now);
        let finding = old.finding();
        assert!(finding.found.starts_with("21 are older"), "{}", finding.found);
        assert!(finding.found.ends_with(": old, k0, k1, k2, k3, k4, k5, k6, k7, k8"), "{}", finding.found);
    }

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
