//! One data file on its way through a thread: decoded block by block, cut into rows, its rows held against the baseline. Calls nothing of AWS.

use super::baseline::{Comparison, OverBudget, Pending, Sought, Standing};
use super::checksums::Checksums;
use super::difference::{Counts, Input, Progress, Verdict};
use super::error::{DeltaError, Problem};
use super::file::{File, Text};
use super::object_hash::{ObjectHash, TOGETHER};
use super::queue::{Parcel, To};
use crate::inventory::{BadRow, Plain, Row, RowError, RowReader};

/// What all files of a run share.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) comparison: &'a Comparison<'a>,
    pub(super) hash: &'a ObjectHash,
    pub(super) sums: &'a Checksums,
    /// Whether the sink wants the rows that are taken.
    pub(super) wants_changed: bool,
}

impl Run<'_> {
    pub(super) fn over(&self, _: OverBudget) -> DeltaError {
        DeltaError::OverMemory { budget: self.input.budget.unwrap_or_default() }
    }
}

/// A data file that is being read.
pub(super) struct Lane<'a> {
    run: Run<'a>,
    pub(super) index: usize,
    file: File<'a>,
    /// Rows so far.
    rows: u64,
}

/// What the lanes of a thread share, since they take turns.
pub(super) struct Desk<'a> {
    text: Text,
    rows: RowReader<'a>,
    found: Found,
}

impl<'a> Desk<'a> {
    pub(super) fn new(run: Run<'a>) -> Self {
        Self { text: Text::new(), rows: RowReader::new(run.input.schema), found: Found::default() }
    }

    /// What was counted, once all is where it belongs.
    pub(super) fn end(mut self, run: Run<'_>) -> Result<Counts, DeltaError> {
        run.comparison.end(&mut self.found.pending).map_err(|over| run.over(over))?;
        Ok(self.found.counts)
    }
}

/// What came of rows.
#[derive(Default)]
struct Found {
    parcel: Parcel,
    counts: Counts,
    pending: Pending,
    /// Where an identity is written.
    scratch: Vec<u8>,
}

/// Why rows are not read on.
enum Stop {
    Row(BadRow),
    Memory(OverBudget),
}

impl Stop {
    fn row(row: &Row<'_>) -> impl FnOnce(RowError) -> Self {
        let number = row.number();
        move |error| Self::Row(BadRow { number, error })
    }
}

impl From<BadRow> for Stop {
    fn from(bad: BadRow) -> Self {
        Self::Row(bad)
    }
}

impl From<OverBudget> for Stop {
    fn from(over: OverBudget) -> Self {
        Self::Memory(over)
    }
}

impl<'a> Lane<'a> {
    /// Opens data file `index`.
    pub(super) fn open(run: Run<'a>, index: usize) -> Result<Self, DeltaError> {
        let file = &run.input.files[index];
        let source = run.input.source.open(index);
        let source = source.map_err(|error| DeltaError::Read { file: file.key.clone(), error })?;
        Ok(Self { run, index, file: File::new(file, index, source, run.sums), rows: 0 })
    }

    /// Compressed bytes that are to be read.
    pub(super) fn left(&self) -> u64 {
        self.file.left()
    }

    /// Decodes a block and works off its rows. Gives those for the sink, and whether the file has ended.
    pub(super) fn step(&mut self, desk: &mut Desk<'a>) -> Result<(Parcel, bool), DeltaError> {
        let bytes = self.file.read_so_far();
        let ended = self.file.decode(&mut desk.text)?;
        let run = self.run;
        let text = desk.text.bytes();
        desk.rows.resume(self.rows);
        let used = desk.found.add_all(run, text, &mut desk.rows, ended).map_err(|stop| match stop {
            Stop::Row(bad) => self.file.wrong(Some(bad.number), Problem::Row(bad.error)),
            Stop::Memory(over) => run.over(over),
        })?;
        self.file.keep(&text[used..]);
        let rows = desk.rows.rows() - std::mem::replace(&mut self.rows, desk.rows.rows());
        (run.input.progress)(Progress { rows, bytes: self.file.read_so_far() - bytes });
        Ok((std::mem::take(&mut desk.found.parcel), ended))
    }
}

/// A row that is looked up.
#[derive(Clone, Copy, Default)]
struct Waiting<'a> {
    /// Which of the rows that were cut it is.
    index: usize,
    hash: u128,
    sought: Sought<'a>,
    verdict: Verdict,
    carried: bool,
    /// Whether what was hashed is known to be the one form of its identity.
    is_canonical: bool,
}

/// Rows that are looked up together, in steps: a processor can wait for the addresses of so many pages at once.
#[derive(Default)]
struct Group<'a> {
    rows: [Waiting<'a>; TOGETHER],
    count: usize,
}

