//! The state: buckets, and in each the versions of every key.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use s3s::S3Result;
use s3s::dto::{self, NotificationConfiguration};
use serde_json::Value;

use super::error::no_such_bucket;
use super::multipart::Upload;
use super::object::{Encryption, Object};
use super::settings::owner_enforced;
use super::wanted::{EncryptionHeaders, encryption};
use super::{ArchiveTier, InventoryConfiguration, Version};
use crate::identity::AccountId;

/// Buckets and objects, in memory.
#[derive(Debug, Default)]
pub struct Store {
    buckets: RwLock<BTreeMap<String, Bucket>>,
}

/// A bucket: its settings and what it holds.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) owner: AccountId,
    pub(super) region: String,
    pub(super) created: Timestamp,
    pub(super) versioning: Versioning,
    pub(super) settings: Settings,
    /// By key; the newest version comes last, and no list is empty.
    pub(super) objects: BTreeMap<String, Vec<Arc<Object>>>,
    /// By key and upload id.
    pub(super) uploads: BTreeMap<(String, String), Upload>,
}

/// Whether a bucket keeps older versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versioning {
    /// Never was enabled.
    Never,
    Enabled,
    Suspended,
}

/// What bucket sub-resources hold.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// As it was put, and parsed.
    pub(super) policy: Option<(String, Value)>,
    pub(super) inventory: BTreeMap<String, InventoryConfiguration>,
    pub(super) notification: Option<NotificationConfiguration>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) encryption: Option<dto::ServerSideEncryptionConfiguration>,
    pub(super) public_access_block: Option<dto::PublicAccessBlockConfiguration>,
    /// None once they were deleted: then ACLs have effect.
    pub(super) ownership: Option<dto::OwnershipControls>,
    pub(super) lifecycle: Option<dto::BucketLifecycleConfiguration>,
    pub(super) object_lock: Option<dto::ObjectLockConfiguration>,
}

impl Store {
    /// The account that owns a bucket; none if there is no such bucket.
    pub fn owner(&self, bucket: &str) -> Option<AccountId> {
        self.read(bucket, |b| b.owner.clone()).ok()
    }

    /// A bucket's policy, parsed.
    pub fn policy(&self, bucket: &str) -> Option<Value> {
        self.read(bucket, |b| b.settings.policy.as_ref().map(|(_, parsed)| parsed.clone())).ok().flatten()
    }

    /// A bucket's Region.
    pub fn region(&self, bucket: &str) -> Option<String> {
        self.read(bucket, |b| b.region.clone()).ok()
    }

    /// A bucket's inventory configurations, by id.
    pub fn inventory_configurations(&self, bucket: &str) -> Vec<InventoryConfiguration> {
        self.read(bucket, |b| b.settings.inventory.values().cloned().collect()).unwrap_or_default()
    }

    /// A bucket's notification configuration.
    pub fn notification_configuration(&self, bucket: &str) -> Option<NotificationConfiguration> {
        self.read(bucket, |b| b.settings.notification.clone()).ok().flatten()
    }

    /// Every version under a prefix, by key, newest first. `current_only` leaves out older versions and delete markers.
    pub fn list(&self, bucket: &str, prefix: &str, current_only: bool) -> Vec<Version> {
        let list = |b: &Bucket| {
            b.from(Bound::Included(prefix))
                .take_while(|(key, _)| key.starts_with(prefix))
                .flat_map(|(key, versions)| versions.iter().rev().enumerate().map(move |(i, v)| v.summary(key, i == 0)))
                .filter(|v| !current_only || (v.is_latest && !v.is_delete_marker))
                .collect()
        };
        self.read(bucket, list).unwrap_or_default()
    }

    /// From when until when the restored copy of an archived version can be read; none if nobody has asked for one.
    pub fn restored(&self, bucket: &str, key: &str, version_id: &str) -> Option<(Timestamp, Timestamp)> {
        let restored = |b: &Bucket| b.version(key, version_id)?.data.as_ref()?.restored;
        self.read(bucket, restored).ok().flatten().map(|restored| (restored.from, restored.until))
    }

    /// Moves the newest version of an object of INTELLIGENT_TIERING into an archive tier, as S3 does with what was not used for
    /// long. Whether there is such an object.
    pub fn archive(&self, bucket: &str, key: &str, deep: bool) -> bool {
        let moved = self.write(bucket, |b| {
            let newest = b.objects.get_mut(key).and_then(|versions| versions.last_mut());
            let data = newest.and_then(|version| Arc::make_mut(version).data.as_mut());
            let data = data.filter(|data| data.storage_class == "INTELLIGENT_TIERING");
            Ok(data.map(|data| data.archive_tier = Some(ArchiveTier { deep, until: None })).is_some())
        });
        moved.unwrap_or_default()
    }

