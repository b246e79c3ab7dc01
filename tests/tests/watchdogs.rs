//! Each thing that settle-job watches for, raised on the local cloud, told with what to do, and told again when it is over; and a
//! job that AWS has forgotten.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use cloud::batch::JobScript;
use e2e::notices::Notice;
use e2e::route::{INVENTORY_ID, Route, SOURCE_BUCKET};
use transship::ledger::{CarriedOver, State};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

async fn with_objects() -> Route {
    let route = Route::set_up(&[]).await.unwrap();
    for n in 0..3 {
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("object {n}")).send().await.unwrap();
    }
    route
}

async fn tick(route: &Route) {
    let answer = route.settle_job().await.unwrap();
    route.cloud.activity().settled().await;
    assert!(answer.is_ok(), "{answer:?}");
}

/// The one notice since the first `before`.
async fn told(route: &Route, before: usize) -> Notice {
    tick(route).await;
    tick(route).await;
    let notices = route.notices().unwrap().split_off(before);
    let [notice] = notices.as_slice() else { panic!("{notices:#?}") };
    notice.clone()
}

async fn inventory(route: &Route) -> aws_sdk_s3::types::InventoryConfiguration {
    let get = route.source.s3.get_bucket_inventory_configuration().bucket(SOURCE_BUCKET).id(INVENTORY_ID);
    get.send().await.unwrap().inventory_configuration.unwrap()
}

async fn change_inventory(route: &Route, change: fn(&mut aws_sdk_s3::types::InventoryConfiguration)) {
    let mut configuration = inventory(route).await;
    change(&mut configuration);
    put_inventory(route, configuration).await;
}

async fn put_inventory(route: &Route, configuration: aws_sdk_s3::types::InventoryConfiguration) {
    let put = route.source.s3.put_bucket_inventory_configuration().bucket(SOURCE_BUCKET).id(INVENTORY_ID);
    put.inventory_configuration(configuration).send().await.unwrap();
}

#[tokio::test]
async fn an_inventory_that_is_disabled_is_told_and_that_it_is_back() {
    let route = with_objects().await;
    tick(&route).await;
    change_inventory(&route, |configuration| configuration.is_enabled = false).await;
    route.cloud.clock().turn(7 * HOUR);
    let notice = told(&route, 0).await;
    assert!(notice.subject.contains("alarm: inventory configuration"), "{notice:#?}");
    assert!(notice.text.contains("What to do: deploy the stack with SetupAgain"), "{notice:#?}");
    change_inventory(&route, |configuration| configuration.is_enabled = true).await;
    route.cloud.clock().turn(7 * HOUR);
    let notice = told(&route, 1).await;
    assert!(notice.subject.contains("resolved: inventory configuration"), "{notice:#?}");
}

