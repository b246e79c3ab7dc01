//! `GetObject` and `HeadObject`.

use std::ops::Range;
use std::sync::Arc;

use s3s::dto::{self, ChecksumMode, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput};
use s3s::{S3Request, S3Result, s3_error};

use super::Backend;
use super::caller::{Caller, context};
use super::checksum::{Stored, show_sums};
use super::conditions::ReadIf;
use super::error::{no_such_key, of_delete_marker};
use super::object::{Data, Encryption, Object, size, timestamp};
use super::wanted::{MANAGED_KEY, customer_key};
use crate::access::Context;

/// A version that a caller may read.
pub(super) struct Found {
    pub(super) object: Arc<Object>,
    /// As answers show it.
    pub(super) version_id: Option<String>,
}

impl Found {
    /// The object; a delete marker is none.
    pub(super) fn data(&self) -> S3Result<&Data> {
        self.object.data.as_ref().ok_or_else(|| s3_error!(InternalError))
    }
}

/// Finds the version a caller asks for and may read, by `GetObject` or `GetObjectVersion`. It is no delete marker.
pub(super) fn find(
    backend: &Backend,
    caller: &Caller<'_>,
    key: &str,
    version_id: Option<&str>,
    context: Context,
) -> S3Result<Found> {
    if let Some(id) = version_id.filter(|id| *id != "null" && id.len() != 32) {
        return Err(s3_error!(InvalidArgument, "Invalid version id specified: {id}"));
    }
    let found = backend.cloud.store().read(&caller.bucket, |bucket| {
        let object = bucket.find(key, version_id)?;
        Some(Found { object: Arc::clone(object), version_id: bucket.shown(&object.version_id) })
    })?;
    let tags = found.iter().filter_map(|f| f.object.data.as_ref()).flat_map(|d| &d.tags);
    let context = tags.fold(context, |c, (name, value)| c.with(&format!("s3:ExistingObjectTag/{name}"), value));
    match version_id {
        None => caller.object_with("s3:GetObject", key, context)?,
        Some(id) => caller.object_with("s3:GetObjectVersion", key, context.with("s3:VersionId", id))?,
    }
    let found = found.ok_or_else(|| caller.missing(key, version_id.is_some()))?;
    match &found.object.data {
        Some(data) => usable_key(caller, data)?,
        None if version_id.is_some() => {
            let error = s3_error!(MethodNotAllowed, "The specified method is not allowed against this resource.");
            return Err(of_delete_marker(error, &found.object.version_id));
        }
        None => return Err(of_delete_marker(no_such_key(key), &found.object.version_id)),
    }
    Ok(found)
}

/// Objects under the AWS managed key cannot be read from another account; of other KMS keys nothing is checked here.
fn usable_key(caller: &Caller<'_>, data: &Data) -> S3Result<()> {
    let managed = data.encryption.kms_key().is_some_and(|key| key.ends_with(MANAGED_KEY));
    if managed && caller.principal.account() != Some(&caller.owner) {
        return Err(s3_error!(
            AccessDenied,
            "The object is encrypted with the AWS managed key {MANAGED_KEY}, which account {} may not use",
            caller.principal.account().map_or("(none)", |a| a.as_str())
        ));
    }
    Ok(())
}

/// An object under a customer's key is read with that key, and any other without.
pub(super) fn check_customer_key(
    data: &Data,
    algorithm: Option<&str>,
    key: Option<&str>,
    key_md5: Option<&str>,
) -> S3Result<()> {
    let given = customer_key(algorithm, key, key_md5)?;
    match (&data.encryption, given) {
        (Encryption::Customer { key_md5 }, Some(given)) if *key_md5 != given => {
            Err(s3_error!(AccessDenied, "Access Denied: the object was stored with another customer key"))
        }
        (Encryption::Customer { .. }, None) => Err(s3_error!(
            InvalidRequest,
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
        )),
        (Encryption::S3 | Encryption::Kms { .. }, Some(_)) => {
            Err(s3_error!(InvalidRequest, "The encryption parameters are not applicable to this object."))
        }
        _ => Ok(()),
    }
}

/// What part of an object is asked for: none for all of it.
fn section(data: &Data, range: Option<dto::Range>, part: Option<i32>) -> S3Result<Option<Range<u64>>> {
    let Some(part) = part else {
        return range.map(|range| range.check(data.content.len())).transpose().map_err(Into::into);
    };
    if range.is_some() {
        return Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber query parameter"));
    }
    let number = usize::try_from(part).ok().and_then(|n| n.checked_sub(1));
    let whole = [data.content.len()];
    let sizes = if data.parts.is_empty() { &whole[..] } else { &data.parts };
    let number = number
        .filter(|n| *n < sizes.len())
        .ok_or_else(|| s3_error!(InvalidRange, "The requested partnumber is not satisfiable"))?;
    let start: u64 = sizes.iter().take(number).sum();
    let end = start + sizes.get(number).copied().unwrap_or_default();
    Ok(Some(start..end))
}

