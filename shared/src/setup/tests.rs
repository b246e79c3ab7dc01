use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::names::RoleArn;
use crate::policy::ParameterErrors;

fn properties() -> Value {
    json!({
        "ServiceToken": "arn:aws:lambda:us-east-1:222222222222:function:transship-photos-setup",
        "Route": "photos",
        "SourceAccountId": "111111111111",
        "SourceBucket": "vendor-photos",
        "DestinationBucket": "our-photos",
        "ManifestBucket": "photos-manifests",
        "SourceAccessRoleArn": "arn:aws:iam::111111111111:role/x/access",
        "SourceAccessExternalId": "hush-hush",
        "RoleTags": "team=storage, cost = 42",
        "SourceKmsKeyArn": ["arn:aws:kms:us-east-1:111111111111:key/a", "arn:aws:kms:us-east-1:111111111111:key/b"],
        "InventoryFrequency": ""
    })
}

fn place() -> Place {
    let nothing: BTreeMap<&str, &str> = BTreeMap::new();
    Place::new("arn:aws:cloudformation:us-east-1:222222222222:stack/photos/id", &nothing)
}

fn deployment(change: impl FnOnce(&mut Value)) -> Result<Deployment, ParameterErrors> {
    let mut properties = properties();
    change(&mut properties);
    Deployment::new(&Given::from_properties(&properties), &place())
}

fn wrong(change: impl FnOnce(&mut Value)) -> Vec<&'static str> {
    deployment(change).unwrap_err().0.iter().map(|error| error.parameter).collect()
}

#[test]
fn properties_become_a_deployment_with_defaults() {
    let deployment = deployment(|_| ()).unwrap();
    assert_eq!(deployment.route.role.as_str(), "arn:aws:iam::222222222222:role/transship-photos-copy");
    assert_eq!(deployment.route.inventory_id.as_str(), "transship");
    assert_eq!(deployment.route.destination_region.as_str(), "us-east-1");
    assert_eq!(deployment.route.source_keys.len(), 2);
    assert_eq!(deployment.schedule, crate::policy::documents::Schedule::Daily);
    let tags = [("cost", "42"), ("team", "storage")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(deployment.role_tags, BTreeMap::from(tags));
    assert!(!deployment.hands_off());
    assert!(!format!("{deployment:?}").contains("hush"), "the external id is no one's to read");
}

#[test]
fn variables_say_the_same_as_properties() {
    let properties = properties();
    let text = |value: &Value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.as_str().unwrap().to_owned(),
    };
    let given: Vec<(&str, String)> = PARAMETERS
        .iter()
        .filter_map(|parameter| Some((parameter.setting.name, text(properties.get(parameter.property)?))))
        .collect();
    let env: BTreeMap<&str, &str> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(Given::from_env(&env), Given::from_properties(&properties));
}

#[test]
fn each_variable_is_its_property_in_capitals() {
    for parameter in PARAMETERS {
        let snake = parameter.property.chars().enumerate().fold(String::new(), |mut text, (at, c)| {
            if c.is_ascii_uppercase() && at > 0 {
                text.push('_');
            }
            text.push(c.to_ascii_uppercase());
            text
        });
        assert_eq!(parameter.setting.name, snake);
    }
}