/// What is altered, by whom ever, and what is told of it.
type Alteration = (fn(&mut aws_sdk_s3::types::InventoryConfiguration), &'static str);

#[tokio::test]
async fn an_inventory_that_is_altered_is_told_and_that_it_is_put_back() {
    use aws_sdk_s3::types::{InventoryFilter, InventoryFrequency, InventoryIncludedObjectVersions, InventorySchedule};
    let alterations: [Alteration; 6] = [
        (
            |configuration| configuration.optional_fields.as_mut().unwrap().retain(|field| field.as_str() != "ETag"),
            "ETag",
        ),
        (
            |configuration| {
                let weekly = InventorySchedule::builder().frequency(InventoryFrequency::Weekly).build().unwrap();
                configuration.schedule = Some(weekly);
            },
            "Weekly",
        ),
        (|configuration| s3_destination(configuration).prefix = Some("elsewhere".to_owned()), "elsewhere"),
        (
            |configuration| s3_destination(configuration).bucket = "arn:aws:s3:::another-bucket".to_owned(),
            "another-bucket",
        ),
        (|configuration| configuration.included_object_versions = InventoryIncludedObjectVersions::All, "All"),
        (
            |configuration| configuration.filter = Some(InventoryFilter::builder().prefix("part/").build().unwrap()),
            "part/",
        ),
    ];
    for (alter, word) in alterations {
        let route = with_objects().await;
        tick(&route).await;
        let before = inventory(&route).await;
        change_inventory(&route, alter).await;
        route.cloud.clock().turn(7 * HOUR);
        let notice = told(&route, 0).await;
        assert!(notice.subject.contains("alarm: inventory configuration: "), "{word}: {notice:#?}");
        assert!(notice.text.contains(word), "{word}: {}", notice.text);
        let (_, do_next) = notice.text.split_once("What to do: ").unwrap();
        assert!(do_next.contains("deploy the stack with SetupAgain"), "{word}: {}", notice.text);
        put_inventory(&route, before).await;
        route.cloud.clock().turn(7 * HOUR);
        let notice = told(&route, 1).await;
        assert!(notice.subject.contains("resolved: inventory configuration"), "{word}: {notice:#?}");
    }
}

fn s3_destination(
    configuration: &mut aws_sdk_s3::types::InventoryConfiguration,
) -> &mut aws_sdk_s3::types::InventoryS3BucketDestination {
    configuration.destination.as_mut().unwrap().s3_bucket_destination.as_mut().unwrap()
}

/// S3's test event and the schedule come before setup has done its part.
#[tokio::test]
async fn what_is_missing_while_the_stack_is_being_deployed_is_told_only_if_it_lasts() {
    for mended in [true, false] {
        let route = with_objects().await;
        let before = inventory(&route).await;
        change_inventory(&route, |configuration| configuration.is_enabled = false).await;
        // As if nobody had looked yet.
        let watch = route.destination.s3.delete_object().bucket(e2e::route::MANIFEST_BUCKET).key("ledger/watch.json");
        watch.send().await.unwrap();
        let answer = route.settle_job().await.unwrap().unwrap();
        assert_eq!(answer["findings"][0]["severity"], "warning", "{answer:#}");
        if mended {
            put_inventory(&route, before).await;
        }
        for _ in 0..6 {
            route.cloud.clock().turn(HOUR / 4);
            tick(&route).await;
        }
        let subjects = route.subjects().unwrap();
        assert_eq!(subjects.len(), usize::from(!mended), "{subjects:?}");
        assert!(mended || subjects[0].contains("alarm: inventory configuration"), "{subjects:?}");
    }
}

#[tokio::test]
async fn a_statement_of_ours_that_is_gone_is_told() {
    let route = with_objects().await;
    tick(&route).await;
    route.source.s3.delete_bucket_policy().bucket(SOURCE_BUCKET).send().await.unwrap();
    route.cloud.clock().turn(7 * HOUR);
    let notice = told(&route, 0).await;
    assert!(notice.subject.contains("alarm: source bucket's policy"), "{notice:#?}");
    assert!(notice.text.contains("What to do: "), "{notice:#?}");
}

#[tokio::test]
async fn a_job_that_is_forgotten_after_90_days_closes_its_run_and_its_whole_plan_is_carried_over() {
    let route = with_objects().await;
    let none = aws_sdk_s3::types::NotificationConfiguration::builder().build();
    let quiet = route.destination.s3.put_bucket_notification_configuration().bucket(e2e::route::MANIFEST_BUCKET);
    quiet.notification_configuration(none).send().await.unwrap();
    route.cloud.jobs().script(|_| JobScript::default());
    route.cloud.clock().turn(DAY);
    let report = route.deliver().await.unwrap();
    route.create_job(&e2e::events::created(&report, None, None)).await.unwrap().unwrap();
    route.cloud.activity().settled().await;
    route.cloud.clock().turn(91 * DAY);
    assert_eq!(route.job_ids().await.unwrap(), [""; 0], "nobody looked while the job was known");
    tick(&route).await;
    let records = route.records().await.unwrap();
    let [run] = records.as_slice() else { panic!("{records:#?}") };
    let outcome = run.outcome.clone().unwrap();
    assert_eq!((run.state, outcome.carried_over), (State::Failed, 3), "{outcome:#?}");
    assert!(outcome.findings[0].contains("is not known any more"), "{outcome:#?}");
    let carried = route.baseline().await.unwrap().unwrap().carry_over;
    assert!(
        matches!(&carried[..], [all] if matches!(all.which, CarriedOver::Plan(_)) && all.objects == 3),
        "{carried:#?}"
    );
    let notices = route.notices().unwrap();
    assert!(
        notices.iter().any(|notice| notice.subject.contains("failed") && notice.text.contains("not known any more"))
    );
    // And the next report brings it again.
    let next = route.deliver().await.unwrap();
    route.create_job(&e2e::events::created(&next, None, None)).await.unwrap().unwrap();
    let plan = route.records().await.unwrap().into_iter().find_map(|run| run.plan.filter(|plan| plan.carried_over > 0));
    assert_eq!(plan.unwrap().objects, 3);
}
