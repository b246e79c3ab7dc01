//! S3 event notifications: which of a bucket's configurations an event matches, and the event's exact shape.
//! See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.
//!
//! Only functions are told. EventBridge is a seam: a bucket that has it configured passes [`object_created`] too.

use std::sync::atomic::{AtomicI64, Ordering};

use s3s::dto::{LambdaFunctionConfiguration, NotificationConfigurationFilter};
use serde_json::{Value, json};

use super::asynchronous::enqueue;
use super::events;
use crate::identity::Principal;
use crate::s3::Version;
use crate::{Cloud, REGION};

/// Tells the functions (and whoever else a bucket's notification configuration names) that an object was created.
/// `event` is `Put`, `Copy` or `CompleteMultipartUpload`. Returns at once; delivery is asynchronous, as on AWS. Must be
/// called within a Tokio runtime.
pub fn object_created(cloud: &Cloud, bucket: &str, object: &Version, event: &str, by: &Principal) {
    let name = format!("ObjectCreated:{event}");
    let sequencer = cloud.functions().sequencer.next(cloud);
    for configuration in function_configurations(cloud, bucket) {
        if wants(&configuration, &name, &object.key) {
            let record = record(cloud, (bucket, &configuration), object, (&name, by), &sequencer);
            let payload = json!({ "Records": [record] }).to_string();
            let function = super::name_of(&configuration.lambda_function_arn);
            events::send(cloud, function, (bucket, &object.key), payload.into());
        }
    }
}

/// Sends `s3:TestEvent`, as S3 does when a notification configuration is put, to the functions that can take it: one
/// that is not configured yet has nothing to try out. Call it after the configuration has been stored, within a Tokio
/// runtime.
pub fn notification_configured(cloud: &Cloud, bucket: &str) {
    let event = json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": time(cloud.clock().now()),
        "Bucket": bucket,
        "RequestId": amz_request_id(),
        "HostId": amz_host_id(),
    });
    for configuration in function_configurations(cloud, bucket) {
        let function = super::name_of(&configuration.lambda_function_arn);
        if cloud.functions().ready(function).is_ok() {
            enqueue(cloud, function, event.to_string().into());
        }
    }
}

fn function_configurations(cloud: &Cloud, bucket: &str) -> Vec<LambdaFunctionConfiguration> {
    let configuration = cloud.store().notification_configuration(bucket);
    configuration.and_then(|configuration| configuration.lambda_function_configurations).unwrap_or_default()
}

/// Whether a configuration is for this event of this key.
fn wants(configuration: &LambdaFunctionConfiguration, event: &str, key: &str) -> bool {
    let named = configuration.events.iter().any(|wanted| {
        let wanted = wanted.as_ref().strip_prefix("s3:").unwrap_or_default();
        wanted.strip_suffix('*').map_or(wanted == event, |start| event.starts_with(start))
    });
    named && configuration.filter.as_ref().is_none_or(|filter| passes(filter, key))
}

/// Every rule must hold; names are `prefix` and `suffix` in any case.
fn passes(filter: &NotificationConfigurationFilter, key: &str) -> bool {
    let rules = filter.key.as_ref().and_then(|key| key.filter_rules.as_deref()).unwrap_or_default();
    rules.iter().all(|rule| {
        let name = rule.name.as_ref().map(|name| name.as_str().to_ascii_lowercase()).unwrap_or_default();
        let value = rule.value.as_deref().unwrap_or_default();
        match name.as_str() {
            "prefix" => key.starts_with(value),
            "suffix" => key.ends_with(value),
            _ => false,
        }
    })
}

/// One record of the notification.
fn record(
    cloud: &Cloud,
    (bucket, configuration): (&str, &LambdaFunctionConfiguration),
    object: &Version,
    (event, by): (&str, &Principal),
    sequencer: &str,
) -> Value {
    let owner = cloud.store().owner(bucket).map(|account| format!("A{account}")).unwrap_or_default();
    let mut described = json!({
        // Form encoding, with `+` for a space and slashes as they are.
        "key": form_encoded(&object.key),
        "size": object.size,
        "eTag": object.etag.trim_matches('"'),
    });
    if object.version_id != "null" && !object.version_id.is_empty() {
        described["versionId"] = json!(object.version_id);
    }
    described["sequencer"] = json!(sequencer);
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": cloud.store().region(bucket).unwrap_or_else(|| REGION.to_owned()),
        "eventTime": time(cloud.clock().now()),
        "eventName": event,
        "userIdentity": { "principalId": principal_id(cloud, by) },
        "requestParameters": { "sourceIPAddress": source_address(by) },
        "responseElements": { "x-amz-request-id": amz_request_id(), "x-amz-id-2": amz_host_id() },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration.id.clone().unwrap_or_default(),
            "bucket": {
                "name": bucket,
                "ownerIdentity": { "principalId": owner },
                "arn": format!("arn:aws:s3:::{bucket}"),
            },
            "object": described,
        },
    })
}

fn form_encoded(key: &str) -> String {
    let parts: Vec<String> =
        key.split('/').map(|part| form_urlencoded::byte_serialize(part.as_bytes()).collect()).collect();
    parts.join("/")
}

