use transship::policy::RouteParameters;

use super::support::parameters;

fn wrong(change: impl FnOnce(&mut RouteParameters)) -> Vec<&'static str> {
    let mut given = parameters();
    change(&mut given);
    given.validate().map_or_else(|errors| errors.0.iter().map(|error| error.parameter).collect(), |_| Vec::new())
}

#[test]
fn good_parameters_are_taken_and_get_their_defaults() {
    let route = parameters().validate().unwrap();
    let given = route.parameters();
    assert_eq!((given.partition.as_str(), given.destination_region.as_str()), ("aws", "eu-west-1"));
    assert_eq!(route.copy_role_arn(), "arn:aws:iam::222222222222:role/transship-photos-daily-copy");
    for prefix in ["", "a", "a/b", "ünïcode", "100%", "cost $5", "quote\"d", "a b+c"] {
        assert_eq!(wrong(|given| given.source_prefix = prefix.to_owned()), [""; 0], "{prefix:?}");
    }
}

#[test]
fn everything_wrong_is_said_at_once_and_by_name() {
    let errors = RouteParameters {
        partition: "gcp".to_owned(),
        source_prefix: "/a/".to_owned(),
        inventory_prefix: "reports/x".to_owned(),
        copy_role_path: "x".to_owned(),
        destination_prefix: "a*".to_owned(),
        source_keys: vec!["alias/x".to_owned()],
        ..RouteParameters::default()
    }
    .validate()
    .unwrap_err();
    let names: Vec<_> = errors.0.iter().map(|error| error.parameter).collect();
    for name in [
        "Route",
        "Partition",
        "Region",
        "DestinationAccountId",
        "SourceAccountId",
        "SourceBucket",
        "SourcePrefix",
        "DestinationBucket",
        "DestinationRegion",
        "DestinationPrefix",
        "ManifestBucketName",
        "InventoryPrefix",
        "InventoryId",
        "CopyRolePath",
        "SourceKmsKeyArns",
    ] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    let text = errors.to_string();
    assert!(text.contains("SourcePrefix is \"/a/\": expected a prefix without a slash"), "{text}");
}

#[test]
fn each_bad_value_is_refused() {
    for name in
        ["ab", "UPPER", "a..b", "-abc", "abc-", "192.168.1.1", "xn--abc", "abc-s3alias", "arn:aws:s3:::abc", "a_b"]
    {
        assert_eq!(wrong(|given| given.source_bucket = name.to_owned()), ["SourceBucket"], "{name:?}");
    }
    for prefix in ["a/", "/a", "a*b", "a?b", "a${b", "a\nb", "日本"] {
        assert_eq!(wrong(|given| given.source_prefix = prefix.to_owned()), ["SourcePrefix"], "{prefix:?}");
    }
    for account in ["11111111111", "1111111111111", "11111111111x", "１１１１"] {
        assert_eq!(wrong(|given| given.source_account = account.to_owned()), ["SourceAccountId"], "{account:?}");
    }
    for prefix in ["inventory/", "plans", "ledger/x"] {
        assert_eq!(wrong(|given| given.inventory_prefix = prefix.to_owned()), ["InventoryPrefix"], "{prefix:?}");
    }
    for key in [
        "arn:aws:kms:eu-west-1:111111111111:alias/x",
        "arn:aws:kms:us-east-1:111111111111:key/x",
        "arn:aws-cn:kms:eu-west-1:111111111111:key/x",
        "x",
    ] {
        assert_eq!(wrong(|given| given.source_keys = vec![key.to_owned()]), ["SourceKmsKeyArns"], "{key:?}");
        assert_eq!(wrong(|given| given.destination_key = key.to_owned()), ["KmsKeyArn"], "{key:?}");
        assert_eq!(wrong(|given| given.manifest_key = key.to_owned()), ["ManifestKmsKeyArn"], "{key:?}");
    }
}

#[test]
fn buckets_are_kept_apart() {
    let manifest = "photos-manifests".to_owned();
    assert_eq!(wrong(|given| given.source_bucket = manifest.clone()), ["ManifestBucketName"]);
    assert_eq!(wrong(|given| given.destination_bucket = manifest), ["ManifestBucketName"]);
    let one_bucket = |source: &str, destination: &str| {
        wrong(|given| {
            given.destination_bucket.clone_from(&given.source_bucket);
            given.source_account.clone_from(&given.destination_account);
            source.clone_into(&mut given.source_prefix);
            destination.clone_into(&mut given.destination_prefix);
        })
    };
    assert_eq!(one_bucket("a", "b"), [""; 0]);
    assert_eq!(one_bucket("a", "ab"), [""; 0]);
    for (source, destination) in [("", ""), ("", "b"), ("a", ""), ("a", "a"), ("a", "a/b"), ("a/a", "a")] {
        assert_eq!(one_bucket(source, destination), ["DestinationPrefix"], "{source:?} to {destination:?}");
    }
    let accounts = wrong(|given| given.destination_bucket.clone_from(&given.source_bucket));
    assert_eq!(accounts, ["SourceAccountId"]);
}
