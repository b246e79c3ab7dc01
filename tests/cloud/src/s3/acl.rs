//! ACLs are shown, never evaluated: the owner's full control, and what a canned ACL adds to it.

use s3s::dto::{
    GetBucketAclInput, GetBucketAclOutput, GetObjectAclInput, GetObjectAclOutput, Grant, Grantee, Owner, Permission,
    Type,
};
use s3s::{S3Request, S3Result};

use super::Backend;
use super::listing::owner;

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

fn full_control(owner: &Owner) -> Grant {
    Grant {
        grantee: Some(Grantee {
            display_name: None,
            email_address: None,
            id: owner.id.clone(),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }
}

fn group(uri: &str, permission: &'static str) -> Grant {
    Grant {
        grantee: Some(Grantee {
            display_name: None,
            email_address: None,
            id: None,
            type_: Type::from_static(Type::GROUP),
            uri: Some(uri.to_owned()),
        }),
        permission: Some(Permission::from_static(permission)),
    }
}

/// What a canned ACL gives to others than the owner.
fn canned(acl: &str) -> Vec<Grant> {
    match acl {
        "public-read" => vec![group(ALL_USERS, Permission::READ)],
        "public-read-write" => vec![group(ALL_USERS, Permission::READ), group(ALL_USERS, Permission::WRITE)],
        "authenticated-read" => vec![group(AUTHENTICATED, Permission::READ)],
        _ => Vec::new(),
    }
}

/// `GetObjectAcl`.
pub(super) fn get_object_acl(backend: &Backend, req: &S3Request<GetObjectAclInput>) -> S3Result<GetObjectAclOutput> {
    let input = &req.input;
    let caller = backend.open(req, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let version_id = input.version_id.as_deref();
    caller.object(if version_id.is_some() { "s3:GetObjectVersionAcl" } else { "s3:GetObjectAcl" }, &input.key)?;
    let found = backend.cloud.store().read(&caller.bucket, |bucket| {
        Some(bucket.find(&input.key, version_id)?.data.as_ref()?.acl.clone().unwrap_or_default())
    })?;
    let acl = found.ok_or_else(|| caller.missing(&input.key, version_id.is_some()))?;
    let owner = owner(&caller.owner);
    let grants = std::iter::once(full_control(&owner)).chain(canned(&acl)).collect();
    Ok(GetObjectAclOutput { grants: Some(grants), owner: Some(owner), ..GetObjectAclOutput::default() })
}

/// `GetBucketAcl`: buckets here have no other than their owner's.
pub(super) fn get_bucket_acl(backend: &Backend, req: &S3Request<GetBucketAclInput>) -> S3Result<GetBucketAclOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:GetBucketAcl")?;
    let owner = owner(&caller.owner);
    Ok(GetBucketAclOutput { grants: Some(vec![full_control(&owner)]), owner: Some(owner) })
}
