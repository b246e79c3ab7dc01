//! `UploadPartCopy`: a part whose bytes are a range of another object.

use std::ops::Range;

use s3s::dto::{CopyPartResult, ETag, UploadPartCopyInput, UploadPartCopyOutput};
use s3s::{S3Request, S3Result, s3_error};

use super::Backend;
use super::caller::context;
use super::checksum::{Algorithm, Stored, md5, show_sums};
use super::copy::{Source, find_source, too_large};
use super::multipart::{Part, check_number, no_such_upload};
use super::object::{Encryption, timestamp, whole_seconds};
use super::put::MOST;

/// The source is read, and the part written, with the caller's permissions; tags are none of its business.
pub(super) fn upload_part_copy(
    backend: &Backend,
    req: S3Request<UploadPartCopyInput>,
) -> S3Result<UploadPartCopyOutput> {
    let source = Source::of(&req.input.copy_source)?;
    let target = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let reader = backend.open(&req, &source.bucket, req.input.expected_source_bucket_owner.as_deref())?;
    let input = req.input;
    let keys = context().with("s3:ObjectCreationOperation", "false").with("s3:x-amz-copy-source", source.path());
    target.object_with("s3:PutObject", &input.key, keys)?;
    check_number(input.part_number)?;
    let (algorithm, encryption) = backend.upload_facts(&target, &input.key, &input.upload_id)?;

    let found = find_source!(backend, &reader, &source, &input)?;
    let data = found.data()?;
    let content = match input.copy_source_range.as_deref() {
        None => data.content.clone(),
        Some(range) => data.content.slice(section(range, data.content.len())?),
    };
    if content.len() > MOST {
        return Err(too_large());
    }
    let checksum = Stored::full(algorithm.unwrap_or(Algorithm::Crc64Nvme), &content);
    let md5 = md5(&content);
    let part = Part { content, md5, checksum, last_modified: whole_seconds(backend.cloud().clock().now()) };
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag())),
        last_modified: Some(timestamp(part.last_modified)),
        ..CopyPartResult::default()
    };
    show_sums!(result, algorithm.map(|_| &part.checksum));
    backend.cloud().store().write(&target.bucket, |bucket| {
        let upload = bucket.uploads.get_mut(&(input.key, input.upload_id)).ok_or_else(no_such_upload)?;
        upload.parts.insert(input.part_number, part);
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(result),
            copy_source_version_id: found.version_id.clone(),
            server_side_encryption: encryption.as_ref().and_then(Encryption::algorithm),
            ssekms_key_id: encryption.as_ref().and_then(Encryption::kms_key),
            bucket_key_enabled: encryption.as_ref().and_then(Encryption::bucket_key),
            ..UploadPartCopyOutput::default()
        })
    })
}

/// `bytes=FIRST-LAST`, both of them, within a source of more than 5 MB.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>
fn section(range: &str, len: u64) -> S3Result<Range<u64>> {
    let wrong = || {
        s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
        )
    };
    let (first, last) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(wrong)?;
    let (first, last): (u64, u64) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
    if first > last {
        return Err(wrong());
    }
    if last >= len {
        return Err(s3_error!(InvalidArgument, "Range specified is not valid for source object of size: {len}"));
    }
    if len <= 5 << 20 {
        return Err(s3_error!(
            InvalidRequest,
            "Range copies take a source of more than 5 MB; this one has {len} bytes"
        ));
    }
    Ok(first..last + 1)
}
