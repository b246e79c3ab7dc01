//! Which of the archived objects that a run left out can be read by now, since a person has restored them. No report tells: a
//! bounded number of them is asked for by HeadObject. Calls S3: the manifest bucket, and the source bucket.

use std::fmt;
use std::time::Instant;

use futures::StreamExt;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::reason::COPY_OBJECT_LIMIT;
use super::restored::{Answer, Asker};
use super::{Plan, PlanError, Reason, carry};
use crate::delta::{CarryOver, HashKey};
use crate::job::JobKind;
use crate::ledger::Restores;
use crate::names::ObjectKey;

/// The most objects that one retry asks for: some minutes, and four cents.
const MOST_ASKED: usize = 100_000;
/// As many requests at a time.
const AT_A_TIME: usize = 64;

/// An object that a run left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its key.
    pub key: ObjectKey,
    /// Its size; 0 where the report did not tell.
    pub bytes: u64,
}

impl LeftOut {
    /// Which job copies it.
    pub(super) fn kind(&self) -> JobKind {
        if self.bytes > COPY_OBJECT_LIMIT { JobKind::Large } else { JobKind::Copy }
    }
}

/// What was found of a run's archived objects. As text it says so to a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByHand {
    /// Archived objects that it left out, but for those that a restore job has asked for, which later runs plan.
    pub archived: u64,
    /// How many of them S3 was asked for.
    pub asked: u64,
    /// Those that can be read.
    pub readable: Vec<LeftOut>,
    /// How many are archived still.
    pub cold: u64,
    /// How many are gone, or in a class or tier by now that is not archived: the next report tells of them.
    pub gone: u64,
    /// How many may not be asked for, or are gone: to create-job, which may not list the source, S3 answers the same.
    pub denied: u64,
    /// For how many S3 gave no answer.
    pub unknown: u64,
    /// How many archived objects it left out, if its lists of them are not there any more; else 0.
    pub lost: u64,
}

impl ByHand {
    /// That there is nothing to tell.
    pub fn is_nothing(&self) -> bool {
        self.archived == 0 && self.lost == 0
    }
}

impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { archived, asked, readable, cold, gone, denied, unknown, lost } = self;
        let objects = |n: u64| format!("{n} archived object{}", if n == 1 { "" } else { "s" });
        if *lost > 0 {
            let lost = objects(*lost);
            return write!(
                f,
                "it left out {lost}, but the list of them is not there any more, and none was looked at: retry a newer run, which \
                lists what is still left out"
            );
        }
        write!(f, "of {} that it left out, ", objects(*archived))?;
        if asked < archived {
            write!(f, "the first {asked} of its list were looked at, no more at once, and ")?;
        }
        let are = |n: u64| if n == 1 { "is" } else { "are" };
        let mut parts = Vec::new();
        match (readable.len(), *cold) {
            (0, 0) => {}
            (0, cold) if cold == *asked => parts.push("none can be read yet".to_owned()),
            (0, cold) => parts.push(format!("{cold} cannot be read yet")),
            (n, 0) => parts.push(format!("{n} can be read")),
            (n, cold) => parts.push(format!("{n} can be read, {cold} not yet")),
        }
        if *gone > 0 {
            parts.push(format!("{gone} {} gone or no longer archived: the next report tells", are(*gone)));
        }
        if *unknown > 0 {
            parts.push(format!("S3 gave no answer for {unknown}: retry once more"));
        }
        if *denied > 0 {
            parts.push(format!(
                "{denied} may not be looked at, or {} gone: create-job's role needs s3:GetObject on the source's objects, by its \
                own policy and by the source bucket's",
                are(*denied)
            ));
        }
        write!(f, "{}", parts.join("; "))
    }
}