#[test]
fn everything_wrong_is_told_at_once_and_by_name() {
    let all = wrong(|p| {
        p["Route"] = json!("Photos!");
        p["SourceAccountId"] = json!("1");
        p["SourceBucket"] = json!("UPPER");
        p["ManifestBucket"] = json!("our-photos");
        p["InventoryFrequency"] = json!("Hourly");
        p["CannedAcl"] = json!("mine");
        p["CopyRolePath"] = json!("copies");
        p["PermissionsBoundaryArn"] = json!("boundary");
        p["RoleTags"] = json!("team,transship:stack=x");
        p["SourceAccessRoleArn"] = json!("role");
        p["SourceAccessExternalId"] = json!("!");
        p["KmsKeyArn"] = json!("alias/aws/s3");
    });
    let expected = BTreeSet::from([
        "Route",
        "SourceAccountId",
        "SourceBucket",
        "ManifestBucketName",
        "InventoryFrequency",
        "CannedAcl",
        "CopyRolePath",
        "PermissionsBoundaryArn",
        "RoleTags",
        "SourceAccessRoleArn",
        "SourceAccessExternalId",
        "KmsKeyArn",
    ]);
    assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), expected);
    let shown = deployment(|p| p["SourceAccessExternalId"] = json!("s3cret!")).unwrap_err().to_string();
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn parameters_are_held_against_each_other() {
    assert_eq!(wrong(|p| p["ManifestBucket"] = json!("vendor-photos")), ["ManifestBucketName"]);
    assert_eq!(
        wrong(|p| p["SourceAccessRoleArn"] = json!("arn:aws:iam::333333333333:role/x")),
        ["SourceAccessRoleArn"]
    );
    assert_eq!(
        wrong(|p| p["PermissionsBoundaryArn"] = json!("arn:aws:iam::111111111111:policy/b")),
        ["PermissionsBoundaryArn"]
    );
    assert!(deployment(|p| p["SourceAccessRoleArn"] = json!("")).unwrap().hands_off());
    assert_eq!(wrong(|p| p["DestinationPrefix"] = json!("copies/")), ["DestinationPrefix"]);
}

#[test]
fn tags_are_what_iam_takes() {
    let many = |n: usize| (0..n).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    let tags =
        |text: String| deployment(|p| p["RoleTags"] = json!(text.clone())).map(|deployment| deployment.role_tags.len());
    assert_eq!(tags("Größe=a b_.:/=+-@,leer=".to_owned()).unwrap(), 2);
    assert_eq!(tags(many(48)).unwrap(), 48);
    assert_eq!(tags(format!("{}={}", "k".repeat(128), "v".repeat(256))).unwrap(), 1);
    for text in [
        many(49),
        "a=1,A=2".to_owned(),
        "a=1,a=1".to_owned(),
        "a=1;2".to_owned(),
        "a*=1".to_owned(),
        "=1".to_owned(),
        "a=\u{7}".to_owned(),
        "AWS:a=1".to_owned(),
        format!("{}=1", "k".repeat(129)),
        format!("a={}", "v".repeat(257)),
    ] {
        assert!(tags(text.clone()).is_err(), "{text}");
    }
}

#[test]
fn what_an_update_leaves_behind() {
    let old = deployment(|_| ()).unwrap();
    let left = |change: fn(&mut Value)| left_behind(&old, &deployment(change).unwrap());
    assert_eq!(left(|_| ()), []);
    assert_eq!(left(|p| p["InventoryFrequency"] = json!("Weekly")), []);
    assert_eq!(left(|p| p["DestinationBucket"] = json!("elsewhere")), []);
    assert_eq!(left(|p| p["InventoryId"] = json!("other")), [Step::Inventory]);
    assert_eq!(left(|p| p["ManifestBucket"] = json!("other-manifests")), [Step::ManifestPolicy]);
    assert_eq!(left(|p| p["SourceBucket"] = json!("vendor-archive")), [Step::Inventory, Step::SourcePolicy]);
    let all = [Step::Inventory, Step::SourcePolicy, Step::ManifestPolicy, Step::Role];
    assert_eq!(
        left(|p| {
            p["Route"] = json!("pictures");
            p["InventoryId"] = json!("pictures");
        }),
        all
    );
    // A new route over the same configuration keeps it.
    assert_eq!(left(|p| p["Route"] = json!("pictures")), all[1..]);
}

