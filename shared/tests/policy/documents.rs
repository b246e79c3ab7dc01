//! The documents of one route, held against `*.json` here, which other tests (the policy simulator's) read too.
//!
//! To write them anew after a change that is meant: `UPDATE_FIXTURES=1 cargo test -p transship --test policy`.

use serde::Serialize;
use serde_json::{Value, json};
use transship::policy::documents::{
    Schedule, copy_role_policy, copy_role_trust, inventory_configuration, key_grants, manifest_bucket_statements,
    source_bucket_statements,
};
use transship::policy::{RouteParameters, RouteSettings, merge};

use super::support::{fixture, parameters, route};

fn with_keys() -> RouteSettings {
    let key = |region: &str, account: &str, id: &str| format!("arn:aws:kms:{region}:{account}:key/{id}");
    RouteParameters {
        destination_region: "eu-central-1".to_owned(),
        source_keys: vec![key("eu-west-1", "111111111111", "source-1"), key("eu-west-1", "333333333333", "mrk-2")],
        destination_key: key("eu-central-1", "222222222222", "copies"),
        manifest_key: key("eu-west-1", "222222222222", "manifests"),
        source_prefix: String::new(),
        destination_prefix: String::new(),
        annotations: true,
        ..parameters()
    }
    .validate()
    .unwrap()
}

fn check(name: &str, document: &impl Serialize) {
    let text = format!("{}\n", serde_json::to_string_pretty(document).unwrap());
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(format!("{}/tests/policy/{name}", env!("CARGO_MANIFEST_DIR")), &text).unwrap();
    }
    assert_eq!(fixture(name), text, "{name}");
}

fn all_documents(route: &RouteSettings) -> [Value; 5] {
    [
        json!(copy_role_policy(route)),
        json!(source_bucket_statements(route)),
        json!(manifest_bucket_statements(route)),
        json!(inventory_configuration(route, Schedule::Daily)),
        json!(copy_role_trust(route)),
    ]
}

#[test]
fn documents_are_as_reviewed() {
    for (suffix, route) in [("", route()), ("_with_keys", with_keys())] {
        let owner = &route.sid_prefix();
        let bucket_policy =
            |ours: Vec<_>| serde_json::from_str::<Value>(&merge(None, &ours, owner).unwrap().text).unwrap();
        check(&format!("copy_role_trust{suffix}.json"), &copy_role_trust(&route));
        check(&format!("copy_role_policy{suffix}.json"), &copy_role_policy(&route));
        check(&format!("source_bucket_policy{suffix}.json"), &bucket_policy(source_bucket_statements(&route)));
        check(&format!("manifest_bucket_policy{suffix}.json"), &bucket_policy(manifest_bucket_statements(&route)));
        let schedule = if suffix.is_empty() { Schedule::Daily } else { Schedule::Weekly };
        check(&format!("inventory_configuration{suffix}.json"), &inventory_configuration(&route, schedule));
        let grants: Vec<_> =
            key_grants(&route).into_iter().map(|grant| (grant.key.to_string(), grant.statements)).collect();
        check(&format!("key_grants{suffix}.json"), &grants);
    }
}

#[test]
fn no_document_grants_a_delete_or_a_write_to_the_source() {
    for route in [route(), with_keys()] {
        let policy = copy_role_policy(&route);
        for statement in policy.statements().iter().map(|statement| json!(statement)) {
            let text = statement.to_string();
            assert!(!text.contains("Delete") && !text.contains("s3:*"), "{text}");
            if text.contains("photos-source") && !text.contains("photos-manifests") && !text.contains("photos-copy") {
                assert!(!text.contains("s3:Put"), "{text}");
            }
        }
        assert!(!json!(source_bucket_statements(&route)).to_string().contains("s3:Put"));
    }
}

#[test]
fn kms_stands_only_where_a_key_is_named() {
    let route = route();
    assert!(key_grants(&route).is_empty());
    assert!(!all_documents(&route).iter().any(|document| document.to_string().contains("kms")));
}

#[test]
fn documents_of_a_partition_name_it_everywhere() {
    let china = RouteParameters {
        copy_role_arn: "arn:aws-cn:iam::222222222222:role/copy".to_owned(),
        region: "cn-north-1".to_owned(),
        ..parameters()
    };
    for document in all_documents(&china.validate().unwrap()) {
        assert!(!document.to_string().contains("arn:aws:"), "{document}");
    }
}
