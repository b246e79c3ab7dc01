//! Buckets themselves: create, delete, head, list, location.

use s3s::dto::{
    Bucket as BucketEntry, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput,
    ListBucketsInput, ListBucketsOutput, OwnershipControls, OwnershipControlsRule,
};
use s3s::{S3Request, S3Result, s3_error};

use super::Backend;
use super::caller::{context, principal};
use super::error::denied;
use super::listing::owner;
use super::object::timestamp;
use super::store::{Bucket, Versioning};
use crate::REGION;
use crate::identity::AccountId;

/// `CreateBucket`. As in us-east-1, making a bucket again that is one's own does nothing there and is refused elsewhere.
pub(super) fn create_bucket(backend: &Backend, req: S3Request<CreateBucketInput>) -> S3Result<CreateBucketOutput> {
    let principal = principal(&req);
    let name = req.input.bucket;
    let account =
        principal.account().cloned().ok_or_else(|| s3_error!(AccessDenied, "Anonymous users cannot create buckets"))?;
    let store = backend.cloud.store();
    let made = || CreateBucketOutput { location: Some(format!("/{name}")) };
    match store.read(&name, |b| (b.owner.clone(), b.region.clone())) {
        Ok((owner, _)) if owner != account => {
            return Err(s3_error!(BucketAlreadyExists, "The requested bucket name is not available: {name}"));
        }
        Ok((_, region)) if region != REGION => {
            return Err(s3_error!(BucketAlreadyOwnedByYou, "You already own the bucket {name}"));
        }
        Ok(_) => return Ok(made()),
        Err(_) => {}
    }
    let region = region(req.input.create_bucket_configuration.and_then(|c| c.location_constraint))?;
    let keys = context().with("s3:locationconstraint", region.as_str());
    backend
        .cloud
        .authorize(&principal, "s3:CreateBucket", &format!("arn:aws:s3:::{name}"), &keys)
        .map_err(|d| denied(&d))?;
    let mut bucket = Bucket::new(account, region, backend.cloud.clock().now());
    if req.input.object_lock_enabled_for_bucket.unwrap_or(false) {
        bucket.versioning = Versioning::Enabled;
        bucket.settings.object_lock = Some(s3s::dto::ObjectLockConfiguration {
            object_lock_enabled: Some(s3s::dto::ObjectLockEnabled::from_static(s3s::dto::ObjectLockEnabled::ENABLED)),
            rule: None,
        });
    }
    if let Some(object_ownership) = req.input.object_ownership {
        bucket.settings.ownership = Some(OwnershipControls { rules: vec![OwnershipControlsRule { object_ownership }] });
    }
    store.with_buckets(|buckets| {
        buckets.entry(name.clone()).or_insert(bucket);
    });
    Ok(made())
}

/// No constraint is us-east-1, which may not be named.
fn region(constraint: Option<BucketLocationConstraint>) -> S3Result<String> {
    let Some(constraint) = constraint.filter(|c| !c.as_str().is_empty()) else { return Ok(REGION.to_owned()) };
    match constraint.as_str() {
        "EU" => Ok("eu-west-1".to_owned()),
        REGION => Err(s3_error!(InvalidLocationConstraint, "The specified location-constraint is not valid")),
        name => Ok(name.to_owned()),
    }
}

/// `DeleteBucket`: only of a bucket with no object, version or delete marker left; uploads go with it.
pub(super) fn delete_bucket(backend: &Backend, req: &S3Request<DeleteBucketInput>) -> S3Result<DeleteBucketOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:DeleteBucket")?;
    backend.cloud.store().with_buckets(|buckets| {
        if buckets.get(&caller.bucket).is_some_and(|b| !b.objects.is_empty()) {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty: {}", caller.bucket));
        }
        buckets.remove(&caller.bucket);
        Ok(DeleteBucketOutput::default())
    })
}

/// `HeadBucket`; it needs `ListBucket`.
pub(super) fn head_bucket(backend: &Backend, req: &S3Request<HeadBucketInput>) -> S3Result<HeadBucketOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:ListBucket")?;
    Ok(HeadBucketOutput { bucket_region: backend.cloud.store().region(&caller.bucket), ..HeadBucketOutput::default() })
}

/// `GetBucketLocation`: null for us-east-1.
pub(super) fn get_bucket_location(
    backend: &Backend,
    req: &S3Request<GetBucketLocationInput>,
) -> S3Result<GetBucketLocationOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:GetBucketLocation")?;
    let region = backend.cloud.store().region(&caller.bucket).filter(|region| region != REGION);
    Ok(GetBucketLocationOutput { location_constraint: region.map(BucketLocationConstraint::from) })
}

/// `ListBuckets`: the caller's account's.
pub(super) fn list_buckets(backend: &Backend, req: S3Request<ListBucketsInput>) -> S3Result<ListBucketsOutput> {
    let principal = principal(&req);
    let account: AccountId =
        principal.account().cloned().ok_or_else(|| s3_error!(AccessDenied, "Anonymous users cannot list buckets"))?;
    backend.cloud.authorize(&principal, "s3:ListAllMyBuckets", "arn:aws:s3:::*", &context()).map_err(|d| denied(&d))?;
    let input = req.input;
    let after = input.continuation_token.unwrap_or_default();
    let prefix = input.prefix.unwrap_or_default();
    let most = input.max_buckets.and_then(|n| usize::try_from(n).ok()).unwrap_or(10_000);
    let mut found: Vec<_> = backend.cloud.store().with_buckets(|buckets| {
        buckets
            .iter()
            .filter(|(name, b)| b.owner == account && **name > after && name.starts_with(&prefix))
            .filter(|(_, b)| input.bucket_region.as_ref().is_none_or(|region| *region == b.region))
            .take(most.saturating_add(1))
            .map(|(name, b)| BucketEntry {
                name: Some(name.clone()),
                creation_date: Some(timestamp(b.created)),
                bucket_region: Some(b.region.clone()),
            })
            .collect()
    });
    let more = found.len() > most;
    found.truncate(most);
    Ok(ListBucketsOutput {
        continuation_token: found.last().filter(|_| more).and_then(|b| b.name.clone()),
        buckets: Some(found),
        owner: Some(owner(&account)),
        prefix: (!prefix.is_empty()).then_some(prefix),
    })
}
