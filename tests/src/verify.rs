//! Puts files as objects with metadata and tags, and checks byte by byte that each arrived as it was put.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Error;
use crate::clients::Clients;
use crate::files::{Content, File};

/// Requests in flight at once.
const CONCURRENCY: usize = 16;

/// How one object stands at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Equal in bytes, metadata and tags.
    Same,
    /// Not there.
    Missing,
    /// There, but not as it was put: what differs.
    Different(String),
}

/// What an object is put with, beside its bytes: its own for every object, so that a mix-up shows.
#[derive(Debug, PartialEq, Eq)]
struct Dress {
    content_type: Option<String>,
    cache_control: Option<String>,
    metadata: HashMap<String, String>,
    tags: BTreeMap<String, String>,
}

fn dress(index: usize, file: &File) -> Dress {
    let extension = file.key.rsplit_once('.').map_or("none", |(_, extension)| extension);
    Dress {
        content_type: Some(if extension == "none" { "application/octet-stream" } else { "text/plain" }.to_owned()),
        cache_control: index.is_multiple_of(2).then(|| format!("max-age={index}")),
        metadata: [("index".to_owned(), index.to_string()), ("origin".to_owned(), "transship demo".to_owned())].into(),
        tags: if index.is_multiple_of(3) { BTreeMap::new() } else { [("index".to_owned(), index.to_string())].into() },
    }
}

/// Puts every file into `bucket`; `done` is told after each how many bytes it had. Returns all bytes.
pub async fn put_all(account: &Clients, bucket: &str, files: &[File], done: impl Fn(u64)) -> Result<u64, Error> {
    put_some(account, bucket, files, |_| true, done).await
}

/// Puts those files whose place in `files` is `wanted`, as [`put_all`] does.
pub async fn put_some(
    account: &Clients,
    bucket: &str,
    files: &[File],
    wanted: impl Fn(usize) -> bool,
    done: impl Fn(u64),
) -> Result<u64, Error> {
    stream::iter(files.iter().enumerate().filter(|(place, _)| wanted(*place)))
        .map(|(index, file)| put(account, bucket, index, file))
        .buffer_unordered(CONCURRENCY)
        .inspect_ok(|size| done(*size))
        .try_fold(0, |sum, size| async move { Ok(sum + size) })
        .await
}

async fn put(account: &Clients, bucket: &str, index: usize, file: &File) -> Result<u64, Error> {
    let dress = dress(index, file);
    let (body, size) = match &file.content {
        Content::At(path) => (ByteStream::from_path(path).await?, tokio::fs::metadata(path).await?.len()),
        Content::Bytes(bytes) => (ByteStream::from(bytes.clone()), bytes.len() as u64),
    };
    let tags: Vec<String> = dress.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    account
        .s3
        .put_object()
        .bucket(bucket)
        .key(&file.key)
        .set_content_type(dress.content_type)
        .set_cache_control(dress.cache_control)
        .set_metadata(Some(dress.metadata))
        .set_tagging((!tags.is_empty()).then(|| tags.join("&")))
        .body(body)
        .send()
        .await
        .map_err(|error| format!("cannot put {:?}: {}", file.key, aws_sdk_s3::error::DisplayErrorContext(&error)))?;
    Ok(size)
}

/// Every object of a bucket with the time it was last written.
pub async fn written(account: &Clients, bucket: &str) -> Result<BTreeMap<String, DateTime>, Error> {
    let mut pages = account.s3.list_objects_v2().bucket(bucket).into_paginator().send();
    let mut written = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for object in page?.contents.unwrap_or_default() {
            if let (Some(key), Some(time)) = (object.key, object.last_modified) {
                written.insert(key, time);
            }
        }
    }
    Ok(written)
}

/// Compares every file with the object under `prefix` and its key in `bucket`; `done` is told after each.
pub async fn check_all(
    account: &Clients,
    bucket: &str,
    prefix: &str,
    files: &[File],
    done: impl Fn(),
) -> Result<Vec<(String, Arrival)>, Error> {
    stream::iter(files.iter().enumerate())
        .map(|(index, file)| async move {
            let key = format!("{prefix}{}", file.key);
            Ok((file.key.clone(), check(account, bucket, &key, index, file).await?))
        })
        .buffer_unordered(CONCURRENCY)
        .inspect_ok(|_| done())
        .try_collect()
        .await
}

async fn check(account: &Clients, bucket: &str, key: &str, index: usize, file: &File) -> Result<Arrival, Error> {
    let object = match account.s3.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => object,
        Err(error) if error.code() == Some("NoSuchKey") => return Ok(Arrival::Missing),
        Err(error) => {
            return Err(format!("cannot get {key:?}: {}", aws_sdk_s3::error::DisplayErrorContext(&error)).into());
        }
    };
    let tagging = account.s3.get_object_tagging().bucket(bucket).key(key).send().await?;
    let tags = tagging.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let (put, arrived) = (dress(index, file), dress_of(&object, tags));
    if put != arrived {
        return Ok(Arrival::Different(format!("put with {put:?}, arrived with {arrived:?}")));
    }
    let arrived = object.body.into_async_read();
    let same = match &file.content {
        Content::At(path) => same_bytes(tokio::fs::File::open(path).await?, arrived).await?,
        Content::Bytes(bytes) => same_bytes(bytes.as_ref(), arrived).await?,
    };
    Ok(if same { Arrival::Same } else { Arrival::Different("the bytes differ".to_owned()) })
}

fn dress_of(object: &GetObjectOutput, tags: BTreeMap<String, String>) -> Dress {
    Dress {
        content_type: object.content_type().map(str::to_owned),
        cache_control: object.cache_control().map(str::to_owned),
        metadata: object.metadata().cloned().unwrap_or_default(),
        tags,
    }
}

/// Whether both streams hold the same bytes, 64 KB of each in memory.
async fn same_bytes(mut a: impl AsyncRead + Unpin, mut b: impl AsyncRead + Unpin) -> Result<bool, Error> {
    let (mut left, mut right) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let (n, m) = (fill(&mut a, &mut left).await?, fill(&mut b, &mut right).await?);
        if left[..n] != right[..m] {
            return Ok(false);
        }
        if n < left.len() {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the stream has ended.
async fn fill(stream: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> Result<usize, Error> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]).await? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_byte_more_or_other_is_seen() {
        let long = vec![7; 200_000];
        let mut other = long.clone();
        other[199_999] = 8;
        assert!(same_bytes(long.as_slice(), long.as_slice()).await.unwrap());
        assert!(!same_bytes(long.as_slice(), other.as_slice()).await.unwrap());
        assert!(!same_bytes(long.as_slice(), &long[..199_999]).await.unwrap());
        assert!(!same_bytes(&long[..131_072], long.as_slice()).await.unwrap());
    }
}
