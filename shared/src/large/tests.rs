//! Tests of what calls nothing.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectCannedAcl, StorageClass};
use proptest::prelude::*;
use serde_json::json;

use super::parts::{LARGEST, MOST, Parts, SMALLEST, Uploaded};
use super::record::{Identity, Place, Record, Stage, Upload, folder, record_key};
use super::task::{Answer, Invocation, ResultCode, TaskResult};
use super::*;
use crate::config::CopySettings;
use crate::error::{AwsError, Class};
use crate::names::ObjectKey;

/// The most that S3 takes as one object.
const WHOLE: u64 = MOST * LARGEST;

proptest! {
    #[test]
    fn parts_are_what_s3_takes_and_cover_the_object(total in LARGEST + 1..=WHOLE, first in 1..=LARGEST * 2, count in 1..=MOST) {
        for uploaded in [None, Some(Uploaded { first, count })] {
            let parts = Parts::of(total, uploaded).unwrap();
            prop_assert!((SMALLEST..=LARGEST).contains(&parts.size));
            prop_assert!(parts.count() <= MOST);
            prop_assert_eq!(parts.range(1).start, 0);
            prop_assert_eq!(parts.range(parts.count()).end, total);
            let last = parts.range(parts.count());
            prop_assert!(last.start < last.end);
            if parts.count() > 1 {
                prop_assert_eq!(parts.range(1).end, parts.range(2).start);
                prop_assert_eq!(parts.range(parts.count() - 1).end, last.start);
            }
        }
    }

    #[test]
    fn the_sources_parts_are_kept_where_they_can_be(size in SMALLEST..=LARGEST, count in 2..=MOST, short in 0u64..SMALLEST) {
        let total = size * count - short;
        let kept = Parts::of(total, Some(Uploaded { first: size, count })).unwrap();
        prop_assert_eq!((kept.size, kept.count()), (size, count));
    }
}

#[test]
fn the_sizes_of_the_task() {
    let of = |total| Parts::of(total, None).map(|parts| (parts.size, parts.count()));
    assert_eq!(of(6_000_000_000), Some((256 << 20, 23)));
    assert_eq!(of(600_000_000_000), Some((256 << 20, 2236)));
    let (size, count) = of(50_000_000_000_000).unwrap();
    assert!(count <= MOST && size < LARGEST, "{size} {count}");
    assert_eq!(of(WHOLE), Some((LARGEST, MOST)));
    assert_eq!(of(WHOLE + 1), None);
    assert_eq!(of(0), None);
    // Parts of two sizes: the count does not fit the first one's.
    let odd = Parts::of(6_000_000_000, Some(Uploaded { first: 8 << 20, count: 600 })).unwrap();
    assert_eq!(odd.size, 256 << 20);
    assert_eq!(Uploaded::count_of("d41d8cd98f00b204e9800998ecf8427e-17"), Some(17));
    for none in ["d41d8cd98f00b204e9800998ecf8427e", "x-0", "x-10001", "x-"] {
        assert_eq!(Uploaded::count_of(none), None, "{none}");
    }
}

#[test]
fn parts_are_guessed_from_what_a_listing_tells() {
    let etag = |count: u64| format!("d41d8cd98f00b204e9800998ecf8427e-{count}");
    assert_eq!(Parts::guess(6_000_000_000, &etag(358)), 358);
    assert_eq!(Parts::guess(50_000_000_000_000, &etag(10_000)), 10_000);
    // In one part, in two of more than 5 GiB, in more than fit: as copy-large chooses.
    for etag in ["d41d8cd98f00b204e9800998ecf8427e".to_owned(), etag(1), etag(10_001)] {
        assert_eq!(Parts::guess(6_000_000_000, &etag), 23, "{etag}");
    }
    assert_eq!(Parts::guess(6_000_000_000, &etag(9_000)), 23, "parts of less than 5 MiB");
    assert_eq!(Parts::guess(WHOLE + 1, ""), 0);
}

fn identity() -> Identity {
    Identity {
        bucket: "source-bucket".parse().unwrap(),
        key: ObjectKey::from_plain("a b/ü"),
        version_id: Some("v1".to_owned()),
        etag: "0123-4".parse().unwrap(),
        size: 6_000_000_000,
        last_modified: "2026-11-22T10:00:00Z".parse().unwrap(),
    }
}

fn place(key: &str) -> Place {
    Place { bucket: "destination-bucket".parse().unwrap(), key: ObjectKey::from_plain(key) }
}

