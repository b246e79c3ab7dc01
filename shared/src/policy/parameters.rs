//! The parameters of one deployment as a person gives them, and their validation together.

use std::fmt;
use std::str::FromStr;

use super::settings::{LEDGER, PLANS, RouteSettings, folder};
use crate::names::{BucketName, Invalid, KmsKeyArn, Prefix, Region, RoleArn, excerpt};

/// Parameters of a deployment, by the names they have in the template, as they were given.
///
/// An empty string is a parameter that was not given.
#[derive(Clone, Debug, Default)]
pub struct RouteParameters {
    /// `Route`: the route's name, unique in the destination account.
    pub route: String,
    /// The copy role's ARN; its partition and account are the destination's.
    pub copy_role_arn: String,
    /// `CopyLargeRoleArn`: the role of `copy-large`; empty where objects over 5 GB are not copied.
    pub copy_large_role_arn: String,
    /// The Region of stack, source bucket and manifest bucket.
    pub region: String,
    /// `SourceAccountId`.
    pub source_account: String,
    /// `SourceBucket`.
    pub source_bucket: String,
    /// `SourcePrefix`: the folder whose objects are copied, without a slash at either end; empty is the whole bucket.
    pub source_prefix: String,
    /// `SourceKmsKeyArn`: the keys that the source's objects are encrypted with.
    pub source_keys: Vec<String>,
    /// `DestinationBucket`.
    pub destination_bucket: String,
    /// `DestinationRegion`; empty is the stack's.
    pub destination_region: String,
    /// `DestinationPrefix`: the folder that source keys are put under; empty keeps them.
    pub destination_prefix: String,
    /// `KmsKeyArn`: the key that copies are encrypted with.
    pub destination_key: String,
    /// `ManifestBucketName`.
    pub manifest_bucket: String,
    /// The inventory's prefix in the manifest bucket; empty is `inventory`.
    pub inventory_prefix: String,
    /// `InventoryId`.
    pub inventory_id: String,
    /// The completion reports' prefix in the manifest bucket; empty is `reports`.
    pub report_prefix: String,
    /// `InventoryKmsKeyArn`: the key that inventory reports and plans are encrypted with.
    pub manifest_key: String,
    /// Whether jobs copy object annotations, which takes permissions of its own.
    pub annotations: bool,
    /// Whether archived objects are restored, which takes permissions too.
    pub restores: bool,
}

/// What is wrong with one parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is {given:?}: {wrong}")]
pub struct ParameterError {
    /// The parameter's name in the template.
    pub parameter: &'static str,
    /// What was given, cut to a readable length.
    pub given: String,
    /// What was expected in its place.
    pub wrong: String,
}

/// Everything that is wrong with the parameters, at least one error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ParameterErrors(pub Vec<ParameterError>);

impl fmt::Display for ParameterErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        write!(out, "wrong parameters: {}", lines.join("; "))
    }
}

impl RouteParameters {
    /// Parses every parameter, and then holds all that could be read against each other.
    ///
    /// # Errors
    /// All that is wrong, not the first of it.
    pub fn validate(&self) -> Result<RouteSettings, ParameterErrors> {
        let mut errors = Errors::default();
        let parsed = self.parse(&mut errors);
        self.check_buckets(&mut errors);
        match parsed {
            Some(settings) => check_together(&settings, self, &mut errors).map(|()| settings),
            None => Err(ParameterErrors(errors.0)),
        }
    }

    fn parse(&self, errors: &mut Errors) -> Option<RouteSettings> {
        // All are parsed before any is asked for: every wrong one is reported.
        let name = errors.parse("Route", &self.route);
        let role: Option<RoleArn> = errors.parse("CopyRoleArn", &self.copy_role_arn);
        let copy_large_role: Option<RoleArn> = errors.optional("CopyLargeRoleArn", &self.copy_large_role_arn);
        let region: Option<Region> = errors.parse("Region", &self.region);
        let source_account = errors.parse("SourceAccountId", &self.source_account);
        let source_bucket = errors.parse("SourceBucket", &self.source_bucket);
        let source_prefix = errors.prefix("SourcePrefix", &self.source_prefix);
        let source_keys = self.source_keys.iter().map(|key| errors.parse("SourceKmsKeyArn", key)).collect::<Vec<_>>();
        let destination_bucket = errors.parse("DestinationBucket", &self.destination_bucket);
        let destination_region = errors.optional("DestinationRegion", &self.destination_region);
        let destination_prefix = errors.prefix("DestinationPrefix", &self.destination_prefix);
        let destination_key = errors.optional("KmsKeyArn", &self.destination_key);
        let manifest_bucket: Option<BucketName> = errors.parse("ManifestBucketName", &self.manifest_bucket);
        let inventory_prefix = errors.prefix("InventoryPrefix", or(&self.inventory_prefix, "inventory"));
        let inventory_id = errors.parse("InventoryId", &self.inventory_id);
        let report_prefix = errors.prefix("ReportPrefix", or(&self.report_prefix, "reports"));
        let manifest_key = errors.optional("InventoryKmsKeyArn", &self.manifest_key);
        let role = role?;
        if let Some(large) = copy_large_role.as_ref().filter(|large| large.account() != role.account()) {
            errors.add("CopyLargeRoleArn", large.as_str(), "expected a role of the copy role's account");
        }
        Some(RouteSettings {
            name: name?,
            account: role.account().parse().ok()?,
            role,
            copy_large_role,
            destination_region: destination_region.or_else(|| region.clone())?,
            region: region?,
            source_account: source_account?,
            source_bucket: source_bucket?,
            source_prefix,
            source_keys: source_keys.into_iter().collect::<Option<_>>()?,
            destination_bucket: destination_bucket?,
            destination_prefix,
            destination_key,
            manifest_bucket: manifest_bucket?,
            inventory_prefix: inventory_prefix?,
            inventory_id: inventory_id?,
            report_prefix: report_prefix?,
            manifest_key,
            annotations: self.annotations,
            restores: self.restores,
        })
    }

