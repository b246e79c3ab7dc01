//! How far a plan has come: a report whose hashes do not fit the function's memory is planned in several passes, one for each
//! hash range, and those may take several invocations. [`Drafts`] calls S3; the rest calls nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Count, Filter, Full, PlanError, Reason};
use crate::bucket::{Taken, Written};
use crate::ledger::{Kept, Ledger, SCHEMA, Shard};
use crate::names::{ETag, ObjectKey};

/// The draft of a plan, kept in the ledger between passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Draft {
    /// [`SCHEMA`]
    pub(super) schema: u32,
    /// Why every object counts as new, if so.
    pub(super) full: Option<Full>,
    /// What the passes take: those of other settings do not go together.
    #[serde(default)]
    pub(super) selection: String,
    /// How many passes it takes: a power of two.
    pub(super) ranges: u32,
    /// How often an invocation has ended without having done a pass.
    #[serde(default)]
    pub(super) fruitless: u32,
    /// The passes that are done, in the order of their ranges.
    pub(super) passes: Vec<Pass>,
    /// Passes of a full plan that leaves something out, which write the rows that the first ones only looked at.
    pub(super) rows: Vec<Pass>,
}

/// What one pass found, for the objects of one hash range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pass {
    /// Milliseconds that it took.
    pub(super) took: u64,
    /// Rows of the report in its range.
    pub(super) rows: u64,
    /// To be copied.
    pub(super) chosen: Count,
    /// Of these, neither new nor changed, but carried over.
    pub(super) carried_over: u64,
    /// As they are in the baseline.
    pub(super) unchanged: u64,
    /// In the baseline, but not in the report.
    pub(super) gone: u64,
    /// Left out, by reason.
    pub(super) left_out: Vec<(Reason, Count)>,
    /// Passed over, by filter.
    #[serde(default)]
    pub(super) filtered: Vec<(Filter, u64)>,
    /// To be copied by the job for what is over 5 GB, as far as rows were written.
    #[serde(default)]
    pub(super) large: Count,
    /// In how many parts that is likely to be copied.
    #[serde(default)]
    pub(super) large_parts: u64,
    /// Whether there is any such object.
    #[serde(default)]
    pub(super) met_large: bool,
    /// Data files of what is to be copied.
    pub(super) files: Vec<Written>,
    /// Data files of what is over 5 GB.
    #[serde(default)]
    pub(super) large_files: Vec<Written>,
    /// Of what is left out, what is to be restored.
    #[serde(default)]
    pub(super) restore: Count,
    /// Data files of that.
    #[serde(default)]
    pub(super) restore_files: Vec<Written>,
    /// Lists of what is left out.
    pub(super) lists: Vec<Written>,
    /// Its part of the next baseline.
    pub(super) shard: Option<Shard>,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// For which range of hashes.
    pub(super) range: u32,
    /// Of so many.
    pub(super) of: u32,
    /// Whether the baseline's part and the list of what is left out are written; or have been, and only what is to be copied is.
    pub(super) first: bool,
}

impl Draft {
    /// A plan of so many ranges.
    pub(super) fn new(full: Option<Full>, selection: &str, ranges: u32) -> Self {
        let selection = selection.to_owned();
        Self { schema: SCHEMA, full, selection, ranges, fruitless: 0, passes: Vec::new(), rows: Vec::new() }
    }

    /// What is to be done next; none if all is done. Where everything counts as new (`full`), a first round only looks: if one
    /// copy job can copy all, the delivered manifest itself is the plan, and no row has to be written.
    pub(super) fn next(&self, full: bool) -> Option<Step> {
        let step = |done: &[Pass], first| {
            let range = u32::try_from(done.len()).unwrap_or(u32::MAX);
            (range < self.ranges).then_some(Step { range, of: self.ranges, first })
        };
        let all_in_one = |pass: &Pass| pass.left_out.is_empty() && pass.filtered.is_empty() && !pass.met_large;
        let twice = full && !self.passes.iter().all(all_in_one);
        step(&self.passes, true).or_else(|| if twice { step(&self.rows, false) } else { None })
    }

    /// How long the last pass took.
    pub(super) fn last_took(&self) -> Option<Duration> {
        let last = self.rows.last().or(self.passes.last());
        last.map(|pass| Duration::from_millis(pass.took))
    }

    /// All passes together.
    pub(super) fn whole(self) -> Pass {
        let mut whole = Pass::default();
        for pass in self.passes {
            whole.rows += pass.rows;
            whole.chosen.add(pass.chosen);
            whole.carried_over += pass.carried_over;
            whole.unchanged += pass.unchanged;
            whole.gone += pass.gone;
            whole.left_out.extend(pass.left_out);
            whole.filtered.extend(pass.filtered);
            whole.large.add(pass.large);
            whole.large_parts += pass.large_parts;
            whole.large_files.extend(pass.large_files);
            whole.restore.add(pass.restore);
            whole.restore_files.extend(pass.restore_files);
            whole.files.extend(pass.files);
            whole.lists.extend(pass.lists);
        }
        for pass in self.rows {
            whole.large.add(pass.large);
            whole.large_parts += pass.large_parts;
            whole.large_files.extend(pass.large_files);
            whole.files.extend(pass.files);
        }
        whole
    }
}

impl Count {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}

/// A draft and where it is kept. It is written only when there is something left to do.
pub(super) struct Drafts<'a> {
    ledger: &'a Ledger,
    key: ObjectKey,
    etag: Option<ETag>,
    pub(super) draft: Draft,
}

/// As many invocations may end without having done a pass.
const MOST_FRUITLESS: u32 = 2;

/// More ranges than this are not cut.
const MOST_RANGES: u32 = 256;

