//! A route that lives from day to day: each day objects come, change and go, reports are delivered, events are sent as a test
//! wants them, and at the end of the day every object is held against its copy.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3control::types::RequestedJobStatus;
use cloud::batch::{JobScript, ReplayedToken};
use e2e::Error;
use e2e::clients::Clients;
use e2e::events::created;
use e2e::route::{DESTINATION_BUCKET, MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use futures::future::join_all;
use serde_json::Value;
use transship::ledger::{Outcome, RunRecord, State};

const DAY: i64 = 24 * 60 * 60;

/// Which of a day's two reports an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Older,
    Newer,
}

/// Events that are sent, and waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    One(Event),
    Both(Event, Event),
}

pub(crate) struct Days {
    pub(crate) route: Route,
    /// Whether the ledger is wiped every day, so that each run is the first.
    pub(crate) forgetful: bool,
    day: u32,
    reports: Vec<Value>,
    /// Keys that were put since the last check, and how often.
    put: BTreeMap<String, usize>,
    /// Records that were there at the last check.
    known: BTreeSet<String>,
}

impl Days {
    pub(crate) async fn new(replayed: ReplayedToken) -> Self {
        Self::with(replayed, &[]).await
    }

    /// A route whose stack has these parameters.
    pub(crate) async fn with(replayed: ReplayedToken, parameters: &[(&str, &str)]) -> Self {
        let route = Route::set_up(parameters).await.unwrap();
        let none = aws_sdk_s3::types::NotificationConfiguration::builder().build();
        let quiet = route.destination.s3.put_bucket_notification_configuration().bucket(MANIFEST_BUCKET);
        quiet.notification_configuration(none).send().await.unwrap();
        route.cloud.jobs().set_replayed_token(replayed);
        let mut days =
            Self { route, forgetful: false, day: 0, reports: Vec::new(), put: BTreeMap::new(), known: BTreeSet::new() };
        days.put("always here, never changed").await;
        days.two_reports().await;
        days.route.cloud.jobs().script(|_| JobScript::default());
        let first = days.answer(Event::Newer).await;
        days.confirm(&first).await;
        days.route.cloud.activity().settled().await;
        days.check("at first").await;
        days
    }

