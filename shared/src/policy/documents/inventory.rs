use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::policy::{PolicyError, RouteSettings};

/// How often S3 delivers a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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
    #[serde(serialize_with = "frequency")]
    pub schedule: Schedule,
    /// Where to.
    #[serde(serialize_with = "s3_bucket")]
    pub destination: InventoryDestination,
    /// The source folder with its slash; left out for the whole bucket.
    #[serde(serialize_with = "prefix", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
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
    /// The KMS key that reports are encrypted with; S3's own key where none is named.
    #[serde(serialize_with = "encryption")]
    pub encryption: Option<String>,
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
            encryption: route.manifest_key.as_ref().map(ToString::to_string),
        },
        filter: Some(route.source_folder()).filter(|folder| !folder.is_empty()),
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

#[derive(Serialize)]
struct Empty {}

fn one<S: Serializer>(serializer: S, name: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}

fn frequency<S: Serializer>(schedule: &Schedule, serializer: S) -> Result<S::Ok, S::Error> {
    one(serializer, "Frequency", schedule)
}

fn s3_bucket<S: Serializer>(destination: &InventoryDestination, serializer: S) -> Result<S::Ok, S::Error> {
    one(serializer, "S3BucketDestination", destination)
}

fn prefix<S: Serializer>(folder: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    one(serializer, "Prefix", folder)
}

fn encryption<S: Serializer>(key: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Kms<'a> {
        key_id: &'a str,
    }
    match key {
        Some(key_id) => one(serializer, "SSEKMS", &Kms { key_id }),
        None => one(serializer, "SSES3", &Empty {}),
    }
}
