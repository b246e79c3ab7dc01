//! The cloud's clock: real time, moved by an offset that tests can turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{Timestamp, ToSpan};

/// Real time plus an offset. Every clone is the same clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_seconds: Arc<AtomicI64>,
}

impl Clock {
    /// The time now, as every service of this cloud sees it.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.offset_seconds.load(Ordering::Relaxed).seconds()).unwrap_or(now)
    }

    /// Moves the clock on, or back, by so many seconds: sessions end, and a test need not wait for it.
    pub fn turn(&self, seconds: i64) {
        self.offset_seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}
