//! Writing: only ever conditionally. An object is put where there is none, or in place of the one that was read.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>

use std::io::{self, Read, Write};
use std::mem;
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::read::{Head, status};
use super::{BucketError, ManifestBucket, ObjectReader, Wanted};
use crate::names::{ETag, ObjectKey};

/// Somebody else was first: there is an object, or another one than was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken;

/// An object as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its key in the manifest bucket.
    pub key: ObjectKey,
    /// Its ETag.
    pub etag: ETag,
    /// Its version, where the bucket is versioned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Hex MD5 of its bytes.
    pub md5: String,
}

impl ManifestBucket {
    /// Puts a small object where there is none.
    pub async fn put_new(&self, key: &ObjectKey, bytes: Vec<u8>) -> Result<Result<Written, Taken>, BucketError> {
        self.put(key, bytes, None).await
    }

    /// Puts a small object in place of the one with this ETag.
    pub async fn replace(
        &self,
        key: &ObjectKey,
        bytes: Vec<u8>,
        read: &ETag,
    ) -> Result<Result<Written, Taken>, BucketError> {
        self.put(key, bytes, Some(read)).await
    }

    /// `ConditionalRequestConflict` says that another write of the object is under way, not which of them wins: asked again,
    /// S3 knows.
    async fn put(
        &self,
        key: &ObjectKey,
        bytes: Vec<u8>,
        read: Option<&ETag>,
    ) -> Result<Result<Written, Taken>, BucketError> {
        let mut pause = Duration::from_millis(100);
        for _ in 1..CONFLICTS {
            match self.put_once(key, bytes.clone(), read).await {
                Err(BucketError::Aws { error, .. }) if error.status == Some(409) => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause *= 2;
        }
        self.put_once(key, bytes, read).await
    }

    async fn put_once(
        &self,
        key: &ObjectKey,
        bytes: Vec<u8>,
        read: Option<&ETag>,
    ) -> Result<Result<Written, Taken>, BucketError> {
        let (size, md5) = (bytes.len() as u64, hex::encode(Md5::digest(&bytes)));
        let answer = self
            .s3
            .put_object()
            .bucket(self.name.as_str())
            .key(key.as_str())
            .set_if_match(read.map(|etag| format!("\"{etag}\"")))
            .set_if_none_match(read.is_none().then(|| "*".to_owned()))
            .content_type(content_type(key))
            .expected_bucket_owner(self.owner.as_str())
            .body(ByteStream::from(bytes))
            .send()
            .await;
        match answer {
            Ok(output) => written(key, output.e_tag(), output.version_id(), size, md5).map(Ok),
            Err(error) if is_taken(&error) => Ok(Err(Taken)),
            // If-Match on an object that has been deleted.
            Err(error) if read.is_some() && error.code() == Some("NoSuchKey") => Ok(Err(Taken)),
            Err(error) => Err(BucketError::aws("PutObject", key, &error)),
        }
    }
}

/// `PreconditionFailed`: the object is there, or is another than was read.
fn is_taken<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    status(error) == Some(412)
}

/// How often a write is tried that meets another.
const CONFLICTS: u32 = 5;

fn written(
    key: &ObjectKey,
    etag: Option<&str>,
    version_id: Option<&str>,
    size: u64,
    md5: String,
) -> Result<Written, BucketError> {
    let etag = etag.unwrap_or_default().parse();
    let etag = etag.map_err(|invalid| BucketError::ETag { key: key.clone(), invalid })?;
    let version_id = version_id.filter(|id| *id != "null").map(str::to_owned);
    Ok(Written { key: key.clone(), etag, version_id, size, md5 })
}

