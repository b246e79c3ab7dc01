//! An object with all that is to arrive of it, as S3 gives it.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use e2e::clients::Clients;
use fastrand::Rng;

use super::body::LARGE;

/// So many bytes are read at each place of an object over 5 GB.
const SAMPLE: u64 = 1_000;

/// All of an object; of one over 5 GB its length, and the bytes at its ends and at eight places between.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) size: u64,
    bytes: Vec<u8>,
    headers: [Option<String>; 5],
    metadata: HashMap<String, String>,
    tags: BTreeMap<String, String>,
}

impl Whole {
    pub(crate) async fn of(account: &Clients, bucket: &str, key: &str, version: Option<&str>) -> Self {
        let head = account.s3.head_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
        let head = head.send().await.unwrap_or_else(|error| panic!("{key:?}: {}", DisplayErrorContext(&error)));
        let size = u64::try_from(head.content_length().unwrap()).unwrap();
        let tagging =
            account.s3.get_object_tagging().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
        let tagging = tagging.send().await.unwrap();
        let text = |text: Option<&str>| text.map(str::to_owned);
        let mut bytes = Vec::new();
        for range in ranges(size) {
            let got = get(account, bucket, (key, version), range).await;
            bytes.extend(got.body.collect().await.unwrap().to_vec());
        }
        Self {
            size,
            bytes,
            headers: [
                text(head.content_type()),
                text(head.cache_control()),
                text(head.content_disposition()),
                text(head.content_encoding()),
                text(head.content_language()),
            ],
            metadata: head.metadata().cloned().unwrap_or_default(),
            tags: tagging.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect(),
        }
    }
}

/// What of it is read: all, or samples of it, at the same places in each object of the same size.
fn ranges(size: u64) -> Vec<Option<String>> {
    if size <= LARGE {
        return vec![None];
    }
    let mut rng = Rng::with_seed(size);
    let mut starts = vec![0, size - SAMPLE];
    starts.extend((0..8).map(|_| rng.u64(0..size - SAMPLE)));
    starts.into_iter().map(|start| Some(format!("bytes={start}-{}", start + SAMPLE - 1))).collect()
}

async fn get(
    account: &Clients,
    bucket: &str,
    (key, version): (&str, Option<&str>),
    range: Option<String>,
) -> GetObjectOutput {
    let get = account.s3.get_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
    match get.set_range(range).send().await {
        Ok(got) => got,
        Err(error) => panic!("{bucket} {key:?} {version:?}: {}", DisplayErrorContext(&error)),
    }
}
