//! Data files of an inventory report: columns, rows, gzip CSV. Pure: a list of versions in, files' bytes out.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::identity::AccountId;
use crate::s3::{ArchiveTier, Version};

/// How the space in a key is encoded. Sources disagree about AWS, so a reader must take both; a literal plus is `%2B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spaces {
    /// `a+b`
    Plus,
    /// `a%20b`
    Percent,
    /// One or the other, by the key: a reader that takes just one of them is found out.
    #[default]
    Vary,
}

/// Left as they are: letters, digits, `-_.*` and the slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// The optional columns in AWS's order.
const OPTIONAL: [&str; 15] = [
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "EncryptionStatus",
    "ObjectLockRetainUntilDate",
    "ObjectLockMode",
    "ObjectLockLegalHoldStatus",
    "IntelligentTieringAccessTier",
    "BucketKeyStatus",
    "ChecksumAlgorithm",
    "ObjectAccessControlList",
    "ObjectOwner",
];

/// The columns of a report.
pub fn schema(all_versions: bool, chosen: &[&str]) -> Vec<&'static str> {
    let versions: &[&str] = if all_versions { &["VersionId", "IsLatest", "IsDeleteMarker"] } else { &[] };
    let optional = OPTIONAL.into_iter().filter(|name| chosen.contains(name));
    ["Bucket", "Key"].into_iter().chain(versions.iter().copied()).chain(optional).collect()
}

/// What every row of a report shares.
#[derive(Debug)]
pub struct Table<'a> {
    /// The source bucket.
    pub bucket: &'a str,
    /// Who owns it, and so every object that Bucket owner enforced puts in it.
    pub owner: &'a AccountId,
    /// From [`schema`].
    pub schema: &'a [&'a str],
    /// How keys are encoded.
    pub spaces: Spaces,
    /// Columns of no meaning behind those of the schema: name and value.
    pub columns: &'a [(String, String)],
    /// When the scan started.
    pub now: Timestamp,
}

impl Table<'_> {
    /// One row's fields, in the schema's order.
    fn row(&self, version: &Version) -> Vec<String> {
        let extra = self.columns.iter().map(|(_, value)| value.clone());
        self.schema.iter().map(|column| self.field(column, version)).chain(extra).collect()
    }

    /// One field; empty where AWS has none.
    fn field(&self, column: &str, version: &Version) -> String {
        // A delete marker has no body, so everything about a body is empty.
        let of_body = |text: &str| if version.is_delete_marker { String::new() } else { text.to_owned() };
        match column {
            "Bucket" => self.bucket.to_owned(),
            "Key" => encode(&version.key, self.spaces),
            // The trap of all-versions reports: a null version's id is empty, where Batch Operations wants `null`.
            "VersionId" if version.version_id == "null" => String::new(),
            "VersionId" => version.version_id.clone(),
            "IsLatest" => version.is_latest.to_string(),
            "IsDeleteMarker" => version.is_delete_marker.to_string(),
            "Size" => of_body(&version.size.to_string()),
            "LastModifiedDate" => time(version.last_modified),
            "ETag" => of_body(&version.etag),
            "StorageClass" => of_body(&version.storage_class),
            "IsMultipartUploaded" => version.is_multipart.to_string(),
            "EncryptionStatus" => of_body(&version.encryption_status),
            "IntelligentTieringAccessTier" if version.storage_class == "INTELLIGENT_TIERING" => {
                of_body(match version.archive_tier.filter(|tier| tier.holds(self.now)) {
                    Some(ArchiveTier { deep: true, .. }) => "DEEP_ARCHIVE",
                    Some(_) => "ARCHIVE",
                    None => "FREQUENT",
                })
            }
            "BucketKeyStatus" => of_body("DISABLED"),
            "ChecksumAlgorithm" => of_body(&version.checksum_algorithm),
            "ObjectAccessControlList" => of_body(&acl(self.owner)),
            "ObjectOwner" => of_body(&canonical_id(self.owner)),
            // ReplicationStatus and Object Lock: nothing here replicates or locks.
            _ => String::new(),
        }
    }

    /// One data file: gzip CSV, no header, every field quoted.
    pub fn file<'v>(&self, versions: impl IntoIterator<Item = &'v Version>) -> std::io::Result<Vec<u8>> {
        let mut csv = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
        for version in versions {
            csv.write_record(self.row(version)).map_err(std::io::Error::other)?;
        }
        let plain = csv.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&plain)?;
        gzip.finish()
    }
}

/// Puts rows in an order that nobody can mistake for sorted, the same on every run with this seed.
pub fn shuffle(versions: &mut [Version], seed: u64) {
    versions.sort_by_cached_key(|v| Sha256::digest(format!("{}\n{}\n{seed}", v.key, v.version_id)));
}

