//! US dollars, exactly. Calls nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::Invalid;

/// An amount in US dollars, to the billionth: a request costs less than a millionth. As JSON a number of dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(u64);

/// Billionths in a dollar.
const BILLION: f64 = 1e9;

impl Money {
    /// So many billionths of a dollar.
    pub const fn from_billionths(billionths: u64) -> Self {
        Self(billionths)
    }

    /// `count` times this price for each `per`, rounded to the nearest billionth of a dollar.
    pub(super) fn times(self, count: u64, per: u64) -> Self {
        let (price, per) = (u128::from(self.0), u128::from(per.max(1)));
        let billionths = (u128::from(count) * price + per / 2) / per;
        Self(u64::try_from(billionths).unwrap_or(u64::MAX))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// As a number, for whoever shows it.
    pub fn dollars(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine million dollars")]
        let billionths = self.0 as f64;
        billionths / BILLION
    }

    /// In whole cents, rounded up, as a metric counts it.
    pub fn cents(self) -> u64 {
        self.0.div_ceil(10_000_000)
    }

    fn from_dollars(dollars: f64) -> Option<Self> {
        let billionths = (dollars * BILLION).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "its range is looked at")]
        (0.0..=1e18).contains(&billionths).then_some(Self(billionths as u64))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::notice::text::dollars(self.dollars()))
    }
}

impl FromStr for Money {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let dollars = text.strip_prefix('$').unwrap_or(text).parse().ok();
        dollars.and_then(Self::from_dollars).ok_or_else(|| Invalid::new("a number of US dollars, such as 25.50", text))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        Self::from_dollars(dollars)
            .ok_or_else(|| serde::de::Error::custom(format_args!("{dollars} is no number of US dollars")))
    }
}
