//! `ListParts` and `ListMultipartUploads`.

use std::collections::BTreeSet;

use s3s::dto::{
    CommonPrefix, ETag, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput,
    ListPartsOutput, MultipartUpload, Part as PartEntry, StorageClass,
};
use s3s::{S3Request, S3Result};

use super::Backend;
use super::checksum::show_sums;
use super::listing::{Encode, delimiter, owner, page_size};
use super::multipart::Upload;
use super::object::{size, timestamp};
use crate::identity::AccountId;

fn initiator(account: &AccountId) -> Initiator {
    Initiator { id: owner(account).id, display_name: None }
}

fn storage_class(upload: &Upload) -> StorageClass {
    StorageClass::from(upload.wanted.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()))
}

/// `ListParts`.
pub(super) fn list_parts(backend: &Backend, req: S3Request<ListPartsInput>) -> S3Result<ListPartsOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = req.input;
    caller.object("s3:ListMultipartUploadParts", &input.key)?;
    let upload = backend.upload(&caller, &input.key, &input.upload_id)?;
    let (max, marker) = (page_size(input.max_parts, "max-parts")?, input.part_number_marker.unwrap_or(0));
    let mut behind = upload.parts.iter().filter(|(number, _)| **number > marker);
    let parts: Vec<_> = behind
        .by_ref()
        .take(max)
        .map(|(number, part)| {
            let mut entry = PartEntry {
                part_number: Some(*number),
                e_tag: Some(ETag::Strong(part.etag())),
                size: Some(size(part.content.len())),
                last_modified: Some(timestamp(part.last_modified)),
                ..PartEntry::default()
            };
            show_sums!(entry, upload.algorithm.map(|_| &part.checksum));
            entry
        })
        .collect();
    Ok(ListPartsOutput {
        bucket: Some(caller.bucket.clone()),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(marker),
        next_part_number_marker: Some(parts.last().and_then(|p| p.part_number).unwrap_or(0)),
        max_parts: i32::try_from(max).ok(),
        is_truncated: Some(behind.next().is_some()),
        parts: (!parts.is_empty()).then_some(parts),
        checksum_algorithm: upload.checksum_algorithm(),
        checksum_type: upload.checksum_type(),
        storage_class: Some(storage_class(&upload)),
        owner: Some(owner(&caller.owner)),
        initiator: Some(initiator(&caller.owner)),
        ..ListPartsOutput::default()
    })
}

/// `ListMultipartUploads`, by key and upload id.
pub(super) fn list_uploads(
    backend: &Backend,
    req: &S3Request<ListMultipartUploadsInput>,
) -> S3Result<ListMultipartUploadsOutput> {
    let input = &req.input;
    let caller = backend.open(req, &input.bucket, input.expected_bucket_owner.as_deref())?;
    caller.bucket("s3:ListBucketMultipartUploads")?;
    let encode = Encode::of(input.encoding_type.as_ref())?;
    let max = page_size(input.max_uploads, "max-uploads")?;
    let (prefix, delimiter) = (input.prefix.as_deref().unwrap_or_default(), delimiter(input.delimiter.as_deref()));
    let key_marker = input.key_marker.as_deref().unwrap_or_default();
    let id_marker = input.upload_id_marker.as_deref().unwrap_or_default();
    let is_behind = |key: &str, id: &str| match key_marker {
        "" => true,
        marker if id_marker.is_empty() => key > marker,
        marker => (key, id) > (marker, id_marker),
    };
    backend.cloud.store().read(&caller.bucket, |bucket| {
        let (mut uploads, mut prefixes) = (Vec::new(), BTreeSet::new());
        let (mut last, mut is_truncated) = (None, false);
        let behind = bucket.uploads.iter().filter(|((key, id), _)| key.starts_with(prefix) && is_behind(key, id));
        for ((key, id), upload) in behind {
            let rolled = delimiter.and_then(|d| {
                let rest = key.get(prefix.len()..)?;
                rest.find(d).and_then(|at| key.get(..prefix.len() + at + d.len()))
            });
            if rolled.is_some_and(|rolled| prefixes.contains(rolled) || key_marker.starts_with(rolled)) {
                continue;
            }
            if uploads.len() + prefixes.len() == max {
                is_truncated = max > 0;
                break;
            }
            last = Some((rolled.unwrap_or(key), id));
            if let Some(rolled) = rolled {
                prefixes.insert(rolled);
                continue;
            }
            uploads.push(MultipartUpload {
                key: Some(encode.key(key)),
                upload_id: Some(id.clone()),
                initiated: Some(timestamp(upload.initiated)),
                storage_class: Some(storage_class(upload)),
                owner: Some(owner(&caller.owner)),
                initiator: Some(initiator(&caller.owner)),
                checksum_algorithm: upload.checksum_algorithm(),
                checksum_type: upload.checksum_type(),
            });
        }
        let next = last.filter(|_| is_truncated);
        let common: Vec<_> = prefixes.iter().map(|p| CommonPrefix { prefix: Some(encode.key(p)) }).collect();
        ListMultipartUploadsOutput {
            bucket: Some(caller.bucket.clone()),
            prefix: Some(encode.key(prefix)),
            delimiter: encode.some(delimiter),
            key_marker: Some(encode.key(key_marker)),
            upload_id_marker: Some(id_marker.to_owned()),
            next_key_marker: next.map(|(key, _)| encode.key(key)),
            next_upload_id_marker: next.map(|(_, id)| id.clone()),
            max_uploads: i32::try_from(max).ok(),
            is_truncated: Some(is_truncated),
            uploads: (!uploads.is_empty()).then_some(uploads),
            common_prefixes: (!common.is_empty()).then_some(common),
            encoding_type: input.encoding_type.clone(),
            ..ListMultipartUploadsOutput::default()
        }
    })
}
