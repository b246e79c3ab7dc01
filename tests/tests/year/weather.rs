//! What goes wrong, and the list of it: events that are lost, late or doubled, jobs and tasks that fail, jobs that hang, calls
//! that are throttled, processes that are killed. Everything is decided by the seed, the day and what it is about.

mod fate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_s3control::types::RequestedJobStatus;
use cloud::Cloud;
use cloud::batch::ReplayedToken;
use cloud::front::{Fault, Mishap, Seen, When};
use cloud::lambda::{Delivery, Notification};
use e2e::large::COPY_LARGE;
use jiff::{SignedDuration, Timestamp};
use transship::job::JobKind;

use super::chance::{Chance, happens};
use super::trouble::{Kind, Trouble};

/// A job, as the cloud made it.
#[derive(Debug, Default)]
pub(crate) struct JobMade {
    pub(crate) kind: JobKind,
    /// The run in its description.
    pub(crate) run: String,
    /// It was made to end in a way that puts its whole plan back.
    pub(crate) is_bad: bool,
    /// The keys of the tasks that it began.
    pub(crate) tasks: Vec<String>,
    /// Of these, if it is a retry's, those of archived objects that a person has restored: no report shows that they changed.
    pub(crate) restored: Vec<String>,
}

/// A job that waits for a person.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// When the person looks at it.
    pub(crate) at: Timestamp,
    pub(crate) job: String,
    pub(crate) run: String,
    /// What the person then makes of it.
    pub(crate) wanted: RequestedJobStatus,
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
    waiting: Vec<Waiting>,
    /// Runs with jobs that waited for a person.
    guarded: BTreeSet<String>,
    /// The last job of objects over 5 GB: there is one at a time.
    large: Option<String>,
    /// Objects that a restore job failed to ask for, and when last.
    not_restored: BTreeMap<String, Timestamp>,
    strikes: Vec<Strike>,
    throttled: Option<(Timestamp, Timestamp)>,
    /// Which events of a report were lost.
    lost: BTreeMap<String, BTreeSet<String>>,
    events: u32,
    troubles: Vec<Trouble>,
    /// When setup was asked how the accounts stand, and was heard.
    checks: Vec<Timestamp>,
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
            guarded: BTreeSet::new(),
            large: None,
            not_restored: BTreeMap::new(),
            strikes: Vec::new(),
            throttled: None,
            lost: BTreeMap::new(),
            events: 0,
            troubles: Vec::new(),
            checks: Vec::new(),
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
        state.strike_large(day);
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
        state.held.iter().map(|(at, _)| *at).chain(state.waiting.iter().map(|waiting| waiting.at)).min()
    }

    /// Jobs that a person looks at now.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Waiting> {
        self.state().waiting.extract_if(.., |waiting| waiting.at <= now).collect()
    }

    /// The person looks once more at another time.
    pub(crate) fn waits_until(&self, waiting: Waiting, at: Timestamp) {
        self.state().waiting.push(Waiting { at, ..waiting });
    }

    /// Objects that a restore job failed to ask for, and when last.
    pub(crate) fn not_restored(&self) -> BTreeMap<String, Timestamp> {
        self.state().not_restored.clone()
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

    /// When setup was asked how the accounts stand, and was heard.
    pub(crate) fn checks(&self) -> Vec<Timestamp> {
        self.state().checks.clone()
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

    fn of_request(&self, seen: &Seen, now: Timestamp) -> Fault {
        let mut state = self.state();
        let fault = state.of_request(seen, now);
        if is_check(&seen.path) && matches!(fault, Fault::None) {
            state.checks.push(now);
        }
        fault
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of_request(&mut self, seen: &Seen, now: Timestamp) -> Fault {
        let Some(function) = seen.function.as_deref().filter(|_| !self.calm) else { return Fault::None };
        if seen.operation == "CreateJob" && self.throttled.is_some_and(|(from, to)| from <= now && now < to) {
            self.note(Kind::Throttled, now, function);
            let (code, message) = ("TooManyRequestsException", "Too many requests");
            return Fault::Answer { status: 400, code, message, when: When::Before };
        }
        let call = format!("{function} {} {}?{}", seen.operation, seen.path, seen.query);
        // What copy-large does not send again itself, a task's next attempt does.
        if seen.attempt > 1 || function == COPY_LARGE {
            let same = |trouble: &&mut Trouble| trouble.kind == Kind::Mishap && trouble.about == call;
            if let Some(trouble) = self.troubles.iter_mut().rev().find(same) {
                trouble.retried = true;
            }
        }
        if seen.attempt > 1 {
            return Fault::None;
        }
        let reads = ["Get", "Head", "List", "Describe"].iter().any(|start| seen.operation.starts_with(start));
        let counts = |strike: &Strike| strike.function == function && !(strike.writes && reads);
        let Some(place) = self.strikes.iter().position(counts) else { return Fault::None };
        if self.strikes[place].after > 0 {
            self.strikes[place].after -= 1;
            return Fault::None;
        }
        let Strike { mishap, .. } = self.strikes.remove(place);
        match mishap {
            // Its task fails with it, and tells of it in the completion report.
            Mishap::Crash(_) if function == COPY_LARGE => {
                let job = self.large.clone().unwrap_or_default();
                self.note(Kind::LargeKilled, now, &job);
            }
            Mishap::Crash(_) => self.note(Kind::Crash, now, function),
            _ => self.note(Kind::Mishap, now, &call),
        }
        mishap.fault()
    }

    fn note(&mut self, kind: Kind, at: Timestamp, about: &str) {
        self.troubles.push(Trouble { kind, at, about: about.to_owned(), retried: false });
    }

    /// A process of copy-large is killed on the first day and on every fourth, or a call of it goes wrong, as soon as there is one.
    fn strike_large(&mut self, day: u32) {
        let mut rng = self.chance.about(format!("copy-large on day {day}"));
        let pending = self.strikes.iter().any(|strike| strike.function == COPY_LARGE);
        if pending || !(day == 1 || happens(&mut rng, 1, 4)) {
            return;
        }
        let when = if rng.bool() { When::Before } else { When::After };
        let mishap = match rng.u8(0..8) {
            _ if day == 1 => Mishap::Crash(when),
            0 => Mishap::Unavailable(when),
            1 => Mishap::Cut(when),
            _ => Mishap::Crash(when),
        };
        self.strikes.push(Strike { function: COPY_LARGE, writes: false, after: rng.u32(0..25), mishap });
    }
}

/// Whether a call asks setup how the accounts stand.
pub(crate) fn is_check(call: &str) -> bool {
    call.contains("/functions/setup/invocations")
}
