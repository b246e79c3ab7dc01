//! Looks after the route, whatever the event: a completion report, the schedule, or a person. An event is a hint that
//! there may be something to do; nothing in it is believed, or even read.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use transship::aws;
use transship::bucket::ManifestBucket;
use transship::config::Env;
use transship::job::Persistence;
use transship::ledger::{RunRecord, Watch};
use transship::names::ObjectKey;
use transship::notice::{Emitter, Finding, Links, Metric, Severity, Topic};
use transship::run::{Raised, RunError, Runner, Tended, Time, watch};
use transship::status::{Status, publish};

use crate::answer::{Answer, Closed, Failed, Named};
use crate::config::Config;
use crate::others;
use crate::tell::Teller;

/// Handles invocations. Holds nothing of one invocation for the next.
#[derive(Debug)]
pub(crate) struct Handler {
    config: Config,
    runner: Runner,
    lambda: aws_sdk_lambda::Client,
    /// Waits for setup's answer.
    patient: aws_sdk_lambda::Client,
    topic: Option<Topic>,
    emitter: Emitter,
}

/// What is left of the function's time for what follows settling: the findings, the status page and the answer.
const AFTER_SETTLING: Duration = Duration::from_mins(1);
/// For so long a denied CreateJob is tried again: the schedule does the rest.
const DENIED: Duration = Duration::from_secs(20);
/// How often setup is asked to check both accounts.
const CHECK_EVERY: SignedDuration = SignedDuration::from_hours(6);
/// How soon again while it cannot see all: sooner than a warning is told.
const CHECK_AGAIN: SignedDuration = SignedDuration::from_mins(25);
/// While a stack is being deployed, S3's test event and the schedule come before setup has done its part: what is wrong then
/// is a warning, and looked at again, for so long after the first look.
const DEPLOYING: SignedDuration = SignedDuration::from_mins(30);
/// How soon again.
const CHECK_DEPLOYED: SignedDuration = SignedDuration::from_mins(10);
/// As long as setup may take, by template.yaml.
const CHECK_TAKES: Duration = Duration::from_mins(5);
/// What has to be left of this function's time when setup has answered: for the status page, for telling, and for the answer.
const AFTER_CHECK: Duration = Duration::from_secs(30);

impl Handler {
    /// With the settings of `env`; every wrong one is named.
    pub(crate) async fn from_env(env: &(impl Env + Sync)) -> Result<Self, lambda_runtime::Error> {
        let config = Config::from_env(env)?;
        let sdk = aws::sdk_config().await;
        let bucket = ManifestBucket::new(&aws::s3(&sdk), &config.route);
        let control = aws::s3_control(&sdk, &config.route.destination_region);
        // It plans nothing, so that it needs no memory for it.
        let runner = Runner::new(config.route.clone(), config.job.clone(), bucket, control, 0);
        let topic = config.topic.clone().map(|arn| Topic::new(aws::sns(&sdk), arn));
        let emitter = Emitter::new(&config.route.name)?;
        let (lambda, patient) = (aws::lambda(&sdk), aws::lambda_patient(&sdk, CHECK_TAKES));
        Ok(Self { config, runner, lambda, patient, topic, emitter })
    }

    /// Handles one invocation. An error makes Lambda try again, which is safe: what is closed stays closed.
    pub(crate) async fn invoked(&self, event: LambdaEvent<Value>) -> Result<Answer, Failed> {
        let failed = |error: RunError| Failed(error.to_string());
        let tended = Box::pin(self.runner.tend(&time(&event.context))).await.map_err(failed)?;
        let mut answer = Answer::default();
        for run in &tended.closed {
            run.log();
            answer.closed.push(Closed { run: run.run.clone(), state: run.state });
        }
        answer.open = tended.open().map(|open| open.run.clone());
        let mut more = Vec::new();
        match self.hand_on(&tended).await {
            Ok(handed_on) => answer.handed_on = handed_on,
            Err(finding) => more.push(finding),
        }
        let watched = self.runner.watch_file().await.map_err(|error| failed(error.into()))?;
        let now = self.runner.bucket().now();
        let mut known = watched.value.clone();
        more.extend(self.check(&mut known, now, left(&event.context).saturating_sub(AFTER_CHECK)).await);
        let mut raised = watch(&tended, known.since, &self.config.patience, now);
        raised.extend(more);
        // The page comes first: were it last, whoever is cut off before it would leave an old one, and nobody would know.
        if known.page_due || Teller::is_news(&tended, &raised, &known, now) {
            known.page_due = !self.publish(&tended, &raised).await;
        }
        let told = Box::pin(self.teller().tell(&tended, &raised, (known, watched))).await;
        self.emit(&told.metrics);
        // Everything else is done: what could not be told makes the invocation fail, which has an alarm of its own.
        if let Some(error) = told.failed {
            return Err(Failed(error.to_string()));
        }
        answer.findings = raised.into_iter().map(|Raised { name, finding, .. }| Named { name, finding }).collect();
        Ok(answer)
    }

