//! The status page in the manifest bucket: an older one never stays over a newer one, whoever writes when.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use cloud::Cloud;
use cloud::front::{self, Server};
use cloud::identity::AccountId;
use e2e::clients::Clients;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use transship::bucket::ManifestBucket;
use transship::notice::text;
use transship::status::publish::Published;
use transship::status::{self, Status, publish};

const BUCKET: &str = "transship-photos";

struct Views {
    destination: Clients,
    bucket: ManifestBucket,
    _server: Server,
}

impl Views {
    async fn new() -> Self {
        let cloud = Cloud::new();
        let server = front::serve(&cloud, 0).await.unwrap();
        let keys = cloud.iam().account_keys(&AccountId::destination());
        let destination = Clients::new(&cloud, &keys).await.unwrap();
        destination.s3.create_bucket().bucket(BUCKET).send().await.unwrap();
        let bucket = ManifestBucket::new(&destination.s3, &e2e::status::example_route().unwrap());
        Self { destination, bucket, _server: server }
    }

    /// The object's type and text.
    async fn kept(&self, key: &transship::names::ObjectKey) -> (String, String) {
        let object = self.destination.s3.get_object().bucket(BUCKET).key(key.as_str()).send().await.unwrap();
        let kind = object.content_type().unwrap().to_owned();
        (kind, String::from_utf8(object.body.collect().await.unwrap().to_vec()).unwrap())
    }

    /// Both files tell of this moment.
    async fn show(&self, at: Timestamp) {
        let (kind, twin) = self.kept(&status::json_key()).await;
        assert_eq!(kind, "application/json");
        assert_eq!(serde_json::from_str::<Status>(&twin).unwrap().as_of, at);
        let (kind, page) = self.kept(&status::page_key()).await;
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(page.contains(&format!("As of {} UTC", text::time(at))), "{page}");
    }
}

/// A status of some minute.
fn status_of(minute: i64) -> Status {
    let example = e2e::status::example(false).unwrap();
    Status { as_of: example.as_of + SignedDuration::from_mins(minute), ..example }
}

#[tokio::test]
async fn an_older_status_does_not_replace_a_newer_one() {
    let views = Views::new().await;
    for (minute, published, shown) in
        [(5, Published::Written, 5), (4, Published::Older, 5), (5, Published::Written, 5), (6, Published::Written, 6)]
    {
        assert_eq!(publish(&views.bucket, &status_of(minute)).await.unwrap(), published, "{minute}");
        views.show(status_of(shown).as_of).await;
    }
}

#[tokio::test]
async fn of_many_at_once_the_newest_stands_on_both() {
    let views = Views::new().await;
    for round in 0..8 {
        let statuses: Vec<Status> = (0..4).map(|n| status_of(round * 10 + n)).collect();
        let all = join_all(statuses.iter().map(|status| publish(&views.bucket, status))).await;
        // Who is overtaken may give up; the newest is overtaken by nobody.
        assert_eq!(*all.last().unwrap().as_ref().unwrap(), Published::Written, "{all:?}");
        views.show(statuses.last().unwrap().as_of).await;
    }
}

#[tokio::test]
async fn a_twin_that_nobody_can_read_is_replaced() {
    let views = Views::new().await;
    let put = views.destination.s3.put_object().bucket(BUCKET).key(status::json_key().as_str());
    put.body(b"not ours".to_vec().into()).send().await.unwrap();
    assert_eq!(publish(&views.bucket, &status_of(1)).await.unwrap(), Published::Written);
    views.show(status_of(1).as_of).await;
}