impl Asker<'_> {
    /// Which of the archived objects that this plan left out can be read `now`, but for those that `records` are about. Nothing is asked
    /// for after `until`; without `large`, nothing that is over 5 GB.
    pub async fn by_hand(
        &self,
        plan: &Plan,
        mut records: Vec<Restores>,
        key: &HashKey,
        large: bool,
        (now, until): (Timestamp, Instant),
    ) -> Result<ByHand, PlanError> {
        records.retain(|record| record.over() > now);
        let mut ours = CarryOver::new(key);
        // Where memory does not hold them, one may be copied now and by a later run too.
        if records.iter().map(|record| record.objects).sum::<u64>() <= self.most() {
            for record in &records {
                self.keys(record).await?.iter().for_each(|key| ours.insert(key));
            }
        }
        let (bucket, runtime, lists) = (self.bucket.clone(), Handle::current(), plan.left_out_lists.clone());
        let read = move || {
            let (mut listed, mut archived) = (Vec::new(), 0);
            let mut take = |key: &ObjectKey, row: &csv::StringRecord| {
                let bytes = row.get(2).and_then(|size| size.parse().ok()).unwrap_or_default();
                let left_out = LeftOut { key: key.clone(), bytes };
                let can_be = large || left_out.kind() != JobKind::Large;
                if row.get(1) == Some(Reason::Archived.as_str()) && can_be && !ours.contains(key.as_str()) {
                    archived += 1;
                    if listed.len() < MOST_ASKED {
                        listed.push(left_out);
                    }
                }
                Ok(())
            };
            if !carry::each_left_out(&bucket, &runtime, &lists, &mut take)? {
                tracing::warn!("a list of what the run left out is not there any more: none of it is looked at");
                return Ok(None);
            }
            Ok::<_, PlanError>(Some((listed, archived)))
        };
        let Some((listed, archived)) = tokio::task::spawn_blocking(read).await?? else {
            let lost = plan.left_out.get(&Reason::Archived).map_or(0, |count| count.objects);
            return Ok(ByHand { lost, ..ByHand::default() });
        };
        let mut found = ByHand { archived, ..ByHand::default() };
        let heads = listed.into_iter().map(async |left_out| (self.head(left_out.key.as_str()).await, left_out));
        let mut answers = futures::stream::iter(heads).buffered(AT_A_TIME);
        while let Some((answer, left_out)) = answers.next().await {
            found.asked += 1;
            match answer {
                Answer::Readable => found.readable.push(left_out),
                Answer::Archived => found.cold += 1,
                Answer::Gone => found.gone += 1,
                Answer::Denied => found.denied += 1,
                Answer::Unknown => found.unknown += 1,
            }
            if Instant::now() >= until {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_what_was_looked_at_and_what_was_not() {
        let readable = vec![LeftOut { key: ObjectKey::from_plain("k"), bytes: 1 }];
        let of = |archived| ByHand { archived, asked: archived, ..ByHand::default() };
        let needs = "create-job's role needs s3:GetObject on the source's objects, by its own policy and by the source bucket's";
        for (found, text) in [
            (ByHand { cold: 3, ..of(3) }, "of 3 archived objects that it left out, none can be read yet"),
            (
                ByHand { readable: readable.clone(), cold: 2, ..of(3) },
                "of 3 archived objects that it left out, 1 can be read, 2 not yet",
            ),
            (
                ByHand { asked: 100_000, readable: readable.clone(), cold: 99_999, ..of(250_000) },
                "of 250000 archived objects that it left out, the first 100000 of its list were looked at, no more at once, and \
                1 can be read, 99999 not yet",
            ),
            (
                ByHand { gone: 1, ..of(1) },
                "of 1 archived object that it left out, 1 is gone or no longer archived: the next report tells",
            ),
            (
                ByHand { cold: 1, gone: 2, unknown: 3, ..of(6) },
                "of 6 archived objects that it left out, 1 cannot be read yet; 2 are gone or no longer archived: the next report \
                tells; S3 gave no answer for 3: retry once more",
            ),
            (
                ByHand { readable, denied: 2, ..of(3) },
                &format!(
                    "of 3 archived objects that it left out, 1 can be read; 2 may not be looked at, or are gone: {needs}"
                ),
            ),
            (
                ByHand { lost: 4, ..ByHand::default() },
                "it left out 4 archived objects, but the list of them is not there any more, and none was looked at: retry a newer \
                run, which lists what is still left out",
            ),
        ] {
            assert_eq!((found.to_string().as_str(), found.is_nothing()), (text, false));
        }
        assert!(ByHand::default().is_nothing());
    }

    #[test]
    fn what_is_over_5_gb_is_for_copy_large() {
        let of = |bytes| LeftOut { key: ObjectKey::from_plain("k"), bytes }.kind();
        assert_eq!((of(0), of(5 << 30), of((5 << 30) + 1)), (JobKind::Copy, JobKind::Copy, JobKind::Large));
    }
}
