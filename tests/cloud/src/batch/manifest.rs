//! Manifests: which objects a job works through. Pure: bytes in, tasks out; [`super::fetch`] gets the bytes.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::job::Failure;

/// One row: one object to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The source bucket.
    pub bucket: String,
    /// The key as it stands in the manifest; the completion report repeats it.
    pub encoded_key: String,
    /// Which version.
    pub version: Wanted,
}

/// Which version of an object a row asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The manifest has no `VersionId` column.
    Current,
    /// This one; `null` is the null version.
    Version(String),
    /// The column is there and the field is empty, as inventories list null versions: the task fails.
    Missing,
}

/// How the keys of a manifest are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Inventory reports: `%XX`, and `+` for a space.
    Form,
    /// CSV manifests: `%XX` only.
    Percent,
}

impl Encoding {
    /// The key itself; none if it is not UTF-8.
    pub fn decode(self, encoded: &str) -> Option<String> {
        let text = match self {
            Self::Form => encoded.replace('+', " "),
            Self::Percent => encoded.to_owned(),
        };
        percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    }
}

/// What is needed of an inventory's `manifest.json`, delivered or authored: whatever else is in it is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryManifest {
    /// The ARN of the bucket that holds the data files.
    pub destination_bucket: String,
    /// Must be `CSV`.
    pub file_format: String,
    /// Column names.
    pub file_schema: String,
    /// The data files.
    pub files: Vec<DataFile>,
}

/// One data file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DataFile {
    /// Its key in the destination bucket.
    pub key: String,
    /// Hex MD5; checked where it is there.
    #[serde(rename = "MD5checksum")]
    pub md5: Option<String>,
}

fn invalid(reason: impl Into<String>) -> Failure {
    Failure::new("InvalidManifest", reason)
}

impl InventoryManifest {
    /// Reads `manifest.json`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| invalid(format!("The manifest is not an inventory's: {error}")))?;
        match manifest.file_format.as_str() {
            "CSV" => Ok(manifest),
            other => Err(invalid(format!("The manifest's fileFormat is {other}; only CSV inventories are supported"))),
        }
    }

    /// The bucket that holds the data files.
    pub fn data_bucket(&self) -> Result<&str, Failure> {
        self.destination_bucket
            .strip_prefix("arn:aws:s3:::")
            .ok_or_else(|| invalid(format!("destinationBucket is {:?}, not a bucket's ARN", self.destination_bucket)))
    }

    /// Where the columns are.
    pub fn columns(&self) -> Result<Columns, Failure> {
        Columns::of(&self.file_schema.split(',').map(str::trim).collect::<Vec<_>>())
    }
}

/// Where the columns that matter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    bucket: usize,
    key: usize,
    version: Option<usize>,
    count: usize,
}

impl Columns {
    /// By their names; others may be there.
    pub fn of(names: &[&str]) -> Result<Self, Failure> {
        let find = |name: &str| names.iter().position(|n| *n == name);
        match (find("Bucket"), find("Key")) {
            (Some(bucket), Some(key)) => Ok(Self { bucket, key, version: find("VersionId"), count: names.len() }),
            _ => Err(invalid(format!("The manifest's columns are {names:?}: Bucket and Key are required"))),
        }
    }
}

/// Reads one data file, gzip or plain by its first bytes.
pub fn rows(bytes: &[u8], columns: Columns) -> Result<Vec<Task>, Failure> {
    let mut plain = Vec::new();
    let csv = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut gzip = MultiGzDecoder::new(bytes);
        gzip.read_to_end(&mut plain)
            .map_err(|error| invalid(format!("A data file is not gzip to its end: {error}")))?;
        &plain[..]
    } else {
        bytes
    };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv);
    let mut tasks = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(|error| invalid(format!("Row {} is not CSV: {error}", i + 1)))?;
        if record.len() != columns.count {
            let message = format!("Row {} has {} fields; the schema has {}", i + 1, record.len(), columns.count);
            return Err(invalid(message));
        }
        let field = |at: usize| record.get(at).unwrap_or_default().to_owned();
        let version = match columns.version.map(field) {
            None => Wanted::Current,
            Some(id) if id.is_empty() => Wanted::Missing,
            Some(id) => Wanted::Version(id),
        };
        tasks.push(Task { bucket: field(columns.bucket), encoded_key: field(columns.key), version });
    }
    Ok(tasks)
}