    pub(crate) async fn put(&mut self, key: &str) {
        let body = format!("{key} on day {}", self.day).into_bytes();
        let tags = format!("day={}", self.day);
        let put = self.route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).tagging(tags);
        put.body(body.into()).send().await.unwrap();
        *self.put.entry(key.to_owned()).or_default() += 1;
    }

    /// Puts an object that a copy job cannot read.
    pub(crate) async fn put_archived(&mut self, key: &str) {
        let put = self.route.source.s3.put_object().bucket(SOURCE_BUCKET).key(key).body(b"cold".to_vec().into());
        put.storage_class(aws_sdk_s3::types::StorageClass::DeepArchive).send().await.unwrap();
    }

    /// Gives create-job another setting.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let functions = self.route.cloud.functions();
        let mut settings = functions.settings("create-job").unwrap();
        settings.environment.insert(name.to_owned(), value.to_owned());
        functions.configure(&self.route.cloud, "create-job", settings).unwrap();
    }

    /// The copy of an object.
    pub(crate) async fn copy(&self, key: &str) -> Option<(Vec<u8>, String)> {
        object(&self.route.destination, DESTINATION_BUCKET, key).await.ok()
    }

    /// What was planned again for a failure's sake is not planned too often.
    pub(crate) fn settle_for_check(&mut self) {
        self.put.values_mut().for_each(|times| *times += 1);
    }

    /// A day on which nothing happens; its report is both the older and the newer.
    pub(crate) async fn a_quiet_day(&mut self) {
        self.route.cloud.clock().turn(DAY);
        let report = self.deliver().await;
        self.reports = vec![report.clone(), report];
    }

    /// Another day's report, which is the newest now.
    pub(crate) async fn one_more_report(&mut self) {
        self.day += 1;
        self.route.cloud.clock().turn(DAY);
        self.put("changes every day").await;
        self.reports[Event::Newer as usize] = self.deliver().await;
    }

    /// An event.
    pub(crate) fn event(&self, event: Event) -> &Value {
        &self.reports[event as usize]
    }

    /// What create-job answers to an event, or its error.
    pub(crate) async fn try_answer(&self, event: Event) -> Result<Value, Value> {
        let answer = self.route.create_job(self.event(event)).await.unwrap()?;
        Ok(answer["results"][0].clone())
    }

    /// What create-job answers to an event.
    pub(crate) async fn answer(&self, event: Event) -> Value {
        self.try_answer(event).await.unwrap()
    }

    /// Confirms a job that waits for it.
    pub(crate) async fn confirm(&self, answer: &Value) {
        let id = answer["job_id"].as_str().unwrap();
        let control = &self.route.destination.s3control;
        let account = cloud::identity::AccountId::destination();
        let waits = self.route.job(id).await.unwrap().confirmation_required() == Some(true);
        if waits {
            // A job is prepared before it waits.
            self.route.cloud.activity().settled().await;
            let confirm = control.update_job_status().account_id(account.as_str()).job_id(id);
            confirm.requested_job_status(RequestedJobStatus::Ready).send().await.unwrap();
        }
    }

    /// Two days, each with its report: in each, one object comes, one changes, one goes.
    pub(crate) async fn two_reports(&mut self) {
        if self.forgetful {
            self.forget().await;
        }
        self.reports.clear();
        for _ in 0..2 {
            self.day += 1;
            self.route.cloud.clock().turn(DAY);
            self.put(&format!("new of day {}", self.day)).await;
            self.put("changes every day").await;
            let gone = format!("new of day {}", self.day.saturating_sub(3));
            self.route.source.s3.delete_object().bucket(SOURCE_BUCKET).key(gone).send().await.unwrap();
            let report = self.deliver().await;
            self.reports.push(report);
        }
    }

    /// The event of a report that is delivered now.
    async fn deliver(&self) -> Value {
        let report = self.route.deliver().await.unwrap();
        let head = self.route.destination.s3.head_object().bucket(MANIFEST_BUCKET).key(&report).send().await.unwrap();
        let etag = head.e_tag().unwrap().trim_matches('"');
        created(&report, Some(etag), head.version_id())
    }

    /// Sends the events of `order`; those whose invocation failed once more afterwards, as Lambda does.
    pub(crate) async fn play(&self, order: &[Step]) {
        let mut failed = Vec::new();
        for step in order {
            let events = match *step {
                Step::One(event) => vec![event],
                Step::Both(one, other) => vec![one, other],
            };
            let events: Vec<&Value> = events.into_iter().map(|event| &self.reports[event as usize]).collect();
            let answers = join_all(events.iter().map(|event| self.route.create_job(event))).await;
            failed.extend(events.into_iter().zip(answers).filter(|(_, answer)| !went_well(answer)).map(|(e, _)| e));
        }
        for event in failed {
            let again = self.route.create_job(event).await;
            assert!(went_well(&again), "Lambda's retry fails too: {again:?}");
        }
        self.route.cloud.activity().settled().await;
    }

    /// What comes in time: the newest report's event, once the jobs before have ended.
    pub(crate) async fn catch_up(&self) {
        let answer = self.route.create_job(&self.reports[Event::Newer as usize]).await.unwrap().unwrap();
        let outcome = answer["results"][0]["outcome"].as_str().unwrap();
        assert!(["created", "already created"].contains(&outcome), "{answer}");
        self.route.cloud.activity().settled().await;
    }

    /// Holds every object of the source against its copy, and every plan against its jobs.
    pub(crate) async fn check(&mut self, what: &str) {
        for key in keys(&self.route.source).await.unwrap() {
            let original = object(&self.route.source, SOURCE_BUCKET, &key).await.unwrap();
            let copy = object(&self.route.destination, DESTINATION_BUCKET, &key).await;
            assert_eq!(copy.ok(), Some(original), "{key:?}: {what}");
        }
        let jobs = self.jobs_of_runs().await;
        let mut planned: BTreeMap<String, usize> = BTreeMap::new();
        for record in self.new_records().await {
            let made = jobs.get(record.run.as_str()).cloned().unwrap_or_default();
            assert!(made.len() <= 1, "{} has the jobs {made:?}: {what}", record.run);
            if record.is_discarded() {
                continue;
            }
            let is_replaced = |outcome: &Outcome| outcome.copied == 0 && outcome.carried_over > 0;
            assert!(
                record.state != State::Superseded || record.outcome.as_ref().is_some_and(is_replaced),
                "{} was superseded and is not carried over: {what}",
                record.run
            );
            assert_ne!(record.state, State::Planned, "{} has no job: {what}", record.run);
            let ids: Vec<&String> = record.jobs.iter().map(|job| &job.id).collect();
            assert_eq!(ids, made.iter().collect::<Vec<_>>(), "{}: {what}", record.run);
            for key in self.keys_of(&record).await {
                *planned.entry(key).or_default() += 1;
            }
        }
        for (key, times) in planned {
            let put = self.put.get(&key).copied().unwrap_or_default();
            assert!(times <= put || self.forgetful, "{key:?} was put {put} times and planned {times} times: {what}");
        }
        self.put.clear();
    }

    /// Records that were not there at the last check.
    async fn new_records(&mut self) -> Vec<RunRecord> {
        let mut records = Vec::new();
        for key in self.route.keys_below("ledger/runs/").await.unwrap() {
            if self.known.insert(key.clone()) {
                let bytes = self.route.kept(&key).await.unwrap().unwrap();
                records.push(serde_json::from_slice(&bytes).unwrap());
            }
        }
        records
    }

    /// Ids of the account's jobs, by the run that their description names.
    async fn jobs_of_runs(&self) -> BTreeMap<String, Vec<String>> {
        let account = cloud::identity::AccountId::destination();
        let list = self.route.destination.s3control.list_jobs().account_id(account.as_str());
        let mut pages = list.into_paginator().send();
        let mut jobs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for job in page.unwrap().jobs.unwrap_or_default() {
                let description = job.description.unwrap_or_default();
                let run =
                    description.split(' ').skip_while(|word| *word != "run").nth(1).unwrap_or_default().to_owned();
                jobs.entry(run).or_default().extend(job.job_id);
            }
        }
        jobs
    }

    /// The keys that a run planned: those of its own manifest; where that is the delivered one, none are told.
    async fn keys_of(&self, record: &RunRecord) -> Vec<String> {
        let Some(plan) = record.plan.as_ref().filter(|plan| !plan.delivered) else { return Vec::new() };
        let Some(manifest) = &plan.manifest else { return Vec::new() };
        let bytes = self.route.kept(manifest.key.as_str()).await.unwrap().unwrap();
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        let mut keys = Vec::new();
        for file in manifest["files"].as_array().unwrap() {
            let rows = self.route.kept(file["key"].as_str().unwrap()).await.unwrap().unwrap();
            for row in String::from_utf8(rows).unwrap().lines() {
                let key = row.split_once(',').unwrap().1;
                keys.push(transship::names::EncodedKey::new(key).decode().unwrap().as_str().to_owned());
            }
        }
        assert_eq!(keys.len() as u64, plan.objects, "{}", record.run);
        keys
    }

    /// Deletes everything that create-job has written.
    async fn forget(&mut self) {
        for folder in ["ledger/", "plans/"] {
            for key in self.route.keys_below(folder).await.unwrap() {
                let delete = self.route.destination.s3.delete_object().bucket(MANIFEST_BUCKET).key(key);
                delete.send().await.unwrap();
            }
        }
        self.known.clear();
    }
}

/// Whether Lambda would not try again.
fn went_well(answer: &Result<Result<Value, Value>, Error>) -> bool {
    matches!(answer, Ok(Ok(_)))
}

/// What a copy job can read of the source bucket.
async fn keys(source: &Clients) -> Result<Vec<String>, Error> {
    let listed = source.s3.list_objects_v2().bucket(SOURCE_BUCKET).send().await?;
    assert_ne!(listed.is_truncated(), Some(true), "a day's few objects are one page");
    let mut found = listed.contents.unwrap_or_default();
    found.retain(|object| object.storage_class().is_none_or(|class| class.as_str() != "DEEP_ARCHIVE"));
    Ok(found.into_iter().filter_map(|object| object.key).collect())
}

/// An object's bytes and tags.
async fn object(account: &Clients, bucket: &str, key: &str) -> Result<(Vec<u8>, String), Error> {
    let object = account.s3.get_object().bucket(bucket).key(key).send().await?;
    let tags = account.s3.get_object_tagging().bucket(bucket).key(key).send().await?;
    Ok((object.body.collect().await?.to_vec(), format!("{:?}", tags.tag_set())))
}
