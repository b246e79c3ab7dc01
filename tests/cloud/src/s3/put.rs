//! `PutObject`, and what all operations that create an object share.

use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use s3s::dto::{PutObjectInput, PutObjectOutput, StreamingBlob};
use s3s::{S3Error, S3Request, S3Result, TrailingHeaders, s3_error};

use super::Backend;
use super::caller::Caller;
use super::checksum::{Declared, Stored, show_sums, sums};
use super::conditions::WriteIf;
use super::content::{Content, Gather};
use super::object::{Data, Encryption, Object, whole_seconds};
use super::sparse::Sparse;
use super::store::Bucket;
use super::wanted::{Wanted, wanted};

/// The most that one `PutObject`, one part or one `CopyObject` takes: 5 GB.
pub(super) const MOST: u64 = 5 << 30;

/// An object that is about to be created.
pub(super) struct New<'a> {
    pub(super) key: &'a str,
    pub(super) content: Content,
    pub(super) etag: ETag,
    pub(super) parts: Vec<u64>,
    pub(super) checksum: Option<Stored>,
    pub(super) wanted: Wanted,
    /// When it counts as written, if not now: a multipart upload's initiation.
    pub(super) last_modified: Option<Timestamp>,
    /// `Put`, `Copy` or `CompleteMultipartUpload`.
    pub(super) event: &'static str,
}

/// An ETag, given what the object turns out to be encrypted with.
pub(super) enum ETag {
    /// The MD5 of the parts' MD5s, and how many there are.
    Parts(String, usize),
    /// The content's MD5, which S3 shows only where SSE-S3 is used.
    Md5(String),
}

/// What became of it.
pub(super) struct Written {
    pub(super) version_id: Option<String>,
    pub(super) object: Arc<Object>,
}

impl Written {
    /// What was stored.
    pub(super) fn data(&self) -> S3Result<&Data> {
        self.object.data.as_ref().ok_or_else(|| s3_error!(InternalError))
    }
}

impl Backend {
    /// Stores an object that the caller may write, if the conditions hold, and tells of it.
    pub(super) fn create(&self, caller: &Caller<'_>, new: New<'_>, conditions: &WriteIf) -> S3Result<Written> {
        self.create_and(caller, new, conditions, |_| Ok(()))
    }

    /// As [`Self::create`]; what `also` does to the bucket happens in the same instant.
    pub(super) fn create_and(
        &self,
        caller: &Caller<'_>,
        new: New<'_>,
        conditions: &WriteIf,
        also: impl FnOnce(&mut Bucket) -> S3Result<()>,
    ) -> S3Result<Written> {
        let now = whole_seconds(new.last_modified.unwrap_or_else(|| self.cloud.clock().now()));
        let (key, event) = (new.key, new.event);
        let written = self.cloud.store().write(&caller.bucket, |bucket| {
            conditions.check(key, bucket.latest(key).map(AsRef::as_ref))?;
            new.wanted.check_fits(bucket)?;
            also(bucket)?;
            let version_id = bucket.next_version_id();
            let data = data(new, bucket);
            let object = Arc::new(Object { version_id, last_modified: now, data: Some(data) });
            bucket.put(key, Arc::clone(&object));
            Ok(Written { version_id: bucket.shown(&object.version_id), object })
        })?;
        let version = written.object.summary(key, true);
        crate::lambda::object_created(&self.cloud, &caller.bucket, &version, event, &caller.principal);
        Ok(written)
    }
}

