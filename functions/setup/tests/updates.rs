//! Updates that move something, with the permissions that setup's role really has at each moment: those of the parameters
//! before, those of the new ones, or both, as CloudFormation attaches and cleans up what template.yaml declares.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy.toml excuses tests, but not the functions they share")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use cloud::cloudformation::StackError;
use cloud::front::{Fault, When};
use serde_json::{Value, json};
use support::{COPY_ROLE, DESTINATION_ACCOUNT, World, destination_account, properties, with};

const TO_ARCHIVE: [(&str, &str); 2] = [
    ("SourceBucket", "vendor-archive"),
    ("SourceAccessRoleArn", "arn:aws:iam::111111111111:role/access-vendor-archive"),
];
const TO_OTHER_MANIFESTS: (&str, &str) = ("ManifestBucket", "other-manifests");

/// What moves, one after the other and at once.
fn moves() -> [Value; 3] {
    let [bucket, role] = TO_ARCHIVE;
    [with(&TO_ARCHIVE), with(&[TO_OTHER_MANIFESTS]), with(&[bucket, role, TO_OTHER_MANIFESTS])]
}

async fn world() -> World {
    let world = World::new().await;
    // CloudFormation makes the new manifest bucket before it calls setup.
    world.destination.s3.create_bucket().bucket("other-manifests").send().await.unwrap();
    world
}

/// What the route has everywhere: policies, inventories' destinations, role.
async fn state(world: &World) -> Vec<String> {
    let mut state = Vec::new();
    for bucket in ["vendor-photos", "vendor-archive"] {
        state.push(format!("{:?} {:?}", world.source_policy(bucket).await, world.inventory(bucket).await));
    }
    for bucket in ["photos-manifests", "other-manifests"] {
        state.push(format!("{:?}", support::policy(&world.destination, bucket).await));
    }
    state.push(format!("{}", world.has_copy_role().await));
    state
}

fn rolled_back(failed: &StackError) -> &str {
    let StackError::RolledBack(reason) = failed else { panic!("{failed}") };
    reason
}

#[tokio::test]
async fn what_moves_is_put_up_anew_and_taken_down_where_it_was() {
    for properties_after in moves() {
        let mut world = world().await;
        let nothing = state(&world).await;
        world.create(properties_after.clone()).await.unwrap();
        let expected = state(&world).await;
        world.delete().await.unwrap();
        assert_eq!(state(&world).await, nothing, "{properties_after:#}");

        world.create(properties()).await.unwrap();
        let answer = world.update(properties_after.clone()).await.unwrap();
        assert_eq!(state(&world).await, expected, "{properties_after:#}");
        assert_eq!(answer.data["LeftBehind"], "nothing");
        world.delete().await.unwrap();
        assert_eq!(state(&world).await, nothing, "{properties_after:#}");
    }
}

#[tokio::test]
async fn a_move_that_fails_at_its_end_is_rolled_back_whole_and_goes_through_when_tried_again() {
    for properties_after in moves() {
        let mut world = world().await;
        world.create(properties()).await.unwrap();
        let before = state(&world).await;
        // All of the new is up by then.
        let at = format!("/{}", properties_after["SourceBucket"].as_str().unwrap());
        let failed_once = AtomicBool::new(false);
        world.script(move |seen| {
            let is_last = seen.operation == "PutBucketInventoryConfiguration" && seen.path.trim_end_matches('/') == at;
            if is_last && !failed_once.swap(true, Ordering::SeqCst) {
                return Fault::Answer {
                    status: 400,
                    code: "InvalidArgument",
                    message: "by the test",
                    when: When::Before,
                };
            }
            Fault::None
        });
        let failed = world.update(properties_after.clone()).await.unwrap_err();
        world.no_faults();
        assert!(rolled_back(&failed).contains("PutBucketInventoryConfiguration"), "{failed}");
        assert_eq!(state(&world).await, before, "{properties_after:#}");
        world.update(properties_after).await.unwrap();
        assert_ne!(state(&world).await, before);
    }
}

#[tokio::test]
async fn a_new_source_that_cannot_be_reached_leaves_everything_as_it_was() {
    let nobody = "arn:aws:iam::111111111111:role/access-nobody";
    let cases = [
        with(&[TO_ARCHIVE[0], TO_ARCHIVE[1], ("SourceAccessExternalId", "another-secret")]),
        with(&[TO_ARCHIVE[0], ("SourceAccessRoleArn", nobody)]),
        // The role is that of the bucket before.
        with(&TO_ARCHIVE[..1]),
    ];
    for properties_after in cases {
        let mut world = world().await;
        world.create(properties()).await.unwrap();
        let before = state(&world).await;
        let failed = world.update(properties_after.clone()).await.unwrap_err();
        assert!(rolled_back(&failed).contains("AccessDenied"), "{failed}");
        assert_eq!(state(&world).await, before, "{properties_after:#}");
        world.delete().await.unwrap();
        world.assert_nothing_is_left().await;
    }
}

