//! A route whose inventory comes by the week, by the cloud's clock: reports on Sundays only, each week's changes copied once, and
//! nobody alarmed until a Sunday has passed without a report.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use e2e::route::{DESTINATION_BUCKET, INVENTORY_ID, Route, SOURCE_BUCKET, start};
use jiff::{SignedDuration, Timestamp, civil::Weekday, tz::TimeZone};
use serde_json::Value;

/// A Wednesday to come.
const BEGIN: &str = "2040-01-04T00:00:00Z";
const DAYS: i64 = 22;
/// The Sunday on which S3 delivers nothing, as a day from the first.
const SKIPPED: i64 = 11;

/// The hours at which the schedule fires.
const TICKS: [i64; 2] = [9, 21];

/// A route that is deployed at this time.
async fn weekly(begin: Timestamp) -> Route {
    let (cloud, server, source, destination) = start().await.unwrap();
    cloud.clock().turn_to(begin);
    source.s3.create_bucket().bucket(SOURCE_BUCKET).send().await.unwrap();
    destination.s3.create_bucket().bucket(DESTINATION_BUCKET).send().await.unwrap();
    Route::on(cloud, server, source, destination, &[("InventoryFrequency", "Weekly")]).await.unwrap()
}

/// How often S3 delivers, as setup has told it.
async fn frequency(route: &Route) -> String {
    let get = route.source.s3.get_bucket_inventory_configuration().bucket(SOURCE_BUCKET).id(INVENTORY_ID);
    let configuration = get.send().await.unwrap().inventory_configuration.unwrap();
    configuration.schedule().unwrap().frequency().as_str().to_owned()
}

fn is_due(frequency: &str, at: Timestamp) -> bool {
    frequency == "Daily" || at.to_zoned(TimeZone::UTC).weekday() == Weekday::Sunday
}

async fn copies(route: &Route) -> usize {
    let listed = route.destination.s3.list_objects_v2().bucket(DESTINATION_BUCKET).send().await.unwrap();
    listed.contents().len()
}

/// The names of what settle-job finds as its schedule fires.
async fn tick(route: &Route) -> Vec<String> {
    let answer = route.settle_job().await.unwrap().unwrap_or_else(|error| panic!("settle-job failed: {error}"));
    route.cloud.activity().settled().await;
    let name = |finding: &Value| finding["name"].as_str().unwrap().to_owned();
    answer["findings"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn weekly_reports_are_copied_on_sundays_and_missed_after_nine_days() {
    let begin: Timestamp = BEGIN.parse().unwrap();
    let route = weekly(begin).await;
    let frequency = frequency(&route).await;
    assert_eq!(frequency, "Weekly");
    let (mut found, mut put, mut sundays) = (Vec::new(), 0, Vec::new());
    for day in 0..DAYS {
        let hour = |hour: i64| begin.checked_add(SignedDuration::from_hours(24 * day + hour)).unwrap();
        route.cloud.clock().turn_to(hour(1));
        route.source.s3.put_object().bucket(SOURCE_BUCKET).key(format!("of day {day}")).send().await.unwrap();
        put += 1;
        if is_due(&frequency, hour(2)) {
            sundays.push(day);
            if day != SKIPPED {
                route.cloud.clock().turn_to(hour(2));
                route.deliver().await.unwrap();
                route.cloud.activity().settled().await;
                assert_eq!(copies(&route).await, put, "a week's objects on day {day}");
            }
        }
        for at in TICKS {
            route.cloud.clock().turn_to(hour(at));
            found.extend(tick(&route).await.into_iter().map(|name| (day, at, name)));
        }
    }
    assert_eq!(sundays, [4, SKIPPED, 18]);
    // Nine days after the Sunday before the one that was skipped, until the next one's report.
    let missed = |day: i64| TICKS.map(|at| (day, at, "no-report".to_owned()));
    assert_eq!(found, (13..18).flat_map(missed).collect::<Vec<_>>());
    let jobs = route.job_ids().await.unwrap();
    assert_eq!(jobs.len(), 2, "one for each report: {jobs:?}");
}

#[tokio::test]
async fn the_first_weekly_report_may_take_nine_days() {
    let route = weekly(BEGIN.parse().unwrap()).await;
    assert_eq!(tick(&route).await, [""; 0]);
    route.cloud.clock().turn(9 * 24 * 3600 - 60);
    assert_eq!(tick(&route).await, [""; 0]);
    route.cloud.clock().turn(120);
    assert_eq!(tick(&route).await, ["no-report"]);
}
