//! Takes an event, answers what happened to each of its records.

use std::time::{Duration, Instant, SystemTime};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use transship::bucket::ManifestBucket;
use transship::error::AwsError;
use transship::event::{self, Heard, Notice};
use transship::inventory::{self, Patience, ReportKey};
use transship::job::{Persistence, RunId};
use transship::ledger::Asked;
use transship::names::excerpt;
use transship::run::{Handled, RunError, Runner, Time};

use crate::answer::{Answer, Outcome, Record, Retry};
use crate::command::Command;
use crate::config::Config;

/// Handles invocations. Holds nothing of one invocation for the next.
#[derive(Debug)]
pub(crate) struct Handler {
    config: Config,
    runner: Runner,
    lambda: aws_sdk_lambda::Client,
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
/// What is left of it for what follows planning: the last files of the plan, the record, the commit and the jobs.
const AFTER_PLANNING: Duration = Duration::from_secs(40);

impl Handler {
    /// With these settings and clients.
    pub(crate) fn new(
        config: Config,
        s3: &aws_sdk_s3::Client,
        control: aws_sdk_s3control::Client,
        lambda: aws_sdk_lambda::Client,
    ) -> Self {
        let bucket = ManifestBucket::new(s3, &config.route);
        let memory = config.function.for_planning();
        let runner = Runner::new(config.route.clone(), config.job.clone(), bucket, control, memory)
            .filtered(config.filters.clone())
            .asking(s3.clone());
        Self { config, runner, lambda, waits: Waits::default() }
    }

    /// Handles one invocation. An error makes Lambda retry the whole event, which is safe: a report that has its job
    /// keeps it.
    pub(crate) async fn invoked(&self, event: LambdaEvent<Value>) -> Result<Answer, Retry> {
        if let Some(command) = Command::of(&event.payload) {
            let record = self.commanded(command, &event.context).await;
            record.log();
            return Answer::of(vec![record]);
        }
        let time = self.time(&event.context);
        let mut results = Vec::new();
        for heard in event::read(&event.payload) {
            let record = match heard {
                Heard::Created(notice) => self.created(&notice, &time).await,
                Heard::Ignored { key, reason } => Record::new(key, Outcome::Ignored).because(reason),
                Heard::Refused { key, reason } => Record::new(key, Outcome::Refused).because(reason),
            };
            record.log();
            results.push(record);
        }
        Answer::of(results)
    }

    /// What comes of a person's command.
    async fn commanded(&self, command: Result<Command, String>, context: &Context) -> Record {
        let record = |outcome| Record::new("ledger/baseline.json", outcome);
        match command {
            Ok(Command::Rebuild { by }) => {
                let asked = Asked { request_id: context.request_id.clone(), by };
                match self.runner.rebuild(&asked).await {
                    Ok(rebuilt) => Record::rebuilt(&rebuilt),
                    Err(error) => record(Outcome::of_run(&error)).because(error),
                }
            }
            Ok(Command::Retry { run, by }) => {
                let asked = Asked { request_id: context.request_id.clone(), by };
                match Box::pin(self.runner.retry(&run, &asked, &self.time(context))).await {
                    Ok(retried) => Record::retried(&run, retried),
                    Err(error @ RunError::OnlyPreviewed) => Record::new(excerpt(&run), Outcome::Refused).because(error),
                    Err(error) => record(Outcome::of_run(&error)).because(error),
                }
            }
            Err(reason) => Record::new("", Outcome::Refused).because(reason),
        }
    }

    /// What comes of one object that was created.
    async fn created(&self, notice: &Notice, time: &Time) -> Record {
        let route = &self.config.route;
        // Whoever sends events may send long ones: logs and answers carry an excerpt.
        let named = || excerpt(notice.key.as_str());
        let record = |outcome| Record::new(named(), outcome);
        if notice.bucket != route.manifest_bucket.as_str() {
            let reason = format!("in bucket {}, not in the manifest bucket", excerpt(&notice.bucket));
            return record(Outcome::Ignored).because(reason);
        }
        let key = ReportKey::parse(&notice.key, &route.inventory_prefix, &route.source_bucket, &route.inventory_id);
        let key = match key {
            Ok(key) => key,
            Err(elsewhere) => return record(Outcome::Ignored).because(elsewhere),
        };
        let report = match inventory::fetch(self.runner.bucket(), route, key, notice, self.waits.patience).await {
            Ok(report) => report,
            Err(error) => return record(Outcome::of_fetch(&error)).because(error),
        };
        let run = RunId::of(&report);
        match self.runner.handle(&report, time).await {
            Ok(Handled::Unfinished) => match self.go_on(notice).await {
                Ok(()) => Record::handled(named(), &run, Handled::Unfinished),
                Err(error) => record(Outcome::Failed { retry: true }).of_run(&run).because(error),
            },
            Ok(handled) => Record::handled(named(), &run, handled),
            Err(error) => record(Outcome::of_run(&error)).of_run(&run).because(error),
        }
    }

    /// Another invocation goes on with the plan of this report.
    async fn go_on(&self, notice: &Notice) -> Result<(), AwsError> {
        let Some(name) = &self.config.function.name else { return Ok(()) };
        let event = event::again(notice).to_string();
        let request = self.lambda.invoke().function_name(name).invocation_type(InvocationType::Event);
        let answer = request.payload(Blob::new(event)).send().await;
        answer.map(drop).map_err(|error| AwsError::new("Invoke", &error))
    }

    /// How long this invocation may take. A deadline of 0 is that of an invocation without one.
    fn time(&self, context: &Context) -> Time {
        let left = match context.deadline {
            0 => None,
            _ => Some(context.deadline().duration_since(SystemTime::now()).unwrap_or_default()),
        };
        let left_without = |reserve| left.map(|left| left.saturating_sub(reserve));
        let long = Duration::from_hours(1);
        let until = Instant::now() + left_without(RESERVE).unwrap_or(long);
        let whole = left_without(AFTER_PLANNING).unwrap_or(long);
        let persistence = Persistence { patience: self.waits.denied, until, pause: self.waits.pause };
        Time { persistence, planning: Instant::now() + whole, whole }
    }
}

#[cfg(test)]
mod tests;