#[test]
fn each_state_of_an_object_has_a_record_of_its_own_in_one_folder() {
    let base = record_key(&identity(), &place("k"));
    assert!(base.as_str().starts_with(&folder(&place("k"))), "{base}");
    let others = [
        Identity { version_id: None, ..identity() },
        Identity { etag: "0123-5".parse().unwrap(), ..identity() },
        Identity { size: 6_000_000_001, ..identity() },
        Identity { last_modified: "2026-11-22T10:00:01Z".parse().unwrap(), ..identity() },
    ];
    for other in others {
        let other = record_key(&other, &place("k"));
        assert_ne!(other, base);
        assert!(other.as_str().starts_with(&folder(&place("k"))));
    }
    assert_ne!(folder(&place("k")), folder(&place("l")));
    let elsewhere = Place { bucket: "another-bucket".parse().unwrap(), ..place("k") };
    assert_ne!(folder(&place("k")), folder(&elsewhere));
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let parts = Parts::of(identity().size, None).unwrap();
    let record = Record::starting(&identity(), &place("k"), parts, "2026-11-22T11:00:00Z".parse().unwrap());
    let record = record.at(Stage::Copying(Upload { id: "u".to_owned() }));
    let text = serde_json::to_value(&record).unwrap();
    assert_eq!(text["stage"], json!({ "copying": { "id": "u" } }));
    assert_eq!(serde_json::from_value::<Record>(text).unwrap(), record);
    assert_eq!(record.parts(), parts);
}

#[test]
fn a_record_knows_the_settings_and_tags_of_its_upload() {
    let parts = Parts::of(identity().size, None).unwrap();
    let bare = Record::starting(&identity(), &place("k"), parts, "2026-11-22T11:00:00Z".parse().unwrap());
    let (plain, none) = (CopySettings::default(), BTreeMap::new());
    assert!(bare.may_have(&plain) && !bare.has(&plain, &none), "it does not tell");
    let record = bare.with(&plain, &none);
    assert!(record.may_have(&plain) && record.has(&plain, &none));
    let others = [
        CopySettings { storage_class: Some(StorageClass::GlacierIr), ..plain.clone() },
        CopySettings { kms_key: Some("arn:aws:kms:us-east-1:222222222222:key/k".parse().unwrap()), ..plain.clone() },
        CopySettings { bucket_key: Some(false), ..plain.clone() },
        CopySettings { checksum: Some(ChecksumAlgorithm::Crc32), ..plain.clone() },
        CopySettings { acl: Some(ObjectCannedAcl::Private), ..plain.clone() },
    ];
    for other in others {
        assert!(!record.may_have(&other) && !record.has(&other, &none), "{other:?}");
    }
    let tags = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let tagged = record.with(&plain, &tags("a", "bc"));
    assert!(tagged.has(&plain, &tags("a", "bc")) && tagged.may_have(&plain));
    for other in [none, tags("ab", "c"), tags("a", "b")] {
        assert!(!tagged.has(&plain, &other), "{other:?}");
    }
}

#[test]
fn an_invocation_of_schema_2_is_read_and_answered() {
    let invocation: Invocation = serde_json::from_value(json!({
        "invocationSchemaVersion": "2.0",
        "invocationId": "i",
        "job": { "id": "j", "userArguments": { "run": "r" } },
        "tasks": [{ "taskId": "t", "s3Key": "a%20b%2Bc+d", "s3VersionId": null, "s3Bucket": "b" }],
    }))
    .unwrap();
    let task = &invocation.tasks[0];
    assert_eq!(task.key().unwrap().as_str(), "a b+c d");
    assert_eq!(task.version(), None);
    let result = TaskResult::new("t", ResultCode::TemporaryFailure, "TimeUp: x");
    let expected = json!({
        "invocationSchemaVersion": "2.0",
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": "i",
        "results": [{ "taskId": "t", "resultCode": "TemporaryFailure", "resultString": "TimeUp: x" }],
    });
    assert_eq!(serde_json::to_value(Answer::new("i", vec![result])).unwrap(), expected);
}

/// The answer to a HEAD has no code, and the report's reader takes no words for one.
#[test]
fn a_denied_head_has_a_code() {
    let denied = AwsError {
        operation: "HeadObject",
        code: "HTTP 403".to_owned(),
        message: "no message".to_owned(),
        status: Some(403),
        class: Class::Permission,
    };
    assert_eq!(LargeError::aws(super::error::Side::Source, denied.clone()).code(), "AccessDenied");
    let named = AwsError { code: "AllAccessDisabled".to_owned(), ..denied };
    assert_eq!(LargeError::aws(super::error::Side::Source, named).code(), "AllAccessDisabled");
}

#[test]
fn only_what_can_heal_is_tried_again() {
    let aws = |code: &str, class| {
        let error = AwsError {
            operation: "UploadPartCopy",
            code: code.to_owned(),
            message: String::new(),
            status: None,
            class,
        };
        LargeError::aws(super::error::Side::Both, error)
    };
    let transient =
        [LargeError::Contended, LargeError::TimeUp { now: 1, copied: 1, parts: 2 }, aws("SlowDown", Class::Transient)];
    for error in transient {
        assert_eq!(error.result_code(), ResultCode::TemporaryFailure, "{error}");
    }
    let denied = aws("AccessDenied", Class::Permission);
    assert!(denied.to_string().contains("copy-large's role"), "{denied}");
    let archived = aws("InvalidObjectState", Class::Permission);
    assert!(archived.to_string().contains("restore"), "{archived}");
    let gone = LargeError::NoSuchKey(ObjectKey::from_plain("k"));
    assert_eq!(gone.code(), "NoSuchKey");
    for error in [denied, archived, gone, LargeError::SourceChanged, LargeError::TooLarge(1)] {
        assert_eq!(error.result_code(), ResultCode::PermanentFailure, "{error}");
    }
}