fn content_type(key: &ObjectKey) -> &'static str {
    match key.as_str().rsplit_once('.') {
        Some((_, "json")) => "application/json",
        Some((_, "csv")) => "text/csv",
        Some((_, "html")) => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Writes one new object of any size on a thread that may block, in parts of [`Upload::PART`] bytes: it holds one. Nothing
/// is there until [`Upload::finish`]; an upload that is dropped is left to the bucket's lifecycle rule.
#[derive(Debug)]
pub struct Upload {
    bucket: ManifestBucket,
    runtime: Handle,
    key: ObjectKey,
    part: Vec<u8>,
    id: Option<String>,
    parts: Vec<CompletedPart>,
    md5: Md5,
    size: u64,
}

impl Upload {
    /// Bytes of a part. The same bytes written again make the same parts, hence the same ETag.
    pub const PART: usize = 8 * 1024 * 1024;

    /// Begins an object, sent on `runtime`.
    pub fn new(bucket: ManifestBucket, runtime: Handle, key: ObjectKey) -> Self {
        Self { bucket, runtime, key, part: Vec::new(), id: None, parts: Vec::new(), md5: Md5::new(), size: 0 }
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Ends the object. If there is one of this key already with the same bytes, that is it; with other bytes it is an
    /// error, and stays as it is.
    pub fn finish(mut self) -> Result<Written, BucketError> {
        let runtime = self.runtime.clone();
        let md5 = hex::encode(mem::take(&mut self.md5).finalize());
        let there = if self.id.is_some() {
            runtime.block_on(self.complete(&md5))?
        } else {
            runtime.block_on(self.bucket.put_new(&self.key, mem::take(&mut self.part)))?
        };
        there.or_else(|Taken| self.same_as_there(md5))
    }

    async fn complete(&mut self, md5: &str) -> Result<Result<Written, Taken>, BucketError> {
        if !self.part.is_empty() {
            self.send_part().await?;
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(mem::take(&mut self.parts))).build();
        let bucket = &self.bucket;
        let answer = bucket
            .s3
            .complete_multipart_upload()
            .bucket(bucket.name.as_str())
            .key(self.key.as_str())
            .set_upload_id(self.id.clone())
            .multipart_upload(parts)
            .if_none_match("*")
            .expected_bucket_owner(bucket.owner.as_str())
            .send()
            .await;
        match answer {
            Ok(output) => written(&self.key, output.e_tag(), output.version_id(), self.size, md5.to_owned()).map(Ok),
            // An answer that was lost, to a call that was sent again: the upload has become the object.
            Err(error) if is_taken(&error) || error.code() == Some("NoSuchUpload") => Ok(Err(Taken)),
            Err(error) => Err(BucketError::aws("CompleteMultipartUpload", &self.key, &error)),
        }
    }

    async fn send_part(&mut self) -> Result<(), BucketError> {
        let (bucket, key) = (&self.bucket, &self.key);
        let upload_id = if let Some(id) = &self.id {
            id.clone()
        } else {
            let request = bucket.s3.create_multipart_upload().bucket(bucket.name.as_str()).key(key.as_str());
            let request = request.content_type(content_type(key)).checksum_algorithm(ChecksumAlgorithm::Crc32);
            let request = request.expected_bucket_owner(bucket.owner.as_str());
            let made = request.send().await;
            let made = made.map_err(|error| BucketError::aws("CreateMultipartUpload", key, &error))?;
            self.id.insert(made.upload_id().unwrap_or_default().to_owned()).clone()
        };
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let sent = bucket
            .s3
            .upload_part()
            .bucket(bucket.name.as_str())
            .key(key.as_str())
            .upload_id(upload_id)
            // What the upload was begun with; S3 refuses parts of another at its end.
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .part_number(number)
            .expected_bucket_owner(bucket.owner.as_str())
            .body(ByteStream::from(mem::take(&mut self.part)))
            .send()
            .await
            .map_err(|error| BucketError::aws("UploadPart", key, &error))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag().map(str::to_owned));
        self.parts.push(part.set_checksum_crc32(sent.checksum_crc32().map(str::to_owned)).build());
        Ok(())
    }

    /// Plans and baselines are made of their inputs alone: one that is there already is the same, or not ours.
    fn same_as_there(&self, md5: String) -> Result<Written, BucketError> {
        let taken = || BucketError::Taken { key: self.key.clone() };
        let Head { etag, version_id, size } = self.runtime.block_on(self.bucket.head(&self.key))?.ok_or_else(taken)?;
        if size != self.size {
            return Err(taken());
        }
        let wanted = Wanted { key: self.key.clone(), size, etag: Some(etag.clone()), version_id: None };
        let mut reader = ObjectReader::new(self.bucket.clone(), self.runtime.clone(), wanted);
        let (mut found, mut block) = (Md5::new(), vec![0; 64 * 1024]);
        loop {
            match reader.read(&mut block) {
                Ok(0) => break,
                Ok(n) => found.update(&block[..n]),
                Err(error) => return Err(BucketError::cut_off(&self.key, &error.to_string())),
            }
        }
        if hex::encode(found.finalize()) != md5 {
            return Err(taken());
        }
        Ok(Written { key: self.key.clone(), etag, version_id, size, md5 })
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.part.len() == Self::PART {
            let runtime = self.runtime.clone();
            runtime.block_on(self.send_part()).map_err(io::Error::other)?;
        }
        let taken = &bytes[..bytes.len().min(Self::PART - self.part.len())];
        self.part.extend_from_slice(taken);
        self.md5.update(taken);
        self.size += taken.len() as u64;
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
