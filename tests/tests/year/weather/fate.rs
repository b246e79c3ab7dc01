//! What becomes of each job and each of its tasks, and what a person does about those that wait for one.

use std::sync::Arc;

use aws_sdk_s3control::types::RequestedJobStatus;
use cloud::Cloud;
use cloud::batch::job::Job;
use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, ReportScript, WholeFailure};
use e2e::route::SOURCE_BUCKET;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use transship::job::JobKind;
use transship::names::EncodedKey;

use super::super::chance::{Chance, happens};
use super::super::source::{STUBBORN, current, is_copyable};
use super::super::trouble::Kind;
use super::{JobMade, State, Waiting, Weather};

impl Weather {
    pub(super) fn of_job(&self, job: &Job, cloud: &Cloud) -> JobScript {
        let mut state = self.state();
        state.jobs += 1;
        let description = job.spec.description.as_deref().unwrap_or_default();
        let run =
            description.split(" run ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned();
        let kind = match job.spec.operation_name() {
            "LambdaInvoke" => JobKind::Large,
            "S3InitiateRestoreObject" => JobKind::Restore,
            _ => JobKind::Copy,
        };
        if kind == JobKind::Large {
            state.large = Some(job.id.clone());
        }
        let (day, nth, calm) = (state.day, state.jobs, state.calm);
        let mut rng = state.chance.about(format!("job {day} {nth}"));
        let waits = job.spec.confirmation_required;
        let made = JobMade { kind, run, ..JobMade::default() };
        let nth_copy = state.nth_copy(kind);
        let mut script = if calm { JobScript::default() } else { state.fate(job, (kind, nth_copy), &mut rng) };
        if waits {
            state.waits(job, &made.run, &mut rng);
        }
        let is_bad = script.fails.is_some() || script.report != ReportScript::Whole;
        state.made.insert(job.id.clone(), JobMade { is_bad, ..made });
        let some_fail = !calm && (happens(&mut rng, 1, 5) || nth_copy == 8);
        let (weather, id, chance, cloud) = (self.clone(), job.id.clone(), state.chance, cloud.clone());
        script.tasks = Some(Arc::new(move |encoded| {
            let key = EncodedKey::new(encoded).decode().map(|key| key.as_str().to_owned()).unwrap_or_default();
            let mut state = weather.state();
            if let Some(job) = state.made.get_mut(&id) {
                job.tasks.push(key.clone());
                let archived = |version: &cloud::s3::Version| !is_copyable(version);
                if job.run.contains("-retry-") && current(&cloud, SOURCE_BUCKET).get(&key).is_some_and(archived) {
                    job.restored.push(key.clone());
                }
            }
            let mut rng = chance.about(format!("task {day} {nth} {key}"));
            let trouble = if !calm && is_stubborn(chance, day, &key) {
                Kind::Stubborn
            } else if some_fail && happens(&mut rng, 1, 3) {
                Kind::TasksFailed
            } else {
                return None;
            };
            let now = cloud.clock().now();
            state.note(trouble, now, &id);
            if kind == JobKind::Restore {
                state.not_restored.insert(key, now);
            }
            let failures = [(403, "AccessDenied"), (500, "InternalError"), (503, "SlowDown"), (404, "NoSuchKey")];
            let (status, code) = failures[rng.usize(0..if trouble == Kind::Stubborn { 1 } else { failures.len() })];
            Some(TaskFailure { status, code: code.to_owned(), message: "by the weather".to_owned() })
        }));
        script
    }
}

impl State {
    /// What becomes of a job as a whole.
    fn fate(&mut self, job: &Job, (kind, nth_copy): (JobKind, usize), rng: &mut Rng) -> JobScript {
        let mut script = JobScript::default();
        // Each happens once early on, lest a short year be without it.
        let (broken, late) = match nth_copy {
            5 => (12, 99),
            6 => (99, 0),
            7 => (9, 99),
            9 => (6, 99),
            11 => (0, 99),
            13 => (99, 8),
            _ => (rng.u8(0..100), rng.u8(0..100)),
        };
        let trouble = match broken {
            0..6 => {
                let after = rng.usize(0..2);
                script.fails = Some(WholeFailure { after, code: "Weather", reason: "the job broke down" });
                Some(Kind::JobFailed)
            }
            // Nobody reads the completion report of a restore job: HeadObject tells what it has come to.
            6..15 if kind == JobKind::Restore => None,
            6..9 => {
                script.report = ReportScript::Missing;
                Some(Kind::NoCompletionReport)
            }
            9..12 => {
                script.report = ReportScript::Short(1);
                Some(Kind::ShortCompletionReport)
            }
            12..15 => {
                script.report = ReportScript::WrongMd5;
                Some(Kind::DamagedCompletionReport)
            }
            _ => None,
        };
        let hours = match late {
            0..8 => Some((Kind::SlowJob, rng.i64(1..20))),
            8..11 => Some((Kind::HungJob, rng.i64(31..50))),
            _ => None,
        };
        if let Some((trouble, hours)) = hours.filter(|_| !job.spec.confirmation_required) {
            script.stays_active = true;
            self.held.push((later(job.created, SignedDuration::from_hours(hours)), job.id.clone()));
            self.note(trouble, job.created, &job.id);
        }
        if happens(rng, 1, 10) {
            script.undescribed_for = SignedDuration::from_mins(rng.i64(1..10));
            script.unlisted_for = SignedDuration::from_mins(rng.i64(1..10));
            self.note(Kind::UnknownJob, job.created, &job.id);
        }
        if let Some(trouble) = trouble {
            self.note(trouble, job.created, &job.id);
        }
        script
    }

    /// Which of the copy jobs this is, from 1; 0 if it is none.
    fn nth_copy(&self, kind: JobKind) -> usize {
        let copies = self.made.values().filter(|made| made.kind == JobKind::Copy).count();
        if kind == JobKind::Copy { copies + 1 } else { 0 }
    }

    /// A person looks at the jobs of a run that wait for one: in a few hours, or only after the next report has come.
    fn waits(&mut self, job: &Job, run: &str, rng: &mut Rng) {
        self.note(Kind::OverLimit, job.created, &job.id);
        // The first is confirmed, the second replaced, the third cancelled.
        self.guarded.insert(run.to_owned());
        let luck = match self.guarded.len() {
            1 => 9,
            2 => 1,
            3 => 0,
            _ => rng.u8(0..10),
        };
        let (hours, wanted) = match luck {
            _ if self.calm => (1, RequestedJobStatus::Ready),
            0 => (rng.i64(5..10), RequestedJobStatus::Cancelled),
            1 | 2 => (rng.i64(30..60), RequestedJobStatus::Ready),
            _ => (rng.i64(5..10), RequestedJobStatus::Ready),
        };
        // The notice has the commands for all jobs of the run.
        let same = self.waiting.iter().find(|waiting| waiting.run == run).map(|same| (same.at, same.wanted.clone()));
        let (at, wanted) = same.unwrap_or((later(job.created, SignedDuration::from_hours(hours)), wanted));
        self.waiting.push(Waiting { at, job: job.id.clone(), run: run.to_owned(), wanted });
    }
}

fn later(at: Timestamp, time: SignedDuration) -> Timestamp {
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

/// In each block of forty days, one key in twelve cannot be copied for the first eight; [`STUBBORN`] is always among them.
fn is_stubborn(chance: Chance, day: u32, key: &str) -> bool {
    day % 40 < 8 && (key == STUBBORN || happens(&mut chance.about(format!("stubborn {} {key}", day / 40)), 1, 12))
}
