//! One data file on its way through a thread: decoded block by block, cut into rows, its rows held against the baseline. Calls nothing of AWS.

use super::baseline::{Comparison, OverBudget, Sought, Standing};
use super::difference::{Counts, Input, Progress, Verdict};
use super::error::{DeltaError, Problem};
use super::feed::Feed;
use super::file::{File, Text};
use super::object_hash::{ObjectHash, Sums};
use super::queue::{Parcel, To};
use crate::inventory::{BadRow, Row, RowError, RowReader, Span};

/// Rows that are looked up together, in steps: a processor can wait for the addresses of so many pages at once. It forgets about others.
const TOGETHER: usize = 8;

/// What all files of a run share.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) comparison: &'a Comparison,
    pub(super) hash: &'a ObjectHash,
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
    batch: Batch<'a>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(run: Run<'a>) -> Self {
        Self { text: Text::new(), rows: RowReader::new(run.input.schema), batch: Batch::default() }
    }

    pub(super) fn into_counts(self) -> Counts {
        self.batch.found.counts
    }
}

/// A row that is being looked up.
#[derive(Clone, Copy, Default)]
struct Waiting<'a> {
    sums: Sums,
    sought: Sought<'a>,
    place: Span,
    number: u64,
    size: u64,
    verdict: Verdict,
    carried: bool,
}

/// Rows that are looked up together.
#[derive(Default)]
struct Group<'a> {
    rows: [Waiting<'a>; TOGETHER],
    count: usize,
}

/// Rows that are being looked up, and what came of those before. Between two steps of a group another one is read, so that memory has come when
/// it is needed.
#[derive(Default)]
struct Batch<'a> {
    /// Rows as they are read; rows of which the memory was asked for that says where their entries are; and rows of which those were asked for.
    groups: [Box<Group<'a>>; 3],
    found: Found,
}

/// What came of rows.
#[derive(Default)]
struct Found {
    parcel: Parcel,
    counts: Counts,
}

/// Why rows are not read on.
enum Stop {
    Row(BadRow),
    Memory(OverBudget),
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
        Ok(Self { run, index, file: File::new(file, source), rows: 0 })
    }

    /// Reads compressed bytes ahead.
    pub(super) fn top_up(&mut self) -> Result<(), DeltaError> {
        self.file.top_up()
    }

    pub(super) fn feed(&mut self) -> &mut Feed {
        self.file.feed()
    }

    /// Decodes a block and works off its rows. Gives those for the sink, and whether the file has ended.
    pub(super) fn step(&mut self, desk: &mut Desk<'a>) -> Result<(Parcel, bool), DeltaError> {
        let bytes = self.feed().read_so_far();
        let ended = self.file.decode(&mut desk.text)?;
        let (run, batch) = (self.run, &mut desk.batch);
        let text = desk.text.bytes();
        desk.rows.resume(self.rows);
        let used = desk.rows.split(text, ended, |row| batch.add(run, text, &row)).and_then(|used| {
            batch.finish(run, text)?;
            Ok(used)
        });
        let used = used.map_err(|stop| match stop {
            Stop::Row(bad) => self.file.wrong(Some(bad.number), Problem::Row(bad.error)),
            Stop::Memory(over) => run.over(over),
        })?;
        self.file.keep(&text[used..]);
        let rows = desk.rows.rows() - std::mem::replace(&mut self.rows, desk.rows.rows());
        (run.input.progress)(Progress { rows, bytes: self.feed().read_so_far() - bytes });
        Ok((std::mem::take(&mut desk.batch.found.parcel), ended))
    }
}

impl<'a> Batch<'a> {
    fn add(&mut self, run: Run<'a>, text: &[u8], row: &Row<'_>) -> Result<(), Stop> {
        let bad = |error| Stop::Row(BadRow { number: row.number(), error });
        if row.bucket_bytes() != run.input.bucket.as_bytes() {
            let (found, expected) = (crate::names::excerpt(row.bucket()), run.input.bucket.to_owned());
            return Err(bad(RowError::Bucket { found, expected }));
        }
        let sums = run.hash.sums(&row.identity().map_err(bad)?);
        if !run.comparison.has_all() && !run.comparison.has(run.hash.end(&sums)) {
            return Ok(());
        }
        let new = &mut *self.groups[0];
        let Some(waiting) = new.rows.get_mut(new.count) else { return Ok(()) };
        waiting.sums = sums;
        waiting.place = row.place();
        waiting.number = row.number();
        waiting.size = row.size().unwrap_or(0);
        waiting.verdict = (run.input.select)(row);
        waiting.carried = !run.input.carry_over.is_empty() && run.input.carry_over.contains(row.key());
        new.count += 1;
        if new.count == TOGETHER { self.step(run, text).map_err(Stop::Memory) } else { Ok(()) }
    }

    /// Takes each group a step further.
    fn step(&mut self, run: Run<'a>, text: &[u8]) -> Result<(), OverBudget> {
        let [new, sought, placed] = &mut self.groups;
        for row in &mut new.rows[..new.count] {
            run.comparison.seek(run.hash.end(&row.sums), &mut row.sought);
        }
        let rows = &mut sought.rows[..sought.count];
        for row in &mut *rows {
            run.comparison.place(&mut row.sought);
        }
        for row in &*rows {
            row.sought.fetch_first();
        }
        for row in &*rows {
            row.sought.fetch_others();
        }
        placed.rows[..placed.count].iter().try_for_each(|row| self.found.meet(run, text, row))?;
        placed.count = 0;
        self.groups.rotate_right(1);
        Ok(())
    }

    /// Looks up all that are waiting.
    fn finish(&mut self, run: Run<'a>, text: &[u8]) -> Result<(), OverBudget> {
        (0..3).try_for_each(|_| self.step(run, text))
    }
}

impl Found {
    fn meet(&mut self, run: Run<'_>, text: &[u8], row: &Waiting<'_>) -> Result<(), OverBudget> {
        let counts = &mut self.counts;
        counts.rows += 1;
        let to = match row.verdict {
            Verdict::Take => match run.comparison.meet(&row.sought, row.carried)? {
                Standing::New => {
                    counts.changed += 1;
                    To::Changed
                }
                Standing::Known if row.carried => {
                    counts.carried += 1;
                    To::Changed
                }
                Standing::Known | Standing::Again => return Ok(()),
            },
            // It was taken as it is, while it could be, and stays in the baseline: a copied object that is archived later, or
            // that a filter has come to pass over, is not taken again when it can be.
            Verdict::LeaveOut(_) | Verdict::PassOver(_) if !row.carried && run.comparison.knows(&row.sought) => {
                let standing = run.comparison.meet(&row.sought, true)?;
                if let Verdict::PassOver(reason) = row.verdict {
                    counts.leave_out(reason, false);
                    counts.kept += u64::from(standing == Standing::Known);
                }
                return Ok(());
            }
            // One that is carried over leaves the baseline, since nobody knows that it was copied.
            Verdict::LeaveOut(reason) => {
                counts.leave_out(reason, run.comparison.knows(&row.sought));
                To::LeftOut(reason)
            }
            Verdict::PassOver(reason) => {
                counts.leave_out(reason, run.comparison.knows(&row.sought));
                return Ok(());
            }
        };
        if to == To::Changed {
            counts.bytes = counts.bytes.saturating_add(row.size);
            if !run.wants_changed {
                return Ok(());
            }
        }
        self.parcel.add(to, row.place.of(text), row.number);
        Ok(())
    }
}
