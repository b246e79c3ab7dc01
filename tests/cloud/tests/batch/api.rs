//! S3 Control's API: who may, tokens, lists, tags, errors.

use aws_sdk_s3control::error::ProvideErrorMetadata;
use aws_sdk_s3control::types::{JobStatus, S3Tag};
use cloud::batch::ReplayedToken;
use serde_json::json;

use crate::support::{ACCOUNT, MANIFESTS, ROLE, Request, Scene};

/// A manifest that lists nothing.
async fn empty(scene: &Scene) -> (String, String) {
    let manifest = json!({ "destinationBucket": format!("arn:aws:s3:::{MANIFESTS}"), "fileFormat": "CSV",
        "fileSchema": "Bucket, Key", "files": [] });
    ("plans/empty.json".to_owned(), scene.write("plans/empty.json", manifest.to_string()).await)
}

#[tokio::test]
async fn a_replayed_token_is_answered_either_way() {
    let scene = Scene::new().await;
    let request = Request::new(empty(&scene).await);
    let id = scene.create(request.clone()).await;
    assert_eq!(scene.create(request.clone()).await, id);

    let different = Request { priority: 11, ..request.clone() };
    let error = different.send(&scene.control).await.unwrap_err().into_service_error();
    assert!(error.is_idempotency_exception(), "{error:?}");

    scene.cloud.jobs().set_replayed_token(ReplayedToken::Exception);
    let error = request.send(&scene.control).await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 400);
    assert!(error.into_service_error().is_idempotency_exception());
}

#[tokio::test]
async fn a_job_is_of_its_account_and_region() {
    let scene = Scene::new().await;
    let id = scene.create(Request::new(empty(&scene).await)).await;
    let elsewhere = scene.control_in("eu-west-1");
    let error = elsewhere.describe_job().account_id(ACCOUNT).job_id(&id).send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 404);
    assert_eq!(error.code(), Some("NoSuchJobException"));
    let error = scene.control.describe_job().account_id("111111111111").job_id(&id).send().await.unwrap_err();
    assert_eq!((error.code(), error.raw_response().unwrap().status().as_u16()), (Some("AccessDenied"), 403));
    let error = Request::new(empty(&scene).await).send(&elsewhere).await.unwrap_err();
    assert!(error.into_service_error().is_bad_request_exception(), "the destination bucket is in us-east-1");
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages() {
    let scene = Scene::new().await;
    let manifest = empty(&scene).await;
    let mut ids = Vec::new();
    for token in ["1", "2", "3"] {
        let request = Request { token: token.to_owned(), confirm: token == "2", ..Request::new(manifest.clone()) };
        ids.insert(0, scene.create(request).await);
    }
    scene.cloud.activity().settled().await;
    let list = || scene.control.list_jobs().account_id(ACCOUNT);
    let page = list().max_results(2).send().await.unwrap();
    let names: Vec<_> = page.jobs().iter().map(|job| job.job_id().unwrap()).collect();
    assert_eq!(names, ids[..2]);
    let rest = list().max_results(2).next_token(page.next_token().unwrap()).send().await.unwrap();
    assert_eq!((rest.jobs().len(), rest.next_token()), (1, None));
    let job = &rest.jobs()[0];
    assert_eq!((job.job_id(), job.description()), (Some(ids[2].as_str()), Some("run 1")));
    assert_eq!(job.operation().unwrap().as_str(), "S3PutObjectCopy");
    assert_eq!(job.status(), Some(&JobStatus::Complete), "nothing to do is done");

    let waiting = list().job_statuses(JobStatus::Suspended).send().await.unwrap();
    assert_eq!((waiting.jobs().len(), waiting.jobs()[0].job_id()), (1, Some(ids[1].as_str())));
    let error = list().next_token("%").send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_next_token_exception(), "{error:?}");
}

#[tokio::test]
async fn priority_and_tags_change() {
    let scene = Scene::new().await;
    let request = Request { confirm: true, ..Request::new(empty(&scene).await) };
    let id = scene.create(request).await;
    let control = &scene.control;
    let answer = control.update_job_priority().account_id(ACCOUNT).job_id(&id).priority(42).send().await.unwrap();
    assert_eq!(answer.priority(), 42);
    assert_eq!(scene.describe(&id).await.priority(), 42);
    let error = control.update_job_priority().account_id(ACCOUNT).job_id(&id).priority(-1).send().await.unwrap_err();
    assert!(error.into_service_error().is_bad_request_exception());

    let tag = |key: String| S3Tag::builder().key(key).value("v <&>").build().unwrap();
    let put = |tags| control.put_job_tagging().account_id(ACCOUNT).job_id(&id).set_tags(Some(tags)).send();
    put(vec![tag("run".to_owned())]).await.unwrap();
    let tags = control.get_job_tagging().account_id(ACCOUNT).job_id(&id).send().await.unwrap();
    assert_eq!(tags.tags(), [tag("run".to_owned())]);
    let error = put((0..51).map(|i| tag(i.to_string())).collect()).await.unwrap_err().into_service_error();
    assert!(error.is_too_many_tags_exception(), "{error:?}");
    control.delete_job_tagging().account_id(ACCOUNT).job_id(&id).send().await.unwrap();
    let tags = control.get_job_tagging().account_id(ACCOUNT).job_id(&id).send().await.unwrap();
    assert!(tags.tags().is_empty());
}

#[tokio::test]
async fn a_role_that_is_not_there_is_refused() {
    let scene = Scene::new().await;
    scene.iam.delete_role_policy().role_name("copy").policy_name("p").send().await.unwrap();
    scene.iam.delete_role().role_name("copy").send().await.unwrap();
    let error = Request::new(empty(&scene).await).send(&scene.control).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidRequest"));
    assert!(error.message().unwrap().contains(ROLE));
}