impl<'a> Drafts<'a> {
    /// The draft that was begun, or a new one of so many ranges.
    pub(super) async fn open(
        ledger: &'a Ledger,
        key: ObjectKey,
        full: Option<Full>,
        selection: &str,
        ranges: impl FnOnce() -> u32,
    ) -> Result<Self, PlanError> {
        Ok(match ledger.read::<Draft>(&key).await? {
            Some(Kept { value, etag }) if value.full == full && value.selection == selection => {
                Self { ledger, key, etag: Some(etag), draft: value }
            }
            // One that was begun otherwise, as with other memory, is begun anew: its parts do not go together with ours.
            other => {
                let draft = Draft::new(full, selection, ranges());
                Self { ledger, key, etag: other.map(|kept| kept.etag), draft }
            }
        })
    }

    /// A pass is done.
    pub(super) async fn done(&mut self, step: Step, pass: Pass, full: bool) -> Result<(), PlanError> {
        if step.first {
            self.draft.passes.push(pass);
        } else {
            self.draft.rows.push(pass);
        }
        if self.draft.next(full).is_some() { self.keep().await } else { Ok(()) }
    }

    /// An invocation ends without having done a pass. Whether another may try: not for ever.
    pub(super) async fn may_try_again(&mut self) -> Result<bool, PlanError> {
        if self.draft.fruitless >= MOST_FRUITLESS {
            return Ok(false);
        }
        self.draft.fruitless += 1;
        self.keep().await?;
        Ok(true)
    }

    /// The memory did not suffice: all is begun anew in twice as many ranges.
    pub(super) async fn twice_as_many_ranges(&mut self) -> Result<(), PlanError> {
        if self.draft.ranges >= MOST_RANGES {
            return Err(PlanError::TooLarge(self.draft.ranges));
        }
        self.draft = Draft::new(self.draft.full, &self.draft.selection, self.draft.ranges * 2);
        tracing::info!(
            ranges = self.draft.ranges,
            "the report has more rows than its size tells: planned in more passes"
        );
        self.keep().await
    }

    async fn keep(&mut self) -> Result<(), PlanError> {
        let written = match &self.etag {
            None => self.ledger.create(&self.key, &self.draft).await?,
            Some(etag) => self.ledger.swap(&self.key, self.draft.clone(), etag).await?,
        };
        match written {
            Ok(kept) => self.etag = Some(kept.etag),
            // Another invocation plans the same, in the same passes: what it has done is taken over.
            Err(Taken) => {
                if let Some(Kept { value, etag }) = self.ledger.read::<Draft>(&self.key).await? {
                    // One of another kind is written over with the next pass.
                    if value.full == self.draft.full && value.selection == self.draft.selection {
                        self.draft = value;
                    }
                    self.etag = Some(etag);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(left_out: u64) -> Pass {
        let count = Count { objects: left_out, bytes: 0 };
        let left_out = if left_out > 0 { vec![(Reason::Archived, count)] } else { Vec::new() };
        Pass { rows: 10, left_out, ..Pass::default() }
    }

    #[test]
    fn each_range_is_done_once_in_order() {
        let mut draft = Draft::new(None, "", 2);
        assert_eq!(draft.next(false), Some(Step { range: 0, of: 2, first: true }));
        draft.passes.push(pass(1));
        assert_eq!(draft.next(false), Some(Step { range: 1, of: 2, first: true }));
        draft.passes.push(pass(0));
        assert_eq!(draft.next(false), None);
        assert_eq!(draft.whole().rows, 20);
    }

    #[test]
    fn a_full_plan_writes_rows_only_if_something_is_left_out() {
        let mut draft = Draft::new(None, "", 1);
        draft.passes.push(pass(0));
        assert_eq!(draft.next(true), None);
        let mut draft = Draft::new(None, "", 2);
        draft.passes = vec![pass(0), pass(1)];
        assert_eq!(draft.next(true), Some(Step { range: 0, of: 2, first: false }));
        draft.rows = vec![pass(0), pass(1)];
        assert_eq!(draft.next(true), None);
        assert_eq!(draft.whole().rows, 20, "rows are counted once");
    }

    /// What a full plan looked at first and wrote later counts once; what each range found counts together.
    #[test]
    fn what_is_over_5_gb_is_summed_over_all_passes() {
        let large =
            |objects, bytes, large_parts| Pass { large: Count { objects, bytes }, large_parts, ..Pass::default() };
        let mut draft = Draft::new(None, "", 2);
        draft.passes = vec![large(1, 6_000_000_000, 358), large(2, 14_000_000_000, 40)];
        let whole = draft.whole();
        assert_eq!((whole.large, whole.large_parts), (Count { objects: 3, bytes: 20_000_000_000 }, 398));
        let mut full = Draft::new(Some(Full::NoBaseline), "", 2);
        full.passes = vec![Pass { met_large: true, ..Pass::default() }, Pass::default()];
        full.rows = vec![large(1, 6_000_000_000, 358), large(2, 14_000_000_000, 40)];
        let whole = full.whole();
        assert_eq!((whole.large, whole.large_parts), (Count { objects: 3, bytes: 20_000_000_000 }, 398));
    }

    #[test]
    fn what_one_copy_job_cannot_do_is_written_out() {
        let plain = Pass { rows: 10, ..Pass::default() };
        let filtered = Pass { filtered: vec![(Filter::MinAge, 1)], ..plain.clone() };
        let large = Pass { met_large: true, ..plain.clone() };
        for (pass, twice) in [(plain, false), (filtered, true), (large, true)] {
            let mut draft = Draft::new(None, "", 1);
            draft.passes = vec![pass];
            assert_eq!(draft.next(true).is_some(), twice, "{draft:?}");
        }
    }
}
