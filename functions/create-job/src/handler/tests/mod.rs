//! The function from event to answer, over [`aws`].

mod aws;
mod failures;
mod reports;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::Aws;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use transship::inventory::Patience;

use super::{Handler, Waits};
use crate::answer::Retry;
use crate::config::Config;

const FOLDER: &str = "inventory/source-bucket/transship/2025-06-01T01-00Z/";
const DATA: &str = "inventory/source-bucket/transship/data/";
const VERSION: &str = "qUnI7lRZ2rWcGbcPZqYkPBkXsJ6x1o3V";
const MANIFEST: &str = include_str!("../../../fixtures/manifest.json");
const CHECKSUM: &str = include_str!("../../../fixtures/manifest.checksum");
const RUN: &str = "2025-06-01T01-00Z-869a85fbe0382339184dc5759515608a";

macro_rules! event {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!("../../../events/", $name, ".json"))).unwrap()
    };
}
pub(super) use event;

/// The settings without which there is no route.
fn settings() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("ROUTE", "photos"),
        ("ACCOUNT_ID", "222222222222"),
        ("SOURCE_BUCKET", "source-bucket"),
        ("SOURCE_ACCOUNT_ID", "111111111111"),
        ("DESTINATION_BUCKET", "destination-bucket"),
        ("DESTINATION_REGION", "eu-west-1"),
        ("MANIFEST_BUCKET", "manifest-bucket"),
        ("COPY_ROLE_ARN", "arn:aws:iam::222222222222:role/transship-photos-copy"),
        // Changed-only runs are tested on the local cloud, where reports are whole.
        ("COPY_MODE", "Everything"),
    ])
}

fn handler(aws: &Aws) -> Handler {
    let patience = Patience { tries: 2, pause: Duration::from_millis(1) };
    let waits = Waits { patience, denied: Duration::from_millis(200), pause: Duration::from_millis(1) };
    let config = Config::from_env(&settings()).unwrap();
    Handler { waits, ..Handler::new(config, &aws.s3(), aws.control(), aws.lambda()) }
}

async fn invoke(handler: &Handler, event: Value) -> Result<Value, Retry> {
    let answer = handler.invoked(LambdaEvent::new(event, Context::default())).await?;
    Ok(serde_json::to_value(answer).unwrap())
}

/// The only result of an answer.
fn only(answer: &Value) -> &Value {
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 1, "{answer}");
    &results[0]
}

fn outcomes(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|r| r["outcome"].as_str().unwrap()).collect()
}

/// A cloud to which the fixture's report has been delivered.
fn delivered() -> Aws {
    let aws = Aws::new();
    deliver(&aws, VERSION, MANIFEST);
    aws
}

/// Delivers a report of this manifest, with data files of the sizes it gives.
fn deliver(aws: &Aws, version: &str, manifest: &str) {
    if let Ok(Value::Object(fields)) = serde_json::from_str(manifest) {
        for file in fields.get("files").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(key), Some(size)) = (file["key"].as_str(), file["size"].as_u64()) {
                aws.put(key, "d", vec![b'x'; usize::try_from(size).unwrap()]);
            }
        }
    }
    aws.put(&format!("{FOLDER}manifest.json"), version, manifest);
    aws.put(&format!("{FOLDER}manifest.checksum"), "c", format!("{}\n", aws::md5(manifest.as_bytes())));
}

/// The event of a manifest.json with this body and version.
fn put_event(version: &str, manifest: &str) -> Value {
    let mut event = event!("s3-put-manifest");
    event["Records"][0]["s3"]["object"]["eTag"] = json!(aws::md5(manifest.as_bytes()));
    event["Records"][0]["s3"]["object"]["versionId"] = json!(version);
    event
}