/// `AWS:` and the unique id, which for a role session ends in the session's name.
fn principal_id(cloud: &Cloud, by: &Principal) -> String {
    match by {
        Principal::Root(account) => format!("AWS:{account}"),
        Principal::Role { role_arn, session, .. } => {
            format!("AWS:{}:{session}", cloud.iam().role_id(role_arn).unwrap_or_default())
        }
        Principal::Service { name, .. } => format!("AWS:{name}"),
        Principal::Anonymous => "AWS:Anonymous".to_owned(),
    }
}

fn source_address(by: &Principal) -> &str {
    if let Principal::Service { name, .. } = by { name } else { "127.0.0.1" }
}

fn time(at: jiff::Timestamp) -> String {
    format!("{at:.3}")
}

/// As S3 shows it with each answer.
pub(crate) fn amz_request_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..16].to_ascii_uppercase()
}

/// S3's second id.
pub(crate) fn amz_host_id() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(uuid::Uuid::new_v4().as_bytes().repeat(3))
}

/// Orders the events of one key: each value is greater than all before it, compared as text.
#[derive(Debug, Default)]
pub(super) struct Sequencer(AtomicI64);

impl Sequencer {
    fn next(&self, cloud: &Cloud) -> String {
        let now = cloud.clock().now().as_microsecond();
        let mut taken = now;
        // The update closure always answers, so this cannot fail.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
            taken = now.max(last + 1);
            Some(taken)
        });
        format!("{taken:018X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(event: &'static str, rules: &[(&'static str, &str)]) -> LambdaFunctionConfiguration {
        use s3s::dto::{Event, FilterRule, FilterRuleName, S3KeyFilter};
        let rules = rules
            .iter()
            .map(|(name, value)| FilterRule {
                name: Some(FilterRuleName::from_static(name)),
                value: Some((*value).to_owned()),
            })
            .collect();
        LambdaFunctionConfiguration {
            events: vec![Event::from(event.to_owned())],
            filter: Some(NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) }),
            id: None,
            lambda_function_arn: super::super::function_arn("create-job"),
        }
    }

    #[test]
    fn events_match_by_name_or_wildcard() {
        for (configured, wanted) in [
            ("s3:ObjectCreated:*", true),
            ("s3:ObjectCreated:Put", true),
            ("s3:ObjectCreated:Copy", false),
            ("s3:ObjectRemoved:*", false),
        ] {
            assert_eq!(wants(&configuration(configured, &[]), "ObjectCreated:Put", "k"), wanted, "{configured}");
        }
    }

    #[test]
    fn filters_need_every_rule_whatever_the_case_of_its_name() {
        let rules = [("Prefix", "inventory/"), ("suffix", "/manifest.json")];
        let configured = configuration("s3:ObjectCreated:*", &rules);
        for (key, wanted) in [
            ("inventory/a/manifest.json", true),
            ("inventory/manifest.checksum", false),
            ("reports/a/manifest.json", false),
            ("inventory/a/manifest.json.md5", false),
        ] {
            assert_eq!(wants(&configured, "ObjectCreated:Put", key), wanted, "{key}");
        }
    }

    #[test]
    fn keys_are_form_encoded_but_for_slashes() {
        assert_eq!(form_encoded("a b/c+d/é%,\"\n"), "a+b/c%2Bd/%C3%A9%25%2C%22%0A");
    }

    #[test]
    fn sequencers_grow() {
        let (cloud, sequencer) = (Cloud::new(), Sequencer::default());
        let taken: Vec<String> = (0..100).map(|_| sequencer.next(&cloud)).collect();
        assert!(taken.is_sorted_by(|a, b| a < b), "{taken:?}");
    }

    #[test]
    fn the_record_is_what_aws_lambda_events_reads() {
        let cloud = Cloud::new();
        let object = Version {
            key: "inventory/a b/manifest.json".to_owned(),
            version_id: "v1".to_owned(),
            is_latest: true,
            is_delete_marker: false,
            size: 42,
            last_modified: cloud.clock().now(),
            etag: "\"d41d8cd98f00b204e9800998ecf8427e\"".to_owned(),
            storage_class: "STANDARD".to_owned(),
            is_multipart: false,
            encryption_status: "SSE-S3".to_owned(),
            checksum_algorithm: String::new(),
            archive_tier: None,
        };
        let by = Principal::Anonymous;
        let configured = configuration("s3:ObjectCreated:*", &[]);
        let event =
            json!({ "Records": [record(&cloud, ("b", &configured), &object, ("ObjectCreated:Put", &by), "1")] });
        let mut read: aws_lambda_events::s3::S3Event = serde_json::from_value(event).unwrap();
        let read = read.records.remove(0);
        assert_eq!(read.event_name.as_deref(), Some("ObjectCreated:Put"));
        assert_eq!(read.s3.bucket.arn.as_deref(), Some("arn:aws:s3:::b"));
        assert_eq!(read.s3.object.key.as_deref(), Some("inventory/a+b/manifest.json"));
        assert_eq!(read.s3.object.size, Some(42));
        assert_eq!(read.s3.object.version_id.as_deref(), Some("v1"));
        assert_eq!(read.s3.object.e_tag.as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e"));

        let unversioned = Version { version_id: "null".to_owned(), ..object };
        let record = record(&cloud, ("b", &configured), &unversioned, ("ObjectCreated:Put", &by), "1");
        assert!(record["s3"]["object"].get("versionId").is_none());
    }
}
