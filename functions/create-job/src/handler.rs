//! Takes an event, answers what happened to each of its records.

use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use transship::event::{self, Heard, Notice};
use transship::inventory::{self, Patience, ReportKey};
use transship::job::{self, Persistence, RunId, Sent};
use transship::names::excerpt;

use crate::answer::{Answer, Outcome, Record, Retry};
use crate::config::Config;

/// Handles invocations. Holds nothing of one invocation for the next.
#[derive(Debug)]
pub(crate) struct Handler {
    config: Config,
    s3: aws_sdk_s3::Client,
    control: aws_sdk_s3control::Client,
    waits: Waits,
}

/// How long to wait for what should come by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// For a file of a report that is being delivered.
    pub(crate) patience: Patience,
    /// For IAM, at a denied CreateJob.
    pub(crate) denied: Duration,
    /// The first pause of these.
    pub(crate) pause: Duration,
}

impl Default for Waits {
    /// IAM propagates within seconds, seldom more than a minute.
    fn default() -> Self {
        Self { patience: Patience::default(), denied: Duration::from_mins(1), pause: Duration::from_secs(2) }
    }
}

/// What is left of the function's time for the answer.
const RESERVE: Duration = Duration::from_secs(5);

impl Handler {
    /// With these settings and clients.
    pub(crate) fn new(config: Config, s3: aws_sdk_s3::Client, control: aws_sdk_s3control::Client) -> Self {
        Self { config, s3, control, waits: Waits::default() }
    }

    /// Handles one invocation. An error makes Lambda retry the whole event, which is safe: a report that has its job
    /// keeps it.
    pub(crate) async fn invoked(&self, event: LambdaEvent<Value>) -> Result<Answer, Retry> {
        let persistence = self.persistence(&event.context);
        let mut results = Vec::new();
        for heard in event::read(&event.payload) {
            let record = match heard {
                Heard::Created(notice) => self.created(&notice, persistence).await,
                Heard::Ignored { key, reason } => Record::new(key, Outcome::Ignored).because(reason),
                Heard::Refused { key, reason } => Record::new(key, Outcome::Refused).because(reason),
            };
            record.log();
            results.push(record);
        }
        Answer::of(results)
    }

    /// What comes of one object that was created.
    async fn created(&self, notice: &Notice, persistence: Persistence) -> Record {
        let Config { route, job: settings } = &self.config;
        // Whoever sends events may send long ones: logs and answers carry an excerpt.
        let record = |outcome| Record::new(excerpt(notice.key.as_str()), outcome);
        if notice.bucket != route.manifest_bucket.as_str() {
            let reason = format!("in bucket {}, not in the manifest bucket", excerpt(&notice.bucket));
            return record(Outcome::Ignored).because(reason);
        }
        let key = ReportKey::parse(&notice.key, &route.inventory_prefix, &route.source_bucket, &route.inventory_id);
        let key = match key {
            Ok(key) => key,
            Err(elsewhere) => return record(Outcome::Ignored).because(elsewhere),
        };
        let report = match inventory::fetch(&self.s3, route, key, notice, self.waits.patience).await {
            Ok(report) => report,
            Err(error) => return record(Outcome::of_fetch(&error)).because(error),
        };
        let run = RunId::of(&report);
        match inventory::has_rows(&self.s3, route, &report).await {
            Ok(true) => {}
            Ok(false) => return record(Outcome::Empty).of_run(&run).because("the report lists no objects"),
            Err(error) => return record(Outcome::of_fetch(&error)).of_run(&run).because(error),
        }
        let request = match job::copy_job(route, settings, &report) {
            Ok(request) => request,
            Err(error) => return record(Outcome::FAILED_FOR_GOOD).of_run(&run).because(error),
        };
        match job::send(&self.control, route, settings, &request, persistence).await {
            Ok(Sent::Created(id)) => record(Outcome::Created).of_run(&run).with_job(id),
            Ok(Sent::AlreadyThere(id)) => record(Outcome::AlreadyCreated).of_run(&run).with_job(id),
            Err(error) => record(Outcome::Failed { retry: error.is_transient() }).of_run(&run).because(error),
        }
    }

    /// Until when this invocation may keep at a denied call. A deadline of 0 is that of an invocation without one.
    fn persistence(&self, context: &Context) -> Persistence {
        let left = match context.deadline {
            0 => self.waits.denied,
            _ => context.deadline().duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESERVE),
        };
        Persistence { until: Instant::now() + left.min(self.waits.denied), pause: self.waits.pause }
    }
}

#[cfg(test)]
mod tests;
