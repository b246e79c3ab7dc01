use serde::{Serialize, Serializer};

use crate::policy::{PolicyError, RouteSettings};

/// How often S3 delivers a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "Frequency")]
pub enum Schedule {
    /// Every day.
    #[default]
    Daily,
    /// Every Sunday.
    Weekly,
}

/// The fields of a report beyond bucket and key, by S3's names: what later runs need to tell a change, and what cannot
/// be copied.
pub const FIELDS: [&str; 7] = [
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "EncryptionStatus",
    "IntelligentTieringAccessTier",
];

/// The inventory configuration of the source bucket, in the form that
/// `aws s3api put-bucket-inventory-configuration --inventory-configuration` takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InventoryConfiguration {
    /// The configuration's id, a part of every report's key.
    pub id: String,
    /// Always on.
    pub is_enabled: bool,
    /// `Current`: an all-versions report lists delete markers and null versions, which jobs cannot copy.
    pub included_object_versions: &'static str,
    /// How often.
    pub schedule: Schedule,
    /// Where to.
    #[serde(serialize_with = "s3_bucket")]
    pub destination: InventoryDestination,
    /// The source folder with its slash; left out for the whole bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<InventoryFilter>,
    /// [`FIELDS`].
    pub optional_fields: [&'static str; 7],
}

/// Where S3 delivers the reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InventoryDestination {
    /// The manifest bucket's owner, so that S3 delivers to no other account's bucket of that name.
    pub account_id: String,
    /// The manifest bucket's plain ARN: S3 rejects one that holds an account id.
    pub bucket: String,
    /// CSV, the only format that Batch Operations takes as a manifest.
    pub format: &'static str,
    /// Without a slash at its end.
    pub prefix: String,
    /// How the reports are encrypted.
    pub encryption: InventoryEncryption,
}

/// Which objects a report lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InventoryFilter {
    /// Those whose key begins with this.
    pub prefix: String,
}

/// How S3 encrypts the reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum InventoryEncryption {
    /// With S3's own keys.
    #[serde(rename = "SSES3")]
    S3 {},
    /// With a customer managed KMS key; S3 takes no other.
    #[serde(rename = "SSEKMS", rename_all = "PascalCase")]
    Kms {
        /// The key's ARN.
        key_id: String,
    },
}

/// The inventory configuration of this route.
pub fn inventory_configuration(route: &RouteSettings, schedule: Schedule) -> InventoryConfiguration {
    InventoryConfiguration {
        id: route.inventory_id.to_string(),
        is_enabled: true,
        included_object_versions: "Current",
        schedule,
        destination: InventoryDestination {
            account_id: route.account.to_string(),
            bucket: route.bucket_arn(&route.manifest_bucket),
            format: "CSV",
            prefix: route.inventory_prefix.to_string(),
            encryption: match &route.manifest_key {
                Some(key) => InventoryEncryption::Kms { key_id: key.to_string() },
                None => InventoryEncryption::S3 {},
            },
        },
        filter: route.source_prefix.as_ref().map(|_| InventoryFilter { prefix: route.source_folder() }),
        optional_fields: FIELDS,
    }
}

impl InventoryConfiguration {
    /// The configuration as JSON on several lines.
    ///
    /// # Errors
    /// None that can be met: everything in it is text.
    pub fn to_json(&self) -> Result<String, PolicyError> {
        serde_json::to_string_pretty(self).map_err(PolicyError::NotJson)
    }
}

fn s3_bucket<S: Serializer>(destination: &InventoryDestination, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("S3BucketDestination", destination)])
}
