//! The notification configuration: put and got whole.

use s3s::dto::{
    Event, FilterRule, GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    NotificationConfiguration, NotificationConfigurationFilter, PutBucketNotificationConfigurationInput,
    PutBucketNotificationConfigurationOutput,
};
use s3s::{S3Request, S3Result, s3_error};

use super::Backend;

/// `PutBucketNotificationConfiguration` replaces everything; an empty one turns notifications off. Destinations are not
/// asked whether they let S3 in.
pub(super) fn put(
    backend: &Backend,
    req: S3Request<PutBucketNotificationConfigurationInput>,
) -> S3Result<PutBucketNotificationConfigurationOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:PutBucketNotification")?;
    let mut configuration = req.input.notification_configuration;
    name(&mut configuration);
    check(&configuration)?;
    backend.cloud.store().write(&caller.bucket, |bucket| {
        bucket.settings.notification = Some(configuration);
        Ok(())
    })?;
    crate::lambda::notification_configured(&backend.cloud, &caller.bucket);
    Ok(PutBucketNotificationConfigurationOutput::default())
}

/// `GetBucketNotificationConfiguration`: empty if none was put.
pub(super) fn get(
    backend: &Backend,
    req: &S3Request<GetBucketNotificationConfigurationInput>,
) -> S3Result<GetBucketNotificationConfigurationOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:GetBucketNotification")?;
    let found = backend.cloud.store().notification_configuration(&caller.bucket).unwrap_or_default();
    Ok(GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: found.event_bridge_configuration,
        lambda_function_configurations: found.lambda_function_configurations,
        queue_configurations: found.queue_configurations,
        topic_configurations: found.topic_configurations,
    })
}

/// S3 gives an id to what has none.
fn name(configuration: &mut NotificationConfiguration) {
    let lambda = configuration.lambda_function_configurations.iter_mut().flatten().map(|c| &mut c.id);
    let queue = configuration.queue_configurations.iter_mut().flatten().map(|c| &mut c.id);
    let topic = configuration.topic_configurations.iter_mut().flatten().map(|c| &mut c.id);
    for id in lambda.chain(queue).chain(topic) {
        id.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
    }
}

/// Which keys of which events one of the configurations is for.
struct Rule<'a> {
    events: Vec<&'a str>,
    prefix: &'a str,
    suffix: &'a str,
    filtered: bool,
}

impl<'a> Rule<'a> {
    fn of(events: &'a [Event], filter: Option<&'a NotificationConfigurationFilter>) -> S3Result<Self> {
        let rules = filter.and_then(|f| f.key.as_ref()).and_then(|k| k.filter_rules.as_deref()).unwrap_or_default();
        Ok(Self {
            events: events.iter().map(AsRef::as_ref).collect(),
            prefix: one(rules, "prefix")?,
            suffix: one(rules, "suffix")?,
            filtered: !rules.is_empty(),
        })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let prefixes = self.prefix.starts_with(other.prefix) || other.prefix.starts_with(self.prefix);
        let suffixes = self.suffix.ends_with(other.suffix) || other.suffix.ends_with(self.suffix);
        prefixes && suffixes && self.events.iter().any(|a| other.events.iter().any(|b| covers(a, b) || covers(b, a)))
    }
}

/// `s3:ObjectCreated:*` covers `s3:ObjectCreated:Put`.
fn covers(event: &str, other: &str) -> bool {
    event.strip_suffix('*').map_or(event == other, |start| other.starts_with(start))
}

/// The value of the one rule of that name; one prefix and one suffix are allowed.
fn one<'a>(rules: &'a [FilterRule], name: &str) -> S3Result<&'a str> {
    let named = |rule: &&FilterRule| rule.name.as_ref().is_some_and(|n| n.as_str().eq_ignore_ascii_case(name));
    let mut values = rules.iter().filter(named).map(|rule| rule.value.as_deref().unwrap_or_default());
    let value = values.next().unwrap_or_default();
    if values.next().is_some() {
        return Err(s3_error!(InvalidArgument, "Cannot specify more than one {name} rule in a filter."));
    }
    Ok(value)
}

fn check(configuration: &NotificationConfiguration) -> S3Result<()> {
    let lambda = configuration.lambda_function_configurations.iter().flatten();
    let queue = configuration.queue_configurations.iter().flatten();
    let topic = configuration.topic_configurations.iter().flatten();
    let rules: Vec<_> = lambda
        .map(|c| Rule::of(&c.events, c.filter.as_ref()))
        .chain(queue.map(|c| Rule::of(&c.events, c.filter.as_ref())))
        .chain(topic.map(|c| Rule::of(&c.events, c.filter.as_ref())))
        .collect::<S3Result<_>>()?;
    for (i, rule) in rules.iter().enumerate() {
        if let Some(event) = rule.events.iter().find(|event| !event.starts_with("s3:")) {
            return Err(s3_error!(InvalidArgument, "The event '{event}' is not supported for notifications"));
        }
        let Some(other) = rules.iter().skip(i + 1).find(|other| rule.overlaps(other)) else { continue };
        // S3 words it by whether any filter is in play.
        return Err(if rule.filtered || other.filtered {
            s3_error!(
                InvalidArgument,
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type."
            )
        } else {
            s3_error!(
                InvalidArgument,
                "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            )
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(event: &'static str, prefix: &'static str, suffix: &'static str) -> Rule<'static> {
        Rule { events: vec![event], prefix, suffix, filtered: true }
    }

    #[test]
    fn rules_overlap_only_where_prefix_suffix_and_event_all_do() {
        let manifest = rule("s3:ObjectCreated:*", "inventory/", "manifest.json");
        assert!(manifest.overlaps(&rule("s3:ObjectCreated:Put", "", ".json")));
        assert!(manifest.overlaps(&rule("s3:ObjectCreated:*", "inventory/a/", "")));
        assert!(!manifest.overlaps(&rule("s3:ObjectCreated:*", "inventory/", ".checksum")));
        assert!(!manifest.overlaps(&rule("s3:ObjectCreated:*", "reports/", "manifest.json")));
        assert!(!manifest.overlaps(&rule("s3:ObjectRemoved:*", "inventory/", "manifest.json")));
    }
}
