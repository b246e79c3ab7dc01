//! Bucket policies, inventory and notification configurations, and other settings.

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, Event, ExpirationStatus, InventoryConfiguration, InventoryDestination,
    InventoryFormat, InventoryFrequency, InventoryIncludedObjectVersions, InventoryOptionalField,
    InventoryS3BucketDestination, InventorySchedule, LambdaFunctionConfiguration, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, NotificationConfiguration, NotificationConfigurationFilter, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, S3KeyFilter, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
};

use crate::support::{Scene, code, put};

#[tokio::test]
async fn a_policy_comes_back_as_the_text_it_was() {
    let scene = Scene::with_bucket("own").await;
    let s3 = &scene.source;
    assert_eq!(code(s3.get_bucket_policy().bucket("own").send().await), "NoSuchBucketPolicy");
    let policy = "{ \"Version\":\"2008-10-17\",\n \"Statement\": {\"Effect\":\"Allow\", \"Principal\":{\"AWS\":\"222222222222\"},\n  \"Action\":\"s3:Get*\", \"Resource\":[\"arn:aws:s3:::own/*\"] } }";
    s3.put_bucket_policy().bucket("own").policy(policy).send().await.unwrap();
    assert_eq!(s3.get_bucket_policy().bucket("own").send().await.unwrap().policy(), Some(policy));
    for bad in ["not json", "[]", "{}", &policy.replace(":::own", ":::other"), &policy.replace("Allow", "Maybe")] {
        assert_eq!(code(s3.put_bucket_policy().bucket("own").policy(bad).send().await), "MalformedPolicy", "{bad}");
    }
    assert_eq!(s3.get_bucket_policy().bucket("own").send().await.unwrap().policy(), Some(policy));
    s3.delete_bucket_policy().bucket("own").send().await.unwrap();
    assert_eq!(code(s3.get_bucket_policy().bucket("own").send().await), "NoSuchBucketPolicy");
}

fn inventory(id: &str, bucket: &str) -> InventoryConfiguration {
    let to = InventoryS3BucketDestination::builder().account_id("222222222222").bucket(bucket).prefix("inventory");
    let to =
        InventoryDestination::builder().s3_bucket_destination(to.format(InventoryFormat::Csv).build().unwrap()).build();
    InventoryConfiguration::builder()
        .id(id)
        .is_enabled(true)
        .included_object_versions(InventoryIncludedObjectVersions::Current)
        .schedule(InventorySchedule::builder().frequency(InventoryFrequency::Daily).build().unwrap())
        .optional_fields(InventoryOptionalField::Size)
        .optional_fields(InventoryOptionalField::ETag)
        .destination(to)
        .build()
        .unwrap()
}

#[tokio::test]
async fn inventory_configurations_are_kept_by_id() {
    let scene = Scene::with_bucket("listed").await;
    let s3 = &scene.source;
    let put = |id: &str, bucket: &str| {
        let put = s3.put_bucket_inventory_configuration().bucket("listed").id(id);
        put.inventory_configuration(inventory(id, bucket)).send()
    };
    let get = || s3.get_bucket_inventory_configuration().bucket("listed").id("daily").send();
    assert_eq!(code(get().await), "NoSuchConfiguration");
    assert_eq!(code(put("daily", "arn:aws:s3::222222222222:manifests").await), "InvalidS3DestinationBucket");
    assert_eq!(code(put("daily", "manifests").await), "InvalidS3DestinationBucket");
    put("daily", "arn:aws:s3:::manifests").await.unwrap();
    let got = get().await.unwrap().inventory_configuration.unwrap();
    assert_eq!(got, inventory("daily", "arn:aws:s3:::manifests"));
    put("weekly", "arn:aws:s3:::manifests").await.unwrap();
    let all = s3.list_bucket_inventory_configurations().bucket("listed").send().await.unwrap();
    assert_eq!(all.inventory_configuration_list().len(), 2);
    assert_eq!(scene.cloud.store().inventory_configurations("listed").len(), 2);
    let delete = || s3.delete_bucket_inventory_configuration().bucket("listed").id("daily").send();
    delete().await.unwrap();
    assert_eq!(code(delete().await), "NoSuchConfiguration");
    assert!(s3.head_bucket().bucket("listed").send().await.is_ok(), "deleting a configuration deletes no bucket");
}

