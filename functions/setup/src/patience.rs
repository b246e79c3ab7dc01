//! How long to keep at something that AWS does not do yet: roles and policies are not seen everywhere at once.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use transship::error::{AwsError, Class};

use crate::error::SetupError;

/// Pauses that double, with jitter, until the time is up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    /// The longest pause.
    const MOST: Duration = Duration::from_secs(8);

    /// For as long as `time`, beginning with a pause of `first`.
    pub(crate) fn new(time: Duration, first: Duration) -> Self {
        Self { until: Instant::now() + time, pause: first }
    }

    /// Waits; false, and at once, if the time is up.
    pub(crate) async fn again(&mut self) -> bool {
        let random = u32::try_from(RandomState::new().hash_one(0u8) % 512).unwrap_or_default();
        let wait = self.pause / 2 + self.pause / 1024 * random;
        if Instant::now() + wait > self.until {
            return false;
        }
        tokio::time::sleep(wait).await;
        self.pause = (self.pause * 2).min(Self::MOST);
        true
    }
}

/// Makes a call until it succeeds, fails for good, or the time is up. Throttling and faults are kept at, and what
/// `heals` says of the service's error code.
pub(crate) async fn persist<T, F>(
    patience: &mut Patience,
    heals: fn(&AwsError) -> bool,
    mut call: impl FnMut() -> F,
) -> Result<T, SetupError>
where
    F: Future<Output = Result<T, SetupError>>,
{
    loop {
        match call().await {
            Err(SetupError::Aws { error, target, advice }) if error.class == Class::Transient || heals(&error) => {
                tracing::warn!(%error, target, "to be tried again");
                if !patience.again().await {
                    return Err(SetupError::Aws { error, target, advice });
                }
            }
            ended => return ended,
        }
    }
}
