//! A route that lives through a year: what happens when in a day, by the cloud's clock.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use cloud::inventory::{self, Delivery};
use cloud::lambda::{Limits, invoke_event};
use e2e::clients::Clients;
use e2e::events::created;
use e2e::large::COPY_LARGE;
use e2e::route::{DESTINATION_BUCKET, MANIFEST_BUCKET, Route, SOURCE_BUCKET, start};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use transship::ledger::Watch;

use super::books::{Books, Copies};
use super::chance::{Chance, happens};
use super::person::Decisions;
use super::source::{Change, Source};
use super::trouble::Kind;
use super::weather::Weather;

/// A Tuesday to come, so that every replay has the same weeks.
const BEGIN: &str = "2040-01-03T00:00:00Z";

/// What the watchdog knows.
const WATCH: &str = "ledger/watch.json";

/// For how many days a restore job has objects restored.
pub(crate) const RESTORED: &str = "7";

/// How long a year is, and how much is in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) days: u32,
    pub(crate) objects: u32,
    /// The most changes of a day.
    pub(crate) changes: u32,
}

/// Something that happens at a minute of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Change,
    /// This very change.
    Certain(Change),
    /// An object over 5 GB is overwritten by another.
    OverwriteLarge,
    /// S3 delivers a report.
    Deliver,
    /// It delivers the same report once more, with other files.
    DeliverAgain,
    /// The schedule fires.
    Tick,
    /// An event of an earlier day comes once more.
    Echo,
    /// A person has what is carried over planned now.
    Retry,
    /// A person has the baseline forgotten.
    Rebuild,
}

/// What was found wrong: from when, and when it was last seen to be so.
#[derive(Debug, Clone)]
pub(crate) struct Raised {
    pub(crate) name: String,
    pub(crate) since: Timestamp,
    pub(crate) seen: Timestamp,
}

/// A route and all that is known of its year.
pub(crate) struct Life {
    pub(crate) route: Route,
    pub(crate) weather: Weather,
    pub(crate) source: Source,
    pub(crate) books: Books,
    /// By name and since when.
    pub(crate) raised: BTreeMap<(String, Timestamp), Raised>,
    /// Invocations by a person that failed, as an asynchronous one would be tried again.
    pub(crate) told_persons: Vec<String>,
    /// How often a person had create-job do something.
    pub(crate) asked: u32,
    pub(crate) decisions: Decisions,
    /// When the schedule fired.
    pub(crate) ticks: Vec<Timestamp>,
    /// The ETag of the watchdog's file when it was read last, and what it knew: names, and since when.
    watched: (Option<String>, Vec<(String, Timestamp)>),
    chance: Chance,
    size: Size,
    begin: Timestamp,
    /// Manifest keys, oldest first.
    pub(crate) reports: Vec<String>,
}

impl Life {
    /// A route with a full source bucket and no run.
    pub(crate) async fn begin(seed: u64, size: Size) -> Self {
        let chance = Chance(seed);
        let (cloud, server, source, destination) = start().await.unwrap();
        // Versions, so that what is deleted can come back as it was, and every copy can be counted.
        let begin: Timestamp = BEGIN.parse().unwrap();
        cloud.clock().turn_to(begin);
        for (account, bucket) in [(&source, SOURCE_BUCKET), (&destination, DESTINATION_BUCKET)] {
            versioned(account, bucket).await;
        }
        // The first run is over it, each that copies everything anew, and some that have much to catch up on.
        let most = (2 * size.changes).to_string();
        let parameters = [("MaxObjectsPerRun", most.as_str()), ("RestoreArchived", "Bulk"), ("RestoreDays", RESTORED)];
        let route = Route::on(cloud, server, source, destination, &parameters).await.unwrap();
        let limits = Limits { timeout: Duration::from_mins(10), concurrency: 2 };
        route.cloud.functions().set_limits(COPY_LARGE, limits);
        let mut rng = chance.about("the bucket at first");
        let filled = Source::filled(&route.source, size.objects, &mut rng).await;
        let weather = Weather::new(chance);
        weather.over(&route.cloud);
        Self {
            route,
            weather,
            source: filled,
            books: Books::default(),
            raised: BTreeMap::new(),
            told_persons: Vec::new(),
            asked: 0,
            decisions: Decisions::default(),
            ticks: Vec::new(),
            watched: (None, Vec::new()),
            chance,
            size,
            begin,
            reports: Vec::new(),
        }
    }

