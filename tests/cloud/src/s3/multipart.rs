//! Multipart uploads: create, upload a part, complete, abort.

use std::collections::BTreeMap;

use jiff::Timestamp;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag as ETagHeader, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3Request, S3Result, s3_error};

use super::Backend;
use super::caller::Caller;
use super::checksum::{Algorithm, Declared, Stored, composite, md5_of, show_sums, sums};
use super::conditions::WriteIf;
use super::content::Content;
use super::object::{Encryption, whole_seconds};
use super::put::{ETag, New, read_body};
use super::wanted::{Wanted, wanted};

/// Every part but the last.
const SMALLEST_PART: u64 = 5 << 20;

/// An upload that is neither completed nor aborted.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) initiated: Timestamp,
    pub(super) wanted: Wanted,
    /// What the client asked for; none leaves it to S3.
    pub(super) algorithm: Option<Algorithm>,
    /// The object's checksum is made of its parts', not of its bytes.
    pub(super) composite: bool,
    pub(super) parts: BTreeMap<i32, Part>,
}

/// One part.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) content: Content,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Stored,
    pub(super) last_modified: Timestamp,
}

impl Part {
    pub(super) fn etag(&self) -> String {
        hex::encode(self.md5)
    }
}

impl Upload {
    /// `FULL_OBJECT` or `COMPOSITE`, where the client named an algorithm.
    pub(super) fn checksum_type(&self) -> Option<ChecksumType> {
        let name = if self.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
        self.algorithm.map(|_| ChecksumType::from_static(name))
    }

    /// Where the client named one.
    pub(super) fn checksum_algorithm(&self) -> Option<ChecksumAlgorithm> {
        self.algorithm.map(|a| ChecksumAlgorithm::from_static(a.name()))
    }
}

pub(super) fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )
}

impl Backend {
    /// An upload as it is now; its parts share their bytes.
    pub(super) fn upload(&self, caller: &Caller<'_>, key: &str, id: &str) -> S3Result<Upload> {
        let upload = self
            .cloud
            .store()
            .read(&caller.bucket, |bucket| bucket.uploads.get(&(key.to_owned(), id.to_owned())).cloned())?;
        upload.ok_or_else(no_such_upload)
    }

    /// What a part needs to know of its upload, whose other parts may be thousands: its algorithm, if the client named
    /// one, and its encryption.
    pub(super) fn upload_facts(
        &self,
        caller: &Caller<'_>,
        key: &str,
        id: &str,
    ) -> S3Result<(Option<Algorithm>, Option<Encryption>)> {
        let facts = self.cloud.store().read(&caller.bucket, |bucket| {
            let upload = bucket.uploads.get(&(key.to_owned(), id.to_owned()))?;
            Some((upload.algorithm, upload.wanted.encryption.clone()))
        })?;
        facts.ok_or_else(no_such_upload)
    }
}

/// A part's number.
pub(super) fn check_number(number: i32) -> S3Result<()> {
    if (1..=10_000).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
}

/// `CreateMultipartUpload`.
pub(super) fn create(
    backend: &Backend,
    mut req: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = &mut req.input;
    let mut wanted = wanted!(input);
    let keys = wanted.context().with("s3:ObjectCreationOperation", "false");
    wanted.authorize(&caller, &input.key, wanted.tags.is_some(), &keys)?;
    let algorithm = input.checksum_algorithm.as_ref().map(Algorithm::parse).transpose()?;
    let composite = composite_checksum(algorithm, input.checksum_type.as_ref())?;
    let initiated = whole_seconds(backend.cloud.clock().now());
    let upload_id = uuid::Uuid::new_v4().simple().to_string();
    backend.cloud.store().write(&caller.bucket, |bucket| {
        wanted.check_fits(bucket)?;
        let encryption = wanted.encryption.get_or_insert_with(|| bucket.default_encryption()).clone();
        let upload = Upload { initiated, wanted, algorithm, composite, parts: BTreeMap::new() };
        let output = CreateMultipartUploadOutput {
            bucket: Some(caller.bucket.clone()),
            key: Some(input.key.clone()),
            upload_id: Some(upload_id.clone()),
            checksum_algorithm: upload.checksum_algorithm(),
            checksum_type: upload.checksum_type(),
            server_side_encryption: encryption.algorithm(),
            ssekms_key_id: encryption.kms_key(),
            bucket_key_enabled: encryption.bucket_key(),
            sse_customer_algorithm: encryption.customer_algorithm(),
            sse_customer_key_md5: encryption.customer_key_md5(),
            ..CreateMultipartUploadOutput::default()
        };
        bucket.uploads.insert((input.key.clone(), upload_id), upload);
        Ok(output)
    })
}