/// All sources of a job are in one bucket.
pub fn one_bucket(tasks: &[Task]) -> Result<(), Failure> {
    match tasks.iter().find(|task| task.bucket != tasks[0].bucket) {
        Some(other) => Err(invalid(format!(
            "The manifest names more than one bucket: {:?} and {:?}",
            tasks[0].bucket, other.bucket
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_documented_inventory_manifest_is_read() {
        let manifest = InventoryManifest::parse(include_bytes!("../../fixtures/inventory/manifest.json")).unwrap();
        assert_eq!(manifest.data_bucket().unwrap(), "example-inventory-destination-bucket");
        assert_eq!(manifest.files[0].md5.as_deref(), Some("f11166069f1990abeb9c97ace9cdfabc"));
        assert_eq!(manifest.columns().unwrap(), Columns { bucket: 0, key: 1, version: Some(2), count: 9 });
    }

    #[test]
    fn an_authored_manifest_is_read() {
        let manifest = InventoryManifest::parse(
            br#"{"sourceBucket":"s","destinationBucket":"arn:aws:s3:::m","version":"2016-11-30",
                "creationTimestamp":"1","fileFormat":"CSV","fileSchema":"Bucket, Key","files":[{"key":"plans/a.csv"}]}"#,
        )
        .unwrap();
        assert_eq!(manifest.columns().unwrap(), Columns { bucket: 0, key: 1, version: None, count: 2 });
        assert_eq!(manifest.files, [DataFile { key: "plans/a.csv".to_owned(), md5: None }]);
    }

    #[test]
    fn what_is_no_csv_inventory_fails_the_job() {
        let orc = br#"{"destinationBucket":"arn:aws:s3:::m","fileFormat":"ORC","fileSchema":"struct<>","files":[]}"#;
        assert!(InventoryManifest::parse(orc).unwrap_err().reason.contains("ORC"));
        assert_eq!(InventoryManifest::parse(b"{}").unwrap_err().code, "InvalidManifest");
        assert!(Columns::of(&["Bucket", "VersionId"]).is_err());
    }

    #[test]
    fn versions_are_given_missing_or_not_asked_for() {
        let columns = Columns::of(&["Bucket", "Key", "VersionId"]).unwrap();
        let csv = b"\"b\",\"a+b%2B\",\"\"\n\"b\",\"k\",\"null\"\nb,k,v1\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(csv).unwrap();
        let task = |key: &str, version| Task { bucket: "b".to_owned(), encoded_key: key.to_owned(), version };
        let expected = [
            task("a+b%2B", Wanted::Missing),
            task("k", Wanted::Version("null".to_owned())),
            task("k", Wanted::Version("v1".to_owned())),
        ];
        assert_eq!(rows(csv, columns).unwrap(), expected);
        assert_eq!(rows(&gzip.finish().unwrap(), columns).unwrap(), expected);
        let two = Columns::of(&["Bucket", "Key"]).unwrap();
        assert_eq!(rows(b"b,k\n", two).unwrap(), [task("k", Wanted::Current)]);
        assert!(rows(b"b,k,v\n", two).unwrap_err().reason.contains("3 fields"));
    }

    #[test]
    fn a_plus_is_a_space_in_an_inventory_only() {
        assert_eq!(Encoding::Form.decode("a+b%2B%C3%A9%20c").as_deref(), Some("a b+é c"));
        assert_eq!(Encoding::Percent.decode("a+b%2B").as_deref(), Some("a+b+"));
        assert_eq!(Encoding::Form.decode("%ff"), None);
    }

    #[test]
    fn two_source_buckets_fail_the_job() {
        let columns = Columns::of(&["Bucket", "Key"]).unwrap();
        assert!(one_bucket(&rows(b"a,k\nb,k\n", columns).unwrap()).is_err());
        assert!(one_bucket(&rows(b"a,k\na,l\n", columns).unwrap()).is_ok());
        assert!(one_bucket(&[]).is_ok());
    }
}
