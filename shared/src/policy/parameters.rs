//! The parameters of one route as a person gives them, and their validation together.

use std::fmt;

use super::route::Route;
use super::rules;

/// Parameters of a deployment, by the names they have in the template, as they were given.
///
/// An empty string is a parameter that was not given.
#[derive(Clone, Debug, Default)]
pub struct RouteParameters {
    /// `Route`: the route's name, unique in the destination account.
    pub route: String,
    /// The partition that everything is in; empty is `aws`.
    pub partition: String,
    /// The Region of stack, source bucket and manifest bucket.
    pub region: String,
    /// The destination account, which the stack is in.
    pub destination_account: String,
    /// `SourceAccountId`.
    pub source_account: String,
    /// `SourceBucket`.
    pub source_bucket: String,
    /// `SourcePrefix`: the folder whose objects are copied, without a slash at either end; empty is the whole bucket.
    pub source_prefix: String,
    /// `DestinationBucket`.
    pub destination_bucket: String,
    /// `DestinationRegion`; empty is the stack's.
    pub destination_region: String,
    /// `DestinationPrefix`: the folder that source keys are put under; empty keeps them.
    pub destination_prefix: String,
    /// `ManifestBucketName`.
    pub manifest_bucket: String,
    /// The inventory's prefix in the manifest bucket; empty is `inventory`.
    pub inventory_prefix: String,
    /// `InventoryId`.
    pub inventory_id: String,
    /// `CopyRolePath`; empty is `/`.
    pub copy_role_path: String,
    /// `SourceKmsKeyArns`: the keys that the source's objects are encrypted with.
    pub source_keys: Vec<String>,
    /// `KmsKeyArn`: the key that copies are encrypted with.
    pub destination_key: String,
    /// `ManifestKmsKeyArn`: the key that inventory reports and plans are encrypted with.
    pub manifest_key: String,
    /// Whether jobs copy object annotations (S3's default), which takes permissions of its own.
    pub annotations: bool,
}

/// What is wrong with one parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is {given:?}: {expected}")]
pub struct ParameterError {
    /// The parameter's name in the template.
    pub parameter: &'static str,
    /// What was given.
    pub given: String,
    /// What was expected in its place.
    pub expected: String,
}

/// Everything that is wrong with the parameters, at least one error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterErrors(pub Vec<ParameterError>);

impl fmt::Display for ParameterErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            write!(out, "{}{error}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ParameterErrors {}

impl RouteParameters {
    /// Holds every parameter against its rule, and then all against each other.
    ///
    /// # Errors
    /// All that is wrong, in the order of the parameters.
    pub fn validate(self) -> Result<Route, ParameterErrors> {
        let given = self.with_defaults();
        let mut errors = Errors::default();
        given.each(&mut errors);
        given.together(&mut errors);
        if errors.0.is_empty() { Ok(Route::new(given)) } else { Err(ParameterErrors(errors.0)) }
    }

    fn with_defaults(mut self) -> Self {
        let region = self.region.clone();
        for (value, default) in [
            (&mut self.partition, "aws"),
            (&mut self.destination_region, region.as_str()),
            (&mut self.inventory_prefix, "inventory"),
            (&mut self.copy_role_path, "/"),
        ] {
            if value.is_empty() {
                default.clone_into(value);
            }
        }
        self
    }

    fn each(&self, errors: &mut Errors) {
        errors.check("Route", &self.route, rules::ROUTE);
        errors.check("Partition", &self.partition, rules::PARTITION);
        errors.check("Region", &self.region, rules::REGION);
        errors.check("DestinationAccountId", &self.destination_account, rules::ACCOUNT);
        errors.check("SourceAccountId", &self.source_account, rules::ACCOUNT);
        errors.check("SourceBucket", &self.source_bucket, rules::BUCKET);
        errors.check("SourcePrefix", &self.source_prefix, rules::PREFIX);
        errors.check("DestinationBucket", &self.destination_bucket, rules::BUCKET);
        errors.check("DestinationRegion", &self.destination_region, rules::REGION);
        errors.check("DestinationPrefix", &self.destination_prefix, rules::PREFIX);
        errors.check("ManifestBucketName", &self.manifest_bucket, rules::BUCKET);
        errors.check("InventoryPrefix", &self.inventory_prefix, rules::INVENTORY_PREFIX);
        errors.check("InventoryId", &self.inventory_id, rules::INVENTORY_ID);
        errors.check("CopyRolePath", &self.copy_role_path, rules::ROLE_PATH);
    }

    fn together(&self, errors: &mut Errors) {
        if self.source_bucket == self.manifest_bucket {
            errors.add("ManifestBucketName", &self.manifest_bucket, "another bucket than SourceBucket");
        }
        if self.destination_bucket == self.manifest_bucket {
            errors.add("ManifestBucketName", &self.manifest_bucket, "another bucket than DestinationBucket");
        }
        if self.source_bucket == self.destination_bucket {
            self.within_one_bucket(errors);
        }
        for key in &self.source_keys {
            errors.key("SourceKmsKeyArns", key, &self.partition, ("source bucket", &self.region));
        }
        if !self.destination_key.is_empty() {
            let home = ("destination bucket", self.destination_region.as_str());
            errors.key("KmsKeyArn", &self.destination_key, &self.partition, home);
        }
        if !self.manifest_key.is_empty() {
            let home = ("manifest bucket", self.region.as_str());
            errors.key("ManifestKmsKeyArn", &self.manifest_key, &self.partition, home);
        }
    }

    /// A copy that lands where the route reads would be copied again by the next run, and so on.
    fn within_one_bucket(&self, errors: &mut Errors) {
        let folder = |parts: &[&str]| -> String {
            parts.iter().filter(|part| !part.is_empty()).map(|part| format!("{part}/")).collect()
        };
        let read = folder(&[&self.source_prefix]);
        let written = folder(&[&self.destination_prefix, &self.source_prefix]);
        if written.starts_with(&read) || read.starts_with(&written) {
            errors.add(
                "DestinationPrefix",
                &self.destination_prefix,
                format!("source and destination are one bucket, so copies must not land in \"{read}\" (they land in \"{written}\")"),
            );
        }
        if self.source_account != self.destination_account {
            errors.add(
                "SourceAccountId",
                &self.source_account,
                "the account of DestinationBucket, since both are one bucket",
            );
        }
        if self.region != self.destination_region {
            errors.add("DestinationRegion", &self.destination_region, "the stack's Region, since both are one bucket");
        }
    }
}

#[derive(Default)]
struct Errors(Vec<ParameterError>);

impl Errors {
    fn add(&mut self, parameter: &'static str, given: &str, expected: impl Into<String>) {
        self.0.push(ParameterError { parameter, given: given.to_owned(), expected: expected.into() });
    }

    fn check(&mut self, parameter: &'static str, given: &str, rule: rules::Rule) {
        if !(rule.holds)(given) {
            self.add(parameter, given, rule.expected);
        }
    }

    /// S3 uses a key only in the Region of the bucket it encrypts for.
    fn key(&mut self, parameter: &'static str, given: &str, partition: &str, (bucket, region): (&str, &str)) {
        match rules::key_home(given) {
            None => self.add(
                parameter,
                given,
                "expected a KMS key's full ARN, not an alias: arn:aws:kms:REGION:ACCOUNT:key/ID",
            ),
            Some(home) if home != (partition, region) => {
                self.add(
                    parameter,
                    given,
                    format!("expected a key in the Region of the {bucket}, {region} ({partition})"),
                );
            }
            Some(_) => {}
        }
    }
}
