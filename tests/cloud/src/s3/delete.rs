//! `DeleteObject` and `DeleteObjects`.

use std::sync::Arc;

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition,
    Error, ObjectIdentifier,
};
use s3s::{S3Request, S3Result, s3_error};

use super::Backend;
use super::caller::{Caller, context};
use super::conditions::WriteIf;
use super::object::{Object, whole_seconds};
use super::store::{Bucket, Versioning};

/// What a deletion did.
#[derive(Default)]
struct Deletion {
    /// Of the version that is gone or the marker that was made.
    version_id: Option<String>,
    /// A delete marker was made or is gone.
    delete_marker: bool,
}

/// Deletes a version, or puts a delete marker on top, or deletes the object where there are no versions.
fn delete(
    backend: &Backend,
    caller: &Caller<'_>,
    key: &str,
    version_id: Option<&str>,
    conditions: &WriteIf,
) -> S3Result<Deletion> {
    match version_id {
        None => caller.object("s3:DeleteObject", key)?,
        Some(id) => caller.object_with("s3:DeleteObjectVersion", key, context().with("s3:VersionId", id))?,
    }
    let last_modified = whole_seconds(backend.cloud.clock().now());
    backend.cloud.store().write(&caller.bucket, |bucket| {
        conditions.check(key, bucket.latest(key).map(AsRef::as_ref))?;
        match (version_id, bucket.versioning) {
            (Some(id), _) => Ok(remove(bucket, key, id)),
            (None, Versioning::Never) => {
                bucket.objects.remove(key);
                Ok(Deletion::default())
            }
            (None, Versioning::Enabled | Versioning::Suspended) => {
                let version_id = bucket.next_version_id();
                bucket.put(key, Arc::new(Object { version_id: version_id.clone(), last_modified, data: None }));
                Ok(Deletion { version_id: Some(version_id), delete_marker: true })
            }
        }
    })
}

fn remove(bucket: &mut Bucket, key: &str, version_id: &str) -> Deletion {
    let mut deletion = Deletion { version_id: bucket.shown(version_id), delete_marker: false };
    if let Some(versions) = bucket.objects.get_mut(key) {
        versions.retain(|version| {
            let gone = version.version_id == version_id;
            deletion.delete_marker |= gone && version.data.is_none();
            !gone
        });
        if versions.is_empty() {
            bucket.objects.remove(key);
        }
    }
    deletion
}

/// `DeleteObject`; it succeeds also when there is nothing.
pub(super) fn delete_object(backend: &Backend, req: &S3Request<DeleteObjectInput>) -> S3Result<DeleteObjectOutput> {
    let caller = backend.open(req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = &req.input;
    let conditions = WriteIf { matches: input.if_match.clone(), none_match: None };
    let done = delete(backend, &caller, &input.key, input.version_id.as_deref(), &conditions)?;
    Ok(DeleteObjectOutput {
        delete_marker: done.delete_marker.then_some(true),
        version_id: done.version_id,
        ..DeleteObjectOutput::default()
    })
}

/// `DeleteObjects`: each key is decided by itself.
pub(super) fn delete_objects(backend: &Backend, req: S3Request<DeleteObjectsInput>) -> S3Result<DeleteObjectsOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let wanted = req.input.delete;
    if wanted.objects.is_empty() || wanted.objects.len() > 1000 {
        return Err(s3_error!(MalformedXML, "A request deletes between 1 and 1000 objects"));
    }
    let quiet = wanted.quiet.unwrap_or(false);
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for ObjectIdentifier { key, version_id, e_tag, .. } in wanted.objects {
        let conditions = WriteIf { matches: e_tag.map(ETagCondition::ETag), none_match: None };
        match delete(backend, &caller, &key, version_id.as_deref(), &conditions) {
            Ok(_) if quiet => {}
            Ok(done) => deleted.push(DeletedObject {
                key: Some(key),
                delete_marker: done.delete_marker.then_some(true),
                delete_marker_version_id: done.version_id.filter(|_| done.delete_marker),
                version_id,
            }),
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                message: error.message().map(str::to_owned),
                key: Some(key),
                version_id,
            }),
        }
    }
    Ok(DeleteObjectsOutput { deleted: Some(deleted), errors: Some(errors), ..DeleteObjectsOutput::default() })
}
