//! What goes wrong, and the list of it: events that are lost, late or doubled, jobs and tasks that fail, jobs that hang, calls
//! that are throttled, processes that are killed. Everything is decided by the seed, the day and what it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_s3control::types::RequestedJobStatus;
use cloud::Cloud;
use cloud::batch::job::Job;
use cloud::batch::report::TaskFailure;
use cloud::batch::{JobScript, ReplayedToken, ReportScript, WholeFailure};
use cloud::front::{Fault, Mishap, Seen, When};
use cloud::lambda::{Delivery, Notification};
use jiff::{SignedDuration, Timestamp};
use transship::names::EncodedKey;

use super::chance::{Chance, happens};

/// A kind of what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A process was killed at a call.
    Crash,
    /// A call was answered 503, or its connection cut, before or after it took effect.
    Mishap,
    /// Every CreateJob was refused for half an hour.
    Throttled,
    /// Some tasks of a job failed.
    TasksFailed,
    /// An object that no job can copy for days.
    Stubborn,
    /// A job failed whole.
    JobFailed,
    /// A job left no completion report.
    NoCompletionReport,
    /// A completion report lacked a row.
    ShortCompletionReport,
    /// A completion report's files had other MD5s.
    DamagedCompletionReport,
    /// A job took hours.
    SlowJob,
    /// A job hung for longer than a day.
    HungJob,
    /// A job waited for a person, since its run was over a limit.
    OverLimit,
    /// The person cancelled it, or did not look at it before the next report came.
    NotConfirmed,
    /// DescribeJob or ListJobs did not know a new job at first.
    UnknownJob,
    /// An event never came.
    EventLost,
    /// It came minutes or a day late, after others.
    EventLate,
    /// It came twice at once.
    EventTwice,
    /// No event told of a report.
    ReportUnannounced,
    /// S3 delivered no report.
    NoReport,
    /// S3 delivered a report again, with other files.
    Redelivered,
    /// An event of long ago came once more.
    EventAgain,
    /// The schedule did not fire.
    NoTick,
}

/// Something that went wrong, and what it is to be found by.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    pub(crate) at: Timestamp,
    /// The job, report or function.
    pub(crate) about: String,
    /// Whoever met it has tried again.
    pub(crate) retried: bool,
}

/// A job, as the cloud made it.
#[derive(Debug, Default)]
pub(crate) struct JobMade {
    /// The run in its description.
    pub(crate) run: String,
    /// It was made to end in a way that puts its whole plan back.
    pub(crate) is_bad: bool,
    /// The keys of the tasks that it began.
    pub(crate) tasks: Vec<String>,
}

/// The weather of a year. Every clone is the same.
#[derive(Clone)]
pub(crate) struct Weather(Arc<Mutex<State>>);

struct State {
    chance: Chance,
    day: u32,
    /// Nothing goes wrong any more.
    calm: bool,
    /// Jobs of this day.
    jobs: u32,
    made: BTreeMap<String, JobMade>,
    /// Jobs that hang, until when.
    held: Vec<(Timestamp, String)>,
    /// Jobs that wait for a person, and what that person will do when.
    waiting: Vec<(Timestamp, String, RequestedJobStatus)>,
    strikes: Vec<Strike>,
    throttled: Option<(Timestamp, Timestamp)>,
    /// Which events of a report were lost.
    lost: BTreeMap<String, BTreeSet<String>>,
    events: u32,
    troubles: Vec<Trouble>,
}

/// What becomes of one call of one function.
struct Strike {
    function: &'static str,
    /// Only calls that write are counted.
    writes: bool,
    /// After so many of them.
    after: u32,
    mishap: Mishap,
}

