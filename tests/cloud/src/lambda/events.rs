//! What becomes of S3's notifications on their way: delivered, held, lost, late, or delivered twice, as a test says.
//! AWS promises them at least once, in no order.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::asynchronous::enqueue;
use crate::Cloud;

/// One event for one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Which it is of this cloud, from 1.
    pub number: u64,
    /// The function it is for.
    pub function: String,
    /// The bucket it tells of.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: String,
    /// The event as the function gets it.
    pub payload: Bytes,
}

/// What becomes of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is delivered.
    Now,
    /// It is delivered so many times, at once.
    Times(usize),
    /// It is delivered after so long, by the cloud's clock.
    After(Duration),
    /// It is kept until [`Events::deliver`] is called with its number.
    Held,
    /// It never arrives.
    Lost,
}

type Script = Arc<dyn Fn(&Notification) -> Delivery + Send + Sync>;

/// The notifications that are under way, and the script of what becomes of them.
#[derive(Default)]
pub(crate) struct Notifications(Mutex<State>);

#[derive(Default)]
struct State {
    script: Option<Script>,
    count: u64,
    held: BTreeMap<u64, Notification>,
}

impl Notifications {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The control over a cloud's notifications: [`Cloud::events`].
pub struct Events<'a>(pub(crate) &'a Cloud);

impl fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events<'_> {
    /// From now on `script` says what becomes of each notification.
    pub fn script(&self, script: impl Fn(&Notification) -> Delivery + Send + Sync + 'static) {
        self.state().script = Some(Arc::new(script));
    }

    /// From now on each is held.
    pub fn hold(&self) {
        self.script(|_| Delivery::Held);
    }

    /// From now on some come twice and some up to ten minutes late, and if `lossy` some not at all; by the seed.
    pub fn unreliable(&self, seed: u64, lossy: bool) {
        self.script(move |notification| {
            let digest = Sha256::digest([seed.to_le_bytes(), notification.number.to_le_bytes()].concat());
            let minutes = u64::from(digest[1] % 10) + 1;
            match digest[0] % 8 {
                0 | 1 => Delivery::Times(2),
                2 | 3 => Delivery::After(Duration::from_mins(minutes)),
                4 if lossy => Delivery::Lost,
                _ => Delivery::Now,
            }
        });
    }

    /// From now on each is delivered, and those that are held are delivered now, in their order.
    pub fn release(&self) {
        let held = {
            let mut state = self.state();
            state.script = None;
            std::mem::take(&mut state.held)
        };
        for notification in held.into_values() {
            enqueue(self.0, &notification.function, notification.payload);
        }
    }

    /// Those that are held, oldest first.
    pub fn held(&self) -> Vec<Notification> {
        self.state().held.values().cloned().collect()
    }

    /// Delivers one that is held, and returns at once. It stays held, so that it can be delivered again: to deliver
    /// several at the same time, do not wait between the calls.
    pub fn deliver(&self, number: u64) -> bool {
        let found = self.state().held.get(&number).cloned();
        let there = found.is_some();
        if let Some(notification) = found {
            enqueue(self.0, &notification.function, notification.payload);
        }
        there
    }

    /// Forgets one that is held. Says whether there was one.
    pub fn lose(&self, number: u64) -> bool {
        self.state().held.remove(&number).is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.notifications().state()
    }
}

/// Sends a notification on its way.
pub(super) fn send(cloud: &Cloud, function: &str, (bucket, key): (&str, &str), payload: Bytes) {
    let (notification, script) = {
        let mut state = cloud.notifications().state();
        state.count += 1;
        let (function, bucket, key) = (function.to_owned(), bucket.to_owned(), key.to_owned());
        (Notification { number: state.count, function, bucket, key, payload }, state.script.clone())
    };
    let delivery = script.map_or(Delivery::Now, |script| script(&notification));
    match delivery {
        Delivery::Lost => {}
        Delivery::Held => drop(cloud.notifications().state().held.insert(notification.number, notification)),
        Delivery::Now => drop(enqueue(cloud, function, notification.payload)),
        Delivery::Times(times) => {
            for _ in 0..times {
                enqueue(cloud, function, notification.payload.clone());
            }
        }
        Delivery::After(time) => {
            let after = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
            let alarm = cloud.clock().alarm(after, cloud.activity());
            let cloud = cloud.clone();
            tokio::spawn(async move {
                let ticket = alarm.rings().await;
                enqueue(&cloud, &notification.function, notification.payload);
                drop(ticket);
            });
        }
    }
}
