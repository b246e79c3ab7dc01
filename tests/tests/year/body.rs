//! What is put at the source: bytes that are there, or more than 5 GB that take no space, and what goes with them. Calls S3 as the
//! source account does.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use e2e::clients::Clients;
use e2e::large::Sparse;
use e2e::route::SOURCE_BUCKET;
use fastrand::Rng;

/// The most that CopyObject copies: 5 GB.
pub(crate) const LARGE: u64 = 5 << 30;

/// The bytes of one object.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Small(Vec<u8>),
    /// Over 5 GB.
    Large(Sparse),
}

impl Body {
    /// Of a key's n-th put.
    pub(crate) fn small(n: usize, key: &str, rng: &mut Rng) -> Self {
        let length = if rng.u8(0..12) == 0 { 0 } else { rng.usize(1..3_000) };
        Self::Small(format!("{n:06} {key}\n").bytes().cycle().take(length).collect())
    }

    /// Over 5 GB, as though it was uploaded in parts, or in one, as S3 alone can write it.
    pub(crate) fn large(rng: &mut Rng) -> Self {
        let part = [Some(1 << 30), Some(512 << 20), None][rng.usize(0..3)];
        Self::Large(Sparse { size: LARGE + rng.u64(1..LARGE / 2), part, seed: rng.u64(..) })
    }

    pub(crate) fn is_large(&self) -> bool {
        matches!(self, Self::Large(_))
    }

    /// Other bytes, as many.
    pub(crate) fn other(&self) -> Self {
        match self {
            Self::Small(bytes) => Self::Small(bytes.iter().map(|byte| byte ^ 1).collect()),
            Self::Large(sparse) => Self::Large(Sparse { seed: sparse.seed.wrapping_add(1), ..*sparse }),
        }
    }

    /// Puts it as the n-th under a key, its metadata and tags its own, so that a mix-up shows; the version.
    pub(crate) async fn put(
        &self,
        account: &Clients,
        (key, n): (&str, usize),
        class: StorageClass,
        rng: &mut Rng,
    ) -> String {
        let dress = Dress::of(n, rng);
        if let Self::Small(bytes) = self
            && class == StorageClass::Standard
            && rng.u8(0..15) == 0
        {
            return put_in_parts(account, key, bytes.clone(), dress).await;
        }
        let put = account.s3.put_object().bucket(SOURCE_BUCKET).key(key);
        let put = put.storage_class(class).set_tagging(dress.tags).content_type(dress.kind);
        let put = put.set_cache_control(dress.cache).metadata("put", n.to_string()).metadata("luck", dress.luck);
        match self {
            Self::Small(bytes) => put.body(bytes.clone().into()).send().await.unwrap().version_id.unwrap(),
            Self::Large(sparse) => {
                sparse.put(put).await.unwrap();
                let head = account.s3.head_object().bucket(SOURCE_BUCKET).key(key);
                head.send().await.unwrap().version_id.unwrap()
            }
        }
    }
}

/// What an object is put with, beside its bytes.
struct Dress {
    kind: &'static str,
    cache: Option<String>,
    tags: Option<String>,
    luck: String,
}

impl Dress {
    fn of(n: usize, rng: &mut Rng) -> Self {
        let kinds = ["text/plain", "application/octet-stream", "text/html; charset=utf-8"];
        Self {
            kind: kinds[rng.usize(0..kinds.len())],
            cache: rng.bool().then(|| format!("max-age={n}")),
            tags: (rng.u8(0..3) > 0).then(|| format!("put={n}&of=a%20year%2B")),
            luck: rng.u32(..).to_string(),
        }
    }
}

/// As a multipart upload of one part, whose ETag is no MD5; its version.
async fn put_in_parts(account: &Clients, key: &str, body: Vec<u8>, dress: Dress) -> String {
    let s3 = &account.s3;
    let create = s3.create_multipart_upload().bucket(SOURCE_BUCKET).key(key).set_tagging(dress.tags);
    let create = create.content_type(dress.kind).set_cache_control(dress.cache).metadata("luck", dress.luck);
    let upload = create.send().await.unwrap().upload_id.unwrap();
    let part = s3.upload_part().bucket(SOURCE_BUCKET).key(key).upload_id(&upload).part_number(1).body(body.into());
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.send().await.unwrap().e_tag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = s3.complete_multipart_upload().bucket(SOURCE_BUCKET).key(key).upload_id(upload);
    complete.multipart_upload(parts).send().await.unwrap().version_id.unwrap()
}
