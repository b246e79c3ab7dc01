//! Which of the archived objects that a run left out can be read by now, since a person has restored them. No report tells: a
//! bounded number of them is asked for by HeadObject. Calls S3: the manifest bucket, and the source bucket.

use std::fmt;
use std::time::Instant;

use futures::StreamExt;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::reason::COPY_OBJECT_LIMIT;
use super::restored::{Answer, Asker};
use super::{PlanError, Reason, carry};
use crate::bucket::Written;
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
    /// That nothing may be asked for.
    pub denied: bool,
    /// Those that can be read.
    pub readable: Vec<LeftOut>,
}

impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { archived, asked, denied, readable } = self;
        let s = if *archived == 1 { "" } else { "s" };
        write!(f, "of {archived} archived object{s} that it left out, ")?;
        if *denied {
            return write!(
                f,
                "none may be looked at: create-job's role needs s3:GetObject on the source's objects, by its own policy and by \
                the source bucket's"
            );
        }
        if asked < archived {
            write!(f, "the first {asked} of its list were looked at, no more at once, and ")?;
        }
        match readable.len() {
            0 => write!(f, "none can be read yet"),
            n => write!(f, "{n} can be read"),
        }
    }
}

impl Asker<'_> {
    /// Which of the archived objects in these lists can be read `now`, but for those that `records` are about. Nothing is asked
    /// for after `until`; without `large`, nothing that is over 5 GB.
    pub async fn by_hand(
        &self,
        lists: &[Written],
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
        let (bucket, runtime, lists) = (self.bucket.clone(), Handle::current(), lists.to_vec());
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
                return Ok((Vec::new(), 0));
            }
            Ok::<_, PlanError>((listed, archived))
        };
        let (listed, archived) = tokio::task::spawn_blocking(read).await??;
        let mut found = ByHand { archived, ..ByHand::default() };
        let (mut refused, mut answered) = (0, 0);
        let heads = listed.into_iter().map(async |left_out| (self.head(left_out.key.as_str()).await, left_out));
        let mut answers = futures::stream::iter(heads).buffered(AT_A_TIME);
        while let Some((answer, left_out)) = answers.next().await {
            found.asked += 1;
            match answer {
                Answer::Readable => found.readable.push(left_out),
                Answer::Denied => refused += 1,
                Answer::Archived | Answer::Gone => answered += 1,
                Answer::Unknown => {}
            }
            if Instant::now() >= until {
                break;
            }
        }
        found.denied = refused > 0 && answered == 0 && found.readable.is_empty();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_what_was_looked_at_and_what_was_not() {
        let readable = vec![LeftOut { key: ObjectKey::from_plain("k"), bytes: 1 }];
        let found = |archived, asked, denied, readable| ByHand { archived, asked, denied, readable }.to_string();
        assert_eq!(found(3, 3, false, readable.clone()), "of 3 archived objects that it left out, 1 can be read");
        assert_eq!(found(3, 3, false, Vec::new()), "of 3 archived objects that it left out, none can be read yet");
        assert_eq!(
            found(250_000, 100_000, false, readable),
            "of 250000 archived objects that it left out, the first 100000 of its list were looked at, no more at once, and 1 can \
            be read"
        );
        let denied = found(3, 3, true, Vec::new());
        assert!(denied.contains("none may be looked at: create-job's role needs s3:GetObject"), "{denied}");
    }

    #[test]
    fn what_is_over_5_gb_is_for_copy_large() {
        let of = |bytes| LeftOut { key: ObjectKey::from_plain("k"), bytes }.kind();
        assert_eq!((of(0), of(5 << 30), of((5 << 30) + 1)), (JobKind::Copy, JobKind::Copy, JobKind::Large));
    }
}
