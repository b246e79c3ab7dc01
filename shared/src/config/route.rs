//! The settings that say what a route is and how its jobs copy. docs/CONFIGURATION.md has a row for each.

use std::str::FromStr;

use aws_sdk_s3control::types::{
    JobReportScope, S3CannedAccessControlList, S3ChecksumAlgorithm, S3GlacierJobTier, S3StorageClass,
};

use serde::{Deserialize, Serialize};

use super::budget::{
    Budget, MAX_BYTES_PER_RUN, MAX_ESTIMATED_COST_PER_RUN, MAX_OBJECTS_PER_RUN, PRICE_OVERRIDES, SOURCE_KMS_KEY_ARN,
};
use super::{Reader, Setting};
use crate::names::{
    AccountId, BucketName, FunctionArn, Invalid, InventoryId, KmsKeyArn, Prefix, Region, RoleArn, RouteName,
};

const ROUTE: Setting = Setting::required("ROUTE");
const ACCOUNT_ID: Setting = Setting::required("ACCOUNT_ID");
const SOURCE_BUCKET: Setting = Setting::required("SOURCE_BUCKET");
const SOURCE_ACCOUNT_ID: Setting = Setting::required("SOURCE_ACCOUNT_ID");
const DESTINATION_BUCKET: Setting = Setting::required("DESTINATION_BUCKET");
const DESTINATION_REGION: Setting = Setting::required("DESTINATION_REGION");
const DESTINATION_PREFIX: Setting = Setting::optional("DESTINATION_PREFIX");
const MANIFEST_BUCKET: Setting = Setting::required("MANIFEST_BUCKET");
const INVENTORY_PREFIX: Setting = Setting::default("INVENTORY_PREFIX", "inventory");
const INVENTORY_ID: Setting = Setting::default("INVENTORY_ID", "transship");

/// The settings of [`Route`].
pub const ROUTE_SETTINGS: &[Setting] = &[
    ROUTE,
    ACCOUNT_ID,
    SOURCE_BUCKET,
    SOURCE_ACCOUNT_ID,
    DESTINATION_BUCKET,
    DESTINATION_REGION,
    DESTINATION_PREFIX,
    MANIFEST_BUCKET,
    INVENTORY_PREFIX,
    INVENTORY_ID,
];

pub(super) const COPY_MODE: Setting = Setting::default("COPY_MODE", "Changes");
const COPY_ROLE_ARN: Setting = Setting::required("COPY_ROLE_ARN");
const COPY_LARGE_FUNCTION_ARN: Setting = Setting::optional("COPY_LARGE_FUNCTION_ARN");
pub(super) const RESTORE_ARCHIVED: Setting = Setting::default("RESTORE_ARCHIVED", "Never");
const RESTORE_DAYS: Setting = Setting::default("RESTORE_DAYS", "14");
pub(super) const STORAGE_CLASS: Setting = Setting::optional("STORAGE_CLASS");
pub(super) const KMS_KEY_ARN: Setting = Setting::optional("KMS_KEY_ARN");
pub(super) const BUCKET_KEY_ENABLED: Setting = Setting::optional("BUCKET_KEY_ENABLED");
pub(super) const CHECKSUM_ALGORITHM: Setting = Setting::optional("CHECKSUM_ALGORITHM");
pub(super) const CANNED_ACL: Setting = Setting::optional("CANNED_ACL");
const COPY_ANNOTATIONS: Setting = Setting::default("COPY_ANNOTATIONS", "false");
const REPORT_SCOPE: Setting = Setting::default("REPORT_SCOPE", "AllTasks");
const REPORT_PREFIX: Setting = Setting::default("REPORT_PREFIX", "reports");
const PRIORITY: Setting = Setting::default("PRIORITY", "10");
const CONFIRMATION_REQUIRED: Setting = Setting::default("CONFIRMATION_REQUIRED", "false");
const STUCK_AFTER_RUNS: Setting = Setting::default("STUCK_AFTER_RUNS", "5");