    fn check_buckets(&self, errors: &mut Errors) {
        if self.manifest_bucket.is_empty() {
            return;
        }
        if self.manifest_bucket == self.source_bucket {
            errors.add("ManifestBucketName", &self.manifest_bucket, "is SourceBucket, so the reports would be copied");
        }
        if self.manifest_bucket == self.destination_bucket {
            let wrong = "is DestinationBucket, so copies could land among manifests and reports";
            errors.add("ManifestBucketName", &self.manifest_bucket, wrong);
        }
    }
}

fn check_together(
    settings: &RouteSettings,
    given: &RouteParameters,
    errors: &mut Errors,
) -> Result<(), ParameterErrors> {
    check_folders(settings, errors);
    if settings.source_bucket == settings.destination_bucket {
        check_within_one_bucket(settings, given, errors);
    }
    for key in &settings.source_keys {
        errors.key("SourceKmsKeyArn", key, "source bucket", &settings.region, settings);
    }
    if let Some(key) = &settings.destination_key {
        errors.key("KmsKeyArn", key, "destination bucket", &settings.destination_region, settings);
    }
    if let Some(key) = &settings.manifest_key {
        errors.key("InventoryKmsKeyArn", key, "manifest bucket", &settings.region, settings);
    }
    if errors.0.is_empty() { Ok(()) } else { Err(ParameterErrors(std::mem::take(&mut errors.0))) }
}

/// Each party has a folder of its own in the manifest bucket, so that each permission is on what it needs only.
fn check_folders(settings: &RouteSettings, errors: &mut Errors) {
    let (inventory, reports) = (folder(Some(&settings.inventory_prefix)), folder(Some(&settings.report_prefix)));
    for (parameter, prefix) in [("InventoryPrefix", &inventory), ("ReportPrefix", &reports)] {
        for taken in [PLANS, LEDGER] {
            if overlap(prefix, &format!("{taken}/")) {
                errors.add(parameter, prefix, format!("overlaps {taken}/, which is Transship's own"));
            }
        }
    }
    if overlap(&inventory, &reports) {
        errors.add("ReportPrefix", &reports, format!("overlaps InventoryPrefix {inventory}"));
    }
}

/// A copy that lands where the route reads would be copied again by the next run, and so on.
fn check_within_one_bucket(settings: &RouteSettings, given: &RouteParameters, errors: &mut Errors) {
    let (read, written) = (settings.source_folder(), settings.destination_folder());
    if overlap(&read, &written) {
        let wrong = format!(
            "source and destination are one bucket, and copies would land in {written:?}, not apart from {read:?}"
        );
        errors.add("DestinationPrefix", &given.destination_prefix, wrong);
    }
    if settings.source_account != settings.account {
        let wrong = "is not the copy role's, though SourceBucket and DestinationBucket are one bucket";
        errors.add("SourceAccountId", &given.source_account, wrong);
    }
    if settings.region != settings.destination_region {
        let wrong = "is not the stack's, though SourceBucket and DestinationBucket are one bucket";
        errors.add("DestinationRegion", &given.destination_region, wrong);
    }
}

/// One is the other or a folder above it; both end in a slash, or are the whole bucket.
fn overlap(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn or<'a>(given: &'a str, default: &'a str) -> &'a str {
    if given.is_empty() { default } else { given }
}

#[derive(Default)]
struct Errors(Vec<ParameterError>);

impl Errors {
    fn add(&mut self, parameter: &'static str, given: &str, wrong: impl Into<String>) {
        self.0.push(ParameterError { parameter, given: excerpt(given), wrong: wrong.into() });
    }

    fn parse<T: FromStr<Err = Invalid>>(&mut self, parameter: &'static str, given: &str) -> Option<T> {
        given.parse().map_err(|error: Invalid| self.add(parameter, given, format!("expected {}", error.expected))).ok()
    }

    fn optional<T: FromStr<Err = Invalid>>(&mut self, parameter: &'static str, given: &str) -> Option<T> {
        if given.is_empty() { None } else { self.parse(parameter, given) }
    }

    /// A folder that policies name.
    ///
    /// `*`, `?` and `${` mean something in a Resource, so that a grant on such a folder would reach other keys too. They
    /// can be escaped only in a Version 2012-10-17 document, which a bucket policy of somebody else need not be. And IAM
    /// takes no character beyond U+00FF in a role's policy. So these are refused.
    fn prefix(&mut self, parameter: &'static str, given: &str) -> Option<Prefix> {
        if given.contains("${") || given.contains(|c| c == '*' || c == '?' || c > '\u{ff}') {
            let wrong =
                "no policy can name it exactly: expected a prefix without `*`, `?`, `${` or characters beyond U+00FF";
            self.add(parameter, given, wrong);
        }
        self.optional(parameter, given)
    }

    /// S3 uses a key only in the Region of the bucket it encrypts for.
    fn key(&mut self, parameter: &'static str, key: &KmsKeyArn, bucket: &str, region: &Region, route: &RouteSettings) {
        let partition = route.role.partition();
        if !key.as_str().starts_with(&format!("arn:{partition}:")) || key.region() != region.as_str() {
            let wrong = format!("expected a key in the Region of the {bucket}, {region}, in partition {partition}");
            self.add(parameter, key.as_str(), wrong);
        }
    }
}
