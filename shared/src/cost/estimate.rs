//! What a run is going to cost: each thing that AWS counts, times its price. docs/SEMANTICS.md has the same in words, with
//! three cases worked by hand. Calls nothing.

use serde::{Deserialize, Serialize};

use super::{Money, Prices};
use crate::plan::Count;

/// What a run is estimated to cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// US dollars.
    pub total: Money,
    /// Of which.
    pub items: Vec<Item>,
    /// Objects that it is for.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Archived objects that it asks to be restored.
    #[serde(default)]
    pub restored: Count,
    /// The day that the prices are of, `YYYY-MM-DD`.
    pub prices_as_of: String,
    /// Whether a setting has changed any of them.
    pub prices_overridden: bool,
}

/// A part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Which.
    pub what: What,
    /// How many of what the price is for.
    pub count: u64,
    /// US dollars.
    pub dollars: Money,
}

/// What AWS counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Objects that S3 Inventory listed.
    Listed,
    /// Jobs.
    Jobs,
    /// Objects in jobs.
    Tasks,
    /// COPY requests and those of multipart copies, by the destination's storage class and Region.
    CopyRequests,
    /// HEAD and GET requests of multipart copies.
    GetRequests,
    /// Bytes that leave the source's Region.
    TransferBytes,
    /// Objects that are asked to be restored.
    RestoreRequests,
    /// Their bytes.
    RestoredBytes,
    /// Requests to KMS.
    KmsRequests,
    /// Invocations of copy-large.
    LambdaRequests,
    /// Its GB-seconds.
    LambdaGbSeconds,
}

/// What a run does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Rows of its report.
    pub listed: u64,
    /// Objects copied by CopyObject.
    pub copied: Count,
    /// Objects that are too large for it.
    pub large: Large,
    /// Objects that are asked to be restored.
    pub restored: Count,
}

/// Objects that are copied in parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Large {
    /// How many, and their bytes.
    pub all: Count,
    /// In how many parts.
    pub parts: u64,
}

/// How it is copied, as far as it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct How {
    /// The copies' storage class.
    pub storage_class: String,
    /// How the source's objects are encrypted.
    pub source_keys: Keys,
    /// How the copies are.
    pub destination_keys: Keys,
    /// The tier of restores, `Bulk` or `Standard`; none where nothing is restored.
    pub restores: Option<String>,
}

/// How often KMS is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Never.
    None,
    /// For each object.
    Each,
    /// By way of an S3 Bucket Key: for one object in a hundred, since AWS promises up to 99 % less.
    BucketKey,
}

/// With a bucket key, KMS is asked for one in so many.
const OBJECTS_A_BUCKET_KEY: u64 = 100;

/// Requests that copy-large makes to look at an object: HeadObject of the whole and of its first part and GetObjectTagging at
/// the source, HeadObject at the destination. The few around its record are left out: a part costs as much as any of them.
const LOOKS: u64 = 4;
/// Requests around the parts: CreateMultipartUpload and CompleteMultipartUpload.
const AROUND: u64 = 2;
/// How fast copy-large copies: bytes in a second of one object. S3 does the work; this is a low figure, so that the estimate is
/// rather too high.
const BYTES_A_SECOND: u64 = 200 * 1024 * 1024;
/// An invocation of copy-large works for so many seconds at most.
const SECONDS: u64 = 840;
/// The memory of copy-large, in MB, as template.yaml has it.
const MEMORY: u64 = 512;

const GB: u64 = 1 << 30;
const MILLION: u64 = 1_000_000;

impl Keys {
    fn requests(self, n: u64) -> u64 {
        match self {
            Self::None => 0,
            Self::Each => n,
            Self::BucketKey => n.div_ceil(OBJECTS_A_BUCKET_KEY),
        }
    }
}

impl Cost {
    /// Of this work at these prices. What is not counted: free tiers, discounts, taxes; storage; retrieval from the source's
    /// storage class; the functions' own planning and the files they write, which is cents for a hundred million objects.
    pub fn estimate(prices: &Prices, how: &How, work: &Work) -> Self {
        let (home, there) = (&prices.at_home, &prices.at_destination);
        let Work { listed, copied, large: Large { all: large, parts }, restored } = *work;
        let (objects, bytes) = (copied.objects + large.objects, copied.bytes + large.bytes);
        let jobs = [copied, large, restored].iter().filter(|count| count.objects > 0).count() as u64;
        let writes = copied.objects + parts;
        // Parts and what begins an upload cost as STANDARD for archive classes; only what completes it is of the class.
        let parts_class = if is_archive(&how.storage_class) { "STANDARD" } else { &how.storage_class };
        let copies = there
            .copy_to(&how.storage_class)
            .times(copied.objects + large.objects, 1000)
            .plus(there.copy_to(parts_class).times(parts + large.objects * (AROUND - 1), 1000));
        let leaves = if prices.home == prices.destination { 0 } else { bytes };
        let (read, written) = (how.source_keys.requests(writes), how.destination_keys.requests(writes));
        let keys = home.kms_requests.times(read, 10_000).plus(there.kms_requests.times(written, 10_000));
        let seconds = if large.objects == 0 { 0 } else { large.bytes.div_ceil(BYTES_A_SECOND) + large.objects };
        let invoked = if large.objects == 0 { 0 } else { large.objects + seconds / SECONDS };
        let gb_seconds = (seconds * MEMORY).div_ceil(1024);
        let tasks = objects + restored.objects;
        let (request, gigabyte) = home.restore_by(how.restores.as_deref().unwrap_or_default());
        let item = |what, count, dollars| Item { what, count, dollars };
        let mut items = vec![
            item(What::Listed, listed, home.listed.times(listed, MILLION)),
            item(What::Jobs, jobs, there.job.times(jobs, 1)),
            item(What::Tasks, tasks, there.tasks.times(tasks, MILLION)),
            item(What::CopyRequests, copied.objects + parts + large.objects * AROUND, copies),
            item(What::GetRequests, large.objects * LOOKS, home.get_requests.times(large.objects * LOOKS, 1000)),
            item(What::TransferBytes, leaves, home.transfer_to(&prices.destination).times(leaves, GB)),
            item(What::RestoreRequests, restored.objects, request.times(restored.objects, 1000)),
            item(What::RestoredBytes, restored.bytes, gigabyte.times(restored.bytes, GB)),
            item(What::KmsRequests, read + written, keys),
            item(What::LambdaRequests, invoked, home.lambda_requests.times(invoked, MILLION)),
            item(What::LambdaGbSeconds, gb_seconds, home.lambda_gb_seconds.times(gb_seconds, MILLION)),
        ];
        items.retain(|item| item.count > 0);
        let total = items.iter().fold(Money::default(), |sum, item| sum.plus(item.dollars));
        let (prices_as_of, prices_overridden) = (prices.as_of.clone(), prices.overridden);
        Self { total, items, objects, bytes, restored, prices_as_of, prices_overridden }
    }

    /// What one thing costs.
    pub fn of(&self, what: What) -> Money {
        self.items.iter().find(|item| item.what == what).map(|item| item.dollars).unwrap_or_default()
    }
}

fn is_archive(storage_class: &str) -> bool {
    matches!(storage_class, "GLACIER" | "DEEP_ARCHIVE")
}