/// Rows of a text that are being looked up, and all that came of rows before. Between two steps of a group another one is read, so that memory has come when
/// it is needed.
struct Batch<'a, 't> {
    run: Run<'a>,
    rows: Plain<'t>,
    /// Rows as they are read; rows of which the memory was asked for that says where their entries are; and rows of which those were asked for.
    groups: [Group<'a>; 3],
    /// Which of them is being read.
    new: usize,
    /// Identities of its rows as they stand in them, if rows are looked up by those.
    identities: [&'t [u8]; TOGETHER],
    found: &'t mut Found,
}

impl Found {
    /// Looks up all whole rows of a text, and says how many bytes they take.
    fn add_all<'a>(&mut self, run: Run<'a>, text: &[u8], rows: &mut RowReader<'a>, last: bool) -> Result<usize, Stop> {
        let plain = rows.plain(text);
        let used = plain.used();
        let (groups, identities) = (Default::default(), [&[][..]; TOGETHER]);
        let mut batch = Batch { run, rows: plain, groups, new: 0, identities, found: self };
        for index in 0..plain.rows() {
            if let Err(stop) = batch.add(index) {
                // Rows before a bad one come first, and may be bad themselves.
                batch.finish()?;
                return Err(stop);
            }
        }
        batch.finish()?;
        rows.others(text, used, last, |row| self.add(run, text, &row))
    }

    /// Looks up a row by itself.
    fn add(&mut self, run: Run<'_>, text: &[u8], row: &Row<'_>) -> Result<(), Stop> {
        let mut waiting = Waiting::default();
        run.check(row)?;
        if run.read(row, &mut self.scratch, &mut waiting)? {
            waiting.sought = run.comparison.find(waiting.hash);
            if !self.pass(&waiting) {
                self.meet(run, text, row, &waiting)?;
            }
        }
        Ok(())
    }

    /// Whether there is nothing to be done about a row, but to count it.
    #[inline]
    fn pass(&mut self, waiting: &Waiting<'_>) -> bool {
        self.counts.rows += 1;
        waiting.verdict == Verdict::Take && !waiting.carried && waiting.sought.pass()
    }

    /// What is to be done about any other row.
    fn meet<'a>(&mut self, run: Run<'a>, text: &[u8], row: &Row<'_>, waiting: &Waiting<'a>) -> Result<(), Stop> {
        let sought = if waiting.sought.is_known() { waiting.sought } else { self.settle(run, row, waiting)? };
        self.decide(run, text, row, waiting, &sought)
    }

    /// Where the row's object belongs, now that it was not found where it would be if its identity were written as it mostly is.
    fn settle<'a>(&mut self, run: Run<'a>, row: &Row<'_>, waiting: &Waiting<'a>) -> Result<Sought<'a>, Stop> {
        if waiting.is_canonical {
            return Ok(waiting.sought);
        }
        let identity = row.identity(&mut self.scratch).map_err(Stop::row(row))?;
        Ok(identity.map_or(waiting.sought, |identity| run.comparison.find(run.hash.of(identity))))
    }

    fn decide(
        &mut self,
        run: Run<'_>,
        text: &[u8],
        row: &Row<'_>,
        waiting: &Waiting<'_>,
        sought: &Sought<'_>,
    ) -> Result<(), Stop> {
        let counts = &mut self.counts;
        match waiting.verdict {
            Verdict::Take => match run.comparison.meet(sought, waiting.carried, &mut self.pending)? {
                Standing::New => {
                    counts.changed += 1;
                    self.take(run, text, row);
                }
                Standing::Known if waiting.carried => {
                    counts.carried += 1;
                    self.take(run, text, row);
                }
                Standing::Known | Standing::Again => {}
            },
            // It was taken as it is, while it could be, and stays in the baseline: a copied object that is archived later, or
            // that a filter has come to pass over, is not taken again when it can be.
            Verdict::LeaveOut(_) | Verdict::PassOver(_) if !waiting.carried && sought.is_known() => {
                let standing = run.comparison.meet(sought, true, &mut self.pending)?;
                if let Verdict::PassOver(reason) = waiting.verdict {
                    counts.leave_out(reason, false);
                    counts.kept += u64::from(standing == Standing::Known);
                }
            }
            // One that is carried over leaves the baseline, since nobody knows that it was copied.
            Verdict::LeaveOut(reason) => {
                counts.leave_out(reason, sought.is_known());
                self.parcel.add(To::LeftOut(reason), row.place().of(text), row.number());
            }
            Verdict::PassOver(reason) => counts.leave_out(reason, sought.is_known()),
        }
        Ok(())
    }

    fn take(&mut self, run: Run<'_>, text: &[u8], row: &Row<'_>) {
        self.counts.bytes = self.counts.bytes.saturating_add(row.size().unwrap_or(0));
        if run.wants_changed {
            self.parcel.add(To::Changed, row.place().of(text), row.number());
        }
    }
}

