//! Properties of merge and removal over random policies of all shapes.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use transship::policy::{Difference, difference, equivalent, merge, remove};

use super::support::{others, ours, route, route_named, statements};

fn one_or_many(value: impl Strategy<Value = String> + 'static) -> BoxedStrategy<Value> {
    let value = value.boxed();
    prop_oneof![value.clone().prop_map(Value::from), prop::collection::vec(value, 0..4).prop_map(Value::from),].boxed()
}

/// Sids that resemble ours: another route's, another account's, ours without a purpose, with a tail, in other case.
fn sid() -> impl Strategy<Value = Value> {
    let like = |name: &str| ours(&route_named(name)).first().unwrap().sid().to_owned();
    let (mine, longer, shorter) = (like("photos-daily"), like("photos-daily2"), like("photos"));
    let bare = mine.strip_suffix("ReadSource").unwrap().to_owned();
    prop_oneof![
        Just(Value::Null),
        "[A-Za-z0-9]{0,12}".prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!(7)),
        prop::sample::select(vec![
            longer,
            shorter,
            bare.clone(),
            format!("{bare}Read Source"),
            format!("x{mine}"),
            mine.to_lowercase(),
            mine.replace("222222222222", "333333333333"),
            "Transship".to_owned(),
        ])
        .prop_map(Value::from),
    ]
}

fn principal() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "*",
        "111111111111",
        "arn:aws:iam::111111111111:root",
        "arn:aws:iam::222222222222:role/transship-photos-daily-copy",
        "AROAEXAMPLEID12345678",
        "cloudtrail.amazonaws.com",
    ])
    .prop_map(str::to_owned);
    prop_oneof![
        Just(json!("*")),
        (prop::sample::select(vec!["AWS", "Service", "Federated", "CanonicalUser"]), one_or_many(name))
            .prop_map(|(kind, names)| json!({ kind: names })),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        one_or_many("\\PC{0,10}"),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
    ];
    prop::collection::hash_map(
        prop::sample::select(vec!["StringEquals", "ArnLike", "Bool", "ForAllValues:StringLike", "NumericLessThan"]),
        prop::collection::hash_map("(aws|s3):[A-Za-z-]{1,12}", value, 1..3),
        0..3,
    )
    .prop_map(|operators| json!(operators))
}

/// A statement of somebody else, valid or not: it is theirs.
fn statement() -> impl Strategy<Value = Value> {
    let action = one_or_many("(s3:[A-Z][A-Za-z*?]{0,10}|\\*)");
    let resource = one_or_many("arn:aws:s3:::[a-z]{3,6}(/[a-z*$\\{}]{0,6})?");
    (
        sid(),
        (prop::sample::select(vec!["Principal", "NotPrincipal"]), principal()),
        (prop::sample::select(vec!["Action", "NotAction"]), action),
        (prop::sample::select(vec!["Resource", "NotResource"]), resource),
        prop::option::of(condition()),
        prop::option::of((
            "[A-Z][a-z]{8,10}",
            prop_oneof![Just(json!({"a": [1.5, null]})), "\\PC{0,6}".prop_map(Value::from)],
        )),
    )
        .prop_map(|(sid, who, what, on, condition, unknown)| {
            let mut statement = Map::new();
            statement.insert("Effect".to_owned(), json!("Deny"));
            if !sid.is_null() {
                statement.insert("Sid".to_owned(), sid);
            }
            for (name, value) in [who, what, on] {
                statement.insert(name.to_owned(), value);
            }
            if let Some(condition) = condition {
                statement.insert("Condition".to_owned(), condition);
            }
            statement.extend(unknown);
            Value::Object(statement)
        })
}

/// A bucket policy of others, in any shape; `None` is a bucket without one.
fn policy() -> impl Strategy<Value = Option<String>> {
    let document = (
        prop::option::of(prop::sample::select(vec!["2008-10-17", "2012-10-17"])),
        prop::option::of("\\PC{0,10}"),
        prop_oneof![statement(), prop::collection::vec(statement(), 0..6).prop_map(Value::from),],
        prop::option::of(Just(json!({"nested": [1, {"Statement": []}]}))),
        any::<bool>(),
    )
        .prop_map(|(version, id, statement, unknown, pretty)| {
            let mut document = Map::new();
            document.extend(version.map(|version| ("Version".to_owned(), json!(version))));
            document.extend(id.map(|id| ("Id".to_owned(), json!(id))));
            document.insert("Statement".to_owned(), statement);
            document.extend(unknown.map(|unknown| ("Unknown".to_owned(), unknown)));
            if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap()
        });
    prop_oneof![1 => Just(None), 12 => document.prop_map(Some)]
}

