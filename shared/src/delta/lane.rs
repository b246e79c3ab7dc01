//! One data file on its way through a thread: decoded block by block, cut into rows, its rows held against the baseline. Calls nothing of AWS.

use super::baseline::{Comparison, OverBudget, Sought, Standing};
use super::difference::{Counts, Input, Progress, Verdict};
use super::error::{DeltaError, Problem};
use super::feed::Feed;
use super::file::{File, Text};
use super::hash::Hash;
use super::queue::{Parcel, To};
use crate::inventory::{BadRow, Row, RowError, RowReader, Span};

/// Rows that are looked up together, in two steps, so that memory has come when it is needed.
const TOGETHER: usize = 64;

/// Bytes of rows that are handed over together: each time, the sink's thread wakes up.
const WORTH_WAKING: usize = 64 * 1024;

/// What all files of a run share.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) comparison: &'a Comparison,
    pub(super) hash: Hash,
    /// Whether the sink wants the rows that are taken.
    pub(super) wants_changed: bool,
}

impl Run<'_> {
    pub(super) fn over(&self, _: OverBudget) -> DeltaError {
        DeltaError::OverMemory { budget: self.input.budget.unwrap_or_default() }
    }

    /// Takes an object that is not taken now into the next baseline, if the old one has it: not if it is carried over, since then
    /// nobody knows that it was copied.
    fn keeps(&self, row: &Waiting) -> Result<bool, OverBudget> {
        let keeps = !row.carried && self.comparison.knows(&row.sought);
        if keeps {
            self.comparison.meet(&row.sought)?;
        }
        Ok(keeps)
    }
}

/// A data file that is being read.
pub(super) struct Lane<'a> {
    run: Run<'a>,
    pub(super) index: usize,
    file: File<'a>,
    /// Rows so far.
    rows: u64,
    /// Rows for the sink that are too few to wake it.
    parcel: Parcel,
}

/// What the lanes of a thread share, since they take turns.
pub(super) struct Desk<'a> {
    text: Text,
    rows: RowReader<'a>,
    batch: Batch,
}

impl<'a> Desk<'a> {
    pub(super) fn new(run: Run<'a>) -> Self {
        Self {
            text: Text::new(),
            rows: RowReader::new(run.input.schema),
            batch: Batch {
                waiting: Vec::with_capacity(TOGETHER),
                placed: Vec::with_capacity(TOGETHER),
                identity: Vec::with_capacity(2048),
                parcel: Parcel::default(),
                counts: Counts::default(),
            },
        }
    }

    pub(super) fn into_counts(self) -> Counts {
        self.batch.counts
    }
}

/// A row of the batch.
struct Waiting {
    sought: Sought,
    place: Span,
    number: u64,
    size: u64,
    verdict: Verdict,
    carried: bool,
}

/// Rows that are looked up together, and what came of those before.
struct Batch {
    waiting: Vec<Waiting>,
    /// Those before them, whose entries are on their way.
    placed: Vec<Waiting>,
    identity: Vec<u8>,
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
        Ok(Self { run, index, file: File::new(file, source), rows: 0, parcel: Parcel::default() })
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
        batch.parcel = std::mem::take(&mut self.parcel);
        let text = desk.text.bytes();
        desk.rows.resume(self.rows);
        let used = desk.rows.split(text, ended, |row| batch.add(run, text, &row)).and_then(|used| {
            batch.look_up(run, text)?;
            batch.look_up(run, text)?;
            Ok(used)
        });
        let used = used.map_err(|stop| match stop {
            Stop::Row(bad) => self.file.wrong(Some(bad.number), Problem::Row(bad.error)),
            Stop::Memory(over) => run.over(over),
        })?;
        self.file.keep(&text[used..]);
        let rows = desk.rows.rows() - std::mem::replace(&mut self.rows, desk.rows.rows());
        (run.input.progress)(Progress { rows, bytes: self.feed().read_so_far() - bytes });
        let parcel = std::mem::take(&mut desk.batch.parcel);
        if ended || parcel.text.len() >= WORTH_WAKING {
            return Ok((parcel, ended));
        }
        self.parcel = parcel;
        Ok((Parcel::default(), false))
    }
}

impl Batch {
    fn add(&mut self, run: Run<'_>, text: &[u8], row: &Row<'_>) -> Result<(), Stop> {
        let bad = |error| Stop::Row(BadRow { number: row.number(), error });
        if row.bucket_bytes() != run.input.bucket.as_bytes() {
            let (found, expected) = (crate::names::excerpt(row.bucket()), run.input.bucket.to_owned());
            return Err(bad(RowError::Bucket { found, expected }));
        }
        let hash = run.hash.of(row.identity(&mut self.identity).map_err(bad)?);
        let Some(sought) = run.comparison.sought(hash) else { return Ok(()) };
        let verdict = (run.input.select)(row);
        self.waiting.push(Waiting {
            sought,
            place: row.place(),
            number: row.number(),
            size: row.size().unwrap_or(0),
            verdict,
            carried: !run.input.carry_over.is_empty() && run.input.carry_over.contains(row.key()),
        });
        if self.waiting.len() == TOGETHER { self.look_up(run, text).map_err(Stop::Memory) } else { Ok(()) }
    }

    /// Finishes the rows that were placed, and places those that wait. Called twice, it leaves none.
    fn look_up(&mut self, run: Run<'_>, text: &[u8]) -> Result<(), OverBudget> {
        self.waiting.iter_mut().for_each(|row| run.comparison.place(&mut row.sought));
        std::mem::swap(&mut self.waiting, &mut self.placed);
        self.counts.rows += self.waiting.len() as u64;
        for row in self.waiting.drain(..) {
            let counts = &mut self.counts;
            let to = match row.verdict {
                Verdict::Take => match run.comparison.meet(&row.sought)? {
                    Standing::New => {
                        counts.changed += 1;
                        To::Changed
                    }
                    Standing::Known if row.carried => {
                        counts.carried += 1;
                        To::Changed
                    }
                    Standing::Known => {
                        counts.unchanged += 1;
                        continue;
                    }
                    Standing::Again => {
                        counts.duplicates += 1;
                        continue;
                    }
                },
                // It was taken as it is, while it could be, and stays in the baseline: a copied object that is archived later, or
                // that a filter has come to pass over, is not taken again when it can be.
                Verdict::LeaveOut(_) | Verdict::PassOver(_) if run.keeps(&row)? => {
                    match row.verdict {
                        Verdict::PassOver(reason) => counts.leave_out(reason, false),
                        _ => counts.unchanged += 1,
                    }
                    continue;
                }
                Verdict::LeaveOut(reason) => {
                    counts.leave_out(reason, run.comparison.knows(&row.sought));
                    To::LeftOut(reason)
                }
                Verdict::PassOver(reason) => {
                    counts.leave_out(reason, run.comparison.knows(&row.sought));
                    continue;
                }
            };
            if to == To::Changed {
                counts.bytes = counts.bytes.saturating_add(row.size);
                if !run.wants_changed {
                    continue;
                }
            }
            self.parcel.add(to, row.place.of(text), row.number);
        }
        Ok(())
    }
}
