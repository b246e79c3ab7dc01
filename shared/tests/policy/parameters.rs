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
    assert_eq!((route.account.as_str(), route.destination_region.as_str()), ("222222222222", "eu-west-1"));
    assert_eq!((route.inventory_prefix.as_str(), route.report_prefix.as_str()), ("inventory", "reports"));
    for prefix in ["", "a", "a/b", "ünïcode", "100%", "cost $5", "quote\"d", "a b+c"] {
        assert_eq!(wrong(|given| given.source_prefix = prefix.to_owned()), [""; 0], "{prefix:?}");
    }
}

#[test]
fn everything_wrong_is_said_at_once_and_by_name() {
    let errors = RouteParameters {
        source_prefix: "/a/".to_owned(),
        inventory_prefix: "/".to_owned(),
        report_prefix: "/".to_owned(),
        destination_region: "Ireland".to_owned(),
        destination_prefix: "a*".to_owned(),
        source_keys: vec!["alias/x".to_owned()],
        destination_key: "x".to_owned(),
        manifest_key: "x".to_owned(),
        ..RouteParameters::default()
    }
    .validate()
    .unwrap_err();
    let names: Vec<_> = errors.0.iter().map(|error| error.parameter).collect();
    let expected = [
        "Route",
        "CopyRoleArn",
        "Region",
        "SourceAccountId",
        "SourceBucket",
        "SourcePrefix",
        "SourceKmsKeyArn",
        "DestinationBucket",
        "DestinationRegion",
        "DestinationPrefix",
        "KmsKeyArn",
        "ManifestBucketName",
        "InventoryPrefix",
        "InventoryId",
        "ReportPrefix",
        "InventoryKmsKeyArn",
    ];
    assert_eq!(names, expected);
    let text = errors.to_string();
    assert!(text.contains("SourcePrefix is \"/a/\": expected a prefix of"), "{text}");
}

#[test]
fn each_bad_value_is_refused() {
    for name in ["ab", "UPPER", "a..b", "-abc", "abc-", "192.168.1.1", "arn:aws:s3:::abc", "a_b"] {
        assert_eq!(wrong(|given| given.source_bucket = name.to_owned()), ["SourceBucket"], "{name:?}");
    }
    for prefix in ["a/", "/a", "a*b", "a?b", "a${b", "a\nb", "日本"] {
        assert_eq!(wrong(|given| given.source_prefix = prefix.to_owned()), ["SourcePrefix"], "{prefix:?}");
        assert_eq!(wrong(|given| given.destination_prefix = prefix.to_owned()), ["DestinationPrefix"], "{prefix:?}");
    }
    for prefix in ["plans", "ledger/x", "reports/x", "reports"] {
        let found = wrong(|given| given.inventory_prefix = prefix.to_owned());
        let expected = if prefix.starts_with("reports") { "ReportPrefix" } else { "InventoryPrefix" };
        assert_eq!(found, [expected], "{prefix:?}");
    }
    for key in [
        "arn:aws:kms:eu-west-1:111111111111:alias/x",
        "arn:aws:kms:us-east-1:111111111111:key/x",
        "arn:aws-cn:kms:eu-west-1:111111111111:key/x",
        "x",
    ] {
        assert_eq!(wrong(|given| given.source_keys = vec![key.to_owned()]), ["SourceKmsKeyArn"], "{key:?}");
        assert_eq!(wrong(|given| given.destination_key = key.to_owned()), ["KmsKeyArn"], "{key:?}");
        assert_eq!(wrong(|given| given.manifest_key = key.to_owned()), ["InventoryKmsKeyArn"], "{key:?}");
    }
    let other_region = wrong(|given| {
        given.destination_region = "us-east-1".to_owned();
        given.destination_key = "arn:aws:kms:us-east-1:222222222222:key/x".to_owned();
    });
    assert_eq!(other_region, [""; 0]);
}

#[test]
fn buckets_are_kept_apart() {
    let manifest = "photos-manifests".to_owned();
    assert_eq!(wrong(|given| given.source_bucket = manifest.clone()), ["ManifestBucketName"]);
    assert_eq!(wrong(|given| given.destination_bucket = manifest), ["ManifestBucketName"]);
    let one_bucket = |source: &str, destination: &str| {
        wrong(|given| {
            given.destination_bucket.clone_from(&given.source_bucket);
            given.source_account = "222222222222".to_owned();
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
    let regions = wrong(|given| {
        given.destination_bucket.clone_from(&given.source_bucket);
        given.source_account = "222222222222".to_owned();
        given.destination_region = "us-east-1".to_owned();
    });
    assert_eq!(regions, ["DestinationRegion"]);
}
