//! Tests. What is refused, and with what words, is tested where the answer is built: in create-job.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::inventory::ReportKey;
use crate::names::ObjectKey;

fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let (prefix, source, id) = ("inventory".parse(), "source-bucket".parse().unwrap(), "daily".parse());
    let key = ObjectKey::from_plain("inventory/source-bucket/daily/2025-06-01T01-00Z/manifest.json");
    let (key, _) = ReportKey::parse(&key, &prefix.unwrap(), &source, &id.unwrap()).unwrap();
    Manifest::parse(bytes, &key, &source, &"manifest-bucket".parse().unwrap())
}

fn manifest() -> Value {
    json!({
        "sourceBucket": "source-bucket",
        "destinationBucket": "arn:aws:s3:::manifest-bucket",
        "version": "2016-11-30",
        "creationTimestamp": "1514944800000",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": [{
            "key": "inventory/source-bucket/daily/data/939c6d46.csv.gz",
            "size": 2_147_483_648_u64,
            "MD5checksum": "F11166069F1990ABEB9C97ACE9CDFABC"
        }]
    })
}

#[test]
fn a_manifest_as_aws_documents_it() {
    let parsed = parse(manifest().to_string().as_bytes()).unwrap();
    assert_eq!(parsed.columns, ["Bucket", "Key", "Size"]);
    let file = DataFile {
        key: "inventory/source-bucket/daily/data/939c6d46.csv.gz".to_owned(),
        size: 2_147_483_648,
        md5: "f11166069f1990abeb9c97ace9cdfabc".to_owned(),
    };
    assert_eq!(parsed.files, [file]);
}

#[test]
fn the_manifest_bucket_may_be_in_another_partition() {
    let mut manifest = manifest();
    manifest["destinationBucket"] = json!("arn:aws-us-gov:s3:::manifest-bucket");
    assert!(parse(manifest.to_string().as_bytes()).is_ok());
    manifest["destinationBucket"] = json!("arn:aws:s3:::manifest-bucket/inventory");
    assert!(parse(manifest.to_string().as_bytes()).is_err());
}

#[test]
fn a_message_shows_no_more_than_an_excerpt() {
    let mut manifest = manifest();
    manifest["sourceBucket"] = json!("x".repeat(100_000));
    let message = parse(manifest.to_string().as_bytes()).unwrap_err().to_string();
    assert!(message.len() < 600, "{}", message.len());
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_refused_and_never_panic(bytes: Vec<u8>) {
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn a_cut_manifest_is_refused(end in 0usize..300) {
        let text = manifest().to_string();
        prop_assert!(parse(&text.as_bytes()[..end.min(text.len() - 1)]).is_err());
    }

    #[test]
    fn any_columns_round_trip(extra in proptest::collection::hash_set("[A-Z][A-Za-z]{3,12}", 0..8), spaces in " {0,3}") {
        let mut columns: Vec<String> = vec!["Key".to_owned(), "Bucket".to_owned()];
        columns.extend(extra.into_iter().filter(|c| !["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker"].contains(&c.as_str())));
        let mut manifest = manifest();
        manifest["fileSchema"] = json!(columns.join(&format!(",{spaces}")));
        prop_assert_eq!(parse(manifest.to_string().as_bytes()).unwrap().columns, columns);
    }
}