fn content_range(section: &Range<u64>, data: &Data) -> String {
    format!("bytes {}-{}/{}", section.start, section.end.saturating_sub(1), data.content.len())
}

/// The checksum, if it was asked for and the answer holds the whole object.
fn shown_checksum<'a>(data: &'a Data, mode: Option<&ChecksumMode>, whole: bool) -> Option<&'a Stored> {
    let asked = mode.is_some_and(|m| m.as_str() == ChecksumMode::ENABLED);
    data.checksum.as_ref().filter(|_| asked && whole)
}

/// The part of the answer that `GetObject` and `HeadObject` share.
macro_rules! describe {
    ($output:ident, $input:expr, $found:expr, $data:expr, $section:expr) => {{
        let (data, section) = ($data, $section);
        let checksum = shown_checksum(data, $input.checksum_mode.as_ref(), section.is_none());
        let length = section.as_ref().map_or(data.content.len(), |s| s.end - s.start);
        let mut output = $output {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(size(length)),
            content_range: section.as_ref().map(|s| content_range(s, data)),
            content_type: data.headers.content_type.clone(),
            cache_control: data.headers.cache_control.clone(),
            content_disposition: data.headers.content_disposition.clone(),
            content_encoding: data.headers.content_encoding.clone(),
            content_language: data.headers.content_language.clone(),
            expires: data.headers.expires.clone(),
            website_redirect_location: data.headers.website_redirect.clone(),
            metadata: Some(data.metadata.clone()),
            e_tag: Some(data.etag_header()),
            last_modified: Some(timestamp($found.object.last_modified)),
            version_id: $found.version_id.clone(),
            storage_class: data.storage_class_header(),
            server_side_encryption: data.encryption.algorithm(),
            ssekms_key_id: data.encryption.kms_key(),
            bucket_key_enabled: data.encryption.bucket_key(),
            sse_customer_algorithm: data.encryption.customer_algorithm(),
            sse_customer_key_md5: data.encryption.customer_key_md5(),
            checksum_type: checksum.map(Stored::kind),
            parts_count: $input.part_number.and(i32::try_from(data.parts.len()).ok()).filter(|n| *n > 0),
            ..$output::default()
        };
        show_sums!(output, checksum);
        output
    }};
}

/// The reader's conditions, out of either input.
macro_rules! read_if {
    ($input:expr) => {
        ReadIf {
            matches: $input.if_match.clone(),
            none_match: $input.if_none_match.clone(),
            modified_since: $input.if_modified_since.clone(),
            unmodified_since: $input.if_unmodified_since.clone(),
        }
    };
}

/// `GetObject`.
pub(super) fn get_object(backend: &Backend, req: &S3Request<GetObjectInput>) -> S3Result<GetObjectOutput> {
    let input = &req.input;
    let caller = backend.open(req, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let found = find(backend, &caller, &input.key, input.version_id.as_deref(), context())?;
    let data = found.data()?;
    check_customer_key(
        data,
        input.sse_customer_algorithm.as_deref(),
        input.sse_customer_key.as_deref(),
        input.sse_customer_key_md5.as_deref(),
    )?;
    read_if!(input).check(&found.object, data)?;
    if data.is_archived(backend.cloud.clock().now()) {
        return Err(archived());
    }
    let section = section(data, input.range, input.part_number)?;
    let content = section.clone().map_or_else(|| data.content.clone(), |s| data.content.slice(s));
    let may_count = !data.tags.is_empty() && caller.object("s3:GetObjectTagging", &input.key).is_ok();
    let mut output = describe!(GetObjectOutput, input, found, data, section);
    output.restore = data.restore_header(backend.cloud.clock().now());
    output.tag_count = may_count.then(|| i32::try_from(data.tags.len()).unwrap_or(i32::MAX));
    output.body = Some(content.into_body());
    Ok(output)
}

/// `HeadObject`; it needs the permissions of `GetObject`.
pub(super) fn head_object(backend: &Backend, req: &S3Request<HeadObjectInput>) -> S3Result<HeadObjectOutput> {
    let input = &req.input;
    let caller = backend.open(req, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let found = find(backend, &caller, &input.key, input.version_id.as_deref(), context())?;
    let data = found.data()?;
    check_customer_key(
        data,
        input.sse_customer_algorithm.as_deref(),
        input.sse_customer_key.as_deref(),
        input.sse_customer_key_md5.as_deref(),
    )?;
    read_if!(input).check(&found.object, data)?;
    let section = section(data, input.range, input.part_number)?;
    let mut output = describe!(HeadObjectOutput, input, found, data, section);
    let now = backend.cloud.clock().now();
    (output.restore, output.archive_status) = (data.restore_header(now), data.archive_status(now));
    Ok(output)
}

/// Neither read nor copied before it is restored.
pub(super) fn archived() -> s3s::S3Error {
    s3_error!(InvalidObjectState, "The operation is not valid for the object's storage class")
}