    /// Looks at a bucket, or ends in `NoSuchBucket`.
    pub(super) fn read<R>(&self, bucket: &str, look: impl FnOnce(&Bucket) -> R) -> S3Result<R> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        buckets.get(bucket).map(look).ok_or_else(|| no_such_bucket(bucket))
    }

    /// Changes a bucket, or ends in `NoSuchBucket`. No other request sees the bucket half changed.
    pub(super) fn write<R>(&self, bucket: &str, change: impl FnOnce(&mut Bucket) -> S3Result<R>) -> S3Result<R> {
        self.with_buckets(|buckets| buckets.get_mut(bucket).ok_or_else(|| no_such_bucket(bucket)).and_then(change))
    }

    /// Changes which buckets there are.
    pub(super) fn with_buckets<R>(&self, change: impl FnOnce(&mut BTreeMap<String, Bucket>) -> R) -> R {
        change(&mut self.buckets.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Bucket {
    pub(super) fn new(owner: AccountId, region: String, created: Timestamp) -> Self {
        Self {
            owner,
            region,
            created,
            versioning: Versioning::Never,
            settings: Settings { ownership: Some(owner_enforced()), ..Settings::default() },
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
        }
    }

    /// Keys in order from a bound on, with their versions, oldest first.
    pub(super) fn from(&self, start: Bound<&str>) -> btree_map::Range<'_, String, Vec<Arc<Object>>> {
        self.objects.range::<str, _>((start, Bound::Unbounded))
    }

    /// The newest version, be it a delete marker.
    pub(super) fn latest(&self, key: &str) -> Option<&Arc<Object>> {
        self.objects.get(key)?.last()
    }

    /// A version by its id.
    pub(super) fn version(&self, key: &str, version_id: &str) -> Option<&Arc<Object>> {
        self.objects.get(key)?.iter().find(|v| v.version_id == version_id)
    }

    /// The version that a request names, or the newest.
    pub(super) fn find(&self, key: &str, version_id: Option<&str>) -> Option<&Arc<Object>> {
        match version_id {
            Some(id) => self.version(key, id),
            None => self.latest(key),
        }
    }

    /// The version id of whatever is written next.
    pub(super) fn next_version_id(&self) -> String {
        match self.versioning {
            Versioning::Enabled => uuid::Uuid::new_v4().simple().to_string(),
            Versioning::Never | Versioning::Suspended => "null".to_owned(),
        }
    }

    /// Makes `object` the newest version; a null version takes the place of the one before.
    pub(super) fn put(&mut self, key: &str, object: Arc<Object>) {
        let versions = self.objects.entry(key.to_owned()).or_default();
        if object.version_id == "null" {
            versions.retain(|v| v.version_id != "null");
        }
        versions.push(object);
    }

    /// The version id as answers show it: not at all if the bucket never had versioning.
    pub(super) fn shown(&self, version_id: &str) -> Option<String> {
        (self.versioning != Versioning::Never).then(|| version_id.to_owned())
    }

    /// What an object gets that asks for no encryption.
    pub(super) fn default_encryption(&self) -> Encryption {
        let mut rules = self.settings.encryption.iter().flat_map(|e| &e.rules);
        let default = rules.find_map(|r| Some((r, r.apply_server_side_encryption_by_default.as_ref()?)));
        default
            .and_then(|(rule, default)| {
                encryption(&EncryptionHeaders {
                    algorithm: Some(&default.sse_algorithm),
                    kms_key: default.kms_master_key_id.as_deref(),
                    bucket_key: rule.bucket_key_enabled,
                    customer_algorithm: None,
                    customer_key: None,
                    customer_key_md5: None,
                })
                .ok()
                .flatten()
            })
            .unwrap_or(Encryption::S3)
    }

    /// Whether ACLs have no effect here, which is what a new bucket starts with.
    pub(super) fn owner_enforced(&self) -> bool {
        self.settings.ownership.as_ref().is_some_and(|controls| {
            controls.rules.iter().any(|r| r.object_ownership.as_str() == dto::ObjectOwnership::BUCKET_OWNER_ENFORCED)
        })
    }
}
