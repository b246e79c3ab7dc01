//! By what each thing that went wrong was seen: a message that was published, a function's error with its retry.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use transship::ledger::{RunRecord, State};

use super::life::Life;
use super::told::Told;
use super::trouble::{Kind, Trouble};
use super::weather::is_check;

/// What a trouble was seen by; none if by nothing.
pub(crate) struct Evidence<'a> {
    life: &'a Life,
    by_job: BTreeMap<&'a str, &'a RunRecord>,
    records: &'a [RunRecord],
    failed: Vec<cloud::lambda::FailedAttempt>,
    told: Vec<Told>,
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(life: &'a Life, records: &'a [RunRecord]) -> Self {
        let by_job = records.iter().flat_map(|run| run.jobs.iter().map(move |job| (job.id.as_str(), run))).collect();
        Self {
            life,
            by_job,
            records,
            failed: life.route.cloud.functions().failed_attempts(),
            told: Told::all(&life.route),
        }
    }

    /// What went wrong and nobody was told of, nor tried again.
    pub(crate) fn unseen(&self) -> Vec<Trouble> {
        let mut unseen: Vec<Trouble> = self.life.weather.troubles();
        unseen.retain(|trouble| !self.is_seen(trouble));
        unseen
    }

    /// Invocations that ended with their process, of a function.
    pub(crate) fn killed(&self, function: &str) -> usize {
        let killed = |error: &str| error.contains("Runtime.ExitError");
        let tried = self.failed.iter().filter(|attempt| attempt.function == function && killed(&attempt.error)).count();
        let asked = self.life.told_persons.iter().filter(|error| killed(error)).count();
        tried + if function == "create-job" { asked } else { 0 }
    }

    fn is_seen(&self, trouble: &Trouble) -> bool {
        let Trouble { kind, at, about, retried } = trouble;
        let within =
            |hours: i64, moment: jiff::Timestamp| moment.duration_since(*at).abs() <= SignedDuration::from_hours(hours);
        match kind {
            Kind::TasksFailed | Kind::Stubborn => self.is_told(about, Told::has_errors),
            Kind::LargeKilled => self.is_told(about, Told::has_killed),
            Kind::JobFailed
            | Kind::NoCompletionReport
            | Kind::ShortCompletionReport
            | Kind::DamagedCompletionReport
            | Kind::NotConfirmed
            | Kind::Replaced => self.is_told(about, Told::has_findings),
            Kind::HungJob => self.is_found(|told, what, _| {
                told > *at && within(60, told) && what.contains("has been open since") && what.contains(about)
            }),
            // A newer report may have come in the same hour: then somebody was told that it was cancelled.
            Kind::OverLimit => {
                self.is_found(|_, _, do_next| do_next.contains("update-job-status") && do_next.contains(about))
                    || self.is_told(about, Told::has_findings)
            }
            // Where the schedule did not fire either between the time that it was due and the next report, nobody could know.
            Kind::NoReport => {
                let asked = |tick: &jiff::Timestamp| {
                    let after = tick.duration_since(*at);
                    SignedDuration::from_hours(7) < after && after < SignedDuration::from_hours(23)
                };
                self.is_found(|told, what, _| {
                    told > *at && within(36, told) && what.contains("no inventory report has come")
                }) || !self.life.ticks.iter().any(asked)
            }
            // Its call was sent again, or its invocation failed and was tried again, or it was found.
            Kind::Mishap | Kind::Throttled => {
                *retried
                    // Another invocation was at the same at that moment, and heard setup.
                    || (is_check(about) && self.life.weather.checks().iter().any(|heard| {
                        heard.duration_since(*at).abs() <= SignedDuration::from_mins(10)
                    }))
                    || self.failed.iter().any(|failed| within(1, failed.at))
                    // Warnings of these are told once they have lasted an hour, and few do.
                    || ["failing", "hand-on", "check-failed"].iter().any(|name| {
                        self.is_raised(name, |since, seen| within(6, since) || (since <= *at && seen >= *at))
                    })
            }
            // The schedule found it, or it was too late for it.
            Kind::ReportUnannounced => {
                let time = about.rsplit('/').next().unwrap_or_default();
                self.records.iter().any(|run| run.state != State::Superseded && run.report.time.as_str() >= time)
            }
            // The very invocation of a crash failed: each is counted by `killed`. The others change when something happens, and
            // nothing else: that every run is settled and every object copied shows that it was done all the same.
            Kind::Crash
            | Kind::SlowJob
            | Kind::UnknownJob
            | Kind::EventLost
            | Kind::EventLate
            | Kind::EventTwice
            | Kind::EventAgain
            | Kind::Redelivered
            | Kind::NoTick => true,
        }
    }

    /// Whether there was a message of the run of a job, in which this can be seen.
    fn is_told(&self, job: &str, shows: impl Fn(&Told, &str) -> bool) -> bool {
        self.by_job.get(job).is_some_and(|run| self.told.iter().any(|told| shows(told, run.run.to_string().as_str())))
    }

    /// Whether a message told of such a finding: when, what is so, and what to do.
    fn is_found(&self, is_it: impl Fn(jiff::Timestamp, &str, &str) -> bool) -> bool {
        let mut actions = self.told.iter().flat_map(|told| told.actions.iter().map(move |action| (told.at, action)));
        actions.any(|(at, action)| is_it(at, &action.what, &action.do_next))
    }

    /// Runs that no message tells of.
    pub(crate) fn untold(&self) -> Vec<String> {
        let settled = self.records.iter().filter(|run| run.state != State::Superseded).map(|run| run.run.to_string());
        settled.filter(|run| !self.told.iter().any(|told| told.run.as_ref() == Some(run))).collect()
    }

    /// How many messages there were.
    pub(crate) fn messages(&self) -> usize {
        self.told.len()
    }

    fn is_raised(&self, name: &str, when: impl Fn(jiff::Timestamp, jiff::Timestamp) -> bool) -> bool {
        self.life.raised.values().any(|raised| raised.name == name && when(raised.since, raised.seen))
    }
}
