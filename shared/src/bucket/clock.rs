//! The time as S3 has it, by the `Date` of its answers: what is held against S3's and Batch Operations' own times is told by
//! the same clock, whatever the machine's says. Calls nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use jiff::{SignedDuration, Timestamp};

/// S3's clock, as far as it is known. Every clone is the same clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    /// Seconds that S3 is ahead of this machine.
    ahead: Arc<AtomicI64>,
}

/// `Date` has whole seconds: a difference of less says nothing.
const ROUNDING: u64 = 2;

impl Clock {
    /// The time now; this machine's, before S3 has answered anything.
    pub(super) fn now(&self) -> Timestamp {
        let here = Timestamp::now();
        here.checked_add(SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed))).unwrap_or(here)
    }

    fn told(&self, date: &str) {
        let Ok(date) = DateTime::from_str(date, DateTimeFormat::HttpDate) else { return };
        let ahead = date.secs().saturating_sub(Timestamp::now().as_second());
        let ahead = if ahead.unsigned_abs() < ROUNDING { 0 } else { ahead };
        self.ahead.store(ahead, Ordering::Relaxed);
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.told(date);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_tells_the_time_and_nonsense_tells_nothing() {
        let clock = Clock::default();
        let late = |clock: &Clock| clock.now().duration_since(Timestamp::now()).as_secs();
        clock.told("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(clock.now().strftime("%F %H").to_string(), "2015-10-21 07");
        clock.told("yesterday");
        assert_eq!(clock.now().strftime("%F %H").to_string(), "2015-10-21 07");
        clock.told(&Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        assert_eq!(late(&clock), 0, "a part of a second is no difference");
    }
}
