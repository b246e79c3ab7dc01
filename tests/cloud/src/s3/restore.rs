//! `RestoreObject`: an archived object becomes readable after its tier's time, for so many days. Nothing of its storage class or its
//! place in inventories changes; `HeadObject` tells by `x-amz-restore`. What is restored of an archive tier of INTELLIGENT_TIERING stays
//! readable, takes no days, and shows it in inventories.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html>

use std::sync::Arc;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp, ToSpan};
use s3s::dto::{RestoreObjectInput, RestoreObjectOutput};
use s3s::{S3Request, S3Result, s3_error};

use super::ArchiveTier;
use super::Backend;
use super::error::custom;
use super::get::check_customer_key;
use super::object::{Data, Object, Restored};

/// The longest that a tier takes, in hours: for GLACIER, for DEEP_ARCHIVE.
fn hours(tier: &str, deep: bool) -> S3Result<i64> {
    Ok(match (tier, deep) {
        ("Standard", false) => 5,
        ("Standard", true) | ("Bulk", false) => 12,
        ("Bulk", true) => 48,
        ("Expedited", false) => 1,
        _ => return Err(s3_error!(InvalidArgument, "The tier {tier} cannot restore this storage class")),
    })
}

/// Whether it is copied from the archive, and until when the copy stays: to the midnight after so many days.
fn restored(data: &Data, now: Timestamp, days: i32, tier: &str) -> S3Result<Restored> {
    let deep = data.storage_class == "DEEP_ARCHIVE";
    let readable = match data.restored {
        Some(before) if before.from <= now && now < before.until => before.from,
        _ => now + SignedDuration::from_hours(hours(tier, deep)?),
    };
    let end = readable + SignedDuration::from_hours(24 * i64::from(days));
    let midnight = end.to_zoned(jiff::tz::TimeZone::UTC).start_of_day();
    let until = midnight.and_then(|midnight| midnight.checked_add(1.day())).map_err(s3s::S3Error::internal_error)?;
    Ok(Restored { from: readable, until: until.timestamp() })
}

/// When an object leaves its archive tier.
fn out_of(tier: ArchiveTier, now: Timestamp, days: Option<i32>, speed: &str) -> S3Result<ArchiveTier> {
    if days.is_some() {
        return Err(s3_error!(InvalidArgument, "Days is not allowed for this storage class"));
    }
    if tier.until.is_some() {
        let why = "Object restore is already in progress";
        return Err(custom("RestoreAlreadyInProgress", StatusCode::CONFLICT, why));
    }
    Ok(ArchiveTier { until: Some(now + SignedDuration::from_hours(hours(speed, tier.deep)?)), ..tier })
}

pub(super) fn restore(backend: &Backend, req: S3Request<RestoreObjectInput>) -> S3Result<RestoreObjectOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = req.input;
    caller.object("s3:RestoreObject", &input.key)?;
    let version_id = input.version_id.as_deref();
    let request = input.restore_request.unwrap_or_default();
    let parameters = request.glacier_job_parameters.map(|parameters| parameters.tier);
    let speed = parameters.or(request.tier).map_or_else(|| "Standard".to_owned(), |tier| tier.as_str().to_owned());
    let now = backend.cloud.clock().now();
    let found = backend.cloud.store().write(&caller.bucket, |bucket| {
        let Some(id) = bucket.find(&input.key, version_id).map(|o| o.version_id.clone()) else { return Ok(None) };
        let versions = bucket.objects.get_mut(&input.key).map_or(&mut [][..], Vec::as_mut_slice);
        let Some(version) = versions.iter_mut().find(|v| v.version_id == id) else { return Ok(None) };
        let Object { data: Some(data), .. } = Arc::make_mut(version) else { return Ok(None) };
        check_customer_key(data, None, None, None)?;
        if let Some(tier) = data.archive_tier.filter(|tier| tier.holds(now)) {
            data.archive_tier = Some(out_of(tier, now, request.days, &speed)?);
            return Ok(Some(()));
        }
        if !data.is_of_an_archive() {
            return Err(s3_error!(InvalidObjectState, "Restore is not allowed for the object's current storage class"));
        }
        if data.restored.is_some_and(|restored| now < restored.from) {
            let why = "Object restore is already in progress";
            return Err(custom("RestoreAlreadyInProgress", StatusCode::CONFLICT, why));
        }
        let days = request.days.filter(|days| *days > 0);
        let wrong = || s3_error!(InvalidArgument, "Days must be a positive number for this storage class");
        data.restored = Some(restored(data, now, days.ok_or_else(wrong)?, &speed)?);
        Ok(Some(()))
    })?;
    found.ok_or_else(|| caller.missing(&input.key, version_id.is_some()))?;
    Ok(RestoreObjectOutput::default())
}