proptest! {
    #[test]
    fn removal_undoes_a_merge(policy in policy()) {
        let route = route();
        let merged = merge(policy.as_deref(), &ours(&route), &route.sid_prefix()).unwrap();
        prop_assert!(merged.changed);
        prop_assert_eq!(merged.made_by_us, policy.is_none());
        let removed = remove(&merged.text, &route.sid_prefix()).unwrap();
        prop_assert!(removed.changed);
        prop_assert!(equivalent(removed.text.as_deref(), policy.as_deref()).unwrap());
        // Not by our own measure of meaning only: what is left is what was there, value by value and in order.
        let left = removed.text.as_deref().map(statements).unwrap_or_default();
        prop_assert_eq!(left, policy.as_deref().map(statements).unwrap_or_default());
        for element in ["Version", "Id", "Unknown"] {
            let of = |text: &str| serde_json::from_str::<Value>(text).unwrap()[element].clone();
            if let (Some(left), Some(policy)) = (&removed.text, &policy) {
                prop_assert_eq!(of(left), of(policy));
            }
        }
    }

    #[test]
    fn a_second_merge_changes_nothing(policy in policy()) {
        let route = route();
        let first = merge(policy.as_deref(), &ours(&route), &route.sid_prefix()).unwrap();
        let second = merge(Some(&first.text), &ours(&route), &route.sid_prefix()).unwrap();
        prop_assert!(!second.changed);
        prop_assert_eq!(second.text, first.text.clone());
        prop_assert!(difference(Some(&first.text), &ours(&route), &route.sid_prefix()).unwrap().is_empty());
    }

    #[test]
    fn removal_leaves_alone_what_is_not_ours(policy in policy()) {
        let route = route();
        if let Some(policy) = policy {
            let removed = remove(&policy, &route.sid_prefix()).unwrap();
            prop_assert_eq!(removed.text, Some(policy));
            prop_assert!(!removed.changed);
        }
    }

    #[test]
    fn others_keep_their_place_and_every_value(policy in policy()) {
        let route = route();
        let ours = ours(&route);
        let merged = merge(policy.as_deref(), &ours, &route.sid_prefix()).unwrap();
        prop_assert_eq!(others(&merged.text, &ours), policy.as_deref().map(statements).unwrap_or_default());
        prop_assert_eq!(statements(&merged.text).len(), others(&merged.text, &ours).len() + ours.len());
    }

    #[test]
    fn what_is_left_of_older_merges_is_put_right_among_others(
        policy in policy(),
        leftovers in prop::collection::vec((any::<prop::sample::Index>(), 0..2_usize, any::<bool>()), 1..5),
    ) {
        let route = route();
        let ours = ours(&route);
        let theirs = policy.as_deref().map(statements).unwrap_or_default();
        let mut all = theirs.clone();
        for (at, which, altered) in leftovers {
            let mut leftover = json!(ours[which]);
            if altered {
                leftover["Effect"] = json!("Deny");
            }
            all.insert(at.index(all.len() + 1), leftover);
        }
        let merged = merge(Some(&json!({ "Statement": all }).to_string()), &ours, &route.sid_prefix()).unwrap();
        prop_assert_eq!(others(&merged.text, &ours), theirs.clone());
        prop_assert!(difference(Some(&merged.text), &ours, &route.sid_prefix()).unwrap().is_empty());
        let removed = remove(&merged.text, &route.sid_prefix()).unwrap().text;
        prop_assert_eq!(removed.as_deref().map(statements).unwrap_or_default(), theirs);
    }

    #[test]
    fn two_routes_never_disturb_each_other(
        policy in policy(),
        names in prop::sample::select(vec![("aa", "aab"), ("a-b", "a-b-c"), ("ze", "zeze"), ("x1", "x12")]),
        swap: bool,
    ) {
        let (one, two) = if swap { (names.1, names.0) } else { names };
        let (one, two) = (route_named(one), route_named(two));
        let first = merge(policy.as_deref(), &ours(&one), &one.sid_prefix()).unwrap().text;
        let both = merge(Some(&first), &ours(&two), &two.sid_prefix()).unwrap().text;
        for route in [&one, &two] {
            prop_assert!(difference(Some(&both), &ours(route), &route.sid_prefix()).unwrap().is_empty());
        }
        let only_two = remove(&both, &one.sid_prefix()).unwrap().text.unwrap();
        let direct = merge(policy.as_deref(), &ours(&two), &two.sid_prefix()).unwrap().text;
        prop_assert!(equivalent(Some(&only_two), Some(&direct)).unwrap());
        prop_assert!(equivalent(remove(&both, &two.sid_prefix()).unwrap().text.as_deref(), Some(&first)).unwrap());
        let neither = remove(&only_two, &two.sid_prefix()).unwrap().text;
        prop_assert!(equivalent(neither.as_deref(), policy.as_deref()).unwrap());
    }

    #[test]
    fn no_prefix_of_a_sid_is_shared_by_two_routes(one in "[a-z0-9-]{1,6}", two in "[a-z0-9-]{1,6}") {
        use transship::names::RouteName;
        use transship::policy::{Purpose, SidPrefix};
        let account = "222222222222".parse().unwrap();
        let (one, two): (RouteName, RouteName) = (one.parse().unwrap(), two.parse().unwrap());
        let sid = SidPrefix::new(&account, &two).sid(Purpose::ReadSource);
        prop_assert_eq!(SidPrefix::new(&account, &one).owns(&sid), one == two);
        prop_assert!(sid.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}

#[test]
fn a_removed_policy_that_we_made_is_gone() {
    let route = route();
    let merged = merge(None, &ours(&route), &route.sid_prefix()).unwrap();
    assert!(merged.made_by_us && merged.text.contains("\"Version\":\"2012-10-17\""));
    assert_eq!(remove(&merged.text, &route.sid_prefix()).unwrap().text, None);
}

#[test]
fn an_altered_statement_is_put_right_where_it_stands_and_doubles_collapse() {
    let route = route();
    let ours = ours(&route);
    let (read, list, ask) = (json!(ours[0]), json!(ours[1]), json!(ours[2]));
    let mut altered = read.clone();
    altered["Resource"] = json!("arn:aws:s3:::photos-source/*");
    let mut obsolete = read.clone();
    obsolete["Sid"] = json!(route.sid_prefix().to_string() + "SomethingOfAnOlderVersion");
    let theirs = [json!({"Sid": "A", "Effect": "Deny"}), json!({"Effect": "Deny"})];
    let policy = json!({"Statement": [list, theirs[0], altered, obsolete, theirs[1], read, ask]}).to_string();

    let found = difference(Some(&policy), &ours, &route.sid_prefix()).unwrap();
    let sid = |value: &Value| value["Sid"].as_str().unwrap().to_owned();
    let expected =
        Difference { missing: vec![], altered: vec![sid(&altered)], surplus: vec![sid(&obsolete), sid(&read)] };
    assert_eq!(found, expected);

    let merged = merge(Some(&policy), &ours, &route.sid_prefix()).unwrap();
    assert!(merged.changed && !merged.made_by_us);
    assert_eq!(statements(&merged.text), [list, theirs[0].clone(), read, theirs[1].clone(), ask]);
}

#[test]
fn numbers_and_key_order_of_others_survive_as_text() {
    let route = route();
    let theirs =
        r#"{"Sid":"Theirs","Effect":"Deny","B":123456789012345678901234567890,"A":0.1000000000000000055511151231}"#;
    let merged =
        merge(Some(&format!("{{\"Statement\":{theirs},\"Id\":1.10}}")), &ours(&route), &route.sid_prefix()).unwrap();
    assert!(merged.text.starts_with(&format!("{{\"Statement\":[{theirs},")), "{}", merged.text);
    assert!(merged.text.ends_with("],\"Id\":1.10}"), "{}", merged.text);
}
