//! The inventory configuration on the source bucket: put, read back, deleted; another one's is left as it is.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_s3::types::{
    InventoryConfiguration, InventoryDestination, InventoryEncryption, InventoryFilter, InventoryFormat,
    InventoryFrequency, InventoryIncludedObjectVersions, InventoryOptionalField, InventoryS3BucketDestination,
    InventorySchedule, Ssekms, Sses3,
};
use transship::error::AwsError;
use transship::names::BucketName;
use transship::policy::documents::{self, Schedule, inventory_configuration};
use transship::setup::Deployment;

use crate::error::SetupError;
use crate::patience::{Patience, persist};

/// How often a configuration is written before it is given up.
const MOST_WRITES: u32 = 6;

/// What a configuration says, field by field: to compare, and to show.
pub(crate) type Facts = BTreeMap<&'static str, String>;

/// The inventory configuration of one deployment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inventory<'a> {
    /// In the source account.
    pub(crate) client: &'a Client,
    pub(crate) deployment: &'a Deployment,
    /// Who calls, for messages.
    pub(crate) caller: &'a str,
}

impl Inventory<'_> {
    fn bucket(&self) -> &str {
        self.deployment.route.source_bucket.as_str()
    }

    fn id(&self) -> &str {
        self.deployment.route.inventory_id.as_str()
    }

    fn owner(&self) -> &str {
        self.deployment.route.source_account.as_str()
    }

    fn target(&self) -> String {
        format!("inventory {} of bucket {} of account {}", self.id(), self.bucket(), self.owner())
    }

    fn needs(&self, action: &str) -> String {
        let arn = self.deployment.route.source_bucket.arn(self.deployment.route.role.partition());
        format!("{} needs {action} on {arn}, which has to be in account {}", self.caller, self.owner())
    }

    /// The configuration; none if there is none of the id.
    pub(crate) async fn find(&self) -> Result<Option<InventoryConfiguration>, SetupError> {
        let call = self.client.get_bucket_inventory_configuration().bucket(self.bucket()).id(self.id());
        match call.expected_bucket_owner(self.owner()).send().await {
            Ok(got) => Ok(got.inventory_configuration),
            Err(error) if error.code() == Some("NoSuchConfiguration") => Ok(None),
            Err(error) => Err(SetupError::aws(
                "GetBucketInventoryConfiguration",
                &error,
                self.target(),
                self.needs("s3:GetInventoryConfiguration"),
            )),
        }
    }

    /// Puts it. `also` is another manifest bucket of ours, which an update comes from.
    pub(crate) async fn put_up(
        &self,
        also: Option<&BucketName>,
        patience: &mut Patience,
        there: impl Fn(),
    ) -> Result<(), SetupError> {
        let wanted = wanted(self.deployment).map_err(|error| SetupError::NotPossible(error.to_string()))?;
        let mut before = None;
        for _ in 0..MOST_WRITES {
            let found = self.settled(before.as_ref(), patience).await?;
            if let Some(found) = &found {
                self.refuse_foreign(found, also)?;
            }
            there();
            let facts_found = found.as_ref().map(facts);
            if facts_found.as_ref() == Some(&facts(&wanted)) {
                return Ok(());
            }
            persist(patience, conflict, || self.put(&wanted)).await?;
            before = Some(facts_found);
        }
        Err(SetupError::KeepsChanging { what: self.target(), times: MOST_WRITES })
    }

    /// The configuration. After a write, S3 may show for a moment what stood there `before`.
    async fn settled(
        &self,
        before: Option<&Option<Facts>>,
        patience: &mut Patience,
    ) -> Result<Option<InventoryConfiguration>, SetupError> {
        let mut reading = patience.for_reading();
        loop {
            let found = persist(patience, |_| false, || self.find()).await?;
            if before != Some(&found.as_ref().map(facts)) || !reading.again().await {
                return Ok(found);
            }
        }
    }

    pub(crate) fn refuse_foreign(
        &self,
        found: &InventoryConfiguration,
        also: Option<&BucketName>,
    ) -> Result<(), SetupError> {
        if self.is_ours(found) || also.is_some_and(|bucket| self.delivers_to(found, bucket)) {
            return Ok(());
        }
        Err(SetupError::NotOurs {
            what: self.target(),
            found: format!("it delivers to {}", destination(found)),
            advice: "give this route another InventoryId".to_owned(),
        })
    }

    /// Ours is what delivers to our manifest bucket, under our prefix.
    pub(crate) fn is_ours(&self, found: &InventoryConfiguration) -> bool {
        self.delivers_to(found, &self.deployment.route.manifest_bucket)
    }

    fn delivers_to(&self, found: &InventoryConfiguration, bucket: &BucketName) -> bool {
        let route = &self.deployment.route;
        let to = found.destination().and_then(InventoryDestination::s3_bucket_destination);
        to.is_some_and(|to| {
            to.bucket() == bucket.arn(route.role.partition()) && to.prefix() == Some(route.inventory_prefix.as_str())
        })
    }

    async fn put(&self, wanted: &InventoryConfiguration) -> Result<(), SetupError> {
        let call = self.client.put_bucket_inventory_configuration().bucket(self.bucket()).id(self.id());
        match call.expected_bucket_owner(self.owner()).inventory_configuration(wanted.clone()).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(SetupError::aws(
                "PutBucketInventoryConfiguration",
                &error,
                self.target(),
                self.needs("s3:PutInventoryConfiguration"),
            )),
        }
    }

    /// Deletes it, if it is ours.
    pub(crate) async fn take_down(&self, patience: &mut Patience) -> Result<(), SetupError> {
        let found = match persist(patience, |_| false, || self.find()).await {
            Ok(found) => found,
            Err(SetupError::Aws { error, .. }) if error.code == "NoSuchBucket" => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(found) = found else { return Ok(()) };
        if !self.is_ours(&found) {
            tracing::warn!(inventory = self.target(), delivers_to = destination(&found), "left alone: not ours");
            return Ok(());
        }
        persist(patience, conflict, || self.delete()).await
    }

    async fn delete(&self) -> Result<(), SetupError> {
        let call = self.client.delete_bucket_inventory_configuration().bucket(self.bucket()).id(self.id());
        match call.expected_bucket_owner(self.owner()).send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some("NoSuchConfiguration" | "NoSuchBucket")) => Ok(()),
            Err(error) => Err(SetupError::aws(
                "DeleteBucketInventoryConfiguration",
                &error,
                self.target(),
                self.needs("s3:PutInventoryConfiguration"),
            )),
        }
    }
}

