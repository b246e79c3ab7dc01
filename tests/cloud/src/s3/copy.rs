//! `CopyObject`.

use s3s::dto::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, MetadataDirective, TaggingDirective};
use s3s::{S3Error, S3Request, S3Result, s3_error};

use super::Backend;
use super::caller::{Caller, context};
use super::checksum::{Algorithm, Stored, md5, show_sums};
use super::conditions::{ReadIf, WriteIf};
use super::get::{Found, archived, check_customer_key, find};
use super::object::{Data, Encryption, timestamp};
use super::put::{ETag, MOST, New};
use super::wanted::{Wanted, wanted};

/// Where a copy comes from.
pub(super) struct Source {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version_id: Option<String>,
}

impl Source {
    pub(super) fn of(source: &CopySource) -> S3Result<Self> {
        match source {
            CopySource::Bucket { bucket, key, version_id } => Ok(Self {
                bucket: bucket.to_string(),
                key: key.to_string(),
                version_id: version_id.as_deref().map(str::to_owned),
            }),
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(s3_error!(NotImplemented, "the local cloud has no access points and no Outposts"))
            }
        }
    }

    /// As the header and the condition key `s3:x-amz-copy-source` have it.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    /// Of objects, or of their versions.
    fn action(&self, what: &str) -> String {
        format!("s3:GetObject{}{what}", if self.version_id.is_some() { "Version" } else { "" })
    }
}

/// The one that either input names.
macro_rules! find_source {
    ($backend:expr, $reader:expr, $source:expr, $input:expr) => {
        $crate::s3::copy::source_object(
            $backend,
            $reader,
            $source,
            &$crate::s3::conditions::ReadIf {
                matches: $input.copy_source_if_match.clone(),
                none_match: $input.copy_source_if_none_match.clone(),
                modified_since: $input.copy_source_if_modified_since.clone(),
                unmodified_since: $input.copy_source_if_unmodified_since.clone(),
            },
            [
                $input.copy_source_sse_customer_algorithm.as_deref(),
                $input.copy_source_sse_customer_key.as_deref(),
                $input.copy_source_sse_customer_key_md5.as_deref(),
            ],
        )
    };
}
pub(super) use find_source;

/// `CopyObject`: the source is read and the copy written with the caller's permissions.
pub(super) fn copy_object(backend: &Backend, mut req: S3Request<CopyObjectInput>) -> S3Result<CopyObjectOutput> {
    let source = Source::of(&req.input.copy_source)?;
    let target = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let reader = backend.open(&req, &source.bucket, req.input.expected_source_bucket_owner.as_deref())?;
    let conditions = WriteIf::from_headers(&req.headers)?;
    let input = &mut req.input;
    let asked = wanted!(input);

    let found = find_source!(backend, &reader, &source, input)?;
    let data = found.data()?;
    if data.content.len() > MOST {
        return Err(too_large());
    }
    let wanted = directed(asked, input, data)?;
    if wanted.tags == Some(data.tags.clone()) && input.tagging.is_none() && !data.tags.is_empty() {
        reader.object(&source.action("Tagging"), &source.key)?;
    }
    let tagged = wanted.tags.as_ref().is_some_and(|tags| !tags.is_empty()) || input.tagging.is_some();
    let mut keys = conditions
        .context(wanted.context())
        .with("s3:ObjectCreationOperation", "true")
        .with("s3:x-amz-copy-source", source.path());
    if let Some(directive) = &input.metadata_directive {
        keys = keys.with("s3:x-amz-metadata-directive", directive.as_str());
    }
    wanted.authorize(&target, &input.key, tagged, &keys)?;
    conditions.authorize(&target, &input.key)?;
    changes_something(&source, input, &wanted)?;

    let new = New {
        key: &input.key,
        content: data.content.clone(),
        etag: etag(data),
        parts: Vec::new(),
        checksum: Some(checksum(input, data)?),
        wanted,
        last_modified: None,
        event: "Copy",
    };
    let written = backend.create(&target, new, &conditions)?;
    let copy = written.data()?;
    let mut result = CopyObjectResult {
        e_tag: Some(copy.etag_header()),
        last_modified: Some(timestamp(written.object.last_modified)),
        checksum_type: copy.checksum.as_ref().map(Stored::kind),
        ..CopyObjectResult::default()
    };
    show_sums!(result, &copy.checksum);
    Ok(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: found.version_id.clone(),
        version_id: written.version_id.clone(),
        server_side_encryption: copy.encryption.algorithm(),
        ssekms_key_id: copy.encryption.kms_key(),
        bucket_key_enabled: copy.encryption.bucket_key(),
        sse_customer_algorithm: copy.encryption.customer_algorithm(),
        sse_customer_key_md5: copy.encryption.customer_key_md5(),
        ..CopyObjectOutput::default()
    })
}