fn on_created(function: &str, prefix: &str, suffix: &str) -> LambdaFunctionConfiguration {
    let rule =
        |name: &str, value: &str| aws_sdk_s3::types::FilterRule::builder().name(name.into()).value(value).build();
    let key = S3KeyFilter::builder().filter_rules(rule("prefix", prefix)).filter_rules(rule("suffix", suffix)).build();
    LambdaFunctionConfiguration::builder()
        .lambda_function_arn(format!("arn:aws:lambda:us-east-1:111111111111:function:{function}"))
        .events(Event::S3ObjectCreated)
        .filter(NotificationConfigurationFilter::builder().key(key).build())
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_notification_configuration_replaces_the_one_before_and_may_not_overlap() {
    let scene = Scene::with_bucket("told").await;
    let s3 = &scene.source;
    let put = |configurations: Vec<LambdaFunctionConfiguration>| {
        let whole = NotificationConfiguration::builder().set_lambda_function_configurations(Some(configurations));
        let put = s3.put_bucket_notification_configuration().bucket("told");
        put.notification_configuration(whole.build()).send()
    };
    let get = || s3.get_bucket_notification_configuration().bucket("told").send();
    assert!(get().await.unwrap().lambda_function_configurations().is_empty());
    put(vec![on_created("a", "inventory/", "manifest.json"), on_created("b", "reports/", "manifest.json")])
        .await
        .unwrap();
    let overlapping = put(vec![on_created("a", "in/", ".json"), on_created("b", "", "t.json")]).await;
    let message = format!("{overlapping:?}");
    assert_eq!(code(overlapping), "InvalidArgument");
    assert!(message.contains("overlapping suffixes"), "{message}");
    assert_eq!(get().await.unwrap().lambda_function_configurations().len(), 2);
    put(vec![on_created("c", "", "")]).await.unwrap();
    let only = get().await.unwrap();
    let [only] = only.lambda_function_configurations() else { panic!("not one: {only:?}") };
    assert!(only.lambda_function_arn().ends_with(":c") && only.id().is_some());
}

#[tokio::test]
async fn settings_are_given_back_and_have_their_effect() {
    let scene = Scene::with_bucket("set").await;
    let s3 = &scene.source;
    let default = s3.get_bucket_encryption().bucket("set").send().await.unwrap();
    let rule = default.server_side_encryption_configuration().unwrap().rules().first().unwrap().clone();
    assert_eq!(rule.apply_server_side_encryption_by_default().unwrap().sse_algorithm(), &ServerSideEncryption::Aes256);
    let kms = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::AwsKms);
    let kms = kms.kms_master_key_id("arn:aws:kms:us-east-1:111111111111:key/k1").build().unwrap();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(kms).build();
    let encryption = ServerSideEncryptionConfiguration::builder().rules(rule).build().unwrap();
    s3.put_bucket_encryption().bucket("set").server_side_encryption_configuration(encryption).send().await.unwrap();
    put(s3, "set", "k", b"x").await;
    let head = s3.head_object().bucket("set").key("k").send().await.unwrap();
    assert_eq!(head.ssekms_key_id(), Some("arn:aws:kms:us-east-1:111111111111:key/k1"));

    let owner = s3.get_bucket_ownership_controls().bucket("set").send().await.unwrap();
    let owner = owner.ownership_controls().unwrap().rules().first().unwrap().object_ownership().clone();
    assert_eq!(owner, ObjectOwnership::BucketOwnerEnforced);
    let rule = OwnershipControlsRule::builder().object_ownership(ObjectOwnership::ObjectWriter).build().unwrap();
    let controls = OwnershipControls::builder().rules(rule).build().unwrap();
    s3.put_bucket_ownership_controls().bucket("set").ownership_controls(controls).send().await.unwrap();
    let public = s3.put_object().bucket("set").key("k").acl("public-read".into());
    public.send().await.unwrap();
    let acl = s3.get_object_acl().bucket("set").key("k").send().await.unwrap();
    assert_eq!(acl.grants().len(), 2);

    let block = PublicAccessBlockConfiguration::builder().block_public_policy(true).build();
    assert_eq!(code(s3.get_public_access_block().bucket("set").send().await), "NoSuchPublicAccessBlockConfiguration");
    s3.put_public_access_block().bucket("set").public_access_block_configuration(block).send().await.unwrap();
    let public =
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::set/*"}]}"#;
    assert_eq!(code(s3.put_bucket_policy().bucket("set").policy(public).send().await), "AccessDenied");

    assert_eq!(
        code(s3.get_bucket_lifecycle_configuration().bucket("set").send().await),
        "NoSuchLifecycleConfiguration"
    );
    let rule = LifecycleRule::builder().id("r").status(ExpirationStatus::Enabled);
    let rule = rule.filter(LifecycleRuleFilter::builder().prefix("inventory/").build());
    let rule = rule.expiration(LifecycleExpiration::builder().days(120).build()).build().unwrap();
    let lifecycle = BucketLifecycleConfiguration::builder().rules(rule.clone()).build().unwrap();
    s3.put_bucket_lifecycle_configuration().bucket("set").lifecycle_configuration(lifecycle).send().await.unwrap();
    let got = s3.get_bucket_lifecycle_configuration().bucket("set").send().await.unwrap();
    assert_eq!(got.rules(), [rule]);

    assert_eq!(code(s3.get_bucket_tagging().bucket("set").send().await), "NoSuchTagSet");
    let tags = Tagging::builder().tag_set(Tag::builder().key("a").value("1").build().unwrap()).build().unwrap();
    s3.put_bucket_tagging().bucket("set").tagging(tags).send().await.unwrap();
    assert_eq!(s3.get_bucket_tagging().bucket("set").send().await.unwrap().tag_set().len(), 1);
    assert_eq!(
        code(s3.get_object_lock_configuration().bucket("set").send().await),
        "ObjectLockConfigurationNotFoundError"
    );
}

#[tokio::test]
async fn buckets_have_an_owner_and_a_region() {
    let scene = Scene::with_bucket("mine").await;
    let (s3, other) = (&scene.source, &scene.destination);
    assert_eq!(code(other.create_bucket().bucket("mine").send().await), "BucketAlreadyExists");
    assert!(s3.create_bucket().bucket("mine").send().await.is_ok());
    let region = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint("eu-west-1".into());
    s3.create_bucket().bucket("far").create_bucket_configuration(region.build()).send().await.unwrap();
    let location = s3.get_bucket_location().bucket("far").send().await.unwrap();
    assert_eq!(location.location_constraint().unwrap().as_str(), "eu-west-1");
    assert_eq!(s3.head_bucket().bucket("far").send().await.unwrap().bucket_region(), Some("eu-west-1"));
    let names = |list: aws_sdk_s3::operation::list_buckets::ListBucketsOutput| {
        list.buckets().iter().map(|b| b.name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(s3.list_buckets().send().await.unwrap()), ["far", "mine"]);
    assert!(names(other.list_buckets().send().await.unwrap()).is_empty());
    put(s3, "mine", "k", b"x").await;
    assert_eq!(code(s3.delete_bucket().bucket("mine").send().await), "BucketNotEmpty");
    s3.delete_bucket().bucket("far").send().await.unwrap();
    assert_eq!(code(s3.head_bucket().bucket("far").send().await), "NotFound");
}
