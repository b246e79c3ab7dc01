//! Each permission of the tutorial's role and source policy, taken away alone: what fails, and where it says so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use e2e::Error;
use e2e::route::{DESTINATION_BUCKET, MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use e2e::tutorial::{self, ROLE_ACTIONS, SOURCE_ACTIONS};
use serde_json::{Value, json};

const OBJECTS: usize = 5;

/// The copy role's policy, with a statement for each bucket so that an action can be taken from one alone.
fn role_policy(without: &[(&str, &str)]) -> Value {
    let statements: Vec<Value> = [SOURCE_BUCKET, DESTINATION_BUCKET, MANIFEST_BUCKET]
        .into_iter()
        .map(|bucket| {
            let actions: Vec<&str> =
                ROLE_ACTIONS.into_iter().filter(|action| !without.contains(&(*action, bucket))).collect();
            tutorial::role_policy(&actions, &[bucket])["Statement"][0].clone()
        })
        .enumerate()
        .map(|(n, mut statement)| {
            statement["Sid"] = json!(format!("Statement{n}"));
            statement
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

async fn route_with_objects() -> Result<Route, Error> {
    let route = Route::set_up(&[]).await?;
    for n in 0..OBJECTS {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("object {n}")).send().await?;
    }
    Ok(route)
}

/// Delivers, settles, and returns the job's status and the rows of its completion report.
async fn run(route: &Route) -> Result<(String, String, Vec<String>), Error> {
    let report = route.deliver().await?;
    route.cloud.activity().settled().await;
    let run = route.run_of(&report).await?;
    let id = run.job_id.ok_or("there is no job")?;
    let job = route.job(&id).await?;
    let reasons: Vec<&str> = job.failure_reasons().iter().filter_map(|reason| reason.failure_reason()).collect();
    let status = job.status().map(|status| status.as_str().to_owned()).unwrap_or_default();
    Ok((status, reasons.join("; "), completion_rows(route, &id).await?))
}

async fn completion_rows(route: &Route, job: &str) -> Result<Vec<String>, Error> {
    let prefix = format!("reports/job-{job}/results/");
    let listed = route.destination.s3.list_objects_v2().bucket(MANIFEST_BUCKET).prefix(prefix).send().await?;
    let mut rows = Vec::new();
    for object in listed.contents() {
        let key = object.key().unwrap_or_default();
        let body =
            route.destination.s3.get_object().bucket(MANIFEST_BUCKET).key(key).send().await?.body.collect().await?;
        rows.extend(String::from_utf8(body.to_vec())?.lines().map(str::to_owned));
    }
    Ok(rows)
}

async fn every_task_is_denied(route: &Route) {
    let (status, _, rows) = run(route).await.unwrap();
    assert_eq!(status, "Complete", "fewer than 1,000 failed tasks leave a job Complete");
    assert_eq!(rows.len(), OBJECTS);
    for row in rows {
        assert!(row.contains("failed") && row.contains("403") && row.contains("AccessDenied"), "{row}");
    }
}

async fn without_role_action(action: &str, bucket: &str) {
    let route = route_with_objects().await.unwrap();
    route.put_role_policy(&role_policy(&[(action, bucket)])).await.unwrap();
    every_task_is_denied(&route).await;
}

async fn without_source_action(action: &str) {
    let route = route_with_objects().await.unwrap();
    let actions: Vec<&str> = SOURCE_ACTIONS.into_iter().filter(|other| *other != action).collect();
    let policy = tutorial::source_policy(&route.stack.copy_role_arn, &actions, SOURCE_BUCKET);
    route.put_source_policy(&policy).await.unwrap();
    every_task_is_denied(&route).await;
}

#[tokio::test]
async fn with_every_permission_all_objects_are_copied() {
    let route = route_with_objects().await.unwrap();
    route.put_role_policy(&role_policy(&[])).await.unwrap();
    let (status, _, rows) = run(&route).await.unwrap();
    assert_eq!((status.as_str(), rows.len()), ("Complete", OBJECTS));
    assert!(rows.iter().all(|row| row.contains("succeeded")), "{rows:?}");
}

#[tokio::test]
async fn get_object_by_the_role() {
    without_role_action("s3:GetObject", SOURCE_BUCKET).await;
}

#[tokio::test]
async fn get_object_by_the_source_policy() {
    without_source_action("s3:GetObject").await;
}

#[tokio::test]
async fn get_object_tagging_by_the_role() {
    without_role_action("s3:GetObjectTagging", SOURCE_BUCKET).await;
}

#[tokio::test]
async fn get_object_tagging_by_the_source_policy() {
    without_source_action("s3:GetObjectTagging").await;
}

#[tokio::test]
async fn put_object() {
    without_role_action("s3:PutObject", DESTINATION_BUCKET).await;
}

#[tokio::test]
async fn put_object_tagging() {
    without_role_action("s3:PutObjectTagging", DESTINATION_BUCKET).await;
}

/// No task runs without a manifest, so there is no completion report: the job itself fails and says what it may not read.
async fn the_job_is_denied(route: &Route, what: &str) {
    let (status, reason, rows) = run(route).await.unwrap();
    assert_eq!((status.as_str(), rows.len()), ("Failed", 0));
    assert!(reason.contains("AccessDenied") || reason.contains("not authorized"), "{reason}");
    assert!(reason.contains(what), "{reason}");
}

fn deny_reading(suffix: &str) -> Value {
    let mut policy = role_policy(&[]);
    let deny = json!({
        "Sid": "NoReading",
        "Effect": "Deny",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": format!("arn:aws:s3:::{MANIFEST_BUCKET}/inventory/*{suffix}")
    });
    if let Some(statements) = policy["Statement"].as_array_mut() {
        statements.push(deny);
    }
    policy
}

#[tokio::test]
async fn reading_the_manifest() {
    let route = route_with_objects().await.unwrap();
    let without = [("s3:GetObject", MANIFEST_BUCKET), ("s3:GetObjectVersion", MANIFEST_BUCKET)];
    route.put_role_policy(&role_policy(&without)).await.unwrap();
    the_job_is_denied(&route, "manifest.json").await;
}

#[tokio::test]
async fn reading_the_data_files() {
    let route = route_with_objects().await.unwrap();
    route.put_role_policy(&deny_reading(".csv.gz")).await.unwrap();
    the_job_is_denied(&route, ".csv.gz").await;
}
