//! A report's manifest.json: strict in what a copy depends on, tolerant of what AWS may add. Calls nothing.

use serde_json::{Map, Value};

use super::ReportKey;
use crate::names::{BucketName, excerpt};

/// What a manifest.json says, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Version of the manifest's shape; `2016-11-30` is the one AWS documents.
    pub version: Option<String>,
    /// Columns of the data files, in order.
    pub columns: Vec<String>,
    /// The data files of this report.
    pub files: Vec<DataFile>,
}

/// One data file of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Its key in the manifest bucket, not encoded.
    pub key: String,
    /// Bytes, compressed.
    pub size: u64,
    /// Hex MD5 of its bytes.
    pub md5: String,
}

/// Why a manifest is refused. No retry can help: somebody has to change something, and the message says what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON at all, or not an object.
    #[error(
        "manifest.json is not a JSON object ({0}); inventories are delivered by S3 only: see who else writes there"
    )]
    NotJson(String),
    /// A field is missing or holds what this route cannot take.
    #[error("{field} is {found}, expected {expected}; {advice}")]
    Field {
        /// The field, `files[3].key`.
        field: String,
        /// What stood there.
        found: String,
        /// What should stand there.
        expected: String,
        /// What to do.
        advice: &'static str,
    },
}

const FOREIGN: &str = "no inventory of this route says so: see who else writes to the manifest bucket";
const SHAPE: &str = "S3 writes it always: see who else writes to the manifest bucket";
const FORMAT: &str = "set the inventory configuration's output format to CSV";
const VERSIONS: &str = "set the inventory configuration's object versions to Current: \
    null versions and delete markers of an all-versions report fail in S3 Batch Operations";

impl Manifest {
    /// Parses `bytes`, the manifest.json at `report` in `manifest_bucket`, of `source`'s inventory.
    pub fn parse(
        bytes: &[u8],
        report: &ReportKey,
        source: &BucketName,
        manifest_bucket: &BucketName,
    ) -> Result<Self, ManifestError> {
        let fields: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::NotJson(excerpt(&error.to_string())))?;
        exactly(&fields, "sourceBucket", source.as_str(), FOREIGN)?;
        delivered_to(&fields, manifest_bucket)?;
        exactly(&fields, "fileFormat", "CSV", FORMAT)?;
        Ok(Self {
            version: fields.get("version").and_then(Value::as_str).map(excerpt),
            columns: columns(text(&fields, "fileSchema", "a list of columns", SHAPE)?)?,
            files: files(&fields, &report.data_folder())?,
        })
    }
}

/// AWS's partitions.
const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

/// `destinationBucket` is an ARN, of whatever partition the account is in.
fn delivered_to(fields: &Map<String, Value>, bucket: &BucketName) -> Result<(), ManifestError> {
    let expected = quoted(&bucket.arn("aws"));
    let found = text(fields, "destinationBucket", &expected, FOREIGN)?;
    if PARTITIONS.iter().any(|partition| found == bucket.arn(partition)) {
        Ok(())
    } else {
        Err(field("destinationBucket", quoted(found), &expected, FOREIGN))
    }
}

fn columns(schema: &str) -> Result<Vec<String>, ManifestError> {
    let refuse = |expected: &str, advice| field("fileSchema", quoted(schema), expected, advice);
    let columns: Vec<String> = schema.split(',').map(|c| c.trim().to_owned()).collect();
    for needed in ["Bucket", "Key"] {
        if !columns.iter().any(|c| c == needed) {
            return Err(refuse("columns with Bucket and Key", SHAPE));
        }
    }
    if columns.iter().enumerate().any(|(i, c)| c.is_empty() || columns[..i].contains(c)) {
        return Err(refuse("columns that are each named once", SHAPE));
    }
    if columns.iter().any(|c| matches!(c.as_str(), "VersionId" | "IsLatest" | "IsDeleteMarker")) {
        return Err(refuse("the columns of a report of current versions", VERSIONS));
    }
    Ok(columns)
}

fn files(fields: &Map<String, Value>, folder: &str) -> Result<Vec<DataFile>, ManifestError> {
    let Some(Value::Array(list)) = fields.get("files") else {
        return Err(field("files", shown(fields.get("files")), "a list of data files", SHAPE));
    };
    list.iter().enumerate().map(|(i, entry)| data_file(i, entry, folder)).collect()
}

fn data_file(index: usize, entry: &Value, folder: &str) -> Result<DataFile, ManifestError> {
    let at = |name: &str| format!("files[{index}].{name}");
    let refuse = |name, expected: &str| field(&at(name), shown(entry.get(name)), expected, SHAPE);
    let key = entry.get("key").and_then(Value::as_str).filter(|key| {
        key.strip_prefix(folder).is_some_and(|name| !name.is_empty() && name.split('/').all(|p| p != ".."))
    });
    let md5 = entry
        .get("MD5checksum")
        .and_then(Value::as_str)
        .filter(|md5| md5.len() == 32 && md5.bytes().all(|b| b.is_ascii_hexdigit()));
    Ok(DataFile {
        key: key.ok_or_else(|| refuse("key", &format!("a key under {folder}")))?.to_owned(),
        size: entry.get("size").and_then(Value::as_u64).ok_or_else(|| refuse("size", "a number of bytes"))?,
        md5: md5.ok_or_else(|| refuse("MD5checksum", "a hex MD5"))?.to_ascii_lowercase(),
    })
}

fn exactly(fields: &Map<String, Value>, name: &str, expected: &str, advice: &'static str) -> Result<(), ManifestError> {
    let found = text(fields, name, &quoted(expected), advice)?;
    if found == expected { Ok(()) } else { Err(field(name, quoted(found), &quoted(expected), advice)) }
}

fn text<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
    expected: &str,
    advice: &'static str,
) -> Result<&'a str, ManifestError> {
    fields.get(name).and_then(Value::as_str).ok_or_else(|| field(name, shown(fields.get(name)), expected, advice))
}

fn field(name: &str, found: String, expected: &str, advice: &'static str) -> ManifestError {
    ManifestError::Field { field: name.to_owned(), found, expected: expected.to_owned(), advice }
}

fn quoted(text: &str) -> String {
    format!("{:?}", excerpt(text))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "missing".to_owned(), |v| excerpt(&v.to_string()))
}

#[cfg(test)]
mod tests;