/// The settings of [`JobSettings`].
pub const JOB_SETTINGS: &[Setting] = &[
    COPY_MODE,
    COPY_ROLE_ARN,
    COPY_LARGE_FUNCTION_ARN,
    RESTORE_ARCHIVED,
    RESTORE_DAYS,
    STORAGE_CLASS,
    KMS_KEY_ARN,
    BUCKET_KEY_ENABLED,
    CHECKSUM_ALGORITHM,
    CANNED_ACL,
    COPY_ANNOTATIONS,
    REPORT_SCOPE,
    REPORT_PREFIX,
    PRIORITY,
    CONFIRMATION_REQUIRED,
    STUCK_AFTER_RUNS,
    MAX_OBJECTS_PER_RUN,
    MAX_BYTES_PER_RUN,
    MAX_ESTIMATED_COST_PER_RUN,
    PRICE_OVERRIDES,
    SOURCE_KMS_KEY_ARN,
];

/// One source bucket to one destination bucket, and where its reports lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// The destination account: the functions', the role's, the manifest bucket's.
    pub account: AccountId,
    /// The bucket that is copied.
    pub source_bucket: BucketName,
    /// Its owner.
    pub source_account: AccountId,
    /// Where objects are copied to.
    pub destination_bucket: BucketName,
    /// The destination bucket's Region, where jobs are created.
    pub destination_region: Region,
    /// Put before every key, with a slash between.
    pub destination_prefix: Option<Prefix>,
    /// Where S3 delivers the inventory reports and the completion reports.
    pub manifest_bucket: BucketName,
    /// What S3 delivers the inventory reports under.
    pub inventory_prefix: Prefix,
    /// The id of the inventory configuration on the source bucket.
    pub inventory_id: InventoryId,
}

/// How the jobs of a route copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSettings {
    /// What a run copies.
    pub mode: CopyMode,
    /// The role that jobs run as.
    pub role: RoleArn,
    /// The function that copies objects over 5 GB; they are left out if none.
    pub copy_large: Option<FunctionArn>,
    /// How objects in GLACIER and DEEP_ARCHIVE are restored, if they are.
    pub restoring: Option<Restoring>,
    /// The copies' storage class; S3's default, STANDARD, if none.
    pub storage_class: Option<S3StorageClass>,
    /// The KMS key that copies are encrypted with; the destination bucket's default encryption if none.
    pub kms_key: Option<KmsKeyArn>,
    /// Copies are encrypted by way of an S3 Bucket Key.
    pub bucket_key: Option<bool>,
    /// The checksum that S3 computes for each copy; S3's own choice if none.
    pub checksum: Option<S3ChecksumAlgorithm>,
    /// The copies' canned ACL; none, unless asked for, since most buckets have ACLs disabled.
    pub acl: Option<S3CannedAccessControlList>,
    /// Object annotations are copied.
    pub annotations: bool,
    /// Which tasks the completion report lists.
    pub report_scope: JobReportScope,
    /// Where completion reports are written in the manifest bucket.
    pub report_prefix: Prefix,
    /// The job's priority among the account's jobs; a higher number goes first.
    pub priority: i32,
    /// Jobs wait for a person.
    pub confirmation_required: bool,
    /// An object is stuck when so many runs in a row have failed to copy it.
    pub stuck_after: u32,
    /// What a run may cost, and what is known of that.
    pub budget: Budget,
}

/// How archived objects are restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoring {
    /// `BULK`, the cheapest, or `STANDARD`.
    pub tier: S3GlacierJobTier,
    /// For how many days an object stays readable: longer than reports are apart and a run takes.
    pub days: u32,
}

/// `Never`, `Bulk` or `Standard`.
struct Tier(Option<S3GlacierJobTier>);

