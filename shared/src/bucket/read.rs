//! Reading: whole, where an object is small; by ranges, a bounded few ahead, where it is not.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use md5::{Digest, Md5};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{BucketError, ManifestBucket};
use crate::error::Class;
use crate::names::{ETag, ObjectKey};

/// An object, read whole.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its ETag.
    pub etag: ETag,
    /// Its version, where the bucket is versioned.
    pub version_id: Option<String>,
}

impl Object {
    /// Hex MD5 of its bytes; not always its ETag.
    pub fn md5(&self) -> String {
        hex::encode(Md5::digest(&self.bytes))
    }
}

/// An object, without its bytes.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its ETag.
    pub etag: ETag,
    /// Its version, where the bucket is versioned.
    pub version_id: Option<String>,
    /// Bytes.
    pub size: u64,
}

/// Which version of an object is meant; the current one, whatever it is, if neither is said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exactly<'a> {
    /// Its version.
    pub version_id: Option<&'a str>,
    /// Its ETag.
    pub etag: Option<&'a ETag>,
}

/// S3 answered that it has no such object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// There is none of this key.
    Gone,
    /// There is another one.
    Changed,
}

impl ManifestBucket {
    /// Reads an object of at most `limit` bytes.
    pub async fn get(
        &self,
        key: &ObjectKey,
        exactly: Exactly<'_>,
        limit: u64,
    ) -> Result<Result<Object, Missing>, BucketError> {
        let answer = self
            .s3
            .get_object()
            .bucket(self.name.as_str())
            .key(key.as_str())
            .set_version_id(exactly.version_id.map(str::to_owned))
            .set_if_match(exactly.etag.map(|etag| format!("\"{etag}\"")))
            .expected_bucket_owner(self.owner.as_str())
            .send()
            .await;
        let output = match answer {
            Ok(output) => output,
            Err(error) => return missing(&error).map(Err).ok_or_else(|| BucketError::aws("GetObject", key, &error)),
        };
        let size = bytes(output.content_length());
        if size > limit {
            return Err(BucketError::TooLarge { key: key.clone(), size, limit });
        }
        let etag = output.e_tag().unwrap_or_default().parse();
        let etag = etag.map_err(|invalid| BucketError::ETag { key: key.clone(), invalid })?;
        let version_id = output.version_id().filter(|id| *id != "null").map(str::to_owned);
        let bytes = whole(key, output.body).await?;
        Ok(Ok(Object { bytes, etag, version_id }))
    }

    /// What is known of an object without its bytes; none if there is no such object.
    pub async fn head(&self, key: &ObjectKey) -> Result<Option<Head>, BucketError> {
        let request = self.s3.head_object().bucket(self.name.as_str()).key(key.as_str());
        let output = match request.expected_bucket_owner(self.owner.as_str()).send().await {
            Ok(output) => output,
            // An answer to HEAD has no body, so no code of its own.
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(BucketError::aws("HeadObject", key, &error)),
        };
        let etag = output.e_tag().unwrap_or_default().parse();
        let etag = etag.map_err(|invalid| BucketError::ETag { key: key.clone(), invalid })?;
        let version_id = output.version_id().filter(|id| *id != "null").map(str::to_owned);
        Ok(Some(Head { etag, version_id, size: bytes(output.content_length()) }))
    }

