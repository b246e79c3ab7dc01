//! manifest.json: whatever it holds, it is either refused in few words, or says what its JSON says and nothing that could lead
//! out of the inventory's folder.

use serde_json::Value;
use transship::inventory::{Manifest, ReportKey};
use transship::names::{BucketName, ObjectKey};

/// The longest message: some excerpts of 200 characters, each of at most 4 bytes or escaped to 10, and what to do.
const LONGEST_MESSAGE: usize = 8 * 1024;

/// Parses the bytes as a manifest.json.
pub fn manifest(bytes: &[u8]) {
    let source: BucketName = "source-bucket".parse().unwrap();
    let key = ObjectKey::from_plain("inventory/source-bucket/daily/2025-06-01T01-00Z/manifest.json");
    let (key, _) = ReportKey::parse(&key, &"inventory".parse().unwrap(), &source, &"daily".parse().unwrap()).unwrap();
    let parsed = match Manifest::parse(bytes, &key, &source, &"manifest-bucket".parse().unwrap()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < LONGEST_MESSAGE, "{} bytes of message", message.len());
            assert!(!message.contains(['\n', '\r', '\0']), "a message of several lines: {message:?}");
            return;
        }
    };
    let json: Value = serde_json::from_slice(bytes).expect("taken, and yet no JSON");
    assert_eq!(json["sourceBucket"], "source-bucket");
    assert_eq!(json["fileFormat"], "CSV");
    assert!(json["destinationBucket"].as_str().unwrap().ends_with(":s3:::manifest-bucket"));
    let schema: Vec<&str> = json["fileSchema"].as_str().unwrap().split(',').map(str::trim).collect();
    assert_eq!(parsed.columns, schema);
    for needed in ["Bucket", "Key"] {
        assert_eq!(schema.iter().filter(|column| **column == needed).count(), 1, "{schema:?}");
    }
    let files = json["files"].as_array().unwrap();
    assert_eq!(parsed.files.len(), files.len());
    for (file, said) in parsed.files.iter().zip(files) {
        assert_eq!(file.key, said["key"].as_str().unwrap());
        assert!(file.key.starts_with("inventory/source-bucket/daily/data/") && !file.key.contains("/../"));
        assert_eq!(Some(file.size), said["size"].as_u64());
        assert_eq!(hex::decode(&file.md5).unwrap().len(), 16);
        assert!(file.md5.eq_ignore_ascii_case(said["MD5checksum"].as_str().unwrap()));
    }
}