/// The kind of checksum, by S3's table of algorithms and kinds.
fn composite_checksum(algorithm: Option<Algorithm>, kind: Option<&ChecksumType>) -> S3Result<bool> {
    let unsupported = |kind: &str| {
        let name = algorithm.map_or("null", Algorithm::name).to_ascii_lowercase();
        Err(s3_error!(InvalidRequest, "The {kind} checksum type cannot be used with the {name} checksum algorithm."))
    };
    match (algorithm, kind.map(ChecksumType::as_str)) {
        (None | Some(Algorithm::Crc64Nvme), Some(ChecksumType::COMPOSITE)) => unsupported(ChecksumType::COMPOSITE),
        (Some(Algorithm::Sha1 | Algorithm::Sha256), Some(ChecksumType::FULL_OBJECT)) => {
            unsupported(ChecksumType::FULL_OBJECT)
        }
        (None | Some(Algorithm::Crc64Nvme), _) | (Some(_), Some(ChecksumType::FULL_OBJECT)) => Ok(false),
        (Some(_), _) => Ok(true),
    }
}

/// `UploadPart`.
pub(super) async fn upload_part(backend: &Backend, mut req: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
    let mut declared = Declared {
        sums: sums!(req.input),
        algorithm: req.input.checksum_algorithm.take(),
        md5: req.input.content_md5.take(),
    };
    let body = req.input.body.take();
    let content = read_body(body, req.input.content_length, req.trailing_headers.as_ref(), &mut declared).await?;

    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = req.input;
    let keys = super::caller::context().with("s3:ObjectCreationOperation", "false");
    caller.object_with("s3:PutObject", &input.key, keys)?;
    check_number(input.part_number)?;
    let (algorithm, encryption) = backend.upload_facts(&caller, &input.key, &input.upload_id)?;
    match (declared.single()?, algorithm) {
        (Some((given, _)), Some(expected)) if given != expected => {
            return Err(s3_error!(
                InvalidRequest,
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                expected.name().to_ascii_lowercase(),
                given.name().to_ascii_lowercase()
            ));
        }
        (None, Some(algorithm)) => declared.algorithm = Some(ChecksumAlgorithm::from_static(algorithm.name())),
        _ => {}
    }
    let (md5, checksum) = declared.verify(&content)?;
    let part = Part { content, md5, checksum, last_modified: whole_seconds(backend.cloud.clock().now()) };
    let encryption = encryption.as_ref();
    let mut output = UploadPartOutput {
        e_tag: Some(ETagHeader::Strong(part.etag())),
        server_side_encryption: encryption.and_then(Encryption::algorithm),
        ssekms_key_id: encryption.and_then(Encryption::kms_key),
        bucket_key_enabled: encryption.and_then(Encryption::bucket_key),
        sse_customer_algorithm: encryption.and_then(Encryption::customer_algorithm),
        sse_customer_key_md5: encryption.and_then(Encryption::customer_key_md5),
        ..UploadPartOutput::default()
    };
    show_sums!(output, Some(&part.checksum));
    backend.cloud.store().write(&caller.bucket, |bucket| {
        let upload = bucket.uploads.get_mut(&(input.key, input.upload_id)).ok_or_else(no_such_upload)?;
        upload.parts.insert(input.part_number, part);
        Ok(output)
    })
}