/// RFC 3339, UTC, milliseconds.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A key as an inventory writes it.
pub fn encode(key: &str, spaces: Spaces) -> String {
    let encoded = utf8_percent_encode(key, ENCODED).to_string();
    let plus = match spaces {
        Spaces::Plus => true,
        Spaces::Percent => false,
        Spaces::Vary => key.bytes().fold(0_u8, u8::wrapping_add).is_multiple_of(2),
    };
    if plus { encoded.replace("%20", "+") } else { encoded }
}

/// A canonical user id: 64 hex digits that stand for an account.
fn canonical_id(owner: &AccountId) -> String {
    hex::encode(Sha256::digest(owner.as_str()))
}

/// The `ObjectAccessControlList` column: base64 of a JSON document; here always the owner's full control.
fn acl(owner: &AccountId) -> String {
    let grant = serde_json::json!({
        "canonicalId": canonical_id(owner), "type": "CanonicalUser", "permission": "FULL_CONTROL",
    });
    let acl = serde_json::json!({ "version": "2022-11-10", "status": "AVAILABLE", "grants": [grant] });
    STANDARD.encode(acl.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn version(key: &str) -> Version {
        Version {
            key: key.to_owned(),
            version_id: "null".to_owned(),
            is_latest: true,
            is_delete_marker: false,
            size: 12,
            last_modified: "2026-01-02T03:04:05.006Z".parse().unwrap(),
            etag: "0cc175b9c0f1b6a831c399e269772661".to_owned(),
            storage_class: "STANDARD".to_owned(),
            is_multipart: false,
            encryption_status: "SSE-S3".to_owned(),
            checksum_algorithm: "CRC32".to_owned(),
            archive_tier: None,
        }
    }

    fn text(table: &Table<'_>, versions: &[Version]) -> String {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*table.file(versions).unwrap()).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn columns_come_in_the_order_of_aws_whatever_the_configuration_says() {
        let chosen = ["ETag", "ChecksumAlgorithm", "Size", "NotYetInvented"];
        assert_eq!(schema(false, &chosen), ["Bucket", "Key", "Size", "ETag", "ChecksumAlgorithm"]);
        assert_eq!(
            schema(true, &["StorageClass"]),
            ["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "StorageClass"]
        );
    }

    #[test]
    fn every_field_is_quoted_and_keys_are_encoded() {
        let schema = schema(false, &["Size", "LastModifiedDate", "ETag", "ReplicationStatus"]);
        let owner = AccountId::source();
        let table = Table {
            bucket: "src",
            owner: &owner,
            schema: &schema,
            spaces: Spaces::Plus,
            columns: &[],
            now: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            text(&table, &[version("a b/+\"100%\",\né~.txt")]),
            "\"src\",\"a+b/%2B%22100%25%22%2C%0A%C3%A9%7E.txt\",\"12\",\"2026-01-02T03:04:05.006Z\",\
             \"0cc175b9c0f1b6a831c399e269772661\",\"\"\n"
        );
    }

    #[test]
    fn null_versions_have_no_id_and_delete_markers_no_size() {
        let schema = schema(true, &["Size", "ETag"]);
        let owner = AccountId::source();
        let table = Table {
            bucket: "src",
            owner: &owner,
            schema: &schema,
            spaces: Spaces::Percent,
            columns: &[],
            now: Timestamp::UNIX_EPOCH,
        };
        let marker = Version { is_delete_marker: true, version_id: "v2".to_owned(), ..version("k") };
        let old = Version { is_latest: false, ..version("k") };
        assert_eq!(
            text(&table, &[marker, old]),
            "\"src\",\"k\",\"v2\",\"true\",\"true\",\"\",\"\"\n\
             \"src\",\"k\",\"\",\"false\",\"false\",\"12\",\"0cc175b9c0f1b6a831c399e269772661\"\n"
        );
    }

    #[test]
    fn rows_are_not_sorted_and_yet_the_same_every_time() {
        let sorted: Vec<Version> = (0..100).map(|i| version(&format!("{i:03}"))).collect();
        let (mut one, mut two) = (sorted.clone(), sorted.iter().rev().cloned().collect::<Vec<_>>());
        shuffle(&mut one, 0);
        shuffle(&mut two, 0);
        let keys = |versions: &[Version]| versions.iter().map(|v| v.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&one), keys(&two));
        assert_ne!(keys(&one), keys(&sorted));
        shuffle(&mut two, 1);
        assert_ne!(keys(&one), keys(&two), "another seed, another order");
    }

    #[test]
    fn varying_spaces_shows_both_encodings() {
        let encoded: String = (0..8).map(|i| encode(&format!("a {i}"), Spaces::Vary)).collect();
        assert!(encoded.contains('+') && encoded.contains("%20"), "{encoded}");
    }

    proptest! {
        #[test]
        fn keys_survive_form_decoding(key in "\\PC*") {
            for spaces in [Spaces::Plus, Spaces::Percent, Spaces::Vary] {
                let encoded = encode(&key, spaces).replace('+', "%20");
                let decoded = percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap().into_owned();
                prop_assert_eq!(&decoded, &key);
            }
        }
    }
}