fn data(new: New<'_>, bucket: &Bucket) -> Data {
    let wanted = new.wanted;
    let encryption = wanted.encryption.unwrap_or_else(|| bucket.default_encryption());
    let etag = match new.etag {
        ETag::Md5(md5) if encryption == Encryption::S3 => md5,
        // Under KMS or customer keys an ETag is no digest of the plain bytes.
        ETag::Md5(_) => uuid::Uuid::new_v4().simple().to_string(),
        ETag::Parts(md5, parts) if encryption == Encryption::S3 => format!("{md5}-{parts}"),
        ETag::Parts(_, parts) => format!("{}-{parts}", uuid::Uuid::new_v4().simple()),
    };
    let mut headers = wanted.headers;
    headers.content_type.get_or_insert_with(|| "binary/octet-stream".to_owned());
    Data {
        content: new.content,
        etag,
        parts: new.parts,
        headers,
        metadata: wanted.metadata,
        tags: wanted.tags.unwrap_or_default(),
        storage_class: wanted.storage_class.unwrap_or_else(|| "STANDARD".to_owned()),
        restored: None,
        archive_tier: None,
        encryption,
        checksum: new.checksum,
        acl: wanted.acl,
    }
}

/// Reads a body to its end, with the checksums that follow it.
pub(super) async fn read_body(
    body: Option<StreamingBlob>,
    length: Option<i64>,
    trailers: Option<&TrailingHeaders>,
    declared: &mut Declared,
) -> S3Result<Content> {
    let mut gather = Gather::default();
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            gather.push(&chunk.map_err(unreadable)?);
        }
    }
    let content = gather.finish();
    if content.len() > MOST {
        return Err(s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size"));
    }
    if length.is_some_and(|length| u64::try_from(length) != Ok(content.len())) {
        return Err(s3_error!(IncompleteBody, "You did not provide the number of bytes specified by Content-Length"));
    }
    if let Some(trailers) = trailers.and_then(TrailingHeaders::take) {
        declared.add_trailers(&trailers);
    }
    Ok(content)
}

/// The signature of a streamed body is verified while it is read.
fn unreadable(error: s3s::StdError) -> S3Error {
    match error.downcast::<S3Error>() {
        Ok(error) => *error,
        Err(error) if error.to_string().contains("SignatureMismatch") => s3_error!(
            SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided."
        ),
        Err(error) => {
            let mut incomplete = s3_error!(IncompleteBody, "The body could not be read: {error}");
            incomplete.set_source(error);
            incomplete
        }
    }
}

/// `PutObject`.
pub(super) async fn put_object(backend: &Backend, mut req: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let mut declared = Declared {
        sums: sums!(req.input),
        algorithm: req.input.checksum_algorithm.take(),
        md5: req.input.content_md5.take(),
    };
    // Read before anything is refused: a client that is still sending would not see why.
    let body = req.input.body.take();
    let length = req.input.content_length;
    let content = read_body(body, length, req.trailing_headers.as_ref(), &mut declared).await?;

    let caller = backend.open(&req, &req.input.bucket, req.input.expected_bucket_owner.as_deref())?;
    let input = &mut req.input;
    let wanted = wanted!(input);
    let conditions = WriteIf { matches: input.if_match.take(), none_match: input.if_none_match.take() };
    let keys = conditions.context(wanted.context().with("s3:ObjectCreationOperation", "true"));
    wanted.authorize(&caller, &input.key, wanted.tags.is_some(), &keys)?;
    conditions.authorize(&caller, &input.key)?;
    let (md5, checksum) = declared.verify(&content)?;
    let mut new = New {
        key: &input.key,
        content,
        etag: ETag::Md5(hex::encode(md5)),
        parts: Vec::new(),
        checksum: Some(checksum),
        wanted,
        last_modified: None,
        event: "Put",
    };
    if let Some(sparse) = Sparse::from_headers(&req.headers)? {
        sparse.replace(&mut new);
    }
    let written = backend.create(&caller, new, &conditions)?;
    let data = written.data()?;
    let mut output = PutObjectOutput {
        e_tag: Some(data.etag_header()),
        server_side_encryption: data.encryption.algorithm(),
        ssekms_key_id: data.encryption.kms_key(),
        bucket_key_enabled: data.encryption.bucket_key(),
        sse_customer_algorithm: data.encryption.customer_algorithm(),
        sse_customer_key_md5: data.encryption.customer_key_md5(),
        checksum_type: data.checksum.as_ref().map(Stored::kind),
        version_id: written.version_id.clone(),
        ..PutObjectOutput::default()
    };
    show_sums!(output, &data.checksum);
    Ok(output)
}