/// `CompleteMultipartUpload`. The object counts as written when its upload was initiated.
pub(super) fn complete(
    backend: &Backend,
    mut req: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let conditions = WriteIf { matches: req.input.if_match.take(), none_match: req.input.if_none_match.take() };
    let input = req.input;
    let keys = super::caller::context().with("s3:ObjectCreationOperation", "true");
    caller.object_with("s3:PutObject", &input.key, conditions.context(keys))?;
    conditions.authorize(&caller, &input.key)?;
    let upload = backend.upload(&caller, &input.key, &input.upload_id)?;
    let listed = input.multipart_upload.as_ref().and_then(|m| m.parts.as_deref()).unwrap_or_default();
    let parts = chosen(&upload, listed)?;
    let content = Content::concat(parts.iter().map(|part| &part.content));
    if input.mpu_object_size.is_some_and(|size| u64::try_from(size) != Ok(content.len())) {
        return Err(s3_error!(
            InvalidRequest,
            "The provided x-amz-mp-object-size header does not match what was uploaded"
        ));
    }
    let checksum = checksum(&upload, &parts, &content);
    let mut declared = Declared { sums: sums!(input), ..Declared::default() };
    if let Some((algorithm, value)) = declared.single()?
        && (algorithm != checksum.algorithm || value != checksum.value)
    {
        let name = algorithm.name();
        return Err(s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum."));
    }
    let digests: Vec<u8> = parts.iter().flat_map(|part| part.md5).collect();
    let new = New {
        key: &input.key,
        etag: ETag::Parts(hex::encode(md5_of(&digests)), parts.len()),
        parts: parts.iter().map(|part| part.content.len()).collect(),
        content,
        checksum: Some(checksum),
        wanted: upload.wanted.clone(),
        last_modified: Some(upload.initiated),
        event: "CompleteMultipartUpload",
    };
    // Under the same lock that stores the object, so that of two completions one finds no upload.
    let written = backend.create_and(&caller, new, &conditions, |bucket| {
        bucket.uploads.remove(&(input.key.clone(), input.upload_id.clone())).map(drop).ok_or_else(no_such_upload)
    })?;
    let data = written.data()?;
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("http://s3.amazonaws.com/{}/{}", caller.bucket, input.key)),
        bucket: Some(caller.bucket.clone()),
        e_tag: Some(data.etag_header()),
        version_id: written.version_id.clone(),
        server_side_encryption: data.encryption.algorithm(),
        ssekms_key_id: data.encryption.kms_key(),
        bucket_key_enabled: data.encryption.bucket_key(),
        checksum_type: data.checksum.as_ref().map(Stored::kind),
        ..CompleteMultipartUploadOutput::default()
    };
    output.key = Some(input.key);
    show_sums!(output, &data.checksum);
    Ok(output)
}

/// The parts that a completion lists: ascending, there, of the size S3 asks for.
fn chosen(upload: &Upload, listed: &[CompletedPart]) -> S3Result<Vec<Part>> {
    if listed.is_empty() {
        return Err(s3_error!(MalformedXML, "You must specify at least one part"));
    }
    let mut parts = Vec::new();
    let mut before = 0;
    for entry in listed {
        let number = entry.part_number.unwrap_or_default();
        if number <= before {
            return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
        }
        before = number;
        parts.push(part(upload, number, entry)?.clone());
    }
    let too_small = parts.iter().take(parts.len() - 1).any(|part| part.content.len() < SMALLEST_PART);
    if too_small {
        return Err(s3_error!(EntityTooSmall, "Your proposed upload is smaller than the minimum allowed size"));
    }
    Ok(parts)
}

fn part<'a>(upload: &'a Upload, number: i32, entry: &CompletedPart) -> S3Result<&'a Part> {
    let invalid = || {
        s3_error!(
            InvalidPart,
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
        )
    };
    let part = upload.parts.get(&number).ok_or_else(invalid)?;
    let etag_fits = entry.e_tag.as_ref().is_some_and(|etag| etag.value() == part.etag());
    let mut given = Declared { sums: sums!(entry), ..Declared::default() };
    let checksum_fits = given
        .single()?
        .is_none_or(|(algorithm, value)| algorithm == part.checksum.algorithm && value == part.checksum.value);
    if etag_fits && checksum_fits { Ok(part) } else { Err(invalid()) }
}

/// The object's checksum.
fn checksum(upload: &Upload, parts: &[Part], content: &Content) -> Stored {
    let algorithm = upload.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    if upload.composite {
        composite(algorithm, parts.iter().map(|part| part.checksum.value.as_str()))
    } else {
        Stored::full(algorithm, content)
    }
}

/// `AbortMultipartUpload`.
pub(super) fn abort(
    backend: &Backend,
    req: S3Request<AbortMultipartUploadInput>,
) -> S3Result<AbortMultipartUploadOutput> {
    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = req.input;
    caller.object("s3:AbortMultipartUpload", &input.key)?;
    backend.cloud.store().write(&caller.bucket, |bucket| {
        bucket.uploads.remove(&(input.key, input.upload_id)).ok_or_else(no_such_upload)?;
        Ok(AbortMultipartUploadOutput::default())
    })
}
