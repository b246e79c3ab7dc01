//! S3 notifications: put an object over HTTP, see what the function was told.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::{
    BucketVersioningStatus, Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, S3KeyFilter, VersioningConfiguration,
};
use cloud::front::Server;
use cloud::identity::AccountId;
use cloud::{Cloud, lambda};
use serde_json::Value;

use super::{eventually, served};

const BUCKET: &str = "manifests";

pub(crate) fn client(cloud: &Cloud, server: &Server) -> Client {
    let keys = cloud.iam().account_keys(&AccountId::destination());
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(cloud::REGION))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .credentials_provider(Credentials::new(keys.access_key_id, keys.secret_access_key, None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn rule(name: FilterRuleName, value: &str) -> FilterRule {
    FilterRule::builder().name(name).value(value).build()
}

/// A served cloud with a bucket that tells `echo` of new manifests under `inventory/`.
async fn notifying() -> (Cloud, Server, Client) {
    let (cloud, server) = served().await;
    let client = client(&cloud, &server);
    client.create_bucket().bucket(BUCKET).send().await.unwrap();
    let filter = S3KeyFilter::builder()
        .filter_rules(rule(FilterRuleName::Prefix, "inventory/"))
        .filter_rules(rule(FilterRuleName::Suffix, "manifest.json"));
    let function = LambdaFunctionConfiguration::builder()
        .id("manifests")
        .lambda_function_arn(lambda::function_arn("echo"))
        .events(Event::S3ObjectCreated)
        .filter(NotificationConfigurationFilter::builder().key(filter.build()).build());
    let configuration =
        NotificationConfiguration::builder().lambda_function_configurations(function.build().unwrap()).build();
    let put = client.put_bucket_notification_configuration().bucket(BUCKET);
    put.notification_configuration(configuration).send().await.unwrap();
    (cloud, server, client)
}

/// The events that `echo` has printed, oldest first, once there are as many as expected.
async fn told(cloud: &Cloud, count: usize) -> Vec<Value> {
    cloud.activity().settled().await;
    let events = || -> Vec<Value> {
        let lines = cloud.functions().logs("echo");
        lines.iter().filter_map(|l| l.strip_prefix("got ")).map(|l| serde_json::from_str(l).unwrap()).collect()
    };
    eventually(&format!("event {count}"), || events().len() >= count).await;
    events()
}

#[tokio::test]
async fn a_test_event_is_sent_when_a_configuration_is_put() {
    let (cloud, _server, _client) = notifying().await;
    let events = told(&cloud, 1).await;
    assert_eq!(events[0]["Event"], "s3:TestEvent");
    assert_eq!(events[0]["Bucket"], BUCKET);
}

#[tokio::test]
async fn an_object_that_matches_is_told_of_and_no_other() {
    let (cloud, _server, client) = notifying().await;
    for key in ["inventory/a/manifest.json.md5", "reports/job/manifest.json", "inventory/a b/manifest.json"] {
        client.put_object().bucket(BUCKET).key(key).body(b"{}".to_vec().into()).send().await.unwrap();
    }
    let events = told(&cloud, 2).await;
    assert_eq!(events.len(), 2, "{events:?}");
    // The test event and this one were sent at nearly the same time.
    let record = events.iter().find_map(|event| event.pointer("/Records/0")).unwrap();
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["configurationId"], "manifests");
    assert_eq!(record["s3"]["bucket"]["name"], BUCKET);
    let object = record["s3"]["object"].as_object().unwrap();
    assert_eq!(object["key"], "inventory/a+b/manifest.json");
    assert_eq!(object["size"], 2);
    assert_eq!(object["eTag"], "99914b932bd37a50b983c5e7c90ae93b");
    assert!(!object.contains_key("versionId"));
    assert!(cloud.functions().failures().is_empty());
}

#[tokio::test]
async fn events_of_a_versioned_bucket_name_the_version_and_come_in_order_by_sequencer() {
    let (cloud, _server, client) = notifying().await;
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket(BUCKET).versioning_configuration(versioning).send().await.unwrap();
    let mut written = Vec::new();
    for _ in 0..3 {
        let put = client.put_object().bucket(BUCKET).key("inventory/manifest.json").body(b"{}".to_vec().into());
        written.push(put.send().await.unwrap().version_id.unwrap());
    }
    let events = told(&cloud, 4).await;
    let mut objects: Vec<&Value> = events.iter().filter_map(|event| event.pointer("/Records/0/s3/object")).collect();
    objects.sort_by_key(|object| object["sequencer"].as_str());
    let versions: Vec<&str> = objects.iter().filter_map(|object| object["versionId"].as_str()).collect();
    assert_eq!(versions, written);
}

#[tokio::test]
async fn notifications_can_be_held_and_delivered_in_any_order_as_often_as_wanted() {
    let (cloud, _server, client) = notifying().await;
    told(&cloud, 1).await;
    cloud.events().hold();
    for key in ["inventory/1/manifest.json", "inventory/2/manifest.json", "inventory/3/manifest.json"] {
        client.put_object().bucket(BUCKET).key(key).body(b"{}".to_vec().into()).send().await.unwrap();
    }
    let held = cloud.events().held();
    let keys: Vec<_> = held.iter().map(|held| held.key.as_str()).collect();
    assert_eq!(keys, ["inventory/1/manifest.json", "inventory/2/manifest.json", "inventory/3/manifest.json"]);
    assert_eq!(told(&cloud, 1).await.len(), 1, "nothing is delivered");
    for (at, delivered) in [2, 0, 2].into_iter().zip(2..) {
        assert!(cloud.events().deliver(held[at].number));
        let events = told(&cloud, delivered).await;
        assert_eq!(events.last().unwrap()["Records"][0]["s3"]["object"]["key"], held[at].key.as_str());
    }
    assert!(cloud.events().lose(held[0].number));
    assert!(!cloud.events().deliver(held[0].number), "it is lost");
    cloud.events().release();
    assert_eq!(told(&cloud, 6).await.len(), 6);
    assert_eq!(cloud.events().held(), []);
}

#[tokio::test]
async fn notifications_can_be_late_lost_or_there_twice() {
    let (cloud, _server, client) = notifying().await;
    told(&cloud, 1).await;
    cloud.events().script(|notification| match notification.number % 3 {
        1 => lambda::Delivery::After(std::time::Duration::from_mins(5)),
        2 => lambda::Delivery::Lost,
        _ => lambda::Delivery::Times(2),
    });
    for key in ["inventory/1/manifest.json", "inventory/2/manifest.json", "inventory/3/manifest.json"] {
        client.put_object().bucket(BUCKET).key(key).body(b"{}".to_vec().into()).send().await.unwrap();
    }
    assert_eq!(told(&cloud, 3).await.len(), 3);
    cloud.clock().turn(301);
    let events = told(&cloud, 4).await;
    assert_eq!(events.len(), 4);
    assert_eq!(events[3]["Records"][0]["s3"]["object"]["key"], "inventory/1/manifest.json");
}
