//! What a run may be without a person's leave. Calls nothing.

use serde::{Deserialize, Serialize};

use super::{Cost, Money};
use crate::notice::text;

/// The most that a run may be without being confirmed. None is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Objects.
    pub objects: Option<u64>,
    /// Bytes.
    pub bytes: Option<u64>,
    /// Estimated cost.
    pub cost: Option<Money>,
}

/// A limit that a plan is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "limit")]
pub enum Over {
    /// Objects.
    #[serde(rename = "MaxObjectsPerRun")]
    Objects {
        /// What is planned.
        planned: u64,
        /// The most.
        most: u64,
    },
    /// Bytes.
    #[serde(rename = "MaxBytesPerRun")]
    Bytes {
        /// What is planned.
        planned: u64,
        /// The most.
        most: u64,
    },
    /// Estimated cost, in US dollars.
    #[serde(rename = "MaxEstimatedCostPerRun")]
    Cost {
        /// What is planned.
        planned: Money,
        /// The most.
        most: Money,
    },
    /// There is a limit, and nobody knows how much the run is.
    #[serde(rename = "unknown")]
    Unknown,
}

impl Limits {
    /// The limits that a run is over; `cost` is none where nobody could count what the run is.
    pub fn over(&self, cost: Option<&Cost>) -> Vec<Over> {
        let Some(cost) = cost else {
            let any = self.objects.is_some() || self.bytes.is_some() || self.cost.is_some();
            return if any { vec![Over::Unknown] } else { Vec::new() };
        };
        // What is restored is guarded like what is copied.
        let (all, size) = (cost.objects + cost.restored.objects, cost.bytes + cost.restored.bytes);
        let objects = self.objects.filter(|most| all > *most);
        let bytes = self.bytes.filter(|most| size > *most);
        let money = self.cost.filter(|most| cost.total > *most);
        [
            objects.map(|most| Over::Objects { planned: all, most }),
            bytes.map(|most| Over::Bytes { planned: size, most }),
            money.map(|most| Over::Cost { planned: cost.total, most }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Over {
    /// As a person reads it: `1,200 objects are planned, MaxObjectsPerRun is 1,000`.
    pub fn text(&self) -> String {
        match self {
            Self::Objects { planned, most } => {
                format!("{} planned, MaxObjectsPerRun is {}", text::objects(*planned), text::count(*most))
            }
            Self::Bytes { planned, most } => format!(
                "{} ({} bytes) planned, MaxBytesPerRun is {} ({} bytes)",
                text::size(*planned),
                text::count(*planned),
                text::size(*most),
                text::count(*most)
            ),
            Self::Cost { planned, most } => format!("{planned} estimated, MaxEstimatedCostPerRun is {most}"),
            Self::Unknown => "how much it copies could not be counted, and there is a limit".to_owned(),
        }
    }
}
