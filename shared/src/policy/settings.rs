//! One route whose parameters hold together, and the ARNs that its documents name.

use super::sid::SidPrefix;
use crate::names::{AccountId, BucketName, InventoryId, KmsKeyArn, Prefix, Region, RoleArn, RouteName};

/// Where the authored manifests lie in the manifest bucket.
pub(super) const PLANS: &str = "plans";
/// Where the ledger lies in the manifest bucket, out of the copy role's reach.
pub(super) const LEDGER: &str = "ledger";

/// What the documents of a route depend on, made by [`validate`](super::RouteParameters::validate) only: every name in
/// it is safe in an ARN, and all hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteSettings {
    /// The route's name.
    pub name: RouteName,
    /// The destination account: the copy role's and the manifest bucket's.
    pub account: AccountId,
    /// The copy role.
    pub role: RoleArn,
    /// The role of `copy-large`, which copies objects over 5 GB; none where nobody does.
    pub copy_large_role: Option<RoleArn>,
    /// The Region of stack, source bucket and manifest bucket.
    pub region: Region,
    /// The source bucket's owner.
    pub source_account: AccountId,
    /// The bucket that is copied.
    pub source_bucket: BucketName,
    /// The folder that is copied; the whole bucket if none.
    pub source_prefix: Option<Prefix>,
    /// The keys that the source's objects are encrypted with.
    pub source_keys: Vec<KmsKeyArn>,
    /// Where objects are copied to.
    pub destination_bucket: BucketName,
    /// The destination bucket's Region.
    pub destination_region: Region,
    /// Put before every key, with a slash between.
    pub destination_prefix: Option<Prefix>,
    /// The key that copies are encrypted with.
    pub destination_key: Option<KmsKeyArn>,
    /// Where inventory reports, plans and completion reports lie.
    pub manifest_bucket: BucketName,
    /// What S3 delivers the inventory reports under.
    pub inventory_prefix: Prefix,
    /// The id of the inventory configuration on the source bucket.
    pub inventory_id: InventoryId,
    /// What Batch Operations writes completion reports under.
    pub report_prefix: Prefix,
    /// The key that inventory reports and plans are encrypted with.
    pub manifest_key: Option<KmsKeyArn>,
    /// Object annotations are copied.
    pub annotations: bool,
    /// Archived objects are restored.
    pub restores: bool,
}

impl RouteSettings {
    /// What the Sids of the route's statements begin with.
    pub fn sid_prefix(&self) -> SidPrefix {
        SidPrefix::new(&self.account, &self.name)
    }

    /// The source folder with its slash, as S3's `prefix` parameters take it; empty for the whole bucket.
    pub fn source_folder(&self) -> String {
        folder(self.source_prefix.as_ref())
    }

    /// The folder that copies land in: Batch Operations puts the target prefix before the whole source key.
    pub fn destination_folder(&self) -> String {
        folder(self.destination_prefix.as_ref()) + &self.source_folder()
    }

    pub(super) fn bucket_arn(&self, bucket: &BucketName) -> String {
        bucket.arn(self.role.partition())
    }

    pub(super) fn source_objects(&self) -> String {
        format!("{}/{}*", self.bucket_arn(&self.source_bucket), self.source_folder())
    }

    pub(super) fn destination_objects(&self) -> String {
        format!("{}/{}*", self.bucket_arn(&self.destination_bucket), self.destination_folder())
    }

    pub(super) fn inventory_objects(&self) -> String {
        let Self { inventory_prefix, source_bucket, inventory_id, .. } = self;
        self.in_manifest_bucket(&format!("{inventory_prefix}/{source_bucket}/{inventory_id}"))
    }

    /// The role of one of the stack's functions, by the name and the path that template.yaml gives it.
    pub(super) fn function_role(&self, function: &str) -> Option<RoleArn> {
        let (partition, account, name) = (self.role.partition(), &self.account, &self.name);
        format!("arn:{partition}:iam::{account}:role/transship-{name}-{function}").parse().ok()
    }

    /// `copy-large`, by the name that template.yaml gives it.
    pub(super) fn copy_large_function(&self) -> String {
        let Self { role, region, account, name, .. } = self;
        format!("arn:{}:lambda:{region}:{account}:function:transship-{name}-copy-large", role.partition())
    }

    pub(super) fn in_manifest_bucket(&self, folder: &str) -> String {
        format!("{}/{folder}/*", self.bucket_arn(&self.manifest_bucket))
    }
}

pub(super) fn folder(prefix: Option<&Prefix>) -> String {
    prefix.map_or_else(String::new, |prefix| format!("{prefix}/"))
}
