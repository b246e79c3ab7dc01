//! One route on the local cloud, from nothing to copied: both accounts' buckets, the stack, the tutorial's role and
//! policies, an inventory.

use aws_sdk_s3::types::{
    InventoryConfiguration, InventoryDestination, InventoryFormat, InventoryFrequency, InventoryIncludedObjectVersions,
    InventoryOptionalField, InventoryS3BucketDestination, InventorySchedule,
};
use cloud::Cloud;
use cloud::front::{self, Server};
use cloud::identity::AccountId;
use serde_json::Value;

use crate::clients::Clients;
use crate::stack::{self, Stack};
use crate::{Error, tutorial};

/// The source bucket.
pub const SOURCE_BUCKET: &str = "vendor-data";
/// The destination bucket.
pub const DESTINATION_BUCKET: &str = "our-copy";
/// The manifest bucket.
pub const MANIFEST_BUCKET: &str = "transship-manifests";
/// The inventory configuration's id.
pub const INVENTORY_ID: &str = "transship";

/// A cloud with one route on it.
#[derive(Debug)]
pub struct Route {
    /// The cloud.
    pub cloud: Cloud,
    /// Keeps it served.
    pub server: Server,
    /// The source account.
    pub source: Clients,
    /// The destination account.
    pub destination: Clients,
    /// What `template.yaml` put up.
    pub stack: Stack,
}

/// A cloud, served, with the functions' binaries attached, and both accounts' clients.
pub async fn start() -> Result<(Cloud, Server, Clients, Clients), Error> {
    let binaries = tokio::task::spawn_blocking(cloud::lambda::binaries::build_or_find).await??;
    let cloud = Cloud::new();
    for (name, path) in binaries {
        cloud.functions().attach(&name, path);
    }
    let server = front::serve(&cloud, 0).await?;
    let source = Clients::new(&cloud, &cloud.iam().account_keys(&AccountId::source())).await?;
    let destination = Clients::new(&cloud, &cloud.iam().account_keys(&AccountId::destination())).await?;
    Ok((cloud, server, source, destination))
}

impl Route {
    /// Both accounts' buckets, the stack with `parameters` beside the route's own, the tutorial's role and policies, and
    /// the inventory configuration.
    pub async fn set_up(parameters: &[(&str, &str)]) -> Result<Self, Error> {
        let (cloud, server, source, destination) = start().await?;
        source.s3.create_bucket().bucket(SOURCE_BUCKET).send().await?;
        destination.s3.create_bucket().bucket(DESTINATION_BUCKET).send().await?;
        let account = AccountId::source();
        let mut all = vec![
            ("Route", "demo"),
            ("SourceAccountId", account.as_str()),
            ("SourceBucket", SOURCE_BUCKET),
            ("DestinationBucket", DESTINATION_BUCKET),
            ("ManifestBucketName", MANIFEST_BUCKET),
        ];
        all.extend_from_slice(parameters);
        let stack = stack::deploy(&cloud, &destination, &all).await?;
        let route = Self { cloud, server, source, destination, stack };
        route.apply_tutorial().await?;
        Ok(route)
    }

    /// Steps 3 to 7 of the tutorial.
    async fn apply_tutorial(&self) -> Result<(), Error> {
        let account = AccountId::source();
        self.destination
            .s3
            .put_bucket_policy()
            .bucket(MANIFEST_BUCKET)
            .policy(tutorial::manifest_policy(account.as_str(), SOURCE_BUCKET, MANIFEST_BUCKET).to_string())
            .send()
            .await?;
        self.source
            .s3
            .put_bucket_inventory_configuration()
            .bucket(SOURCE_BUCKET)
            .id(INVENTORY_ID)
            .inventory_configuration(inventory_configuration(MANIFEST_BUCKET)?)
            .send()
            .await?;
        self.destination
            .iam
            .create_role()
            .role_name(self.copy_role())
            .assume_role_policy_document(tutorial::trust().to_string())
            .send()
            .await?;
        let buckets = [DESTINATION_BUCKET, SOURCE_BUCKET, MANIFEST_BUCKET];
        self.put_role_policy(&tutorial::role_policy(&tutorial::ROLE_ACTIONS, &buckets)).await?;
        let arn = &self.stack.copy_role_arn;
        self.put_source_policy(&tutorial::source_policy(arn, &tutorial::SOURCE_ACTIONS, SOURCE_BUCKET)).await
    }

    /// Replaces the copy role's policy.
    pub async fn put_role_policy(&self, policy: &Value) -> Result<(), Error> {
        let request = self.destination.iam.put_role_policy().role_name(self.copy_role()).policy_name("copy");
        request.policy_document(policy.to_string()).send().await?;
        Ok(())
    }

    /// Replaces the source bucket's policy.
    pub async fn put_source_policy(&self, policy: &Value) -> Result<(), Error> {
        self.source.s3.put_bucket_policy().bucket(SOURCE_BUCKET).policy(policy.to_string()).send().await?;
        Ok(())
    }

    /// The copy role's name.
    pub fn copy_role(&self) -> &str {
        self.stack.copy_role_arn.rsplit('/').next().unwrap_or_default()
    }

    /// Delivers an inventory now; the report's manifest key.
    pub async fn deliver(&self) -> Result<String, Error> {
        let mut manifests = cloud::inventory::deliver(&self.cloud, SOURCE_BUCKET).await?;
        manifests.pop().ok_or_else(|| "no inventory configuration is enabled".into())
    }
}

/// The inventory that the tutorial and later runs need: CSV, daily, current versions.
fn inventory_configuration(manifest_bucket: &str) -> Result<InventoryConfiguration, Error> {
    let bucket = InventoryS3BucketDestination::builder()
        .account_id(AccountId::destination().as_str())
        .bucket(format!("arn:aws:s3:::{manifest_bucket}"))
        .format(InventoryFormat::Csv)
        .prefix("inventory")
        .build()?;
    let configuration = InventoryConfiguration::builder()
        .id(INVENTORY_ID)
        .is_enabled(true)
        .included_object_versions(InventoryIncludedObjectVersions::Current)
        .schedule(InventorySchedule::builder().frequency(InventoryFrequency::Daily).build()?)
        .destination(InventoryDestination::builder().s3_bucket_destination(bucket).build())
        .optional_fields(InventoryOptionalField::Size)
        .optional_fields(InventoryOptionalField::LastModifiedDate)
        .optional_fields(InventoryOptionalField::ETag)
        .optional_fields(InventoryOptionalField::StorageClass)
        .build()?;
    Ok(configuration)
}