impl Run<'_> {
    /// Whether a row is of the right bucket.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "asked of every row")]
    fn check(&self, row: &Row<'_>) -> Result<(), Stop> {
        if are_same(row.bucket_bytes(), self.input.bucket.as_bytes()) {
            return Ok(());
        }
        Err(self.of_another_bucket(row))
    }

    #[cold]
    fn of_another_bucket(&self, row: &Row<'_>) -> Stop {
        let (found, expected) = (crate::names::excerpt(row.bucket()), self.input.bucket.to_owned());
        Stop::row(row)(RowError::Bucket { found, expected })
    }

    /// Reads a row. Says whether it is in this run's range.
    fn read(&self, row: &Row<'_>, scratch: &mut Vec<u8>, waiting: &mut Waiting<'_>) -> Result<bool, Stop> {
        let written = row.identity(scratch).map_err(Stop::row(row))?;
        waiting.hash = self.hash.of(written.or(row.usual_identity()).unwrap_or_default());
        waiting.is_canonical = true;
        let is_in_range = self.comparison.has_all() || self.comparison.has(waiting.hash);
        if is_in_range {
            self.choose(row, waiting);
        }
        Ok(is_in_range)
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "asked of every row")]
    fn choose(&self, row: &Row<'_>, waiting: &mut Waiting<'_>) {
        waiting.verdict = self.input.select.map_or(Verdict::Take, |select| select(row));
        waiting.carried = !self.input.carry_over.is_empty() && self.input.carry_over.contains(&row.key());
    }
}

/// As `==`, for short texts of which most are the same: without a call.
#[inline(always)]
#[allow(clippy::inline_always, reason = "asked of every row")]
fn are_same(one: &[u8], other: &[u8]) -> bool {
    let (Some(last), Some(last_of_other)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) else {
        return one == other;
    };
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let words = one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0);
    let differ = words.fold(word(last) ^ word(last_of_other), |all, (one, other)| all | (word(one) ^ word(other)));
    one.len() == other.len() && differ == 0
}

impl Batch<'_, '_> {
    /// Adds a row.
    #[inline]
    fn add(&mut self, index: usize) -> Result<(), Stop> {
        let Some(row) = self.rows.row(index)? else { return Ok(()) };
        self.rows.fetch(index + 4);
        let new = &mut self.groups[self.new];
        let (Some(waiting), Some(identity)) = (new.rows.get_mut(new.count), self.identities.get_mut(new.count)) else {
            return Ok(());
        };
        waiting.index = index;
        self.run.check(&row)?;
        // Most rows are found by what stands in them, and need not be read: whoever is known was read when it was new. Which range another one is in, only its
        // one form can tell.
        match row.usual_identity() {
            Some(usual) if self.run.comparison.has_all() => {
                *identity = usual;
                waiting.is_canonical = false;
                self.run.choose(&row, waiting);
                new.count += 1;
            }
            _ => new.count += usize::from(self.run.read(&row, &mut self.found.scratch, waiting)?),
        }
        if new.count == TOGETHER { self.step() } else { Ok(()) }
    }

    /// Takes each group a step further.
    fn step(&mut self) -> Result<(), Stop> {
        let Self { run, rows, groups: [a, b, c], new, identities, found } = self;
        let (new, sought, placed) = match std::mem::replace(new, (*new + 2) % 3) {
            0 => (a, b, c),
            1 => (b, c, a),
            _ => (c, a, b),
        };
        let new = &mut new.rows[..new.count];
        if new.iter().any(|row| !row.is_canonical) {
            let hashes = run.hash.of_all(identities);
            for (row, hash) in new.iter_mut().zip(hashes).filter(|(row, _)| !row.is_canonical) {
                row.hash = hash;
            }
        }
        for row in new {
            run.comparison.seek(row.hash, &mut row.sought);
        }
        let waiting = &mut sought.rows[..sought.count];
        for row in &mut *waiting {
            row.sought.place();
        }
        for row in &*waiting {
            row.sought.fetch_first();
        }
        for row in &*waiting {
            row.sought.fetch_last();
        }
        for waiting in &placed.rows[..placed.count] {
            if !found.pass(waiting)
                && let Some(row) = rows.row(waiting.index)?
            {
                found.meet(*run, rows.text(), &row, waiting)?;
            }
        }
        placed.count = 0;
        Ok(())
    }

    /// Looks up all that are waiting.
    fn finish(&mut self) -> Result<(), Stop> {
        (0..3).try_for_each(|_| self.step())
    }
}

#[cfg(test)]
mod tests {
    use super::are_same;

    #[test]
    fn a_name_is_another_wherever_it_differs() {
        let name = b"a-name-of-a-bucket-of-63-characters-which-is-as-long-as-it-gets";
        for length in 0..=name.len() {
            let name = &name[..length];
            assert!(are_same(name, name));
            for at in 0..length {
                let mut other = name.to_vec();
                other[at] = b'x';
                assert!(!are_same(name, &other) && !are_same(&other, name), "{length} {at}");
                assert!(!are_same(name, &name[..at]) && !are_same(&name[at..], &name[..at]));
            }
        }
    }
}
