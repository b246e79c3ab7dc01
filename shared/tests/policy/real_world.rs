//! Policies as people have them, shapes from AWS's documentation and consoles: `real/*.json`.

use serde_json::{Value, json};
use transship::policy::{difference, equivalent, merge, remove};

use super::support::{fixture, others, ours, route, route_named, statements};

fn corpus() -> Vec<(String, String)> {
    let folder = format!("{}/tests/policy/real", env!("CARGO_MANIFEST_DIR"));
    let mut policies: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let text = fixture(&format!("real/{name}"));
            (name, text)
        })
        .collect();
    policies.sort();
    policies
}

#[test]
fn each_is_as_it_was_after_merge_and_removal() {
    let route = route();
    let ours = ours(&route);
    let corpus = corpus();
    assert!(corpus.len() >= 20, "{} policies", corpus.len());
    for (name, policy) in corpus {
        let merged = merge(Some(&policy), &ours, &route.sid_prefix()).unwrap();
        assert!(merged.changed && !merged.made_by_us, "{name}");
        assert_eq!(others(&merged.text, &ours), statements(&policy), "{name}");
        assert!(difference(Some(&merged.text), &ours, &route.sid_prefix()).unwrap().is_empty(), "{name}");
        let again = merge(Some(&merged.text), &ours, &route.sid_prefix()).unwrap();
        assert!(!again.changed && again.text == merged.text, "{name}");
        let removed = remove(&merged.text, &route.sid_prefix()).unwrap().text;
        assert!(equivalent(removed.as_deref(), Some(&policy)).unwrap(), "{name}: {removed:?}");
        let top = |text: &str| {
            let mut top: Value = serde_json::from_str(text).unwrap();
            top["Statement"].take();
            top
        };
        let removed = removed.unwrap();
        assert_eq!((top(&removed), statements(&removed)), (top(&policy), statements(&policy)), "{name}");
    }
}

#[test]
fn two_routes_come_and_go_in_either_order() {
    for (name, policy) in corpus() {
        for (one, two) in [("photos", "photos-daily"), ("photos-daily", "photos")] {
            let (one, two) = (route_named(one), route_named(two));
            let first = merge(Some(&policy), &ours(&one), &one.sid_prefix()).unwrap().text;
            let both = merge(Some(&first), &ours(&two), &two.sid_prefix()).unwrap().text;
            let left = remove(&both, &one.sid_prefix()).unwrap().text.unwrap();
            assert!(difference(Some(&left), &ours(&two), &two.sid_prefix()).unwrap().is_empty(), "{name}");
            let left = remove(&left, &two.sid_prefix()).unwrap().text;
            assert!(equivalent(left.as_deref(), Some(&policy)).unwrap(), "{name}");
        }
    }
}

#[test]
fn no_two_of_them_are_equivalent() {
    let corpus = corpus();
    for (at, (name, policy)) in corpus.iter().enumerate() {
        for (other, against) in &corpus[..at] {
            assert!(!equivalent(Some(policy), Some(against)).unwrap(), "{name} and {other}");
        }
        assert!(!equivalent(Some(policy), None).unwrap(), "{name}");
    }
}

fn one(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

#[test]
fn the_form_in_which_s3_hands_a_policy_out_makes_no_difference() {
    let (full, listed) = (
        json!({"Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn:aws:s3:::b/*"],
               "Principal": {"AWS": ["111111111111", "222222222222"]},
               "Condition": {"Bool": {"aws:SecureTransport": false}, "NumericLessThan": {"s3:max-keys": [10]}}}),
        json!({"Condition": {"NumericLessThan": {"s3:max-keys": "10"}, "Bool": {"AWS:SecureTransport": ["false"]}},
               "Principal": {"AWS": ["arn:aws:iam::222222222222:root", "arn:aws:iam::111111111111:root"]},
               "Resource": "arn:aws:s3:::b/*", "Action": ["s3:putobject", "s3:GetObject"], "Effect": "Allow", "Sid": "A"}),
    );
    assert!(equivalent(Some(&one(&full)), Some(&one(&listed))).unwrap());
    let alone = json!({"Version": "2012-10-17", "Statement": listed}).to_string();
    assert!(equivalent(Some(&one(&full)), Some(&alone)).unwrap());
    assert!(equivalent(None, Some("{\"Version\":\"2012-10-17\",\"Statement\":[]}")).unwrap());
    let without = "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\"}}";
    let with = "{\"Statement\":[{\"Principal\":{\"AWS\":\"*\"},\"Effect\":\"Deny\"}],\"Version\":\"2008-10-17\"}";
    assert!(equivalent(Some(without), Some(with)).unwrap());
}

#[test]
fn every_change_of_meaning_makes_a_difference() {
    let base = json!({"Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"],
        "Principal": {"AWS": ["111111111111"]}, "Condition": {"StringEquals": {"aws:SourceAccount": ["1", "2"]}}});
    let changes = [
        ("Sid", json!("B")),
        ("Effect", json!("Deny")),
        ("Action", json!("s3:GetObjectVersion")),
        ("Action", json!(["s3:GetObject", "s3:PutObject"])),
        ("Resource", json!("arn:aws:s3:::B/*")),
        ("Principal", json!("*")),
        ("Principal", json!({"AWS": "arn:aws:iam::111111111111:role/root"})),
        ("Principal", json!({"Service": "111111111111"})),
        ("Condition", json!({"StringLike": {"aws:SourceAccount": ["1", "2"]}})),
        ("Condition", json!({"StringEquals": {"aws:SourceAccount": ["1"]}})),
        ("Condition", json!({"StringEquals": {"aws:SourceArn": ["1", "2"]}})),
        ("Condition", json!({})),
        ("Unknown", json!(null)),
    ];
    for (element, value) in changes {
        let mut other = base.clone();
        other[element] = value.clone();
        assert!(!equivalent(Some(&one(&base)), Some(&one(&other))).unwrap(), "{element}: {value}");
    }
    let not = one(&base).replace("\"Action\"", "\"NotAction\"");
    assert!(!equivalent(Some(&one(&base)), Some(&not)).unwrap());
    let older = one(&base).replace("2012", "2008");
    assert!(!equivalent(Some(&one(&base)), Some(&older)).unwrap());
    let twice = json!({"Version": "2012-10-17", "Statement": [base, base]}).to_string();
    assert!(!equivalent(Some(&one(&base)), Some(&twice)).unwrap());
}