#[tokio::test]
async fn an_old_source_that_cannot_be_reached_any_more_stops_no_move_and_is_named() {
    let mut world = world().await;
    world.create(properties()).await.unwrap();
    let iam = &world.source.iam;
    iam.delete_role_policy().role_name("access-vendor-photos").policy_name("p").send().await.unwrap();
    iam.delete_role().role_name("access-vendor-photos").send().await.unwrap();
    let answer = world.update(with(&TO_ARCHIVE)).await.unwrap();
    let left = answer.data["LeftBehind"].as_str().unwrap();
    assert!(left.contains("AccessDenied") && left.contains("vendor-photos") && left.contains("transship"), "{left}");
    assert!(world.inventory("vendor-archive").await.is_some());
    // A deletion is none before everything is gone.
    world.delete().await.unwrap();
    assert!(world.source_policy("vendor-photos").await.is_some());
    assert_eq!(world.source_policy("vendor-archive").await, None);
}

#[tokio::test]
async fn the_source_account_is_handed_off_and_taken_back_by_updates() {
    let mut world = world().await;
    world.create(properties()).await.unwrap();
    let before = state(&world).await;
    world.update(with(&[("SourceAccessRoleArn", ""), ("SourceAccessExternalId", "")])).await.unwrap();
    assert_eq!(state(&world).await, before, "what is there stays, its owner's from now on");
    world.update(properties()).await.unwrap();
    world.delete().await.unwrap();
    world.assert_nothing_is_left().await;
}

#[tokio::test]
async fn another_path_of_the_copy_role_is_refused_and_its_rollback_is_not() {
    let mut world = world().await;
    world.create(with(&[("CopyRolePath", "/copies/")])).await.unwrap();
    let before = state(&world).await;
    for path in ["/", "/elsewhere/"] {
        let failed = world.update(with(&[("CopyRolePath", path)])).await.unwrap_err();
        let reason = rolled_back(&failed);
        assert!(reason.contains("CopyRolePath") && reason.contains("/copies/"), "{reason}");
        assert_eq!(state(&world).await, before);
    }
    // A role that somebody deleted can be made anew at any path.
    let iam = &world.destination.iam;
    iam.delete_role_policy().role_name(COPY_ROLE).policy_name("copy").send().await.unwrap();
    iam.delete_role().role_name(COPY_ROLE).send().await.unwrap();
    world.update(with(&[("CopyRolePath", "/elsewhere/")])).await.unwrap();
    let role = world.destination.iam.get_role().role_name(COPY_ROLE).send().await.unwrap().role.unwrap();
    assert_eq!(role.path(), "/elsewhere/");
    world.delete().await.unwrap();
    world.assert_nothing_is_left().await;
}

#[tokio::test]
async fn a_deployment_that_only_asks_for_setup_again_puts_right_what_was_changed_by_hand() {
    let mut world = world().await;
    world.create(properties()).await.unwrap();
    let before = state(&world).await;
    let source = world.source_policy("vendor-photos").await.unwrap();
    let mut policy = source.clone();
    policy["Statement"].as_array_mut().unwrap().pop();
    let put = world.source.s3.put_bucket_policy().bucket("vendor-photos").policy(policy.to_string());
    put.send().await.unwrap();
    world.destination.s3.delete_bucket_policy().bucket("photos-manifests").send().await.unwrap();
    let iam = &world.destination.iam;
    iam.delete_role_policy().role_name(COPY_ROLE).policy_name("copy").send().await.unwrap();
    let report = world.command("check", &properties()).await;
    let findings = report["findings"].as_array().unwrap();
    let wrong: Vec<&Value> = findings.iter().filter(|finding| finding["state"] == "wrong").collect();
    assert_eq!(wrong.len(), 3, "{report:#}");
    assert!(wrong.iter().all(|finding| finding["do"].as_str().unwrap().contains("SetupAgain=")), "{report:#}");

    let again = with(&[("SetupAgain", "1766400000")]);
    let template = destination_account(&again);
    let sent = template.properties("CopyRoute").unwrap();
    assert_eq!(sent["SetupAgain"], json!("1766400000"), "what CloudFormation compares");
    world.update(again.clone()).await.unwrap();
    assert_eq!(state(&world).await, before);
    assert_eq!(world.source_policy("vendor-photos").await, Some(source));
    assert_eq!(world.command("check", &again).await["ok"], true);
    world.delete().await.unwrap();
    world.assert_nothing_is_left().await;
}

