//! Tests. The events that S3 and EventBridge really send are fixtures of create-job.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn an_object_without_versions_has_none() {
    let object = |id: Option<&str>| {
        let mut object = json!({"key": "k", "etag": "abc", "size": 1});
        if let Some(id) = id {
            object["version-id"] = json!(id);
        }
        json!({"detail-type": "Object Created", "source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": object}})
    };
    for (id, expected) in [(None, None), (Some(""), None), (Some("null"), None), (Some("v1"), Some("v1".to_owned()))] {
        let heard = read(&object(id));
        let [Heard::Created(notice)] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!(notice.version_id, expected);
    }
}

#[test]
fn other_eventbridge_events_are_ignored_and_broken_ones_refused() {
    assert!(matches!(read(&json!({"detail-type": "Object Deleted"}))[..], [Heard::Ignored { .. }]));
    assert!(matches!(read(&json!({"detail-type": 7}))[..], [Heard::Ignored { .. }]));
    assert!(matches!(read(&json!({"detail-type": "Object Created", "detail": {}}))[..], [Heard::Refused { .. }]));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("Records".to_owned()),
        Just("s3".to_owned()),
        Just("object".to_owned()),
        Just("key".to_owned()),
        Just("detail".to_owned()),
        Just("detail-type".to_owned()),
        Just("eventVersion".to_owned()),
        ".{0,6}",
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(name.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_event_makes_it_panic(event in any_json()) {
        for heard in read(&event) {
            prop_assert!(!matches!(heard, Heard::Created(_)), "{heard:?}");
        }
    }
}

#[test]
fn what_is_handed_on_is_heard_as_it_was() {
    let notice = Notice {
        bucket: "manifest-bucket".to_owned(),
        key: ObjectKey::from_plain("inventory/a b+c/manifest.json"),
        etag: Some("abc".parse().unwrap()),
        version_id: Some("v1".to_owned()),
    };
    assert_eq!(read(&again(&notice)), [Heard::Created(notice.clone())]);
    let bare = Notice { etag: None, version_id: None, ..notice };
    assert_eq!(read(&again(&bare)), [Heard::Created(bare.clone())]);
}