    /// Bytes `from..from + length` of an object; a body that is cut off is asked for again.
    async fn range(&self, wanted: &Wanted, from: u64, length: u64) -> Result<Vec<u8>, BucketError> {
        let mut pause = Duration::from_millis(200);
        for _ in 1..RANGE_TRIES {
            match self.range_once(wanted, from, length).await {
                Err(error) if error.class() == Class::Transient => {
                    tracing::warn!(key = %wanted.key, from, %error, "reading again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                answer => return answer,
            }
        }
        self.range_once(wanted, from, length).await
    }

    async fn range_once(&self, wanted: &Wanted, from: u64, length: u64) -> Result<Vec<u8>, BucketError> {
        let key = &wanted.key;
        let output = self
            .s3
            .get_object()
            .bucket(self.name.as_str())
            .key(key.as_str())
            .range(format!("bytes={from}-{}", from + length - 1))
            .set_if_match(wanted.etag.as_ref().map(|etag| format!("\"{etag}\"")))
            .set_version_id(wanted.version_id.clone())
            .expected_bucket_owner(self.owner.as_str())
            .send()
            .await
            .map_err(|error| BucketError::aws("GetObject", key, &error))?;
        let bytes = whole(key, output.body).await?;
        if bytes.len() as u64 == length {
            Ok(bytes)
        } else {
            Err(BucketError::cut_off(key, &format!("{} of {length} bytes from {from} came", bytes.len())))
        }
    }
}

const RANGE_TRIES: u32 = 4;

/// An object to be read as a stream.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its key.
    pub key: ObjectKey,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag, if it is known: another object under the key is an error then.
    pub etag: Option<ETag>,
    /// Its version, if it is known: it can be read even after it was replaced or deleted.
    pub version_id: Option<String>,
}

/// Reads one object on a thread that may block, while the runtime fetches what comes next. It holds at most
/// [`ObjectReader::MEMORY`] bytes.
#[derive(Debug)]
pub struct ObjectReader {
    bucket: ManifestBucket,
    runtime: Handle,
    wanted: Wanted,
    asked: u64,
    ahead: VecDeque<JoinHandle<Result<Vec<u8>, BucketError>>>,
    block: io::Cursor<Vec<u8>>,
}

impl ObjectReader {
    // Small, since a difference has up to 16 of them open (8 for each thread), and its memory besides objects is 64 MB.
    const BLOCK: u64 = 1024 * 1024;
    const AHEAD: usize = 1;
    /// Bytes that one reader holds at most.
    pub const MEMORY: u64 = Self::BLOCK * (Self::AHEAD as u64 + 1);

    /// Reads `wanted`, fetching on `runtime`.
    pub fn new(bucket: ManifestBucket, runtime: Handle, wanted: Wanted) -> Self {
        Self { bucket, runtime, wanted, asked: 0, ahead: VecDeque::new(), block: io::Cursor::default() }
    }

    fn ask_ahead(&mut self) {
        while self.ahead.len() < Self::AHEAD && self.asked < self.wanted.size {
            let (from, length) = (self.asked, Self::BLOCK.min(self.wanted.size - self.asked));
            self.asked += length;
            let (bucket, wanted) = (self.bucket.clone(), self.wanted.clone());
            self.ahead.push_back(self.runtime.spawn(async move { bucket.range(&wanted, from, length).await }));
        }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.block.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.ask_ahead();
            let Some(next) = self.ahead.pop_front() else { return Ok(0) };
            let block = self.runtime.block_on(next).map_err(io::Error::other)?.map_err(io::Error::other)?;
            self.block = io::Cursor::new(block);
            self.ask_ahead();
        }
    }
}

impl Drop for ObjectReader {
    fn drop(&mut self) {
        for task in &self.ahead {
            task.abort();
        }
    }
}

fn bytes(content_length: Option<i64>) -> u64 {
    content_length.and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
}

/// Reads a body to its end. Its length was checked, and HTTP holds a server to the length it announced.
async fn whole(key: &ObjectKey, body: ByteStream) -> Result<Vec<u8>, BucketError> {
    match body.collect().await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error) => Err(BucketError::cut_off(key, &error.to_string())),
    }
}

fn missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<Missing> {
    match (error.code(), status(error)) {
        (Some("NoSuchKey"), _) => Some(Missing::Gone),
        (Some("NoSuchVersion"), _) | (_, Some(412)) => Some(Missing::Changed),
        _ => None,
    }
}

pub(super) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
