//! Chance that can be replayed. Calls nothing.

use std::fmt::Display;

use fastrand::Rng;
use sha2::{Digest, Sha256};

/// A year's seed. What is decided follows from the seed and from what it is decided about, never from how many decisions came
/// before: the functions are real processes, and which of two comes first is not the same each time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// The numbers that decide about something.
    pub(crate) fn about(self, what: impl Display) -> Rng {
        let digest = Sha256::digest(format!("{} {what}", self.0));
        let mut seed = [0; 8];
        seed.copy_from_slice(&digest[..8]);
        Rng::with_seed(u64::from_le_bytes(seed))
    }
}

/// Whether that which happens `times` times in `of` happens now.
pub(crate) fn happens(rng: &mut Rng, times: u32, of: u32) -> bool {
    rng.u32(0..of) < times
}