/// CloudFormation changes in place what it need not replace, before it calls setup: nothing that setup needs may be so.
#[test]
fn every_parameter_that_setups_permissions_depend_on_replaces_them() {
    let key = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    let changes = [
        ("SourceAccountId", "333333333333"),
        ("SourceBucket", "vendor-archive"),
        ("SourcePrefix", "a"),
        ("SourceKmsKeyArn", key),
        ("SourceAccessRoleArn", "arn:aws:iam::111111111111:role/another"),
        ("SourceAccessRoleArn", ""),
        ("SourceAccessExternalId", "another"),
        ("DestinationBucket", "another"),
        ("DestinationRegion", "eu-west-1"),
        ("DestinationPrefix", "a"),
        ("KmsKeyArn", key),
        ("CannedAcl", "private"),
        ("CopyAnnotations", "true"),
        ("RestoreArchived", "Bulk"),
        ("ManifestBucket", "another"),
        ("InventoryId", "another"),
        ("InventoryFrequency", "Weekly"),
        ("InventoryKmsKeyArn", key),
        ("CopyRolePath", "/a/"),
        ("RoleTags", "a=b"),
        ("PermissionsBoundaryArn", "arn:aws:iam::222222222222:policy/a"),
    ];
    // The template makes the role of copy-large of the route's name.
    let fixed = ["Route", "CopyLargeRoleArn"];
    for parameter in transship::setup::PARAMETERS.iter().filter(|parameter| !fixed.contains(&parameter.property)) {
        assert!(changes.iter().any(|(name, _)| *name == parameter.property), "{}", parameter.property);
    }
    let of = |properties: &Value| {
        let template = destination_account(properties);
        let [policy] = template.managed_policies("SetupRole").unwrap().try_into().unwrap();
        (policy, template.properties("SetupRole").unwrap())
    };
    let (before, role) = of(&properties());
    let (mut replaced, mut seen) = (0, vec![before.physical_id.clone()]);
    for change in changes {
        let (after, role_after) = of(&with(&[change]));
        assert_eq!(role["Policies"], role_after["Policies"], "{change:?}");
        if after.document != before.document {
            assert!(!seen.contains(&after.physical_id), "{change:?} changes setup's permissions in place");
            seen.push(after.physical_id);
            replaced += 1;
        }
    }
    assert_eq!(replaced, 9);
}

/// IAM takes 1,000 characters, and refuses to make the policy otherwise.
#[test]
fn the_description_of_setups_permissions_is_not_too_long_whatever_the_parameters() {
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(DESTINATION_ACCOUNT).unwrap();
    let description = &template["Resources"]["SetupAccess"]["Properties"]["Description"];
    let serde_yaml_ng::Value::Tagged(sub) = description else { panic!("{description:?}") };
    let text = sub.value.as_str().unwrap();
    let (mut longest, mut named) = (0, 0);
    for (n, part) in text.split("${").enumerate() {
        let Some((name, rest)) = part.split_once('}').filter(|_| n > 0) else {
            longest += part.len();
            continue;
        };
        // What has no MaxLength is bounded by its pattern.
        longest += rest.len()
            + match name {
                "Route" => 32,
                "ManifestBucketName" | "DestinationBucket" => 63,
                other => usize::try_from(template["Parameters"][other]["MaxLength"].as_u64().unwrap()).unwrap(),
            };
        named += 1;
    }
    assert_eq!(named, 9, "{text}");
    assert!(longest < 1000, "{longest} characters");
    // The longest ARN of a key: a multi-Region key's id is no longer than another's.
    let key = "arn:aws-us-gov:kms:ap-southeast-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    for parameter in ["SourceKmsKeyArn", "KmsKeyArn", "InventoryKmsKeyArn"] {
        assert!(template["Parameters"][parameter]["MaxLength"].as_u64().unwrap() >= key.len() as u64, "{parameter}");
    }
}

/// A Create that Lambda repeats, or that waits in its queue for hours, could run after the rollback's Delete.
#[test]
fn setup_is_not_called_before_its_retries_are_off_nor_without_its_permissions() {
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(DESTINATION_ACCOUNT).unwrap();
    let resources = &template["Resources"];
    let needs: Vec<&str> =
        resources["CopyRoute"]["DependsOn"].as_sequence().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    // Policies name the roles of create-job and copy-large, and AWS refuses a principal that is not there.
    assert_eq!(needs, ["SetupEventInvokeConfig", "SetupAccess", "CreateJobRole", "CopyLargeRole"]);
    let setup = &resources["Setup"]["Properties"];
    let invoke = &setup["EventInvokeConfig"];
    assert_eq!(invoke["MaximumRetryAttempts"], 0);
    // It ends before CloudFormation stops waiting, however late it begins.
    let latest = invoke["MaximumEventAgeInSeconds"].as_u64().unwrap() + setup["Timeout"].as_u64().unwrap();
    let waits = resources["CopyRoute"]["Properties"]["ServiceTimeout"].as_u64().unwrap();
    assert!(latest < waits, "{latest} s of {waits} s");
}
