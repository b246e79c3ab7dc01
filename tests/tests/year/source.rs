//! The source bucket and what happens in it: objects come, change, go and come back, under keys that hurt. Calls S3 as the
//! source account does.

use std::collections::BTreeMap;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, RestoreRequest, StorageClass};
use cloud::Cloud;
use e2e::clients::Clients;
use e2e::files::PAINFUL_KEYS;
use e2e::route::SOURCE_BUCKET;
use fastrand::Rng;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What can happen to the bucket, and how often in a hundred.
const CHANGES: [(Change, u32); 8] = [
    (Change::Add, 28),
    (Change::Overwrite, 20),
    (Change::SameSize, 14),
    (Change::SameBytes, 6),
    (Change::Delete, 14),
    (Change::Undelete, 11),
    (Change::Archive, 4),
    (Change::Thaw, 8),
];

/// One thing that happens to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// A key that was never there.
    Add,
    /// Other bytes, another length.
    Overwrite,
    /// Other bytes of the same length.
    SameSize,
    /// The same bytes; other metadata and tags.
    SameBytes,
    /// A delete marker.
    Delete,
    /// The delete marker goes: the object is as it was, with the times that it had.
    Undelete,
    /// It is put anew into an archive, where no copy job can read it.
    Archive,
    /// An archived one is restored; once it is readable, it is copied onto itself as one that stays so.
    Thaw,
}

/// The source bucket.
pub(crate) struct Source {
    account: Clients,
    objects: BTreeMap<String, Known>,
    /// How often each thing happened.
    pub(crate) changes: BTreeMap<Change, u64>,
    added: u32,
}

/// What is known of one key.
struct Known {
    /// Its puts, oldest first.
    puts: Vec<Put>,
    /// The delete marker that hides it.
    marker: Option<String>,
    /// It was asked to be restored.
    restoring: bool,
}

/// One version of an object.
struct Put {
    version: String,
    body: Vec<u8>,
    archived: bool,
}

impl Known {
    fn is_archived(&self) -> bool {
        self.puts.last().is_some_and(|put| put.archived)
    }
}

impl Source {
    /// A bucket with objects in it, each of the painful keys among them.
    pub(crate) async fn filled(account: &Clients, objects: u32, rng: &mut Rng) -> Self {
        let mut source =
            Self { account: account.clone(), objects: BTreeMap::new(), changes: BTreeMap::new(), added: 0 };
        for key in PAINFUL_KEYS {
            source.put(key.to_owned(), None, false, rng).await;
        }
        while (source.objects.len() as u64) < u64::from(objects) {
            let key = source.new_key(rng);
            source.put(key, None, false, rng).await;
        }
        source
    }

    /// Keys that were ever there.
    pub(crate) fn known(&self) -> usize {
        self.objects.len()
    }

    /// The versions that a key has had.
    pub(crate) fn versions(&self, key: &str) -> Vec<&str> {
        self.objects
            .get(key)
            .map(|known| known.puts.iter().map(|put| put.version.as_str()).collect())
            .unwrap_or_default()
    }

    /// Something happens.
    pub(crate) async fn changes(&mut self, rng: &mut Rng) {
        let mut left = rng.u32(0..CHANGES.iter().map(|(_, weight)| weight).sum());
        let chosen = CHANGES.iter().find(|(_, weight)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        let Some((change, _)) = chosen else { return };
        if self.happens(*change, rng).await {
            *self.changes.entry(*change).or_default() += 1;
        }
    }

    /// Whether there was an object that it could happen to.
    async fn happens(&mut self, change: Change, rng: &mut Rng) -> bool {
        let key = match change {
            Change::Add => Some(self.new_key(rng)),
            Change::Overwrite | Change::SameSize | Change::SameBytes | Change::Archive => {
                self.any(rng, |known| known.marker.is_none() && !known.is_archived())
            }
            Change::Delete => self.any(rng, |known| known.marker.is_none()),
            Change::Undelete => self.any(rng, |known| known.marker.is_some()),
            Change::Thaw => self.any(rng, |known| known.marker.is_none() && known.is_archived()),
        };
        let Some(key) = key else { return false };
        let last = self.objects.get(&key).and_then(|known| known.puts.last()).map(|put| put.body.clone());
        match change {
            Change::Add | Change::Overwrite => self.put(key, None, false, rng).await,
            Change::SameSize => {
                let other = last.unwrap_or_default().iter().map(|byte| byte ^ 1).collect();
                self.put(key, Some(other), false, rng).await;
            }
            Change::SameBytes => self.put(key, last, false, rng).await,
            Change::Archive => self.put(key, None, true, rng).await,
            Change::Thaw => return self.thaw(&key).await,
            Change::Delete => {
                let delete = self.account.s3.delete_object().bucket(SOURCE_BUCKET).key(&key);
                let marker = delete.send().await.unwrap().version_id.unwrap();
                self.objects.get_mut(&key).unwrap().marker = Some(marker);
            }
            Change::Undelete => {
                let marker = self.objects.get_mut(&key).unwrap().marker.take().unwrap();
                let delete = self.account.s3.delete_object().bucket(SOURCE_BUCKET).key(&key);
                delete.version_id(marker).send().await.unwrap();
            }
        }
        true
    }

    /// Asks for an archived object to be restored, or copies one that was onto itself. Whether it can be read for good now.
    async fn thaw(&mut self, key: &str) -> bool {
        let known = self.objects.get_mut(key).unwrap();
        let s3 = &self.account.s3;
        if !known.restoring {
            let restore = RestoreRequest::builder().days(300).build();
            s3.restore_object().bucket(SOURCE_BUCKET).key(key).restore_request(restore).send().await.unwrap();
            known.restoring = true;
            return false;
        }
        let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC);
        let copy = s3.copy_object().bucket(SOURCE_BUCKET).key(key).copy_source(format!("{SOURCE_BUCKET}/{encoded}"));
        match copy.storage_class(StorageClass::Standard).send().await {
            Ok(copied) => {
                let body = known.puts.last().unwrap().body.clone();
                known.puts.push(Put { version: copied.version_id.unwrap(), body, archived: false });
                known.restoring = false;
                true
            }
            Err(error) if error.code() == Some("InvalidObjectState") => false,
            Err(error) => panic!("{key:?}: {}", aws_sdk_s3::error::DisplayErrorContext(&error)),
        }
    }