#[tokio::test]
async fn a_manifest_becomes_one_job() {
    let aws = delivered();
    let answer = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    let key = format!("{FOLDER}manifest.json");
    assert_eq!(answer, json!({"results": [{"key": key, "outcome": "created", "run": RUN, "job_id": "job-1"}]}));
    assert_eq!(aws.state().jobs[0].description, format!("transship photos run {RUN} everything"));
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_CreateJob.html>
#[tokio::test]
async fn the_request_on_the_wire_is_as_the_service_model_has_it() {
    let aws = delivered();
    invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    let job = aws.state().jobs[0].clone();
    assert_eq!(job.token.len(), 64);
    let expected = [
        r#"<CreateJobRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/">"#,
        &format!("<ClientRequestToken>{}</ClientRequestToken>", job.token),
        "<ConfirmationRequired>false</ConfirmationRequired>",
        "<Description>transship photos run 2025-06-01T01-00Z-869a85fbe0382339184dc5759515608a everything</Description>",
        "<Manifest><Spec><Format>S3InventoryReport_CSV_20161130</Format></Spec><Location>",
        "<ObjectArn>arn:aws:s3:::manifest-bucket/inventory/source-bucket/transship/2025-06-01T01-00Z/manifest.json</ObjectArn>",
        "<ObjectVersionId>qUnI7lRZ2rWcGbcPZqYkPBkXsJ6x1o3V</ObjectVersionId>",
        "<ETag>869a85fbe0382339184dc5759515608a</ETag></Location></Manifest>",
        "<Operation><S3PutObjectCopy><TargetResource>arn:aws:s3:::destination-bucket</TargetResource>",
        "<MetadataDirective>COPY</MetadataDirective><AnnotationDirective>EXCLUDE</AnnotationDirective>",
        "</S3PutObjectCopy></Operation><Priority>10</Priority>",
        "<Report><Bucket>arn:aws:s3:::manifest-bucket</Bucket><Format>Report_CSV_20180820</Format><Enabled>true</Enabled>",
        "<Prefix>reports</Prefix><ReportScope>AllTasks</ReportScope>",
        "<ExpectedBucketOwner>222222222222</ExpectedBucketOwner></Report>",
        "<RoleArn>arn:aws:iam::222222222222:role/transship-photos-copy</RoleArn>",
        "<Tags><member><Key>transship:route</Key><Value>photos</Value></member>",
        "<member><Key>transship:run</Key><Value>2025-06-01T01-00Z-869a85fbe0382339184dc5759515608a</Value></member></Tags>",
        "</CreateJobRequest>",
    ]
    .concat();
    assert_eq!(job.xml, expected);
}

#[tokio::test]
async fn a_checksum_is_an_event_of_the_same_report() {
    let aws = delivered();
    let answer = invoke(&handler(&aws), event!("s3-put-checksum")).await.unwrap();
    let key = format!("{FOLDER}manifest.checksum");
    assert_eq!(only(&answer), &json!({"key": key, "outcome": "created", "run": RUN, "job_id": "job-1"}));
    let again = invoke(&handler(&aws), event!("s3-put-manifest")).await.unwrap();
    assert_eq!(only(&again)["outcome"], "already created");
    assert_eq!(aws.state().jobs.len(), 1);
}

#[tokio::test]
async fn eventbridge_tells_the_same() {
    let aws = delivered();
    let answer = invoke(&handler(&aws), event!("eventbridge-object-created")).await.unwrap();
    assert_eq!(only(&answer)["outcome"], "created");
    assert_eq!(only(&answer)["run"], RUN);
}

#[tokio::test]
async fn every_record_is_handled_and_a_bad_one_stops_none() {
    let aws = delivered();
    let answer = invoke(&handler(&aws), event!("s3-several-records")).await.unwrap();
    assert_eq!(outcomes(&answer), ["refused", "ignored", "created", "ignored", "already created"]);
    let data = &answer["results"][3]["key"];
    assert_eq!(data, &format!("{DATA}939c6d46+85a9 4ba8.csv.gz"), "keys are decoded: %2B is a plus, + a space");
    assert_eq!(aws.state().jobs.len(), 1);
}

#[tokio::test]
async fn what_is_no_report_of_this_route_is_ignored_without_a_call() {
    for (event, expected) in [
        (event!("s3-test-event"), vec!["ignored"]),
        (event!("s3-completion-report"), vec!["ignored"]),
        (event!("s3-plan-manifest"), vec!["ignored"]),
        (event!("s3-other-route"), vec!["ignored", "ignored"]),
        (
            event!("s3-odd-keys"),
            vec![
                "ignored", "ignored", "ignored", "ignored", "ignored", "ignored", "refused", "refused", "refused",
                "ignored", "ignored",
            ],
        ),
    ] {
        let aws = delivered();
        let answer = invoke(&handler(&aws), event).await.unwrap();
        assert_eq!(outcomes(&answer), expected, "{answer:#}");
        for result in answer["results"].as_array().unwrap() {
            assert!(result["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{result}");
        }
        assert_eq!(aws.state().calls, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_event_of_no_known_shape_is_refused_once() {
    for event in [
        json!({"action": "rebiuld"}),
        json!({"action": 7}),
        json!(null),
        json!("text"),
        json!([]),
        json!({}),
        json!({"Records": {}}),
        json!({"Records": [7, null]}),
    ] {
        let answer = invoke(&handler(&Aws::new()), event.clone()).await.unwrap();
        assert!(outcomes(&answer).iter().all(|outcome| *outcome == "refused"), "{event} → {answer}");
        assert!(!outcomes(&answer).is_empty(), "{event}");
    }
}
