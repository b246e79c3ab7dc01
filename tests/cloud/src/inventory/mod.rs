//! S3 Inventory: delivers reports of a bucket as it is, by the layout and the bucket-policy check of AWS.
//!
//! [`rows`] and [`manifest`] say what the files look like; here is where they go, and in which order.

pub mod manifest;
pub mod rows;

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};
use s3s::S3;
use s3s::dto::{
    InventoryEncryption, InventoryIncludedObjectVersions, InventoryOptionalField, InventoryS3BucketDestination,
    ObjectCannedACL, PutObjectInput, ServerSideEncryption, StreamingBlob,
};

use crate::Cloud;
use crate::identity::{AccountId, Principal};
use crate::s3::InventoryConfiguration;
use manifest::{DataFile, Manifest};
use rows::{Spaces, Table};

/// Why no report was delivered.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    NoSuchBucket(String),
    /// The manifest bucket refused S3's PutObject, or is not there.
    #[error("S3 could not deliver the inventory {id} of {bucket}: {reason}")]
    Refused {
        /// The source bucket.
        bucket: String,
        /// The configuration's id.
        id: String,
        /// The S3 error.
        reason: String,
        /// Keys of the manifests of other configurations, which were delivered.
        delivered: Vec<String>,
    },
}

/// What AWS leaves open about a report.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// How the space in a key is encoded.
    pub spaces: Spaces,
    /// Rows in one data file, at most.
    pub rows_per_file: usize,
    /// Whether the report of an empty bucket has one file of no rows, rather than no file.
    pub file_of_no_rows: bool,
    /// How many data files there are, if there are so many rows; overrides `rows_per_file`.
    pub files: Option<usize>,
    /// Another number, another order of rows.
    pub order: u64,
    /// Columns that AWS has not invented yet, behind all others: name, and value in each row.
    pub columns: Vec<(String, String)>,
    /// When the scan started, if not now. A time that was delivered before delivers the same manifest key again, with
    /// another ETag; one before the last delivery's makes an older report come after a newer one.
    pub started: Option<Timestamp>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            spaces: Spaces::default(),
            rows_per_file: 5_000,
            file_of_no_rows: false,
            files: None,
            order: 0,
            columns: Vec::new(),
            started: None,
        }
    }
}

/// Delivers every enabled report of `bucket` now, and returns the manifest keys. Notifications go out by the writes.
pub async fn deliver(cloud: &Cloud, bucket: &str) -> Result<Vec<String>, InventoryError> {
    deliver_as(cloud, bucket, &Delivery::default()).await
}

/// [`deliver`], with a say in what AWS leaves open. Every configuration is tried; the first refusal is the error.
pub async fn deliver_as(cloud: &Cloud, bucket: &str, delivery: &Delivery) -> Result<Vec<String>, InventoryError> {
    let owner = cloud.store().owner(bucket).ok_or_else(|| InventoryError::NoSuchBucket(bucket.to_owned()))?;
    let mut delivered = Vec::new();
    let mut refused = None;
    for configuration in cloud.store().inventory_configurations(bucket) {
        if !configuration.is_enabled {
            continue;
        }
        let started = delivery.started.unwrap_or_else(|| cloud.clock().now());
        let report = Report { cloud, bucket, owner: &owner, configuration: &configuration, started };
        match report.deliver(delivery).await {
            Ok(key) => delivered.push(key),
            Err(reason) => {
                let (bucket, id) = (bucket.to_owned(), configuration.id.clone());
                refused.get_or_insert((bucket, id, reason));
            }
        }
    }
    match refused {
        None => Ok(delivered),
        Some((bucket, id, reason)) => Err(InventoryError::Refused { bucket, id, reason, delivered }),
    }
}

/// One delivery of one configuration.
struct Report<'a> {
    cloud: &'a Cloud,
    bucket: &'a str,
    owner: &'a AccountId,
    configuration: &'a InventoryConfiguration,
    started: Timestamp,
}