#[test]
fn a_physical_id_says_how_far_a_create_came() {
    let route = "photos".parse().unwrap();
    let whole = PhysicalId::of(&route);
    assert_eq!(whole.to_string(), "transship-photos");
    let sets = [vec![], vec![Step::Role], vec![Step::Role, Step::SourcePolicy], Step::ORDER.to_vec()];
    for steps in sets {
        let id = PhysicalId::failed(Some(&route), steps.iter().copied().collect());
        let read: PhysicalId = id.to_string().parse().unwrap();
        assert_eq!(read, id);
        assert_eq!(read.is_nothing(), steps.is_empty());
        assert!(Step::ORDER.into_iter().all(|step| read.holds(step) == steps.contains(&step)));
    }
    // CloudFormation's own, and one of another version: everything may be there.
    for text in ["stack-CopyRoute-1ABC", "transship-photos", "", "transship-photos/failed-with:role+moon"] {
        let id: PhysicalId = text.parse().unwrap();
        assert!(Step::ORDER.into_iter().all(|step| id.holds(step)), "{text}");
    }
}

fn denied(statements: &Value) -> Vec<(String, bool)> {
    let role: RoleArn = "arn:aws:iam::222222222222:role/transship-photos-copy".parse().unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let owner = deployment(|_| ()).unwrap().route.sid_prefix();
    let objects = ["arn:aws:s3:::vendor-photos/*".to_owned()];
    let found = denials(&policy, Asker::Role(&role), &["s3:GetObject"], &objects, &owner).unwrap();
    found.into_iter().map(|denial| (denial.statement, denial.conditions.is_none())).collect()
}

#[test]
fn denials_of_others_are_found() {
    let deny = |change: fn(&mut Value)| {
        let mut statement = json!({
            "Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::vendor-photos/*"
        });
        change(&mut statement);
        denied(&json!([statement]))
    };
    let certain = [("No".to_owned(), true)];
    let possible = [("No".to_owned(), false)];
    assert_eq!(deny(|_| ()), certain);
    assert_eq!(deny(|s| s["Principal"] = json!({ "AWS": "222222222222" })), certain);
    assert_eq!(deny(|s| s["Principal"] = json!({ "AWS": ["arn:aws:iam::222222222222:root"] })), certain);
    assert_eq!(deny(|s| s["Principal"] = json!({ "AWS": "arn:aws:iam::333333333333:root" })), []);
    assert_eq!(deny(|s| s["Principal"] = json!({ "Service": "s3.amazonaws.com" })), []);
    assert_eq!(deny(|s| s["Action"] = json!(["S3:getobject"])), certain);
    assert_eq!(deny(|s| s["Action"] = json!("s3:PutObject")), []);
    assert_eq!(deny(|s| s["Resource"] = json!("arn:aws:s3:::vendor-photos/secret/*")), certain);
    assert_eq!(deny(|s| s["Resource"] = json!("arn:aws:s3:::other/*")), []);
    assert_eq!(deny(|s| s["Effect"] = json!("Allow")), []);
    assert_eq!(deny(|s| s["Condition"] = json!({ "Bool": { "aws:SecureTransport": "false" } })), []);
    assert_eq!(deny(|s| s["Condition"] = json!({ "StringNotEquals": { "aws:SourceVpce": "vpce-1" } })), possible);
    let not_action = |s: &mut Value| {
        s.as_object_mut().unwrap().remove("Action");
        s["NotAction"] = json!("s3:List*");
    };
    assert_eq!(deny(not_action), certain);
    let not_principal = |s: &mut Value| {
        s.as_object_mut().unwrap().remove("Principal");
        s["NotPrincipal"] = json!({ "AWS": "arn:aws:iam::111111111111:root" });
    };
    assert_eq!(deny(not_principal), certain);
}

#[test]
fn wildcards_match_as_in_policies() {
    for (pattern, text, expected) in [
        ("s3:*", "s3:GetObject", true),
        ("s3:Get*Tagging", "s3:GetObjectTagging", true),
        ("s3:Get?bject", "s3:GetObject", true),
        ("*a*b", "xaxxab", true),
        ("s3:Get", "s3:GetObject", false),
        ("", "", true),
        ("?", "", false),
    ] {
        assert_eq!(denials::matches(pattern, text), expected, "{pattern} {text}");
    }
}
