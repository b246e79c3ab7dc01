//! What a test can make of a job, and of AWS's open answers.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::InventoryIncludedObjectVersions;
use aws_sdk_s3control::types::{JobStatus, RequestedJobStatus};
use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, ReportScript, WholeFailure};
use jiff::SignedDuration;

use crate::inventory::daily;
use crate::support::{ACCOUNT, DESTINATION, Request, Scene};

/// A delivered report of four objects.
async fn scene() -> (Scene, Request) {
    let scene = Scene::new().await;
    daily("all", InventoryIncludedObjectVersions::Current).put(&scene).await;
    for key in ["a", "b", "c", "d"] {
        scene.put(key, key).await;
    }
    let request = Request::new(scene.deliver().await);
    (scene, request)
}

#[tokio::test]
async fn a_job_fails_whole() {
    let (scene, request) = scene().await;
    let fails = Some(WholeFailure { after: 0, code: "Scripted", reason: "as the test says" });
    scene.cloud.jobs().script(move |_| JobScript { fails: fails.clone(), ..JobScript::default() });
    let job = scene.run(request).await;
    assert_eq!(job.status(), Some(&JobStatus::Failed));
    let reason = &job.failure_reasons()[0];
    assert_eq!((reason.failure_code(), reason.failure_reason()), (Some("Scripted"), Some("as the test says")));
    assert_eq!(scene.rows(&job).await, Vec::<String>::new(), "no task has run, so there is no report");
    assert_eq!(scene.keys(DESTINATION, ""), Vec::<String>::new());
}

#[tokio::test]
async fn chosen_tasks_fail() {
    let (scene, request) = scene().await;
    let slow = || TaskFailure { status: 503, code: "SlowDown".to_owned(), message: "too fast".to_owned() };
    scene.cloud.jobs().script(move |_| JobScript {
        tasks: Some(std::sync::Arc::new(move |key| (key == "b").then(slow))),
        ..JobScript::default()
    });
    let job = scene.run(request).await;
    assert_eq!(job.status(), Some(&JobStatus::Complete));
    assert_eq!(job.progress_summary().unwrap().number_of_tasks_failed, Some(1));
    assert_eq!(scene.keys(DESTINATION, ""), ["a", "c", "d"]);
    assert!(scene.rows(&job).await.contains(&"src,b,,failed,503,SlowDown,too fast".to_owned()));
}

#[tokio::test]
async fn a_report_may_be_missing_or_not_add_up() {
    for (report, rows) in [(ReportScript::Missing, 0), (ReportScript::Short(1), 3), (ReportScript::WrongMd5, 4)] {
        let (scene, request) = scene().await;
        scene.cloud.jobs().script(move |_| JobScript { report, ..JobScript::default() });
        let job = scene.run(request).await;
        assert_eq!(job.progress_summary().unwrap().number_of_tasks_succeeded, Some(4), "{report:?}");
        assert_eq!(scene.rows(&job).await.len(), rows, "{report:?}");
    }
}

#[tokio::test]
async fn a_job_stays_active_until_it_is_let_go_or_cancelled() {
    let (scene, request) = scene().await;
    scene.cloud.jobs().script(|_| JobScript { stays_active: true, ..JobScript::default() });
    let first = scene.run(request.clone()).await;
    assert_eq!(first.status(), Some(&JobStatus::Active));
    let first = first.job_id().unwrap();
    let second = scene.run(Request { token: "another".to_owned(), ..request }).await;
    let cancel = scene.control.update_job_status().account_id(ACCOUNT).job_id(second.job_id().unwrap());
    cancel.requested_job_status(RequestedJobStatus::Cancelled).send().await.unwrap();
    scene.cloud.activity().settled().await;
    assert_eq!(scene.describe(second.job_id().unwrap()).await.status(), Some(&JobStatus::Cancelled));
    assert_eq!(scene.keys(DESTINATION, ""), Vec::<String>::new());
    assert!(scene.cloud.jobs().let_go(&scene.cloud, first));
    scene.cloud.activity().settled().await;
    assert_eq!(scene.describe(first).await.status(), Some(&JobStatus::Complete));
    assert_eq!(scene.keys(DESTINATION, "").len(), 4);
    assert!(!scene.cloud.jobs().let_go(&scene.cloud, first));
}

#[tokio::test]
async fn a_new_job_is_seen_late_and_an_old_one_no_more() {
    let (scene, request) = scene().await;
    scene.cloud.jobs().script(|_| JobScript {
        undescribed_for: SignedDuration::from_secs(60),
        unlisted_for: SignedDuration::from_secs(120),
        ..JobScript::default()
    });
    let id = scene.create(request).await;
    scene.cloud.activity().settled().await;
    let described = || scene.control.describe_job().account_id(ACCOUNT).job_id(&id).send();
    let listed = || async { scene.control.list_jobs().account_id(ACCOUNT).send().await.unwrap().jobs().len() };
    let day = 24 * 3600;
    for (turn, is_described, is_listed) in
        [(0, false, 0), (61, true, 0), (60, true, 1), (89 * day, true, 1), (day, false, 0)]
    {
        scene.cloud.clock().turn(turn);
        match described().await {
            Ok(_) => assert!(is_described, "{turn}"),
            Err(error) => {
                assert_eq!(error.code(), Some("NoSuchJobException"));
                assert!(!is_described, "{turn}");
            }
        }
        assert_eq!(listed().await, is_listed, "{turn}");
    }
}

#[tokio::test]
async fn an_account_may_have_too_many_jobs_and_tokens_may_be_forgotten() {
    let (scene, request) = scene().await;
    scene.cloud.jobs().set_active_limit(Some(1));
    scene.cloud.jobs().set_tokens_last(Some(SignedDuration::from_hours(1)));
    let waiting = Request { confirm: true, ..request.clone() };
    let first = scene.create(waiting.clone()).await;
    scene.cloud.activity().settled().await;
    let second = Request { token: "another".to_owned(), ..request.clone() };
    let refused = Box::pin(second.clone().send(&scene.control)).await.unwrap_err();
    assert_eq!(refused.code(), Some("TooManyRequestsException"));
    assert_eq!(scene.create(waiting.clone()).await, first, "a replayed token makes no job");
    let cancel = scene.control.update_job_status().account_id(ACCOUNT).job_id(&first);
    cancel.requested_job_status(RequestedJobStatus::Cancelled).send().await.unwrap();
    scene.run(second).await;
    scene.cloud.clock().turn(3601);
    assert_ne!(scene.create(waiting).await, first, "the token is forgotten");
}
