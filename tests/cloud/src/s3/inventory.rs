//! Inventory configurations. Whether the manifest bucket lets S3 deliver is not looked at here: as on AWS, a wrong
//! policy there is silent.

use http::StatusCode;
use s3s::dto::{
    DeleteBucketInventoryConfigurationInput, DeleteBucketInventoryConfigurationOutput,
    GetBucketInventoryConfigurationInput, GetBucketInventoryConfigurationOutput,
    ListBucketInventoryConfigurationsInput, ListBucketInventoryConfigurationsOutput,
    PutBucketInventoryConfigurationInput, PutBucketInventoryConfigurationOutput,
};
use s3s::{S3Error, S3Request, S3Result, s3_error};

use super::error::custom;
use super::{Backend, InventoryConfiguration};

/// Configurations of one bucket.
const MOST: usize = 1000;
/// Configurations in one answer.
const PAGE: usize = 100;

fn no_such_configuration() -> S3Error {
    custom("NoSuchConfiguration", StatusCode::NOT_FOUND, "The specified configuration does not exist.")
}

/// `PutBucketInventoryConfiguration`: one of the same id is replaced.
pub(super) fn put(
    backend: &Backend,
    req: S3Request<PutBucketInventoryConfigurationInput>,
) -> S3Result<PutBucketInventoryConfigurationOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:PutInventoryConfiguration")?;
    let (id, configuration) = (req.input.id, req.input.inventory_configuration);
    check(&id, &configuration)?;
    backend.cloud.store().write(&caller.bucket, |bucket| {
        let configurations = &mut bucket.settings.inventory;
        if configurations.len() >= MOST && !configurations.contains_key(&id) {
            return Err(custom(
                "TooManyConfigurations",
                StatusCode::BAD_REQUEST,
                format!("You are attempting to create a new configuration but have already reached the {MOST}-configuration limit."),
            ));
        }
        configurations.insert(id, configuration);
        Ok(PutBucketInventoryConfigurationOutput::default())
    })
}

fn check(id: &str, configuration: &InventoryConfiguration) -> S3Result<()> {
    let id_fits = id == configuration.id
        && (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !id_fits {
        return Err(s3_error!(InvalidArgument, "The configuration id {id} is not valid, or not that of the request"));
    }
    let known = |name: &str, value: &str, values: &[&str]| {
        if values.contains(&value) { Ok(()) } else { Err(s3_error!(MalformedXML, "{name} must not be {value:?}")) }
    };
    known("Schedule.Frequency", configuration.schedule.frequency.as_str(), &["Daily", "Weekly"])?;
    known("IncludedObjectVersions", configuration.included_object_versions.as_str(), &["All", "Current"])?;
    let destination = &configuration.destination.s3_bucket_destination;
    known("Format", destination.format.as_str(), &["CSV", "ORC", "Parquet"])?;
    let invalid = |message: &str| Err(custom("InvalidS3DestinationBucket", StatusCode::BAD_REQUEST, message));
    let mut arn = destination.bucket.splitn(6, ':');
    match (arn.next(), arn.next(), arn.next(), arn.next(), arn.next(), arn.next()) {
        (Some("arn"), Some("aws"), Some("s3"), Some(""), Some(""), Some(name))
            if s3s::path::check_bucket_name(name) =>
        {
            Ok(())
        }
        (Some("arn"), Some("aws"), Some("s3"), Some(_), Some(account), Some(_)) if !account.is_empty() => {
            invalid("Bucket ARN should not specify a namespace.")
        }
        _ => invalid("The destination bucket is not a bucket ARN of the form arn:aws:s3:::NAME"),
    }
}

/// `GetBucketInventoryConfiguration`.
pub(super) fn get(
    backend: &Backend,
    req: &S3Request<GetBucketInventoryConfigurationInput>,
) -> S3Result<GetBucketInventoryConfigurationOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:GetInventoryConfiguration")?;
    let found = backend.cloud.store().read(&caller.bucket, |b| b.settings.inventory.get(&req.input.id).cloned())?;
    match found {
        Some(found) => Ok(GetBucketInventoryConfigurationOutput { inventory_configuration: Some(found) }),
        None => Err(no_such_configuration()),
    }
}

/// `ListBucketInventoryConfigurations`, 100 at a time.
pub(super) fn list(
    backend: &Backend,
    req: S3Request<ListBucketInventoryConfigurationsInput>,
) -> S3Result<ListBucketInventoryConfigurationsOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:GetInventoryConfiguration")?;
    let after = req.input.continuation_token;
    let mut found: Vec<_> = backend.cloud.store().read(&caller.bucket, |bucket| {
        let behind = bucket.settings.inventory.iter().filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after));
        behind.take(PAGE + 1).map(|(_, configuration)| configuration.clone()).collect()
    })?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    Ok(ListBucketInventoryConfigurationsOutput {
        continuation_token: after,
        is_truncated: Some(more),
        next_continuation_token: found.last().filter(|_| more).map(|last| last.id.clone()),
        inventory_configuration_list: (!found.is_empty()).then_some(found),
    })
}

/// `DeleteBucketInventoryConfiguration`.
pub(super) fn delete(
    backend: &Backend,
    req: &S3Request<DeleteBucketInventoryConfigurationInput>,
) -> S3Result<DeleteBucketInventoryConfigurationOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:PutInventoryConfiguration")?;
    backend.cloud.store().write(&caller.bucket, |bucket| {
        bucket.settings.inventory.remove(&req.input.id).ok_or_else(no_such_configuration)?;
        Ok(DeleteBucketInventoryConfigurationOutput::default())
    })
}
