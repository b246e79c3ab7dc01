//! Tells people: what came of each run, and what is not as it should be. Calls S3 (the ledger) and SNS.
//!
//! Each is told at least once, and in the usual case once. Whoever tells says so in the ledger first, so that of two at the same
//! moment one does; then publishes; then notes that it was told. If it is cut off in between, another tells after
//! [`TELLING`](transship::run::TELLING), and [`Message::id`] is the same; if it cannot publish, it says so, and the next to come tries
//! at once. A run's metrics are written once it has been noted that they are, whether or not anybody could be told: none is
//! counted twice.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use transship::error::AwsError;
use transship::ledger::{Kept, RunRecord, Watch};
use transship::names::ObjectKey;
use transship::notice::{Finding, Found, Links, Message, Metric, Notices, Severity, Topic};
use transship::notice::{of_findings, of_route, of_run};
use transship::run::{Due, Raised, RunError, Runner, Tended, due, is_telling, see};

/// Who tells.
#[derive(Debug)]
pub(crate) struct Teller<'a> {
    pub(crate) runner: &'a Runner,
    /// None: the log and the status page tell.
    pub(crate) topic: Option<&'a Topic>,
    pub(crate) notices: Notices,
    pub(crate) links: Links<'a>,
}

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What is to be emitted.
    pub(crate) metrics: Vec<Metric>,
    /// What went wrong first, if anything did: the rest was done all the same. The next invocation tries again.
    pub(crate) failed: Option<Untold>,
}

impl Told {
    /// Has the metrics of a run emitted, unless they were before.
    fn measure(&mut self, record: &RunRecord) {
        if record.measured.is_none() {
            self.metrics.extend(of_run(record));
        }
    }

    fn fails(&mut self, error: impl Into<Untold>) {
        let error = error.into();
        tracing::error!(%error, "not everything could be told");
        self.failed.get_or_insert(error);
    }
}

/// Why something was not told, or it could not be noted that it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untold {
    /// SNS refused or failed.
    #[error("nobody could be told: {0}; see that settle-job's role may publish to the topic")]
    Publish(#[from] AwsError),
    /// The ledger could not be written.
    #[error(transparent)]
    Ledger(#[from] RunError),
}

impl Teller<'_> {
    /// Tells what there is to tell. `known` is what the watchdog knows by now, `watched` what it knew before.
    pub(crate) async fn tell(
        &self,
        tended: &Tended,
        raised: &[Raised],
        (mut known, watched): (Watch, Kept<Watch>),
    ) -> Told {
        let now = self.runner.bucket().now();
        let mut told = Told { metrics: of_look(tended, raised, now), ..Told::default() };
        let changed = see(&mut known, raised, now);
        let mut due = due(&known, raised, now);
        let beside = beside_a_run(raised, &known, &due);
        if !due.is_nothing() {
            known.telling = Some(now);
        }
        let mut kept = Some(watched);
        if let Some(before) = kept.take_if(|kept| kept.value != known) {
            match self.runner.keep_watch(known, &before.etag).await {
                Ok(now) => kept = now,
                Err(error) => told.fails(RunError::from(error)),
            }
        }
        if kept.is_none() {
            // Somebody else looked at the same moment: theirs to tell.
            due = Due::default();
        } else {
            log(raised, &changed.begun, &changed.ended);
        }
        let resolved = due.resolved();
        let found = Found { findings: &beside, resolved: &resolved };
        let in_a_run = Box::pin(self.tell_runs(tended, found, &mut told, now)).await;
        if let Some(kept) = kept.filter(|_| !due.is_nothing()) {
            let done = in_a_run || self.tell_findings(&due, &kept.value, &mut told).await;
            let noted = if done { self.note(&due, kept, now).await } else { self.not_told(kept).await };
            if let Err(error) = noted {
                told.fails(error);
            }
        }
        told
    }

    /// Whether there is anything that the status page may not show yet.
    pub(crate) fn is_news(tended: &Tended, raised: &[Raised], known: &Watch, now: Timestamp) -> bool {
        let runs = tended.runs.iter().any(|(_, run)| is_untold(&run.value));
        runs || !see(&mut known.clone(), raised, now).is_nothing()
    }

    /// Tells what came of each run that is closed; whether a message with all that is due was published: it is among what was
    /// `found`.
    async fn tell_runs(&self, tended: &Tended, found: Found<'_>, told: &mut Told, now: Timestamp) -> bool {
        let mut published = false;
        for (key, run) in &tended.runs {
            let record = &run.value;
            if !is_untold(record) || is_telling(record.telling, now) {
                continue;
            }
            // On the heap: records make large futures.
            match Box::pin(self.tell_run((key, run.clone()), found, told)).await {
                Ok(wanted) => published |= wanted,
                Err(error) => told.fails(error),
            }
        }
        published
    }

    async fn tell_run(
        &self,
        (key, run): (&ObjectKey, Kept<RunRecord>),
        found: Found<'_>,
        told: &mut Told,
    ) -> Result<bool, RunError> {
        let record = run.value.clone();
        let message = Message::of_run(&self.links, &record, found);
        let wanted = self.topic.is_some() && self.notices.want(message.severity);
        // Where nobody is to be told, too: of two at the same moment one measures.
        let Some(run) = self.runner.set_about_telling(key, run).await? else { return Ok(false) };
        if wanted && !self.publish(&message, told).await {
            if self.runner.not_told(key, run).await? {
                told.measure(&record);
            }
            return Ok(false);
        }
        if self.runner.told(key, run).await? {
            tracing::info!(run = %record.run, subject = message.subject, text = message.text, "told");
            told.measure(&record);
        }
        Ok(wanted)
    }

    /// Tells what is due; whether that was possible.
    async fn tell_findings(&self, due: &Due, watch: &Watch, told: &mut Told) -> bool {
        let raised = findings(&due.raised);
        let resolved = due.resolved();
        let found = Found { findings: &raised, resolved: &resolved };
        let Some(message) = Message::of_findings(&self.links, &occurrence(due, watch), found) else { return true };
        // Who was told that it began is told that it is over.
        let wanted = message.severity == Severity::Note || self.notices.want(message.severity);
        if wanted && !self.publish(&message, told).await {
            return false;
        }
        tracing::info!(subject = message.subject, text = message.text, "findings told");
        true
    }

    /// Whether it was published, or need not be.
    async fn publish(&self, message: &Message, told: &mut Told) -> bool {
        let Some(topic) = self.topic else { return true };
        match topic.publish(message).await {
            Ok(id) => {
                tracing::info!(notice = message.id, message_id = id, "published");
                true
            }
            Err(error) => {
                told.fails(error);
                false
            }
        }
    }

    /// Notes that findings could not be told, so that the next to come tries at once. Where somebody else has written the file,
    /// they wait until whoever set about it counts as cut off.
    async fn not_told(&self, kept: Kept<Watch>) -> Result<(), RunError> {
        let watch = Watch { telling: None, ..kept.value };
        self.runner.keep_watch(watch, &kept.etag).await?;
        Ok(())
    }

    /// Notes that findings were told. Where others write the file as well, what they wrote stays.
    async fn note(&self, due: &Due, mut kept: Kept<Watch>, now: Timestamp) -> Result<(), RunError> {
        for _ in 0..ROUNDS {
            let mut watch = kept.value.clone();
            due.told(&mut watch, now);
            if self.runner.keep_watch(watch, &kept.etag).await?.is_some() {
                return Ok(());
            }
            kept = self.runner.watch_file().await?;
        }
        Ok(())
    }
}

