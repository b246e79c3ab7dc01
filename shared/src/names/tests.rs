//! Tests.

use proptest::prelude::*;

use super::*;

#[test]
fn account_ids_have_12_digits() {
    assert!("222222222222".parse::<AccountId>().is_ok());
    for wrong in [
        "",
        "22222222222",
        "2222222222222",
        "2222-2222-2222",
        "２２２２２２２２２２２２",
        "arn:aws:iam::222222222222:root",
    ] {
        assert!(wrong.parse::<AccountId>().is_err(), "{wrong}");
    }
}

#[test]
fn bucket_names_follow_s3s_rules() {
    for right in ["abc", "my.bucket-2", "1a1", &"a".repeat(63)] {
        assert!(right.parse::<BucketName>().is_ok(), "{right}");
    }
    for wrong in ["ab", "-abc", "abc.", "a..b", "Abc", "a_b", "10.0.0.1", "arn:aws:s3:::abc", "abc/d", &"a".repeat(64)]
    {
        assert!(wrong.parse::<BucketName>().is_err(), "{wrong}");
    }
}

#[test]
fn regions() {
    for right in ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-5", "cn-north-1", "mx-central-1"] {
        assert!(right.parse::<Region>().is_ok(), "{right}");
    }
    for wrong in ["", "us", "us-east", "US-EAST-1", "us-east-1a", "us--1", "Frankfurt"] {
        assert!(wrong.parse::<Region>().is_err(), "{wrong}");
    }
}

#[test]
fn a_role_arn_tells_account_and_partition() {
    let role: RoleArn = "arn:aws-cn:iam::222222222222:role/service-role/transship+x,y@z".parse().unwrap();
    assert_eq!((role.partition(), role.account()), ("aws-cn", "222222222222"));
    for wrong in [
        "arn:aws:iam::222222222222:role/",
        "arn:aws:iam::222222222222:user/x",
        "arn:aws:iam::2222:role/x",
        "arn:aws:iam:us-east-1:222222222222:role/x",
        "arn:aws:sts::222222222222:assumed-role/x/y",
        "role/x",
    ] {
        assert!(wrong.parse::<RoleArn>().is_err(), "{wrong}");
    }
}

#[test]
fn a_kms_key_is_named_by_its_own_arn() {
    let key: KmsKeyArn = "arn:aws:kms:eu-west-1:222222222222:key/mrk-0123456789abcdef".parse().unwrap();
    assert_eq!(key.region(), "eu-west-1");
    for wrong in ["alias/aws/s3", "arn:aws:kms:eu-west-1:222222222222:alias/x", "1234abcd-12ab-34cd-56ef-1234567890ab"]
    {
        assert!(wrong.parse::<KmsKeyArn>().is_err(), "{wrong}");
    }
}

#[test]
fn a_function_is_named_by_its_whole_arn() {
    for right in ["transship-photos-copy-large", "f_1:live", "f:$LATEST", "f:7"] {
        let arn = format!("arn:aws:lambda:eu-west-1:222222222222:function:{right}");
        assert!(arn.parse::<FunctionArn>().is_ok(), "{arn}");
    }
    for wrong in [
        "copy-large",
        "arn:aws:lambda:eu-west-1:222222222222:function:",
        "arn:aws:lambda:eu-west-1:222222222222:function:a:b:c",
        "arn:aws:lambda::222222222222:function:a",
        "arn:aws:lambda:eu-west-1:222222222222:layer:a",
    ] {
        assert!(wrong.parse::<FunctionArn>().is_err(), "{wrong}");
    }
}

#[test]
fn a_prefix_has_no_slash_at_its_ends() {
    assert!("a/b c/ü".parse::<Prefix>().is_ok());
    for wrong in ["", "/", "a/", "/a", "a//b", "a/../b", "./a", "a\nb"] {
        assert!(wrong.parse::<Prefix>().is_err(), "{wrong:?}");
    }
}

#[test]
fn an_etag_is_kept_without_quotes() {
    let quoted: ETag = "\"d41d8cd98f00b204e9800998ecf8427e-12\"".parse().unwrap();
    assert_eq!(quoted.as_str(), "d41d8cd98f00b204e9800998ecf8427e-12");
    for wrong in ["", "\"\"", "\"", "W/\"abc\"", "a b", "a/b", &"a".repeat(129)] {
        assert!(wrong.parse::<ETag>().is_err(), "{wrong:?}");
    }
}

#[test]
fn keys_are_decoded_whichever_way_a_space_is_written() {
    for (encoded, key) in [
        ("a+b", "a b"),
        ("a%20b", "a b"),
        ("a%2Bb", "a+b"),
        ("100%25", "100%"),
        ("%C3%BC/%E2%82%AC.txt", "ü/€.txt"),
        ("a%2cb%0A%22", "a,b\n\""),
        ("50%zz", "50%zz"),
    ] {
        assert_eq!(EncodedKey::new(encoded).decode().unwrap().as_str(), key);
    }
    assert!(EncodedKey::new("%FF").decode().is_err());
}

#[test]
fn an_excerpt_is_cut_between_characters() {
    assert_eq!(excerpt(&"ü".repeat(200)), "ü".repeat(200));
    assert_eq!(excerpt(&"ü".repeat(201)), format!("{}…", "ü".repeat(200)));
}

proptest! {
    #[test]
    fn every_key_survives_encoding(key in ".*") {
        let key = ObjectKey::from_plain(key);
        prop_assert_eq!(key.encode().decode().unwrap(), key);
    }

    #[test]
    fn an_encoded_key_is_plain_ascii(key in ".*") {
        let encoded = ObjectKey::from_plain(key).encode();
        prop_assert!(encoded.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~/%".contains(&b)));
    }

    #[test]
    fn form_encoding_is_decoded_as_well(key in ".*") {
        let form: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let decoded = EncodedKey::new(form).decode().unwrap();
        prop_assert_eq!(decoded.as_str(), key);
    }

    #[test]
    fn nothing_makes_a_parser_panic(text in ".*") {
        let _ = text.parse::<AccountId>();
        let _ = text.parse::<BucketName>();
        let _ = text.parse::<Region>();
        let _ = text.parse::<RouteName>();
        let _ = text.parse::<InventoryId>();
        let _ = text.parse::<Prefix>();
        let _ = text.parse::<RoleArn>();
        let _ = text.parse::<KmsKeyArn>();
        let _ = text.parse::<ETag>();
        let _ = EncodedKey::new(text).decode();
    }
}

#[test]
fn topics_are_standard_ones_by_their_own_arn() {
    for good in
        ["arn:aws:sns:us-east-1:222222222222:transship-photos-notices", "arn:aws-cn:sns:cn-north-1:222222222222:T_1"]
    {
        assert!(good.parse::<TopicArn>().is_ok(), "{good}");
    }
    for bad in [
        "transship-photos-notices",
        "arn:aws:sns:us-east-1:222222222222:",
        "arn:aws:sns:us-east-1:222222222222:queue.fifo",
        "arn:aws:sns:us-east-1:222222222222:t:subscription",
        "arn:aws:sqs:us-east-1:222222222222:t",
        "arn:aws:sns::222222222222:t",
        "arn:aws:sns:us-east-1:2222:t",
    ] {
        assert!(bad.parse::<TopicArn>().is_err(), "{bad}");
    }
}