impl FromStr for Tier {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "Never" => Ok(Self(None)),
            "Bulk" => Ok(Self(Some(S3GlacierJobTier::Bulk))),
            "Standard" => Ok(Self(Some(S3GlacierJobTier::Standard))),
            _ => Err(Invalid::new("Never, Bulk or Standard", text)),
        }
    }
}

/// 2 to 100: plans are kept for 120 days, and what was asked to be restored is remembered by its plan.
struct Days(u32);

impl FromStr for Days {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(days @ 2..=100) => Ok(Self(days)),
            _ => Err(Invalid::new("a number of days from 2 to 100", text)),
        }
    }
}

/// What a run copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopyMode {
    /// What is new or changed since the last run.
    Changes,
    /// Every object of the report, every time.
    Everything,
    /// Nothing: it plans as `Changes` does, and tells of it.
    Preview,
}

impl FromStr for CopyMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "Changes" => Ok(Self::Changes),
            "Everything" => Ok(Self::Everything),
            "Preview" => Ok(Self::Preview),
            _ => Err(Invalid::new("Changes, Everything or Preview", text)),
        }
    }
}

/// A job's priority: 0 to 2147483647.
struct Priority(i32);

impl FromStr for Priority {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(n @ 0..) => Ok(Self(n)),
            _ => Err(Invalid::new("a number from 0 to 2147483647", text)),
        }
    }
}

/// How often: 1 to 1000.
struct Times(u32);

impl FromStr for Times {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(n @ 1..=1000) => Ok(Self(n)),
            _ => Err(Invalid::new("a number from 1 to 1000", text)),
        }
    }
}

impl Route {
    /// Reads [`ROUTE_SETTINGS`]; none if any is wrong.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // All are read before any is asked for: every wrong one is reported.
        let name = reader.read(&ROUTE);
        let account = reader.read(&ACCOUNT_ID);
        let source_bucket: Option<BucketName> = reader.read(&SOURCE_BUCKET);
        let source_account = reader.read(&SOURCE_ACCOUNT_ID);
        let destination_bucket: Option<BucketName> = reader.read(&DESTINATION_BUCKET);
        let destination_region = reader.read(&DESTINATION_REGION);
        let destination_prefix = reader.read(&DESTINATION_PREFIX);
        let manifest_bucket: Option<BucketName> = reader.read(&MANIFEST_BUCKET);
        let inventory_prefix = reader.read(&INVENTORY_PREFIX);
        let inventory_id = reader.read(&INVENTORY_ID);

        if manifest_bucket.is_some() && manifest_bucket == destination_bucket {
            reader.blame(&MANIFEST_BUCKET, "is DESTINATION_BUCKET; copies must not land among manifests and reports");
        }
        if manifest_bucket.is_some() && manifest_bucket == source_bucket {
            reader.blame(&MANIFEST_BUCKET, "is SOURCE_BUCKET; the reports themselves would be copied");
        }
        if source_bucket.is_some() && source_bucket == destination_bucket && destination_prefix.is_none() {
            reader.blame(
                &DESTINATION_BUCKET,
                "is SOURCE_BUCKET, and DESTINATION_PREFIX is not set: objects would be copied onto themselves",
            );
        }
        Some(Self {
            name: name?,
            account: account?,
            source_bucket: source_bucket?,
            source_account: source_account?,
            destination_bucket: destination_bucket?,
            destination_region: destination_region?,
            destination_prefix,
            manifest_bucket: manifest_bucket?,
            inventory_prefix: inventory_prefix?,
            inventory_id: inventory_id?,
        })
    }
}