impl Report<'_> {
    fn destination(&self) -> &InventoryS3BucketDestination {
        &self.configuration.destination.s3_bucket_destination
    }

    /// The manifest bucket's name; the configuration has its ARN.
    fn manifest_bucket(&self) -> &str {
        let arn = &self.destination().bucket;
        arn.strip_prefix("arn:aws:s3:::").unwrap_or(arn)
    }

    /// `<prefix>/<source>/<id>`, without a leading slash where there is no prefix.
    fn folder(&self) -> String {
        let folder = format!("{}/{}", self.bucket, self.configuration.id);
        match self.destination().prefix.as_deref() {
            Some(prefix) if !prefix.is_empty() => format!("{prefix}/{folder}"),
            _ => folder,
        }
    }

    /// Data files, then the Hive link, then the checksum, then the manifest; returns the manifest's key.
    async fn deliver(&self, delivery: &Delivery) -> Result<String, String> {
        self.check()?;
        let all_versions = self.configuration.included_object_versions.as_str() == InventoryIncludedObjectVersions::ALL;
        let chosen = self.configuration.optional_fields.as_deref().unwrap_or_default();
        let chosen: Vec<&str> = chosen.iter().map(InventoryOptionalField::as_str).collect();
        let schema = rows::schema(all_versions, &chosen);
        let table = Table {
            bucket: self.bucket,
            owner: self.owner,
            schema: &schema,
            spaces: delivery.spaces,
            columns: &delivery.columns,
            now: self.started,
        };

        let prefix = self.configuration.filter.as_ref().map_or("", |filter| filter.prefix.as_str());
        let mut versions = self.cloud.store().list(self.bucket, prefix, !all_versions);
        rows::shuffle(&mut versions, delivery.order);

        let folder = self.folder();
        let mut files = Vec::new();
        let rows_per_file =
            delivery.files.map_or(delivery.rows_per_file, |files| versions.len().div_ceil(files.max(1)));
        let mut chunks: Vec<_> = versions.chunks(rows_per_file.max(1)).collect();
        if chunks.is_empty() && delivery.file_of_no_rows {
            chunks.push(&[]);
        }
        for chunk in chunks {
            let bytes = table.file(chunk).map_err(|error| error.to_string())?;
            // `data/` is shared by all reports of a configuration, and only the manifest says which are whose.
            let key = format!("{folder}/data/{}.csv.gz", uuid::Uuid::new_v4());
            files.push(DataFile { key: key.clone(), size: bytes.len() as u64, md5: hex::encode(Md5::digest(&bytes)) });
            self.put(&key, bytes).await?;
        }
        let links: Vec<_> = files.iter().map(|f| format!("s3://{}/{}", self.manifest_bucket(), f.key)).collect();
        let partition = self.started.strftime("%Y-%m-%d-%H-%M");
        self.put(&format!("{folder}/hive/dt={partition}/symlink.txt"), links.join("\n").into_bytes()).await?;

        let columns: Vec<_> =
            schema.iter().copied().chain(delivery.columns.iter().map(|(name, _)| name.as_str())).collect();
        let manifest = Manifest::new(self.bucket, self.manifest_bucket(), self.started, &columns, files);
        let manifest = serde_json::to_vec_pretty(&manifest).map_err(|error| error.to_string())?;
        let folder = format!("{folder}/{}", self.started.strftime("%Y-%m-%dT%H-%MZ"));
        self.put(&format!("{folder}/manifest.checksum"), hex::encode(Md5::digest(&manifest)).into_bytes()).await?;
        let key = format!("{folder}/manifest.json");
        self.put(&key, manifest).await?;
        Ok(key)
    }

    /// What can be said before anything is written.
    fn check(&self) -> Result<(), String> {
        let format = self.destination().format.as_str();
        if format != "CSV" {
            return Err(format!("the format {format} is not here; this cloud delivers CSV"));
        }
        let manifest_bucket = self.manifest_bucket();
        let Some(region) = self.cloud.store().region(manifest_bucket) else {
            return Err(format!("NoSuchBucket: there is no manifest bucket {manifest_bucket}"));
        };
        let home = self.cloud.store().region(self.bucket).unwrap_or_default();
        if region != home {
            return Err(format!("the manifest bucket {manifest_bucket} is in {region}; it must be in {home}"));
        }
        Ok(())
    }

    /// One file of the report, as S3 itself: the manifest bucket's policy decides.
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), String> {
        let service = Principal::Service {
            name: "s3.amazonaws.com".to_owned(),
            source_arn: format!("arn:aws:s3:::{}", self.bucket),
            source_account: self.owner.clone(),
        };
        let (encryption, key_id) = encryption(self.destination().encryption.as_ref());
        let input = PutObjectInput {
            acl: Some(ObjectCannedACL::from_static(ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL)),
            bucket: self.manifest_bucket().to_owned(),
            key: key.to_owned(),
            content_length: i64::try_from(bytes.len()).ok(),
            body: Some(StreamingBlob::from(s3s::Body::from(Bytes::from(bytes)))),
            expected_bucket_owner: self.destination().account_id.clone(),
            server_side_encryption: encryption,
            ssekms_key_id: key_id,
            ..PutObjectInput::default()
        };
        match self.cloud.s3().put_object(crate::s3::request(&service, input)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let message = error.message().unwrap_or("the manifest bucket refused S3's PutObject");
                Err(format!("{}: {message} ({key})", error.code().as_str()))
            }
        }
    }
}

/// The encryption that a configuration asks for; without one the bucket's default applies.
fn encryption(wanted: Option<&InventoryEncryption>) -> (Option<ServerSideEncryption>, Option<String>) {
    match wanted {
        Some(InventoryEncryption { ssekms: Some(kms), .. }) => {
            (Some(ServerSideEncryption::from_static(ServerSideEncryption::AWS_KMS)), Some(kms.key_id.clone()))
        }
        Some(InventoryEncryption { sses3: Some(_), .. }) => {
            (Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)), None)
        }
        _ => (None, None),
    }
}
