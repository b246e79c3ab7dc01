//! Tests.

use proptest::prelude::*;

use super::*;

fn parse(key: &str) -> Result<(ReportKey, ReportFile), KeyError> {
    let (prefix, source, id) = ("in/ventory".parse(), "source-bucket".parse(), "daily".parse());
    ReportKey::parse(&ObjectKey::from_plain(key), &prefix.unwrap(), &source.unwrap(), &id.unwrap())
}

#[test]
fn a_reports_keys() {
    let (key, file) = parse("in/ventory/source-bucket/daily/2024-02-29T23-59Z/manifest.json").unwrap();
    assert_eq!((key.time(), file), ("2024-02-29T23-59Z", ReportFile::Manifest));
    assert_eq!(key.manifest().as_str(), "in/ventory/source-bucket/daily/2024-02-29T23-59Z/manifest.json");
    assert_eq!(key.checksum().as_str(), "in/ventory/source-bucket/daily/2024-02-29T23-59Z/manifest.checksum");
    assert_eq!(key.data_folder(), "in/ventory/source-bucket/daily/data/");
    let (same, file) = parse(key.checksum().as_str()).unwrap();
    assert_eq!((same, file), (key, ReportFile::Checksum));
}

#[test]
fn times_that_no_calendar_has() {
    for time in [
        "2023-02-29T00-00Z",
        "2025-13-01T00-00Z",
        "2025-01-01T24-00Z",
        "2025-01-01T00-60Z",
        "2025-1-01T00-00Z",
        "2025-01-01T00-00z",
        "2025-01-01T00:00Z",
        "+025-01-01T00-00Z",
    ] {
        let key = format!("in/ventory/source-bucket/daily/{time}/manifest.json");
        assert_eq!(parse(&key), Err(KeyError::NotATime(time.to_owned())));
    }
}

#[test]
fn other_keys() {
    let elsewhere = |key| matches!(parse(key), Err(KeyError::Elsewhere { .. }));
    assert!(elsewhere("reports/job-1/manifest.json"));
    assert!(elsewhere("plans/2025-01-01T00-00Z-abc/none/manifest.json"));
    assert!(elsewhere("in/ventory/other-bucket/daily/2025-01-01T00-00Z/manifest.json"));
    assert!(elsewhere("in/ventory/source-bucket/daily2/2025-01-01T00-00Z/manifest.json"));
    assert!(elsewhere("/in/ventory/source-bucket/daily/2025-01-01T00-00Z/manifest.json"));
    for key in [
        "",
        "manifest.json",
        "2025-01-01T00-00Z/",
        "2025-01-01T00-00Z/manifest.json/",
        "2025-01-01T00-00Z/x/manifest.json",
        "hive/dt=2025-01-01-00-00/symlink.txt",
        "data/a.csv.gz",
    ] {
        assert_eq!(parse(&format!("in/ventory/source-bucket/daily/{key}")), Err(KeyError::NotAManifest), "{key}");
    }
}

proptest! {
    #[test]
    fn a_key_is_a_report_only_if_it_is_that_reports_own_key(rest in "(20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}Z|.{0,20})/(manifest.json|manifest.checksum|.*)") {
        let text = format!("in/ventory/source-bucket/daily/{rest}");
        match parse(&text) {
            Ok((key, ReportFile::Manifest)) => prop_assert_eq!(key.manifest(), ObjectKey::from_plain(text)),
            Ok((key, ReportFile::Checksum)) => prop_assert_eq!(key.checksum(), ObjectKey::from_plain(text)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