    /// A day of bad weather.
    pub(crate) async fn day(&mut self, day: u32) -> Copies {
        self.weather.day(&self.route.cloud, day);
        // In every other half month, our own jobs restore what is archived.
        self.restores(["Never", "Bulk", "Never", "Standard"][day as usize / 15 % 4]);
        let mut rng = self.chance.about(format!("steps of day {day}"));
        let steps = self.steps(day, &mut rng);
        self.live(day, &steps).await;
        self.books.check(&self.route.cloud, &self.weather)
    }

    /// A day on which nothing changes and nothing goes wrong.
    pub(crate) async fn quiet_day(&mut self, day: u32) {
        self.restores("Standard");
        let ticks = [0, 75, 90, 120, 180, 240, 720].map(|minute| (minute, Step::Tick));
        let mut steps = vec![(60, Step::Deliver)];
        steps.extend(ticks);
        steps.sort_by_key(|(minute, _)| *minute);
        self.live(day, &steps).await;
    }

    /// What happens when.
    fn steps(&self, day: u32, rng: &mut Rng) -> Vec<(i64, Step)> {
        let mut steps = Vec::new();
        let scan = rng.i64(60..90);
        if day > 1 && happens(rng, 1, 40) {
            let at = self.begin.checked_add(SignedDuration::from_mins(i64::from(day - 1) * 1440 + scan)).unwrap();
            self.weather.note(Kind::NoReport, at, "");
        } else {
            steps.push((scan, Step::Deliver));
            if happens(rng, 1, 30) || day == 5 {
                steps.push((scan + rng.i64(1..600), Step::DeliverAgain));
            }
        }
        if !happens(rng, 1, 8) {
            for _ in 0..rng.u32(1..=self.size.changes) {
                // A third of them between the scan and the copies.
                let minute = if happens(rng, 1, 3) { scan + rng.i64(0..40) } else { rng.i64(0..1440) };
                steps.push((minute, Step::Change));
            }
        }
        for minute in ticks(day, scan, rng) {
            if happens(rng, 1, 20) {
                let at = self.begin.checked_add(SignedDuration::from_mins(i64::from(day - 1) * 1440 + minute)).unwrap();
                self.weather.note(Kind::NoTick, at, "");
            } else {
                steps.push((minute, Step::Tick));
            }
        }
        if matches!(day % 30, 8 | 20) {
            // More than the guard lets through.
            steps.extend((0..2 * self.size.changes + 4).map(|_| (10, Step::Certain(Change::Overwrite))));
        }
        steps.extend(certain(day).into_iter().map(|step| (rng.i64(0..1440), step)));
        if happens(rng, 1, 12) {
            steps.push((rng.i64(0..1440), Step::Echo));
        }
        if happens(rng, 1, 15) {
            steps.push((rng.i64(120..1440), Step::Retry));
        }
        if happens(rng, 1, 90) {
            steps.push((rng.i64(0..1440), Step::Rebuild));
        }
        steps.sort_by_key(|(minute, _)| *minute);
        steps
    }

    async fn live(&mut self, day: u32, steps: &[(i64, Step)]) {
        let midnight = self.begin.checked_add(SignedDuration::from_hours(24 * i64::from(day - 1))).unwrap();
        let mut rng = self.chance.about(format!("what happens on day {day}"));
        for (minute, step) in steps {
            self.until(midnight.checked_add(SignedDuration::from_mins(*minute)).unwrap()).await;
            match step {
                Step::Change => self.source.changes(&mut rng).await,
                Step::Certain(change) => self.source.change(*change, &mut rng).await,
                Step::OverwriteLarge => self.source.overwrite_large(&mut rng).await,
                Step::Deliver => self.deliver(None, &mut rng).await,
                Step::DeliverAgain => {
                    let started = self.reports.last().and_then(|key| scanned(key));
                    self.weather.note(Kind::Redelivered, self.route.cloud.clock().now(), "");
                    self.deliver(started, &mut rng).await;
                }
                Step::Tick => self.tick().await,
                Step::Echo => {
                    let few = self.reports.len().min(20);
                    if let Some(report) = rng.choice(&self.reports[self.reports.len() - few..]) {
                        self.weather.note(Kind::EventAgain, self.route.cloud.clock().now(), report);
                        let event = created(report, None, None);
                        invoke_event(&self.route.cloud, "create-job", event.to_string().into());
                    }
                }
                Step::Retry => {
                    let baseline = self.route.baseline().await.unwrap();
                    if let Some(list) = baseline.and_then(|baseline| baseline.carry_over.first().cloned()) {
                        self.ask(&json!({ "action": "retry", "run": list.run, "by": "mara" })).await;
                    }
                }
                Step::Rebuild => {
                    self.books.rebuild(&self.route.cloud);
                    self.ask(&json!({ "action": "rebuild", "by": "mara" })).await;
                }
            }
        }
        self.until(midnight.checked_add(SignedDuration::from_hours(24)).unwrap()).await;
    }

