//! The source bucket and what happens in it: objects come, change, go and come back, under keys that hurt. Calls S3 as the
//! source account does.

use std::collections::BTreeMap;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{GlacierJobParameters, RestoreRequest, StorageClass, Tier};
use cloud::Cloud;
use e2e::clients::Clients;
use e2e::files::PAINFUL_KEYS;
use e2e::route::SOURCE_BUCKET;
use fastrand::Rng;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::body::Body;
use super::chance::happens;

/// An object over 5 GB that cannot be copied on many days.
pub(crate) const STUBBORN: &str = "large/ä stubborn + one%";

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
    body: Body,
    archived: bool,
}

impl Known {
    fn is_archived(&self) -> bool {
        self.puts.last().is_some_and(|put| put.archived)
    }

    fn is_large(&self) -> bool {
        self.puts.last().is_some_and(|put| put.body.is_large())
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
        for key in [STUBBORN, "large/of the first day"] {
            let large = Body::large(rng);
            source.put(key.to_owned(), Some(large), false, rng).await;
        }
        for key in ["archived/1", "archived/2"] {
            source.put(key.to_owned(), None, true, rng).await;
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
        if let Some((change, _)) = chosen {
            self.change(*change, rng).await;
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
            // CopyObject cannot copy a large one onto itself.
            Change::Thaw => self.any(rng, |known| known.marker.is_none() && known.is_archived() && !known.is_large()),
        };
        let Some(key) = key else { return false };
        let last = self.objects.get(&key).and_then(|known| known.puts.last()).map(|put| put.body.clone());
        match change {
            Change::Add | Change::Overwrite => self.put(key, None, false, rng).await,
            Change::SameSize => {
                let other = last.map(|body| body.other());
                self.put(key, other, false, rng).await;
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
            match s3.restore_object().bucket(SOURCE_BUCKET).key(key).restore_request(restore).send().await {
                // A job of ours has asked for it already.
                Err(error) if error.code() != Some("RestoreAlreadyInProgress") => {
                    panic!("{key:?}: {}", aws_sdk_s3::error::DisplayErrorContext(&error))
                }
                _ => known.restoring = true,
            }
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

    /// Puts an object: of the given bytes or of new ones, one in twelve of over 5 GB, and two in three of those that were it before.
    async fn put(&mut self, key: String, body: Option<Body>, archived: bool, rng: &mut Rng) {
        let n = self.objects.get(&key).map_or(0, |known| known.puts.len()) + 1;
        let large = if self.objects.get(&key).is_some_and(Known::is_large) { 8 } else { 1 };
        let body = match body {
            Some(body) => body,
            None if happens(rng, large, 12) => Body::large(rng),
            None => Body::small(n, &key, rng),
        };
        let class = match archived {
            false => StorageClass::Standard,
            true if rng.bool() => StorageClass::Glacier,
            true => StorageClass::DeepArchive,
        };
        let version = body.put(&self.account, (&key, n), class, rng).await;
        let known = self.objects.entry(key).or_insert(Known { puts: Vec::new(), marker: None, restoring: false });
        known.puts.push(Put { version, body, archived });
        known.restoring = false;
    }

    /// A certain thing happens, if there is an object that it can happen to.
    pub(crate) async fn change(&mut self, change: Change, rng: &mut Rng) {
        if self.happens(change, rng).await {
            *self.changes.entry(change).or_default() += 1;
        }
    }

    /// An object over 5 GB is overwritten by another.
    pub(crate) async fn overwrite_large(&mut self, rng: &mut Rng) {
        let key = self.any(rng, |known| known.marker.is_none() && !known.is_archived() && known.is_large());
        if let Some(key) = key {
            let large = Body::large(rng);
            self.put(key, Some(large), false, rng).await;
            *self.changes.entry(Change::Overwrite).or_default() += 1;
        }
    }

    /// Every archived version is asked to be restored, so that it can be held against its copy; those that are not readable yet are
    /// so in at most twelve hours.
    pub(crate) async fn restore_all(&self) {
        for (key, known) in &self.objects {
            for put in known.puts.iter().filter(|put| put.archived) {
                let tier = GlacierJobParameters::builder().tier(Tier::Standard).build().unwrap();
                let request = RestoreRequest::builder().days(300).glacier_job_parameters(tier).build();
                let restore = self.account.s3.restore_object().bucket(SOURCE_BUCKET).key(key).version_id(&put.version);
                match restore.restore_request(request).send().await {
                    Err(error) if error.code() != Some("RestoreAlreadyInProgress") => {
                        panic!("{key:?}: {}", aws_sdk_s3::error::DisplayErrorContext(&error))
                    }
                    _ => {}
                }
            }
        }
    }
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
