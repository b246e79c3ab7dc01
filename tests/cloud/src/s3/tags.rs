//! Object tags: the header, and the `?tagging` sub-resource.

use std::sync::Arc;

use http::StatusCode;
use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
};
use s3s::{S3Request, S3Result, s3_error};

use super::Backend;
use super::caller::Caller;
use super::error::custom;
use super::object::Object;

type Tags = Vec<(String, String)>;

/// The `x-amz-tagging` header: form-encoded.
pub(super) fn parse_header(header: &str) -> S3Result<Tags> {
    check(form_urlencoded::parse(header.as_bytes()).into_owned().collect(), 10)
}

/// Tags as they come in XML; `most` is 10 for an object, 50 for a bucket.
pub(super) fn from_dto(tags: Vec<Tag>, most: usize) -> S3Result<Tags> {
    check(tags.into_iter().map(|t| (t.key.unwrap_or_default(), t.value.unwrap_or_default())).collect(), most)
}

/// Tags as they go out in XML.
pub(super) fn to_dto(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

fn check(tags: Tags, most: usize) -> S3Result<Tags> {
    if tags.len() > most {
        return Err(custom(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            format!("Object tags cannot be greater than {most}"),
        ));
    }
    for (i, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > 128 || key.starts_with("aws:") {
            return Err(s3_error!(InvalidTag, "The TagKey you have provided is invalid: {key}"));
        }
        if value.chars().count() > 256 {
            return Err(s3_error!(InvalidTag, "The TagValue you have provided is invalid: {value}"));
        }
        if tags.iter().take(i).any(|(other, _)| other == key) {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key: {key}"));
        }
    }
    Ok(tags)
}

/// `GetObjectTagging` and its like, or their version forms.
fn action(verb: &str, version_id: Option<&str>) -> String {
    format!("s3:{verb}Object{}Tagging", if version_id.is_some() { "Version" } else { "" })
}

pub(super) fn get(backend: &Backend, req: &S3Request<GetObjectTaggingInput>) -> S3Result<GetObjectTaggingOutput> {
    let input = &req.input;
    let caller = backend.open(req, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let version_id = input.version_id.as_deref();
    caller.object(&action("Get", version_id), &input.key)?;
    let found = backend.cloud.store().read(&input.bucket, |bucket| {
        let object = bucket.find(&input.key, version_id)?;
        Some((to_dto(&object.data.as_ref()?.tags), bucket.shown(&object.version_id)))
    })?;
    let (tag_set, version_id) = found.ok_or_else(|| caller.missing(&input.key, version_id.is_some()))?;
    Ok(GetObjectTaggingOutput { tag_set, version_id })
}

pub(super) fn put(backend: &Backend, req: S3Request<PutObjectTaggingInput>) -> S3Result<PutObjectTaggingOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = req.input;
    caller.object(&action("Put", input.version_id.as_deref()), &input.key)?;
    let tags = from_dto(input.tagging.tag_set, 10)?;
    let version_id = replace(backend, &caller, &input.key, input.version_id.as_deref(), tags)?;
    Ok(PutObjectTaggingOutput { version_id })
}

pub(super) fn delete(
    backend: &Backend,
    req: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<DeleteObjectTaggingOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = req.input;
    caller.object(&action("Delete", input.version_id.as_deref()), &input.key)?;
    let version_id = replace(backend, &caller, &input.key, input.version_id.as_deref(), Vec::new())?;
    Ok(DeleteObjectTaggingOutput { version_id })
}

/// Gives a version other tags; its id and time stay.
fn replace(
    backend: &Backend,
    caller: &Caller<'_>,
    key: &str,
    version_id: Option<&str>,
    tags: Tags,
) -> S3Result<Option<String>> {
    let found = backend.cloud.store().write(&caller.bucket, |bucket| {
        let Some(id) = bucket.find(key, version_id).map(|o| o.version_id.clone()) else { return Ok(None) };
        let versions = bucket.objects.get_mut(key).map_or(&mut [][..], Vec::as_mut_slice);
        let Some(version) = versions.iter_mut().find(|v| v.version_id == id) else { return Ok(None) };
        let Object { data: Some(data), .. } = Arc::make_mut(version) else { return Ok(None) };
        data.tags = tags;
        Ok(Some(bucket.shown(&id)))
    })?;
    found.ok_or_else(|| caller.missing(key, version_id.is_some()))
}
