//! One route on the local cloud, from nothing to copied: both accounts' buckets, both stacks, an inventory.

use cloud::Cloud;
use cloud::front::{self, Server};
use cloud::identity::AccountId;
use serde_json::Value;

use crate::Error;
use crate::clients::Clients;
use crate::stack::{self, Stack};

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
    /// Both accounts' buckets, both stacks with `parameters` beside the route's own: setup makes the role, the policies
    /// and the inventory configuration.
    pub async fn set_up(parameters: &[(&str, &str)]) -> Result<Self, Error> {
        let (cloud, server, source, destination) = start().await?;
        source.s3.create_bucket().bucket(SOURCE_BUCKET).send().await?;
        destination.s3.create_bucket().bucket(DESTINATION_BUCKET).send().await?;
        let route = Self::on(cloud, server, source, destination, parameters).await?;
        route.forget_first_look().await?;
        Ok(route)
    }

    /// S3's test event has settle-job look while setup is still at work: what it finds wrong depends on how busy this machine is, and
    /// would be remembered.
    async fn forget_first_look(&self) -> Result<(), Error> {
        for key in ["ledger/watch.json", "ledger/status.html", "ledger/status.json"] {
            self.destination.s3.delete_object().bucket(MANIFEST_BUCKET).key(key).send().await?;
        }
        Ok(())
    }

    /// Deploys both stacks on a cloud where the source and the destination bucket are there.
    pub async fn on(
        cloud: Cloud,
        server: Server,
        source: Clients,
        destination: Clients,
        parameters: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let account = AccountId::source();
        let mut all = vec![
            ("Route", "demo"),
            ("SourceAccountId", account.as_str()),
            ("SourceBucket", SOURCE_BUCKET),
            ("DestinationBucket", DESTINATION_BUCKET),
            ("ManifestBucketName", MANIFEST_BUCKET),
        ];
        all.extend_from_slice(parameters);
        let access = stack::deploy_source(&source, "demo", SOURCE_BUCKET).await?;
        let stack = stack::deploy(&cloud, &destination, &access, &all).await?;
        // S3 tries out the notification configuration: a clock that is turned while the functions are at that would have
        // their sessions expire in the middle of a call.
        cloud.activity().settled().await;
        Ok(Self { cloud, server, source, destination, stack })
    }

    /// Deletes the stack's custom resource, as deleting the stack does.
    pub async fn take_down(&mut self) -> Result<(), Error> {
        Ok(self.stack.route.delete(&self.cloud).await?)
    }

    /// A bucket's policy as text; none if it has none.
    pub async fn policy(account: &Clients, bucket: &str) -> Result<Option<String>, Error> {
        use aws_sdk_s3::error::ProvideErrorMetadata;
        match account.s3.get_bucket_policy().bucket(bucket).send().await {
            Ok(got) => Ok(got.policy),
            Err(error) if error.code() == Some("NoSuchBucketPolicy") => Ok(None),
            Err(error) => Err(error.into()),
        }
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
