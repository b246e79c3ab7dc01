//! `manifest.json` of an inventory report, as S3 writes it.

use jiff::Timestamp;
use serde::Serialize;

/// One delivery: where it comes from, its columns and its data files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// A bucket's name.
    pub source_bucket: String,
    /// A bucket's ARN: AWS names one bucket and gives the other's ARN.
    pub destination_bucket: String,
    /// `2016-11-30`
    pub version: &'static str,
    /// When the scan started: epoch milliseconds, as a string.
    pub creation_timestamp: String,
    /// `CSV`
    pub file_format: &'static str,
    /// Column names, joined by `, `.
    pub file_schema: String,
    /// The data files of this delivery.
    pub files: Vec<DataFile>,
}

/// One data file of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataFile {
    /// Its key in the manifest bucket.
    pub key: String,
    /// Bytes, compressed.
    pub size: u64,
    /// Hex MD5 of the compressed bytes.
    #[serde(rename = "MD5checksum")]
    pub md5: String,
}

impl Manifest {
    /// The manifest of one scan of `source_bucket` that started at `started`.
    pub fn new(
        source_bucket: &str,
        destination_bucket: &str,
        started: Timestamp,
        schema: &[&str],
        files: Vec<DataFile>,
    ) -> Self {
        Self {
            source_bucket: source_bucket.to_owned(),
            destination_bucket: format!("arn:aws:s3:::{destination_bucket}"),
            version: "2016-11-30",
            creation_timestamp: started.as_millisecond().to_string(),
            file_format: "CSV",
            file_schema: schema.join(", "),
            files,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample of <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html>.
    #[test]
    fn has_the_shape_that_aws_documents() {
        let files = vec![DataFile {
            key: "inventory/example-source-bucket/daily/data/939c6d46.csv.gz".to_owned(),
            size: 2_147_483_647,
            md5: "f11166069f1990abeb9c97ace9cdfabc".to_owned(),
        }];
        let schema = [
            "Bucket",
            "Key",
            "VersionId",
            "IsLatest",
            "IsDeleteMarker",
            "Size",
            "LastModifiedDate",
            "ETag",
            "StorageClass",
        ];
        let started = "2018-01-03T02:00:00Z".parse().unwrap();
        let manifest =
            Manifest::new("example-source-bucket", "example-inventory-destination-bucket", started, &schema, files);
        let documented: serde_json::Value =
            serde_json::from_str(include_str!("../../fixtures/inventory/manifest.json")).unwrap();
        assert_eq!(serde_json::to_value(manifest).unwrap(), documented);
    }
}
