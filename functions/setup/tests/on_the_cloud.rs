//! The real binary on the local two-account cloud, with the least permissions, through CloudFormation's requests.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy.toml excuses tests, but not the functions they share")]

mod support;

use std::collections::BTreeMap;

use cloud::cloudformation::StackError;
use e2e::template::Template;
use serde_json::{Value, json};
use support::{
    COPY_ROLE, EXTERNAL_ID, SOURCE_ACCOUNT, World, access_role, lambda_trust, properties, some_policy, theirs, with,
};

fn states(report: &Value) -> BTreeMap<&str, &str> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|f| (f["check"].as_str().unwrap(), f["state"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_route_is_put_up_and_taken_down_and_the_policies_are_as_they_were() {
    let mut world = World::new().await;
    let before = theirs("vendor-photos").to_string();
    world.source.s3.put_bucket_policy().bucket("vendor-photos").policy(&before).send().await.unwrap();
    let before = world.source_policy("vendor-photos").await.map(|policy| policy.to_string());

    let planned = world.command("preview", &properties()).await;
    let plan: Vec<&str> = planned["steps"].as_array().unwrap().iter().map(|s| s["state"].as_str().unwrap()).collect();
    assert_eq!(plan, ["would create", "would create", "would change", "would create"], "{planned:#}");
    assert!(!world.has_copy_role().await, "a preview changes nothing");

    let answer = world.create(properties()).await.unwrap();
    assert_eq!(answer.physical_resource_id, "transship-photos");
    assert_eq!(answer.data["CopyRoleArn"], format!("arn:aws:iam::222222222222:role/{COPY_ROLE}"));
    let to = "arn:aws:s3:::photos-manifests".to_owned();
    assert_eq!(world.inventory("vendor-photos").await, Some(("Daily".to_owned(), to.clone())));
    assert_eq!(world.source_policy("vendor-photos").await.unwrap()["Statement"].as_array().unwrap().len(), 4);

    let report = world.command("check", &properties()).await;
    let wanting: Vec<_> = states(&report).into_iter().filter(|(_, state)| *state != "ok").collect();
    assert_eq!(wanting, [("inventory reports delivered", "unknown")], "{report:#}");
    let planned = world.command("preview", &properties()).await;
    for step in planned["steps"].as_array().unwrap() {
        assert_eq!(step["state"], "unchanged", "{step:#}");
    }

    let weekly = with(&[("InventoryFrequency", "Weekly"), ("RoleTags", "team=media")]);
    world.update(weekly).await.unwrap();
    assert_eq!(world.inventory("vendor-photos").await, Some(("Weekly".to_owned(), to)));
    let role = world.destination.iam.get_role().role_name(COPY_ROLE).send().await.unwrap().role.unwrap();
    assert!(role.tags().iter().any(|tag| tag.key() == "team" && tag.value() == "media"));

    world.delete().await.unwrap();
    let after = world.source_policy("vendor-photos").await.unwrap().to_string();
    assert!(transship::policy::equivalent(before.as_deref(), Some(&after)).unwrap(), "{after}");
    assert_eq!(world.manifest_policy().await, None);
    assert_eq!(world.inventory("vendor-photos").await, None);
    assert!(!world.has_copy_role().await);
    assert!(world.cloud.functions().failures().is_empty());
    assert!(!world.cloud.functions().logs("setup").join("\n").contains(EXTERNAL_ID));
}

#[tokio::test]
async fn another_source_bucket_is_put_up_before_the_old_one_is_taken_down() {
    let mut world = World::new().await;
    world.create(properties()).await.unwrap();
    let moved = with(&[
        ("SourceBucket", "vendor-archive"),
        ("SourceAccessRoleArn", "arn:aws:iam::111111111111:role/access-vendor-archive"),
    ]);
    world.update(moved).await.unwrap();
    assert_eq!(world.source_policy("vendor-photos").await, None);
    assert_eq!(world.inventory("vendor-photos").await, None);
    assert!(world.source_policy("vendor-archive").await.is_some());
    assert!(world.inventory("vendor-archive").await.is_some());
    let manifests = world.manifest_policy().await.unwrap().to_string();
    assert!(manifests.contains("vendor-archive") && !manifests.contains("vendor-photos"), "{manifests}");
    world.delete().await.unwrap();
    assert_eq!(world.source_policy("vendor-archive").await, None);
    world.assert_nothing_is_left().await;
}

#[tokio::test]
async fn a_create_that_is_denied_anything_leaves_nothing_behind() {
    let cases: [(&str, &str); 6] = [
        ("setup", "iam:CreateRole"),
        ("setup", "iam:PutRolePolicy"),
        ("setup", "s3:PutBucketPolicy"),
        ("setup", "sts:AssumeRole"),
        ("access", "s3:GetBucketPolicy"),
        ("access", "s3:PutInventoryConfiguration"),
    ];
    for (role, action) in cases {
        let mut world = World::new().await;
        let deny =
            json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": action, "Resource": "*" }] });
        let (account, name) = match role {
            "setup" => (&world.destination, "transship-photos-setup".to_owned()),
            _ => (&world.source, access_role("vendor-photos")),
        };
        let put = account.iam.put_role_policy().role_name(&name).policy_name("deny").policy_document(deny.to_string());
        put.send().await.unwrap();
        let failed = world.create(properties()).await.unwrap_err();
        let StackError::RolledBack(reason) = &failed else { panic!("{action}: {failed}") };
        assert!(reason.contains("AccessDenied"), "{action}: {reason}");
        assert!(reason.contains(action), "{action}: {reason}");
        assert!(!reason.contains(EXTERNAL_ID));
        world.assert_nothing_is_left().await;
    }
}

#[tokio::test]
async fn what_is_not_ours_is_neither_replaced_nor_deleted() {
    let mut world = World::new().await;
    world.make_role(&world.destination, COPY_ROLE, &lambda_trust(), &some_policy()).await;
    let failed = world.create(properties()).await.unwrap_err();
    let StackError::RolledBack(reason) = failed else { panic!("{failed}") };
    assert!(reason.contains("transship:stack"), "{reason}");
    assert!(world.has_copy_role().await);
    assert_eq!(world.manifest_policy().await, None);
    world.destination.iam.delete_role_policy().role_name(COPY_ROLE).policy_name("p").send().await.unwrap();
    world.destination.iam.delete_role().role_name(COPY_ROLE).send().await.unwrap();

    // An inventory of the same id that delivers elsewhere.
    world.destination.s3.create_bucket().bucket("other-manifests").send().await.unwrap();
    let elsewhere = with(&[("ManifestBucket", "other-manifests"), ("Route", "other")]);
    let given = transship::setup::Given::from_properties(&elsewhere);
    let nothing: BTreeMap<&str, &str> = BTreeMap::new();
    let place = transship::setup::Place::new("arn:aws:cloudformation:us-east-1:222222222222:stack/x/y", &nothing);
    let other = transship::setup::Deployment::new(&given, &place).unwrap();
    put_inventory(&world, &other).await;
    let before = world.inventory("vendor-photos").await;
    let failed = world.create(properties()).await.unwrap_err();
    let StackError::RolledBack(reason) = failed else { panic!("{failed}") };
    assert!(reason.contains("InventoryId"), "{reason}");
    assert_eq!(world.inventory("vendor-photos").await, before);
    assert!(!world.has_copy_role().await);
    assert_eq!(world.source_policy("vendor-photos").await, None);
}

async fn put_inventory(world: &World, deployment: &transship::setup::Deployment) {
    use aws_sdk_s3::types::{
        InventoryConfiguration, InventoryDestination, InventoryFormat, InventoryFrequency,
        InventoryIncludedObjectVersions, InventoryS3BucketDestination, InventorySchedule,
    };
    let to = InventoryS3BucketDestination::builder()
        .bucket(format!("arn:aws:s3:::{}", deployment.route.manifest_bucket))
        .format(InventoryFormat::Csv)
        .prefix("inventory")
        .build()
        .unwrap();
    let configuration = InventoryConfiguration::builder()
        .id("transship")
        .is_enabled(true)
        .included_object_versions(InventoryIncludedObjectVersions::All)
        .schedule(InventorySchedule::builder().frequency(InventoryFrequency::Weekly).build().unwrap())
        .destination(InventoryDestination::builder().s3_bucket_destination(to).build())
        .build()
        .unwrap();
    let put = world.source.s3.put_bucket_inventory_configuration().bucket("vendor-photos").id("transship");
    put.inventory_configuration(configuration).send().await.unwrap();
}

#[tokio::test]
async fn a_hand_off_touches_no_source_and_its_documents_put_things_in_place() {
    let mut world = World::new().await;
    let properties = with(&[("SourceAccessRoleArn", ""), ("SourceAccessExternalId", "")]);
    let answer = world.create(properties.clone()).await.unwrap();
    assert_eq!(answer.data["HandOff"], "true");
    assert_eq!(world.source_policy("vendor-photos").await, None);
    assert_eq!(world.inventory("vendor-photos").await, None);
    let planned = world.command("preview", &properties).await;
    let hand_off = &planned["hand_off"];
    assert!(hand_off["commands"].as_str().unwrap().contains("put-bucket-inventory-configuration"));
    assert!(hand_off["removal"].as_str().unwrap().contains("delete-bucket-inventory-configuration"));
    let policy = json!({ "Version": "2012-10-17", "Statement": hand_off["bucket_policy_statements"] }).to_string();
    world.source.s3.put_bucket_policy().bucket("vendor-photos").policy(policy).send().await.unwrap();
    let report = world.command("check", &properties).await;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(states(&report)["access to the source account"], "unknown");
    world.delete().await.unwrap();
    assert!(!world.has_copy_role().await);
}

#[tokio::test]
async fn check_finds_what_is_wrong() {
    let mut world = World::new().await;
    world.create(properties()).await.unwrap();
    let role = &world.destination.iam;
    role.delete_role_policy().role_name(COPY_ROLE).policy_name("copy").send().await.unwrap();
    world
        .source
        .s3
        .delete_bucket_inventory_configuration()
        .bucket("vendor-photos")
        .id("transship")
        .send()
        .await
        .unwrap();
    let mut policy = world.source_policy("vendor-photos").await.unwrap();
    policy["Statement"].as_array_mut().unwrap().remove(0);
    policy["Statement"].as_array_mut().unwrap().push(json!({
        "Sid": "OnlyFromOurNetwork", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::vendor-photos/*",
        "Condition": { "StringNotEquals": { "aws:SourceVpce": "vpce-1" } }
    }));
    world.source.s3.put_bucket_policy().bucket("vendor-photos").policy(policy.to_string()).send().await.unwrap();
    let report = world.command("check", &with(&[("DestinationBucket", "not-there"), ("CannedAcl", "private")])).await;
    let states = states(&report);
    assert_eq!(report["ok"], false);
    for (check, state) in [
        ("copy role", "ok"),
        ("copy role's permissions", "wrong"),
        ("inventory configuration", "wrong"),
        ("source bucket's policy", "wrong"),
        ("source bucket's denials", "unknown"),
        ("manifest bucket's policy", "ok"),
    ] {
        assert_eq!(states[check], state, "{check}: {report:#}");
    }
    assert_ne!(states["destination bucket"], "ok");
}

#[test]
fn the_source_accounts_role_may_ask_for_our_fields_and_no_others() {
    let parameters =
        [("Route", "photos"), ("SourceBucket", "b-b"), ("DestinationAccountId", "222222222222"), ("ExternalId", "xx")];
    let template = Template::read(SOURCE_ACCOUNT, "111111111111", cloud::REGION, &parameters).unwrap();
    let role = template.properties("SourceAccess").unwrap();
    // With a part of the stack's id, so that a route can have two of these stacks while it moves to another bucket.
    assert_eq!(role["RoleName"], "transship-photos-source-5f1f7b60");
    let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
    let deny = statements.iter().find(|statement| statement["Effect"] == "Deny").unwrap();
    let fields = &deny["Condition"]["ForAnyValue:StringNotEquals"]["s3:InventoryAccessibleOptionalFields"];
    assert_eq!(*fields, json!(transship::policy::documents::FIELDS));
}