    /// Tells `create-job` of the report that is to be planned next.
    async fn hand_on(&self, tended: &Tended) -> Result<Option<ObjectKey>, Raised> {
        let Some(report) = &tended.hand_on else { return Ok(None) };
        let notice = report.notice(self.config.route.manifest_bucket.as_str());
        match others::hand_on(&self.lambda, &self.config.create_job, &notice).await {
            Ok(()) => {
                tracing::info!(run = %report.run, manifest_key = %report.manifest, "handed on to create-job");
                Ok(Some(report.manifest.clone()))
            }
            Err(error) => {
                let what = format!("create-job cannot be told of {}: {error}", report.manifest);
                let do_next = "see that settle-job's role may invoke create-job, and that create-job is there";
                Err(Raised::alarm("hand-on", what, do_next))
            }
        }
    }

    /// What setup finds wrong in either account, asked anew every few hours.
    async fn check(&self, watched: &mut Watch, now: Timestamp, within: Duration) -> Vec<Raised> {
        let Some(setup) = &self.config.setup else { return Vec::new() };
        let warning = |name: &str, what: String, do_next: &str| {
            let finding = Finding::new(Severity::Warning, what, do_next);
            Raised { name: name.to_owned(), about: String::new(), finding }
        };
        let mut unheard = None;
        let is_new = |at: Timestamp| at.duration_since(watched.since) < DEPLOYING;
        let every = match watched.checked {
            Some(checked) if is_new(checked) && !watched.wrong.is_empty() => CHECK_DEPLOYED,
            _ if !watched.unseen.is_empty() => CHECK_AGAIN,
            _ => CHECK_EVERY,
        };
        let is_new = is_new(now);
        if watched.checked.is_none_or(|at| now.duration_since(at) >= every) {
            let answer = tokio::time::timeout(within, others::check(&self.patient, setup)).await;
            match answer.unwrap_or_else(|_| Err("no time was left to wait for it".to_owned())) {
                Ok(found) => {
                    watched.checked = Some(now);
                    (watched.wrong, watched.unseen) = (found.wrong, found.unseen);
                }
                Err(error) => {
                    let what = format!("setup did not say how the accounts stand: {error}");
                    unheard = Some(warning("check-failed", what, "its log says why; it is asked again every time"));
                }
            }
        }
        let wrong = watched.wrong.iter().map(|(check, (what, do_next))| {
            let (name, what) = (format!("setup {check}"), format!("{check}: {what}"));
            if is_new { warning(&name, what, do_next) } else { Raised::alarm(name, what, do_next) }
        });
        let unseen = watched.unseen.iter().map(|(check, (what, do_next))| {
            warning(&format!("setup {check}"), format!("{check} cannot be looked at: {what}"), do_next)
        });
        wrong.chain(unseen).chain(unheard).collect()
    }

    fn teller(&self) -> Teller<'_> {
        Teller { runner: &self.runner, topic: self.topic.as_ref(), notices: self.config.notices, links: self.links() }
    }

    fn emit(&self, metrics: &[Metric]) {
        let emitted: io::Result<()> = self.emitter.emit(metrics);
        if let Err(error) = emitted {
            tracing::warn!(%error, "metrics were not written");
        }
    }

    /// Writes the status page; whether that worked. It is a view: if it fails, the next time writes it.
    async fn publish(&self, tended: &Tended, raised: &[Raised]) -> bool {
        let findings: Vec<Finding> = raised.iter().map(|raised| raised.finding.clone()).collect();
        let runs: Vec<RunRecord> = tended.runs.iter().map(|(_, run)| run.value.clone()).collect();
        let status = Status::of(&self.links(), tended.baseline.as_ref(), &runs, &findings, tended.as_of);
        let published = publish(self.runner.bucket(), &status).await;
        if let Err(error) = &published {
            tracing::warn!(%error, "the status page was not written");
        }
        published.is_ok()
    }

    fn links(&self) -> Links<'_> {
        let Config { route, job, region, .. } = &self.config;
        Links { route, home: region, report_prefix: &job.report_prefix }
    }
}

/// What is left of this invocation's time. A deadline of 0 is that of an invocation without one.
fn left(context: &Context) -> Duration {
    match context.deadline {
        0 => Duration::from_mins(10),
        _ => context.deadline().duration_since(SystemTime::now()).unwrap_or_default(),
    }
}

/// How long this invocation may take.
fn time(context: &Context) -> Time {
    let left = left(context);
    let settling = Instant::now() + left.saturating_sub(AFTER_SETTLING.min(left / 4));
    let persistence = Persistence { patience: DENIED, until: settling, pause: Duration::from_secs(2) };
    Time { persistence, planning: settling, whole: settling.saturating_duration_since(Instant::now()) }
}
