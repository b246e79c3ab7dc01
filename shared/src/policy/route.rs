//! One route whose parameters hold together, and the ARNs that its documents name.

use super::parameters::RouteParameters;
use super::sid::SidPrefix;

/// Where the authored manifests lie in the manifest bucket.
pub(super) const PLANS: &str = "plans";
/// Where Batch Operations puts completion reports in the manifest bucket.
pub(super) const REPORTS: &str = "reports";

/// A validated route: made by [`RouteParameters::validate`] only, so every name in it is safe in an ARN and in JSON.
#[derive(Clone, Debug)]
pub struct Route {
    given: RouteParameters,
    sid: SidPrefix,
}

impl Route {
    pub(super) fn new(given: RouteParameters) -> Self {
        let sid = SidPrefix::new(&given.destination_account, &given.route);
        Self { given, sid }
    }

    /// The parameters, with their defaults filled in.
    pub fn parameters(&self) -> &RouteParameters {
        &self.given
    }

    /// What the Sids of the route's statements begin with.
    pub fn sid_prefix(&self) -> &SidPrefix {
        &self.sid
    }

    /// The copy role's name, `transship-ROUTE-copy`.
    pub fn copy_role_name(&self) -> String {
        format!("transship-{}-copy", self.given.route)
    }

    /// The copy role's ARN.
    pub fn copy_role_arn(&self) -> String {
        let RouteParameters { partition, destination_account, copy_role_path, .. } = &self.given;
        format!("arn:{partition}:iam::{destination_account}:role{copy_role_path}{}", self.copy_role_name())
    }

    /// The source folder with its slash, as S3's `prefix` parameters take it; empty for the whole bucket.
    pub fn source_folder(&self) -> String {
        folder(&self.given.source_prefix)
    }

    pub(super) fn bucket_arn(&self, bucket: &str) -> String {
        format!("arn:{}:s3:::{bucket}", self.given.partition)
    }

    pub(super) fn source_objects(&self) -> String {
        format!("{}/{}*", self.bucket_arn(&self.given.source_bucket), self.source_folder())
    }

    /// Batch Operations puts the target prefix before the whole source key, so copies land nowhere else.
    pub(super) fn destination_objects(&self) -> String {
        let bucket = self.bucket_arn(&self.given.destination_bucket);
        format!("{bucket}/{}{}*", folder(&self.given.destination_prefix), self.source_folder())
    }

    pub(super) fn inventory_objects(&self) -> String {
        let RouteParameters { manifest_bucket, inventory_prefix, source_bucket, inventory_id, .. } = &self.given;
        format!("{}/{inventory_prefix}/{source_bucket}/{inventory_id}/*", self.bucket_arn(manifest_bucket))
    }

    pub(super) fn in_manifest_bucket(&self, folder: &str) -> String {
        format!("{}/{folder}/*", self.bucket_arn(&self.given.manifest_bucket))
    }
}

fn folder(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!("{prefix}/") }
}