impl JobSettings {
    /// Reads [`JOB_SETTINGS`], and holds each against the route's settings as far as those are right; none if any is wrong.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mode = reader.read(&COPY_MODE);
        let role: Option<RoleArn> = reader.read(&COPY_ROLE_ARN);
        let copy_large = reader.read(&COPY_LARGE_FUNCTION_ARN);
        let (tier, days): (Option<Tier>, Option<Days>) = (reader.read(&RESTORE_ARCHIVED), reader.read(&RESTORE_DAYS));
        let storage_class =
            reader.one_of(&STORAGE_CLASS, S3StorageClass::values(), |t| S3StorageClass::try_parse(t).ok());
        let kms_key: Option<KmsKeyArn> = reader.read(&KMS_KEY_ARN);
        let bucket_key = reader.flag(&BUCKET_KEY_ENABLED);
        let checksum = reader
            .one_of(&CHECKSUM_ALGORITHM, S3ChecksumAlgorithm::values(), |t| S3ChecksumAlgorithm::try_parse(t).ok());
        let acl = reader
            .one_of(&CANNED_ACL, S3CannedAccessControlList::values(), |t| S3CannedAccessControlList::try_parse(t).ok());
        let annotations = reader.flag(&COPY_ANNOTATIONS);
        let report_scope =
            reader.one_of(&REPORT_SCOPE, JobReportScope::values(), |t| JobReportScope::try_parse(t).ok());
        let report_prefix: Option<Prefix> = reader.read(&REPORT_PREFIX);
        let priority: Option<Priority> = reader.read(&PRIORITY);
        let confirmation_required = reader.flag(&CONFIRMATION_REQUIRED);
        let stuck_after: Option<Times> = reader.read(&STUCK_AFTER_RUNS);
        let region = reader.known::<Region>(&DESTINATION_REGION);
        let class = storage_class.as_ref().map(S3StorageClass::as_str);
        let budget = Budget::read(reader, region, class, kms_key.is_some(), bucket_key);

        if let (Some(role), Some(account)) = (&role, reader.known::<AccountId>(&ACCOUNT_ID))
            && role.account() != account.as_str()
        {
            let why = format!("is not in ACCOUNT_ID {account}; Batch Operations takes no role of another account");
            reader.blame(&COPY_ROLE_ARN, why);
        }
        if let (Some(key), Some(region)) = (&kms_key, reader.known::<Region>(&DESTINATION_REGION))
            && key.region() != region.as_str()
        {
            reader.blame(&KMS_KEY_ARN, format!("is not in DESTINATION_REGION {region}, where the copies are"));
        }
        let inventory = reader.known::<Prefix>(&INVENTORY_PREFIX);
        for (setting, prefix) in [(&REPORT_PREFIX, &report_prefix), (&INVENTORY_PREFIX, &inventory)] {
            if let Some(ours) = prefix.as_ref().and_then(|prefix| OURS.iter().find(|ours| is_below(prefix, ours))) {
                reader.blame(setting, format!("is in {ours}/, which is for the functions' own files"));
            }
        }
        if let (Some(prefix), Some(inventory)) = (&report_prefix, inventory)
            && overlap(prefix, &inventory)
        {
            let why = format!("overlaps INVENTORY_PREFIX {inventory}: a completion report would trigger a run");
            reader.blame(&REPORT_PREFIX, why);
        }
        Some(Self {
            mode: mode?,
            role: role?,
            copy_large,
            restoring: tier?.0.zip(days).map(|(tier, Days(days))| Restoring { tier, days }),
            storage_class,
            kms_key,
            bucket_key,
            checksum,
            acl,
            annotations: annotations?,
            report_scope: report_scope?,
            report_prefix: report_prefix?,
            priority: priority?.0,
            confirmation_required: confirmation_required?,
            stuck_after: stuck_after?.0,
            budget: budget?,
        })
    }
}

/// Where the functions write in the manifest bucket.
const OURS: [&str; 2] = ["plans", "ledger"];

/// One is the other or a folder above it.
fn overlap(a: &Prefix, b: &Prefix) -> bool {
    is_below(a, b.as_str()) || is_below(b, a.as_str())
}

fn is_below(prefix: &Prefix, folder: &str) -> bool {
    prefix.as_str().strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
