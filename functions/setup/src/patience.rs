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
    /// Until then "access denied" may be a permission that was just given and is not seen everywhere yet.
    doubt: Instant,
    pause: Duration,
}

impl Patience {
    /// The longest pause.
    const MOST: Duration = Duration::from_secs(8);

    /// For as long as `time`, beginning with a pause of `first`. Takes every refusal for what it says.
    pub(crate) fn new(time: Duration, first: Duration) -> Self {
        let now = Instant::now();
        Self { until: now + time, doubt: now, pause: first }
    }

    /// Doubts refusals until then, or until the time is up.
    pub(crate) fn doubting(self, doubt: Instant) -> Self {
        Self { doubt: doubt.min(self.until), ..self }
    }

    /// For a read of what was just written: S3 may show what was there before for a moment.
    pub(crate) fn for_reading(self) -> Self {
        Self {
            until: self.until.min(Instant::now() + Duration::from_secs(5)),
            pause: self.pause.min(FIRST_READ),
            ..self
        }
    }

    /// Waits; false, and at once, if the time is up.
    pub(crate) async fn again(&mut self) -> bool {
        self.wait(self.until).await
    }

    /// As [`Patience::again`], for a call that failed: false as well if it will not heal.
    pub(crate) async fn again_after(&mut self, error: &AwsError, heals: bool) -> bool {
        if heals || error.class == Class::Transient {
            self.again().await
        } else if is_doubtful(error) {
            self.wait(self.doubt).await
        } else {
            false
        }
    }

    async fn wait(&mut self, until: Instant) -> bool {
        let random = u32::try_from(RandomState::new().hash_one(0u8) % 512).unwrap_or_default();
        let wait = self.pause / 2 + self.pause / 1024 * random;
        if Instant::now() + wait > until {
            return false;
        }
        tokio::time::sleep(wait).await;
        self.pause = (self.pause * 2).min(Self::MOST);
        true
    }
}

/// The first pause before a read-back.
const FIRST_READ: Duration = Duration::from_millis(250);

/// Nobody allows it, as far as is known there. A statement that denies it is known, and will be.
fn is_doubtful(error: &AwsError) -> bool {
    matches!(error.code.as_str(), "AccessDenied" | "AccessDeniedException") && !error.message.contains("explicit deny")
}

/// Makes a call until it succeeds, fails for good, or the time is up. Throttling and faults are kept at, refusals while
/// they are in doubt, and what `heals` says of the service's error code.
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
            Err(SetupError::Aws { error, target, advice }) => {
                if !patience.again_after(&error, heals(&error)).await {
                    return Err(SetupError::Aws { error, target, advice });
                }
                tracing::warn!(%error, target, "tried again");
            }
            ended => return ended,
        }
    }
}