impl Weather {
    pub(crate) fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance,
            day: 0,
            calm: true,
            jobs: 0,
            made: BTreeMap::new(),
            held: Vec::new(),
            waiting: Vec::new(),
            strikes: Vec::new(),
            throttled: None,
            lost: BTreeMap::new(),
            events: 0,
            troubles: Vec::new(),
        })))
    }

    /// From now on it decides about this cloud's events and jobs.
    pub(crate) fn over(&self, cloud: &Cloud) {
        cloud.jobs().set_placeholder(true);
        cloud.jobs().set_tokens_last(Some(SignedDuration::from_hours(24)));
        let (events, jobs, weather) = (cloud.clone(), cloud.clone(), self.clone());
        cloud.events().script(move |event| weather.of_event(event, events.clock().now()));
        let weather = self.clone();
        cloud.jobs().script(move |job| weather.of_job(job, &jobs));
    }

    /// A day begins.
    pub(crate) fn day(&self, cloud: &Cloud, day: u32) {
        let mut state = self.state();
        (state.day, state.jobs, state.calm) = (day, 0, false);
        let mut rng = state.chance.about(format!("day {day}"));
        let replayed = if rng.bool() { ReplayedToken::SameJob } else { ReplayedToken::Exception };
        cloud.jobs().set_replayed_token(replayed);
        let (crash, mishap) = (happens(&mut rng, 1, 5), happens(&mut rng, 1, 6));
        let when = |rng: &mut fastrand::Rng| if rng.bool() { When::Before } else { When::After };
        if crash {
            let both = happens(&mut rng, 1, 6);
            let first = rng.bool();
            for (function, wanted) in [("create-job", first || both), ("settle-job", !first || both)] {
                let (writes, when) = (rng.bool(), when(&mut rng));
                let after = rng.u32(0..if writes { 10 } else { 60 });
                if wanted {
                    state.strikes.push(Strike { function, writes, after, mishap: Mishap::Crash(when) });
                }
            }
        }
        if mishap {
            let function = if rng.bool() { "create-job" } else { "settle-job" };
            let when = when(&mut rng);
            let mishap = if rng.bool() { Mishap::Unavailable(when) } else { Mishap::Cut(when) };
            state.strikes.push(Strike { function, writes: rng.bool(), after: rng.u32(0..12), mishap });
        }
        let now = cloud.clock().now();
        state.throttled = happens(&mut rng, 1, 25).then(|| {
            let hour = |hours| now.checked_add(SignedDuration::from_mins(hours)).unwrap();
            (hour(0), hour(120))
        });
        drop(state);
        // Anew each day, lest all requests of a year be kept.
        let (weather, cloud_) = (self.clone(), cloud.clone());
        cloud.faults().script(move |seen| weather.of_request(seen, cloud_.clock().now()));
    }

    /// From now on nothing goes wrong; what hangs goes on.
    pub(crate) fn clears_up(&self, cloud: &Cloud) {
        cloud.faults().clear();
        let held = {
            let mut state = self.state();
            state.calm = true;
            std::mem::take(&mut state.held)
        };
        for (_, id) in held {
            cloud.jobs().let_go(cloud, &id);
        }
    }

    /// When the next job that hangs goes on, or the next that waits for a person is looked at.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let state = self.state();
        state.held.iter().map(|(at, _)| *at).chain(state.waiting.iter().map(|(at, _, _)| *at)).min()
    }

    /// What a person does now about jobs that wait for one.
    pub(crate) fn decided(&self, now: Timestamp) -> Vec<(String, RequestedJobStatus)> {
        let mut state = self.state();
        let due = state.waiting.extract_if(.., |(at, _, _)| *at <= now).collect::<Vec<_>>();
        for (_, id, _) in due.iter().filter(|(_, _, status)| *status == RequestedJobStatus::Cancelled) {
            state.note(Kind::NotConfirmed, now, id);
        }
        due.into_iter().map(|(_, id, status)| (id, status)).collect()
    }

    /// Jobs go on that hung until now.
    pub(crate) fn let_go(&self, cloud: &Cloud) {
        let now = cloud.clock().now();
        let (due, held) = std::mem::take(&mut self.state().held).into_iter().partition(|(at, _)| *at <= now);
        self.state().held = held;
        let due: Vec<(Timestamp, String)> = due;
        for (_, id) in due {
            cloud.jobs().let_go(cloud, &id);
        }
    }

    /// Something went wrong that is decided elsewhere.
    pub(crate) fn note(&self, kind: Kind, at: Timestamp, about: &str) {
        self.state().note(kind, at, about);
    }

    /// All that went wrong.
    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        self.state().troubles.clone()
    }

    /// Looks at each job that was made.
    pub(crate) fn jobs<T>(&self, mut look: impl FnMut(&str, &JobMade) -> T) -> Vec<T> {
        self.state().made.iter().map(|(id, job)| look(id, job)).collect()
    }

    fn of_event(&self, event: &Notification, now: Timestamp) -> Delivery {
        let mut state = self.state();
        if state.calm {
            return Delivery::Now;
        }
        state.events += 1;
        // Of a completion report: by its job's place in the day, since ids are made anew in each replay.
        let name = event.key.rsplit('/').next().unwrap_or_default().to_owned();
        let nth = if event.function == "create-job" { 0 } else { state.jobs };
        let mut rng = state.chance.about(format!("event {} {} {nth} {name}", state.day, event.function));
        let (kind, delivery) = match rng.u8(0..100) {
            0..12 => (Kind::EventLost, Delivery::Lost),
            12..24 => (Kind::EventTwice, Delivery::Times(2)),
            24..36 => (Kind::EventLate, Delivery::After(Duration::from_mins(rng.u64(1..30)))),
            36..40 => (Kind::EventLate, Delivery::After(Duration::from_hours(rng.u64(3..30)))),
            _ => return Delivery::Now,
        };
        state.note(kind, now, &event.key);
        if kind == Kind::EventLost && event.function == "create-job" {
            let report = event.key.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            let lost = state.lost.entry(report.clone()).or_default();
            lost.insert(name);
            if lost.len() == 2 {
                state.note(Kind::ReportUnannounced, now, &report);
            }
        }
        delivery
    }

    fn of_job(&self, job: &Job, cloud: &Cloud) -> JobScript {
        let mut state = self.state();
        state.jobs += 1;
        let run = job.spec.description.as_deref().unwrap_or_default().rsplit(' ').next().unwrap_or_default().to_owned();
        let (day, nth, calm) = (state.day, state.jobs, state.calm);
        let mut rng = state.chance.about(format!("job {day} {nth}"));
        let waits = job.spec.confirmation_required;
        let mut script = if calm { JobScript::default() } else { state.fate(&job.id, job.created, waits, &mut rng) };
        if waits {
            state.waits(&job.id, job.created, calm, &mut rng);
        }
        let is_bad = script.fails.is_some() || script.report != ReportScript::Whole;
        state.made.insert(job.id.clone(), JobMade { run, is_bad, tasks: Vec::new() });
        let some_fail = !calm && happens(&mut rng, 1, 5);
        let (weather, id, chance, cloud) = (self.clone(), job.id.clone(), state.chance, cloud.clone());
        script.tasks = Some(Arc::new(move |encoded| {
            let key = EncodedKey::new(encoded).decode().map(|key| key.as_str().to_owned()).unwrap_or_default();
            let mut state = weather.state();
            if let Some(job) = state.made.get_mut(&id) {
                job.tasks.push(key.clone());
            }
            let mut rng = chance.about(format!("task {day} {nth} {key}"));
            let kind = if !calm && is_stubborn(chance, day, &key) {
                Kind::Stubborn
            } else if some_fail && happens(&mut rng, 1, 3) {
                Kind::TasksFailed
            } else {
                return None;
            };
            state.note(kind, cloud.clock().now(), &id);
            let failures = [(403, "AccessDenied"), (500, "InternalError"), (503, "SlowDown"), (404, "NoSuchKey")];
            let (status, code) = failures[rng.usize(0..if kind == Kind::Stubborn { 1 } else { failures.len() })];
            Some(TaskFailure { status, code: code.to_owned(), message: "by the weather".to_owned() })
        }));
        script
    }

    fn of_request(&self, seen: &Seen, now: Timestamp) -> Fault {
        let mut state = self.state();
        let Some(function) = seen.function.as_deref().filter(|_| !state.calm) else { return Fault::None };
        if seen.operation == "CreateJob" && state.throttled.is_some_and(|(from, to)| from <= now && now < to) {
            state.note(Kind::Throttled, now, function);
            let (code, message) = ("TooManyRequestsException", "Too many requests");
            return Fault::Answer { status: 400, code, message, when: When::Before };
        }
        let call = format!("{function} {} {}", seen.operation, seen.path);
        if seen.attempt > 1 {
            let same = |trouble: &&mut Trouble| trouble.kind == Kind::Mishap && trouble.about == call;
            if let Some(trouble) = state.troubles.iter_mut().rev().find(same) {
                trouble.retried = true;
            }
            return Fault::None;
        }
        let reads = ["Get", "Head", "List", "Describe"].iter().any(|start| seen.operation.starts_with(start));
        let counts = |strike: &Strike| strike.function == function && !(strike.writes && reads);
        let Some(place) = state.strikes.iter().position(counts) else { return Fault::None };
        if state.strikes[place].after > 0 {
            state.strikes[place].after -= 1;
            return Fault::None;
        }
        let Strike { mishap, .. } = state.strikes.remove(place);
        match mishap {
            Mishap::Crash(_) => state.note(Kind::Crash, now, function),
            _ => state.note(Kind::Mishap, now, &call),
        }
        mishap.fault()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, kind: Kind, at: Timestamp, about: &str) {
        self.troubles.push(Trouble { kind, at, about: about.to_owned(), retried: false });
    }

    /// What becomes of a job as a whole.
    fn fate(&mut self, id: &str, created: Timestamp, waits: bool, rng: &mut fastrand::Rng) -> JobScript {
        let mut script = JobScript::default();
        let kind = match rng.u8(0..100) {
            0..6 => {
                let after = rng.usize(0..2);
                script.fails = Some(WholeFailure { after, code: "Weather", reason: "the job broke down" });
                Some(Kind::JobFailed)
            }
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
        let hours = match rng.u8(0..100) {
            0..8 => Some((Kind::SlowJob, rng.i64(1..20))),
            8..11 => Some((Kind::HungJob, rng.i64(31..50))),
            _ => None,
        };
        if let Some((kind, hours)) = hours.filter(|_| !waits) {
            script.stays_active = true;
            self.held.push((created.checked_add(SignedDuration::from_hours(hours)).unwrap(), id.to_owned()));
            self.note(kind, created, id);
        }
        if happens(rng, 1, 10) {
            script.undescribed_for = SignedDuration::from_mins(rng.i64(1..10));
            script.unlisted_for = SignedDuration::from_mins(rng.i64(1..10));
            self.note(Kind::UnknownJob, created, id);
        }
        if let Some(kind) = kind {
            self.note(kind, created, id);
        }
        script
    }

    /// A person looks at a job that waits for one: in a few hours, or only after the next report has come.
    fn waits(&mut self, id: &str, created: Timestamp, calm: bool, rng: &mut fastrand::Rng) {
        self.note(Kind::OverLimit, created, id);
        let (hours, status) = match rng.u8(0..10) {
            _ if calm => (1, RequestedJobStatus::Ready),
            0 => (rng.i64(5..10), RequestedJobStatus::Cancelled),
            1 | 2 => (rng.i64(30..60), RequestedJobStatus::Ready),
            _ => (rng.i64(5..10), RequestedJobStatus::Ready),
        };
        let at = created.checked_add(SignedDuration::from_hours(hours)).unwrap();
        self.waiting.push((at, id.to_owned(), status));
    }
}

/// In each block of forty days, one key in twelve cannot be copied for the first eight.
fn is_stubborn(chance: Chance, day: u32, key: &str) -> bool {
    day % 40 < 8 && happens(&mut chance.about(format!("stubborn {} {key}", day / 40)), 1, 12)
}