fn conflict(error: &AwsError) -> bool {
    matches!(error.code.as_str(), "OperationAborted" | "ConflictException")
}

pub(crate) fn destination(found: &InventoryConfiguration) -> String {
    match found.destination().and_then(InventoryDestination::s3_bucket_destination) {
        Some(to) => format!("{} under {:?}", to.bucket(), to.prefix().unwrap_or_default()),
        None => "no bucket".to_owned(),
    }
}

/// What differs, one line for each field.
pub(crate) fn lines(found: &InventoryConfiguration, wanted: &InventoryConfiguration) -> Vec<String> {
    let (found, wanted) = (facts(found), facts(wanted));
    let differs = wanted.iter().filter(|(field, value)| found.get(*field) != Some(value));
    differs
        .map(|(field, value)| format!("{field}: {:?} -> {value:?}", found.get(field).map_or("", String::as_str)))
        .collect()
}

/// The deployment's configuration as the SDK takes it.
pub(crate) fn wanted(deployment: &Deployment) -> Result<InventoryConfiguration, BuildError> {
    let document = inventory_configuration(&deployment.route, deployment.schedule);
    let to = &document.destination;
    let encryption = match &to.encryption {
        documents::InventoryEncryption::Kms { key_id } => {
            InventoryEncryption::builder().ssekms(Ssekms::builder().key_id(key_id).build()?)
        }
        documents::InventoryEncryption::S3 {} => InventoryEncryption::builder().sses3(Sses3::builder().build()),
    };
    let bucket = InventoryS3BucketDestination::builder()
        .account_id(&to.account_id)
        .bucket(&to.bucket)
        .format(InventoryFormat::from(to.format))
        .prefix(&to.prefix)
        .encryption(encryption.build())
        .build()?;
    let frequency = match document.schedule {
        Schedule::Daily => InventoryFrequency::Daily,
        Schedule::Weekly => InventoryFrequency::Weekly,
    };
    let filter = document.filter.map(|filter| InventoryFilter::builder().prefix(filter.prefix).build()).transpose()?;
    InventoryConfiguration::builder()
        .id(document.id)
        .is_enabled(document.is_enabled)
        .included_object_versions(InventoryIncludedObjectVersions::from(document.included_object_versions))
        .schedule(InventorySchedule::builder().frequency(frequency).build()?)
        .destination(InventoryDestination::builder().s3_bucket_destination(bucket).build())
        .set_filter(filter)
        .set_optional_fields(Some(document.optional_fields.iter().map(|f| InventoryOptionalField::from(*f)).collect()))
        .build()
}

/// What a configuration says. The order of fields means nothing, and no encryption is S3's own.
pub(crate) fn facts(configuration: &InventoryConfiguration) -> Facts {
    let mut fields: Vec<&str> = configuration.optional_fields().iter().map(InventoryOptionalField::as_str).collect();
    fields.sort_unstable();
    fields.dedup();
    let to = configuration.destination().and_then(InventoryDestination::s3_bucket_destination);
    let of_destination =
        |f: fn(&InventoryS3BucketDestination) -> Option<&str>| to.and_then(f).unwrap_or_default().to_owned();
    let key = to.and_then(|to| to.encryption()).and_then(|encryption| encryption.ssekms()).map(Ssekms::key_id);
    let schedule = configuration.schedule().map(|schedule| schedule.frequency().as_str().to_owned());
    BTreeMap::from([
        ("IsEnabled", configuration.is_enabled().to_string()),
        ("IncludedObjectVersions", configuration.included_object_versions().as_str().to_owned()),
        ("Schedule.Frequency", schedule.unwrap_or_default()),
        ("OptionalFields", fields.join(", ")),
        ("Filter.Prefix", configuration.filter().map(|filter| filter.prefix().to_owned()).unwrap_or_default()),
        ("Destination.AccountId", of_destination(InventoryS3BucketDestination::account_id)),
        ("Destination.Bucket", of_destination(|to| Some(to.bucket()))),
        ("Destination.Format", of_destination(|to| Some(to.format().as_str()))),
        ("Destination.Prefix", of_destination(InventoryS3BucketDestination::prefix)),
        ("Destination.Encryption", key.map_or_else(|| "SSE-S3".to_owned(), str::to_owned)),
    ])
}