/// The version to copy, if it may be read, is what the caller expects and can be copied at all.
pub(super) fn source_object(
    backend: &Backend,
    reader: &Caller<'_>,
    source: &Source,
    conditions: &ReadIf,
    [algorithm, key, key_md5]: [Option<&str>; 3],
) -> S3Result<Found> {
    let found =
        find(backend, reader, &source.key, source.version_id.as_deref(), context()).map_err(|error| {
            match error.code() {
                s3s::S3ErrorCode::MethodNotAllowed => s3_error!(
                    InvalidRequest,
                    "The source of a copy request may not specifically refer to a delete marker by version id."
                ),
                _ => error,
            }
        })?;
    let data = found.data()?;
    conditions.check_source(&found.object, data)?;
    check_customer_key(data, algorithm, key, key_md5)?;
    if data.is_archived(backend.cloud.clock().now()) {
        return Err(archived());
    }
    Ok(found)
}

/// More than one request copies.
pub(super) fn too_large() -> S3Error {
    s3_error!(
        InvalidRequest,
        "The specified copy source is larger than the maximum allowable size for a copy source: {MOST}"
    )
}

/// What the copy will have: by the directives, the source's metadata and tags or those of the request. Storage class,
/// encryption, redirect and ACL are never the source's.
fn directed(mut wanted: Wanted, input: &CopyObjectInput, source: &Data) -> S3Result<Wanted> {
    match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
        None | Some(MetadataDirective::COPY) => {
            let redirect = wanted.headers.website_redirect.take();
            wanted.headers = source.headers.clone();
            wanted.headers.website_redirect = redirect;
            wanted.metadata.clone_from(&source.metadata);
        }
        Some(MetadataDirective::REPLACE) => {}
        Some(_) => return Err(s3_error!(InvalidArgument, "Unknown metadata directive.")),
    }
    match input.tagging_directive.as_ref().map(TaggingDirective::as_str) {
        None | Some(TaggingDirective::COPY) => wanted.tags = Some(source.tags.clone()),
        Some(TaggingDirective::REPLACE) => {}
        Some(_) => return Err(s3_error!(InvalidArgument, "Unknown tagging directive.")),
    }
    Ok(wanted)
}

/// A copy onto itself must change something.
fn changes_something(source: &Source, input: &CopyObjectInput, wanted: &Wanted) -> S3Result<()> {
    let onto_itself = source.bucket == input.bucket && source.key == input.key && source.version_id.is_none();
    let replaces = |directive: Option<&str>| directive == Some("REPLACE");
    let changes = replaces(input.metadata_directive.as_ref().map(MetadataDirective::as_str))
        || wanted.storage_class.is_some()
        || wanted.encryption.is_some()
        || wanted.headers.website_redirect.is_some();
    if onto_itself && !changes {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    Ok(())
}

/// A copy is a single part, whatever its source was. The source's ETag tells the MD5 where it is one.
fn etag(source: &Data) -> ETag {
    let is_md5 = source.parts.is_empty() && source.encryption == Encryption::S3;
    ETag::Md5(if is_md5 { source.etag.clone() } else { hex::encode(md5(&source.content)) })
}

/// Of the algorithm that is asked for, otherwise of the source's; always of the whole object.
fn checksum(input: &CopyObjectInput, source: &Data) -> S3Result<Stored> {
    let asked = input.checksum_algorithm.as_ref().map(Algorithm::parse).transpose()?;
    let algorithm = asked.or(source.checksum.as_ref().map(|c| c.algorithm)).unwrap_or(Algorithm::Crc64Nvme);
    match &source.checksum {
        Some(known) if known.algorithm == algorithm && !known.composite => Ok(known.clone()),
        _ => Ok(Stored::full(algorithm, &source.content)),
    }
}
