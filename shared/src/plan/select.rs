//! What a run takes of a report's objects: what passes the filters and what its jobs can copy. Calls nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use super::filter::Filtering;
use super::{Count, Filter, Reason, Restored};
use crate::config::Filters;
use crate::delta::Verdict;
use crate::inventory::Row;
use crate::job::JobKind;

/// What a run takes.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    filtering: Option<Filtering>,
    /// Whether there is a job for what is over 5 GB.
    pub(super) large: bool,
    /// What is known of archived objects.
    pub(super) restored: Arc<Restored>,
    /// All that it depends on, besides the report, in one text.
    pub(super) fingerprint: String,
}

impl Selection {
    /// For a report whose scan started at `scan`.
    pub(super) fn new(filters: &Filters, large: bool, restored: Arc<Restored>, scan: Timestamp) -> Self {
        let fingerprint = format!("{} large={large} restored={}", filters.fingerprint(), restored.fingerprint);
        Self { filtering: Filtering::of(filters, scan), large, restored, fingerprint }
    }

    /// Whether it takes all that a copy job can copy, and nothing else.
    pub(super) fn is_plain(&self) -> bool {
        self.filtering.is_none() && !self.large && self.restored.readable.is_empty()
    }

    /// Whether the object of this row is taken; `met_large` is set where it is and is over 5 GB.
    pub(super) fn verdict(&self, row: &Row<'_>, met_large: &AtomicBool) -> Verdict {
        if let Some(filter) = self.filtering.as_ref().and_then(|filtering| filtering.stops(row)) {
            return Verdict::PassOver(filter.number());
        }
        let reason = match Reason::of(row) {
            Some(Reason::Archived) if self.restored.readable.contains(row.key().as_ref()) => Reason::of_readable(row),
            reason => reason,
        };
        match reason {
            Some(Reason::TooLarge) if self.large => {
                met_large.store(true, Ordering::Relaxed);
                Verdict::Take
            }
            Some(reason) => Verdict::LeaveOut(reason.number()),
            None => Verdict::Take,
        }
    }
}

/// How many objects each filter has passed over, out of counts by the numbers of verdicts.
pub(super) fn filtered(counts: &[u64]) -> Vec<(Filter, u64)> {
    let count = |filter: Filter| counts.get(usize::from(filter.number())).copied().unwrap_or_default();
    Filter::ALL.into_iter().map(|filter| (filter, count(filter))).filter(|(_, objects)| *objects > 0).collect()
}

impl super::Plan {
    /// Rows that it tells of: each is to be copied, unchanged, left out or passed over.
    pub(super) fn told(&self) -> u64 {
        let left_out: u64 = self.left_out.values().map(|count| count.objects).sum();
        self.objects + self.unchanged + left_out + self.filtered.values().sum::<u64>()
    }

    /// What its job of this kind copies.
    pub fn of(&self, kind: JobKind) -> Count {
        let Count { objects, bytes } = self.large;
        match kind {
            JobKind::Copy => {
                Count { objects: self.objects.saturating_sub(objects), bytes: self.bytes.saturating_sub(bytes) }
            }
            JobKind::Large => self.large,
            JobKind::Restore => self.restore,
        }
    }
}