    /// Time passes: what is due comes in its order, each once what came before has ended.
    async fn until(&mut self, at: Timestamp) {
        let cloud = self.route.cloud.clone();
        loop {
            cloud.activity().settled().await;
            self.look().await;
            match [cloud.clock().next(), self.weather.next()].into_iter().flatten().min() {
                Some(due) if due <= at => {
                    cloud.clock().turn_to(due);
                    self.weather.let_go(&cloud);
                    self.decide().await;
                }
                _ => break,
            }
        }
        cloud.clock().turn_to(at);
    }

    async fn deliver(&mut self, started: Option<Timestamp>, rng: &mut Rng) {
        let cloud = &self.route.cloud;
        self.books.report(cloud);
        let columns =
            if happens(rng, 1, 5) { vec![("Mood".to_owned(), "good, \"really\"".to_owned())] } else { vec![] };
        let files = Some(rng.usize(1..4));
        let delivery = Delivery { files, order: rng.u64(..), columns, started, ..Delivery::default() };
        let manifests = inventory::deliver_as(cloud, SOURCE_BUCKET, &delivery).await.unwrap();
        self.reports.extend(manifests);
    }

    /// The schedule fires, as EventBridge does: what fails is tried again.
    async fn tick(&mut self) {
        self.ticks.push(self.route.cloud.clock().now());
        invoke_event(&self.route.cloud, "settle-job", json!({ "source": "schedule" }).to_string().into());
        self.route.cloud.activity().settled().await;
        self.look().await;
    }

    /// Reads what the watchdog knows, if that has changed: what does not last is there for a few minutes only.
    async fn look(&mut self) {
        let seen = self.route.cloud.clock().now();
        let now = self.route.cloud.store().list(MANIFEST_BUCKET, WATCH, true).pop().map(|version| version.etag);
        if now != self.watched.0 {
            let Some(watch) = self.route.kept(WATCH).await.unwrap() else { return };
            let watch: Watch = serde_json::from_slice(&watch).unwrap();
            let raised = watch.raised.into_iter().filter(|(_, known)| known.resolved.is_none());
            self.watched = (now, raised.map(|(name, known)| (name, known.since)).collect());
        }
        for (name, since) in &self.watched.1 {
            let raised = Raised { name: name.clone(), since: *since, seen };
            self.raised.insert((name.clone(), *since), raised);
        }
    }
}

/// When the schedule fires in a day: five times, at what matters most; on one day in thirty every quarter of an hour, as deployed.
fn ticks(day: u32, scan: i64, rng: &mut Rng) -> Vec<i64> {
    let first = rng.i64(0..15);
    if day % 30 == 12 {
        return (0..96).map(|tick| first + 15 * tick).collect();
    }
    vec![scan + 20, scan + 60, 420, 800, 1200]
}

/// What happens on this day whatever chance says, lest a short year be without it.
fn certain(day: u32) -> Vec<Step> {
    match day % 30 {
        // A person asks for a restore, and later copies what is restored onto itself.
        3 | 4 | 6 => vec![Step::Certain(Change::Thaw)],
        10 | 18 | 25 => vec![Step::OverwriteLarge],
        12 => vec![Step::Certain(Change::Archive)],
        _ => Vec::new(),
    }
}

async fn versioned(account: &Clients, bucket: &str) {
    account.s3.create_bucket().bucket(bucket).send().await.unwrap();
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    account.s3.put_bucket_versioning().bucket(bucket).versioning_configuration(versioning).send().await.unwrap();
}

/// When the scan of a report began, by its key.
fn scanned(report: &str) -> Option<Timestamp> {
    let time = report.rsplit('/').nth(1)?;
    let (date, clock) = time.strip_suffix('Z')?.split_once('T')?;
    format!("{date}T{}:00Z", clock.replace('-', ":")).parse().ok()
}
