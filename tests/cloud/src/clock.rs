//! The cloud's clock: real time, moved by an offset that tests can turn, and what waits for a time on it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::sync::oneshot;

use crate::activity::{Activity, Ticket};

/// Real time plus an offset. Every clone is the same clock.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    offset_seconds: AtomicI64,
    hasty: AtomicBool,
    numbers: AtomicU64,
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    at: Timestamp,
    activity: Activity,
    ring: oneshot::Sender<Ticket>,
}

impl Clock {
    /// The time now, as every service of this cloud sees it.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.0.offset_seconds.load(Ordering::SeqCst).seconds()).unwrap_or(now)
    }

    /// Moves the clock on, or back, by so many seconds: sessions end, retries become due, and a test need not wait for
    /// it. What became due is in flight when this returns.
    pub fn turn(&self, seconds: i64) {
        self.0.offset_seconds.fetch_add(seconds, Ordering::SeqCst);
        let now = self.now();
        let mut waiting = self.waiting();
        let (mut due, rest) = waiting.drain(..).partition::<Vec<_>, _>(|w| w.at <= now);
        *waiting = rest;
        drop(waiting);
        due.sort_by_key(|w| (w.at, w.number));
        for Waiting { activity, ring, .. } in due {
            // Whoever waited may be gone; then so is the ticket.
            let _ = ring.send(activity.begin());
        }
    }

    /// Moves the clock on to a time, up to the next whole second. If that is past, what has become due meanwhile is in flight
    /// all the same.
    pub fn turn_to(&self, at: Timestamp) {
        let left = at.duration_since(self.now());
        self.turn(if left.is_positive() { left.as_secs() + i64::from(left.subsec_nanos() > 0) } else { 0 });
    }

    /// The next time that something waits for: Lambda's retry of an event, a notification that is late.
    pub fn next(&self) -> Option<Timestamp> {
        self.waiting().iter().map(|w| w.at).min()
    }

    /// From now on nothing waits: what would be due later is due at once, as a demonstration wants it.
    pub fn set_hasty(&self, hasty: bool) {
        self.0.hasty.store(hasty, Ordering::SeqCst);
    }

    /// Something will happen after so long. What waits for it is not in flight until then.
    pub(crate) fn alarm(&self, after: SignedDuration, activity: &Activity) -> Alarm {
        let now = self.now();
        let hasty = self.0.hasty.load(Ordering::SeqCst);
        let at = if hasty { now } else { now.checked_add(after).unwrap_or(Timestamp::MAX) };
        let number = self.0.numbers.fetch_add(1, Ordering::SeqCst);
        let (ring, heard) = oneshot::channel();
        self.waiting().push(Waiting { number, at, activity: activity.clone(), ring });
        Alarm { clock: self.clone(), number, at, activity: activity.clone(), heard }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time that is waited for.
#[derive(Debug)]
pub(crate) struct Alarm {
    clock: Clock,
    number: u64,
    at: Timestamp,
    activity: Activity,
    heard: oneshot::Receiver<Ticket>,
}

impl Alarm {
    /// Waits, and returns the ticket of what is due now.
    pub(crate) async fn rings(mut self) -> Ticket {
        loop {
            let left = self.at.duration_since(self.clock.now()).unsigned_abs();
            let left = if self.clock.now() >= self.at { std::time::Duration::ZERO } else { left };
            tokio::select! {
                biased;
                Ok(ticket) = &mut self.heard => return ticket,
                () = tokio::time::sleep(left) => {}
            }
            if self.clock.now() >= self.at {
                let ticket = self.activity.begin();
                self.clock.waiting().retain(|w| w.number != self.number);
                return ticket;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_became_due_is_in_flight_at_once() {
        let (clock, activity) = (Clock::default(), Activity::default());
        let (later, sooner) = (SignedDuration::from_mins(3), SignedDuration::from_mins(1));
        let (later, sooner) = (clock.alarm(later, &activity), clock.alarm(sooner, &activity));
        assert_eq!(clock.next(), Some(sooner.at));
        assert_eq!(activity.in_flight(), 0);
        clock.turn(61);
        assert_eq!(activity.in_flight(), 1);
        drop(sooner.rings().await);
        assert_eq!((activity.in_flight(), clock.next()), (0, Some(later.at)));
        clock.turn_to(later.at);
        assert_eq!((activity.in_flight(), clock.next()), (1, None));
        drop(later);
        assert_eq!(activity.in_flight(), 0);
    }

    #[tokio::test]
    async fn what_became_due_by_itself_is_in_flight_when_the_clock_is_turned_to_it() {
        let (clock, activity) = (Clock::default(), Activity::default());
        let _alarm = clock.alarm(SignedDuration::from_millis(1), &activity);
        std::thread::sleep(std::time::Duration::from_millis(5));
        clock.turn_to(clock.next().unwrap());
        assert_eq!((activity.in_flight(), clock.next()), (1, None));
    }

    #[tokio::test]
    async fn a_hasty_clock_waits_for_nothing() {
        let (clock, activity) = (Clock::default(), Activity::default());
        clock.set_hasty(true);
        let _ticket = clock.alarm(SignedDuration::from_hours(1), &activity).rings().await;
        assert_eq!((activity.in_flight(), clock.next()), (1, None));
    }
}