    fn any(&self, rng: &mut Rng, wanted: impl Fn(&Known) -> bool) -> Option<String> {
        let keys: Vec<&String> = self.objects.iter().filter(|(_, known)| wanted(known)).map(|(key, _)| key).collect();
        rng.choice(keys).cloned()
    }

    fn new_key(&mut self, rng: &mut Rng) -> String {
        /// What breaks an encoding, a separator, a pattern or a page somewhere.
        const PIECES: [&str; 30] = [
            "a",
            "Z",
            "9",
            " ",
            "+",
            "%",
            "%20",
            "%2F",
            "\"",
            "'",
            ",",
            "\n",
            "\r",
            "\t",
            "\\",
            "/",
            "//",
            "..",
            "&",
            "<",
            ">",
            "#",
            "?",
            "*",
            "=",
            ";",
            "é",
            "e\u{301}",
            "日本",
            "\u{202e}🚢",
        ];
        self.added += 1;
        let length = if self.added % 50 == 7 { 180 } else { rng.usize(1..9) };
        let tail: String = (0..length).map(|_| *rng.choice(PIECES.iter()).unwrap()).collect();
        format!("year/{}/{tail}", self.added)
    }

    /// Puts an object whose bytes, metadata and tags are its own, so that a mix-up shows.
    async fn put(&mut self, key: String, body: Option<Vec<u8>>, archived: bool, rng: &mut Rng) {
        let known =
            self.objects.entry(key.clone()).or_insert(Known { puts: Vec::new(), marker: None, restoring: false });
        let n = known.puts.len() + 1;
        let body = body.unwrap_or_else(|| {
            let length = if rng.u8(0..12) == 0 { 0 } else { rng.usize(1..3_000) };
            format!("{n:06} {key}\n").bytes().cycle().take(length).collect()
        });
        let class = if !archived {
            StorageClass::Standard
        } else if rng.bool() {
            StorageClass::Glacier
        } else {
            StorageClass::DeepArchive
        };
        let dress = Dress::of(n, rng);
        let version = if !archived && rng.u8(0..15) == 0 {
            put_in_parts(&self.account, &key, body.clone(), dress).await
        } else {
            let put = self.account.s3.put_object().bucket(SOURCE_BUCKET).key(&key).body(body.clone().into());
            let put = put.storage_class(class).set_tagging(dress.tags).content_type(dress.kind);
            let put = put.set_cache_control(dress.cache).metadata("put", n.to_string()).metadata("luck", dress.luck);
            put.send().await.unwrap().version_id.unwrap()
        };
        let known = self.objects.get_mut(&key).unwrap();
        known.puts.push(Put { version, body, archived });
        known.restoring = false;
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

/// The current version of each object of a bucket, by key.
pub(crate) fn current(cloud: &Cloud, bucket: &str) -> BTreeMap<String, cloud::s3::Version> {
    let versions = cloud.store().list(bucket, "", true);
    versions.into_iter().map(|version| (version.key.clone(), version)).collect()
}

/// Whether a copy job can read it.
pub(crate) fn is_copyable(version: &cloud::s3::Version) -> bool {
    !matches!(version.storage_class.as_str(), "GLACIER" | "DEEP_ARCHIVE")
}
