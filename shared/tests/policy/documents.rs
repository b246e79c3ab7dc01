//! The documents of one route, held against `*.json` here, which other tests (the policy simulator's) read too.
//!
//! To write them anew after a change that is meant: `UPDATE_FIXTURES=1 cargo test -p transship --test policy`.

use serde::Serialize;
use serde_json::{Value, json};
use transship::policy::documents::{
    Schedule, SourcePolicy, copy_role_policy, copy_role_trust, hand_off, inventory_configuration, key_grants,
    manifest_bucket_statements, source_bucket_statements,
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
    check_text(name, &format!("{}\n", serde_json::to_string_pretty(document).unwrap()));
}

fn check_text(name: &str, text: &str) {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(format!("{}/tests/policy/{name}", env!("CARGO_MANIFEST_DIR")), text).unwrap();
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

#[test]
fn the_hand_off_is_as_reviewed() {
    let known = fixture("real/version_2008_single.json");
    for (name, route, policy) in [
        ("hand_off_unknown_policy.sh", with_keys(), SourcePolicy::Unknown),
        ("hand_off_known_policy.sh", route(), SourcePolicy::Known(&known)),
        ("hand_off_no_policy.sh", route(), SourcePolicy::Nothing),
    ] {
        check_text(name, &hand_off(&route, Schedule::Daily, policy).unwrap().commands);
    }
    check_text("hand_off_removal.sh", &hand_off(&with_keys(), Schedule::Daily, SourcePolicy::Unknown).unwrap().removal);
}

#[test]
fn the_hand_off_names_each_role_that_may_read_the_source_and_why() {
    let with_all = RouteParameters {
        copy_large_role_arn: "arn:aws:iam::222222222222:role/transship-photos-daily-copy-large".to_owned(),
        ..parameters()
    };
    let with_all = with_all.validate().unwrap();
    for policy in [SourcePolicy::Unknown, SourcePolicy::Nothing] {
        let commands = hand_off(&with_all, Schedule::Daily, policy).unwrap().commands;
        let comments = commands.split_once("cat >").unwrap().0;
        for told in ["-copy: lists", "-create-job: asks by HeadObject", "-copy-large: lists and reads"] {
            assert!(comments.contains(&format!("role/transship-photos-daily{told}")), "{told}: {comments}");
        }
        assert!(!comments.contains("restored"), "{comments}");
        // Nobody is in the policy who is not named.
        for statement in source_bucket_statements(&with_all) {
            let role = json!(statement)["Principal"]["AWS"].as_str().unwrap().to_owned();
            assert!(comments.contains(&format!("# {role}: ")), "{role}: {comments}");
        }
    }
}

/// Neither the copy role nor create-job can use a key of somebody else that names neither.
#[test]
fn the_hand_off_names_everybody_who_uses_a_key_of_a_third_account() {
    let key = "arn:aws:kms:eu-west-1:333333333333:key/reports";
    let route = RouteParameters { manifest_key: key.to_owned(), ..parameters() }.validate().unwrap();
    let commands = hand_off(&route, Schedule::Daily, SourcePolicy::Unknown).unwrap().commands;
    let granted = commands.split(key).nth(2).unwrap();
    for role in ["copy", "create-job"] {
        assert!(
            granted.contains(&format!("arn:aws:iam::222222222222:role/transship-photos-daily-{role}")),
            "{granted}"
        );
    }
    assert!(granted.contains("s3.amazonaws.com"), "{granted}");
}

/// Runs the handed-off commands with an `aws` that answers `script`, and gives back the calls that write.
#[cfg(unix)]
fn written_by(commands: &str, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let aws = folder.path().join("aws");
    std::fs::write(
        &aws,
        format!("#!/bin/sh\ncase \"$2\" in\nput-*|delete-*) echo \"$2\" >> written;;\n{script}\nesac\n"),
    )
    .unwrap();
    std::fs::set_permissions(&aws, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", commands]).current_dir(folder.path()).env("PATH", path).output().unwrap();
    std::fs::read_to_string(folder.path().join("written")).unwrap_or_default()
}

#[cfg(unix)]
#[test]
fn the_removal_takes_away_what_is_ours_only() {
    let removal = hand_off(&route(), Schedule::Daily, SourcePolicy::Unknown).unwrap().removal;
    let answers = |policy: &str, inventory: &str| {
        format!("get-bucket-policy) {policy};;\nget-bucket-inventory-configuration) {inventory};;")
    };
    let error = |code: &str| format!("echo 'An error occurred ({code})' >&2; exit 254");
    let gone = answers(&error("NoSuchBucketPolicy"), &error("NoSuchConfiguration"));
    assert_eq!(written_by(&removal, &gone), "");
    let denied = answers(&error("AccessDenied"), &error("AccessDenied"));
    assert_eq!(written_by(&removal, &denied), "");
    let others = answers("echo not JSON", "echo arn:aws:s3:::another");
    assert_eq!(written_by(&removal, &others), "");
    let ours = answers("echo not JSON", "echo arn:aws:s3:::photos-manifests");
    assert_eq!(written_by(&removal, &ours), "delete-bucket-inventory-configuration\n");
}

#[cfg(unix)]
#[test]
fn handed_off_commands_never_replace_what_is_of_others() {
    let commands = hand_off(&route(), Schedule::Daily, SourcePolicy::Unknown).unwrap().commands;
    let error = |code: &str| format!("*) echo 'An error occurred ({code})' >&2; exit 254;;");
    assert_eq!(written_by(&commands, &error("AccessDenied")), "");
    assert_eq!(written_by(&commands, &error("NoSuchBucketPolicy")), "put-bucket-policy\n");
    assert_eq!(written_by(&commands, &error("NoSuchConfiguration")), "put-bucket-inventory-configuration\n");
    let answers = |policy: &str, inventory: &str| {
        format!("get-bucket-policy) echo '{policy}';;\nget-bucket-inventory-configuration) echo {inventory};;")
    };
    assert_eq!(written_by(&commands, &answers("not JSON", "arn:aws:s3:::another")), "");
    let ours = written_by(&commands, &answers("not JSON", "arn:aws:s3:::photos-manifests"));
    assert_eq!(ours, "put-bucket-inventory-configuration\n");
}