/// How often a file is read again that others write too. After that somebody may be told twice.
const ROUNDS: usize = 5;

/// Whether a run is closed, and nobody has been told what came of it.
fn is_untold(record: &RunRecord) -> bool {
    record.told.is_none() && record.state.is_closed() && !record.is_discarded()
}

/// What a run's message says of how the route stands: every alarm, and of the warnings those that somebody was told of or is
/// due to be. Any other may be over in a moment: it would make a problem of a faultless run, and nobody would hear that it is over.
fn beside_a_run(raised: &[Raised], known: &Watch, due: &Due) -> Vec<Finding> {
    let was_told = |raised: &Raised| known.raised.get(&raised.key()).is_some_and(|known| known.told.is_some());
    let is_said = |raised: &&Raised| {
        raised.finding.severity == Severity::Alarm || due.raised.contains(raised) || was_told(raised)
    };
    findings(raised.iter().filter(is_said))
}

/// The worst first.
fn findings<'r>(raised: impl IntoIterator<Item = &'r Raised>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = raised.into_iter().map(|raised| raised.finding.clone()).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// The same for the same findings since the same moments: whoever tells them again gives the message the same id.
fn occurrence(due: &Due, watch: &Watch) -> String {
    let mut hash = Sha256::new();
    let keys = due.raised.iter().map(Raised::key).chain(due.resolved.iter().map(|(key, _)| key.clone()));
    for key in keys {
        let known = watch.raised.get(&key).map(|known| (known.since, known.told, known.resolved));
        hash.update(format!("{key} {known:?}\n"));
    }
    format!("findings-{}", hex::encode(&hash.finalize()[..8]))
}

fn of_look(tended: &Tended, raised: &[Raised], now: Timestamp) -> Vec<Metric> {
    let mut metrics = of_route(tended.reports.newest.as_deref(), tended.open().map(|open| open.planned), now);
    metrics.extend(of_findings(raised.iter().map(|raised| (raised.name.as_str(), raised.finding.severity))));
    metrics
}

/// One line for each finding that begins, of level ERROR if somebody has to do something; one for each that is over.
fn log(raised: &[Raised], begun: &[String], ended: &[String]) {
    for raised in raised.iter().filter(|raised| begun.contains(&raised.key())) {
        let Raised { name, about, finding: Finding { what, do_next, severity } } = raised;
        match severity {
            Severity::Alarm => tracing::error!(name, about, what, do_next, "finding"),
            Severity::Warning => tracing::warn!(name, about, what, do_next, "finding"),
            Severity::Note => tracing::info!(name, about, what, do_next, "finding"),
        }
    }
    for key in ended {
        tracing::info!(finding = key, "finding is over");
    }
}
