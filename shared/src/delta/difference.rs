//! The difference: every row of a report, held against the baseline. Calls nothing of AWS but what its caller's [`Source`] and [`Sink`] call.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use super::baseline::{Comparison, OverBudget, Standing};
use super::error::{DeltaError, Problem};
use super::file::File;
use super::{Baseline, CarryOver};
use crate::inventory::{BadRow, DataFile, Row, RowError, RowReader, Schema};

/// Where the data files' bytes come from.
pub trait Source: Sync {
    /// Opens data file `file` of [`Input::files`], compressed as it is. Called on a thread of its own; an error here or in reading may be
    /// retried by running the difference again.
    fn open(&self, file: usize) -> io::Result<Box<dyn Read + Send>>;
}

/// Where the rows go that a plan is made of. Called in the order of files and of rows within them, whatever the number of threads.
pub trait Sink {
    /// An object that is to be copied: new or changed, or carried over.
    fn changed(&mut self, row: &Row<'_>) -> io::Result<()>;
    /// An object that is set apart for this reason, by [`Verdict::LeaveOut`].
    fn left_out(&mut self, row: &Row<'_>, reason: u8) -> io::Result<()>;
}

/// Whether a run takes an object, if it is new or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Take,
    /// It does not, for this reason (any small number); the object does not enter the baseline, and goes to [`Sink::left_out`].
    LeaveOut(u8),
    /// As `LeaveOut`, but it is only counted.
    PassOver(u8),
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows since the last call.
    pub rows: u64,
    /// Compressed bytes since the last call.
    pub bytes: u64,
}

/// What a run is about.
pub struct Input<'a> {
    /// The report's data files, as manifest.json lists them.
    pub files: &'a [DataFile],
    /// Where their bytes come from.
    pub source: &'a dyn Source,
    /// Their columns.
    pub schema: &'a Schema,
    /// The bucket that every row has to be of.
    pub bucket: &'a str,
    /// Which objects are taken; asked of every row, on several threads.
    pub select: &'a (dyn Fn(&Row<'_>) -> Verdict + Sync),
    /// Keys that are taken even if unchanged.
    pub carry_over: &'a CarryOver,
    /// Files that are read at once: as many threads as processors.
    pub threads: usize,
    /// Bytes of memory that objects may take; what a run needs besides is up to 64 MB.
    pub budget: Option<u64>,
    /// Set from elsewhere to stop the run.
    pub cancel: &'a AtomicBool,
    /// Called now and then, from several threads.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// What a run found. All counts are of the run's range only, so that those of all ranges add up.
pub struct Outcome {
    /// Rows of the report.
    pub rows: u64,
    /// Rows that are new or changed, and taken.
    pub changed: u64,
    /// Rows that are taken though unchanged, since their key is carried over.
    pub carried: u64,
    /// Rows that are as they were, and not taken.
    pub unchanged: u64,
    /// Objects of the baseline that the report does not have any more, at least not as they were: deleted or overwritten.
    pub gone: u64,
    /// Rows left out, by reason.
    pub left_out: Vec<u64>,
    /// Bytes of the objects that are taken.
    pub bytes: u64,
    /// Rows beyond the first of the same object. A new object that is listed twice is taken twice: copying it again does no harm.
    pub duplicates: u64,
    /// The baseline of the next run.
    pub next: Baseline,
}

/// Holds the report `input` against `baseline`, in the baseline's range, and gives what is taken to `sink`. If it fails, what the sink was
/// given is worth nothing.
pub fn difference(input: &Input<'_>, baseline: Baseline, sink: &mut dyn Sink) -> Result<Outcome, DeltaError> {
    let hash = baseline.key().of_objects();
    let over = |_: OverBudget| DeltaError::OverMemory { budget: input.budget.unwrap_or_default() };
    let comparison = Comparison::new(baseline, input.budget).map_err(over)?;
    let mut counts = Counts { left_out: vec![0; 256], ..Counts::default() };
    let mut identity = Vec::new();
    for (index, data_file) in input.files.iter().enumerate() {
        let source =
            input.source.open(index).map_err(|error| DeltaError::Read { file: data_file.key.clone(), error })?;
        let mut file = File::new(data_file, source);
        let mut rows = RowReader::new(input.schema);
        let (mut seen_rows, mut seen_bytes) = (0, 0);
        loop {
            if input.cancel.load(Ordering::Relaxed) {
                return Err(DeltaError::Cancelled);
            }
            let last = file.decode()?;
            let used = rows.split(file.text(), last, |row| -> Result<(), Stop> {
                let bad = |error| Stop::Row(BadRow { number: row.number(), error });
                if row.bucket_bytes() != input.bucket.as_bytes() {
                    let (found, expected) = (row.bucket().to_owned(), input.bucket.to_owned());
                    return Err(bad(RowError::Bucket { found, expected }));
                }
                row.identity(&mut identity).map_err(bad)?;
                let hash = hash.of(&identity);
                let Some(shard) = comparison.shard(hash) else { return Ok(()) };
                let _ = comparison.approach(shard, hash);
                counts.rows += 1;
                match (input.select)(&row) {
                    Verdict::Take => {
                        let standing = comparison.meet(shard, hash).map_err(|o| Stop::Delta(over(o)))?;
                        let take = match standing {
                            Standing::New => {
                                counts.changed += 1;
                                true
                            }
                            Standing::Known if input.carry_over.contains(row.key()) => {
                                counts.carried += 1;
                                true
                            }
                            Standing::Known => {
                                counts.unchanged += 1;
                                false
                            }
                            Standing::Again => {
                                counts.duplicates += 1;
                                false
                            }
                        };
                        if take {
                            counts.bytes += row.size().unwrap_or(0);
                            sink.changed(&row).map_err(|error| Stop::Delta(DeltaError::Sink(error)))?;
                        }
                    }
                    Verdict::LeaveOut(reason) => {
                        counts.leave_out(reason, comparison.knows(shard, hash));
                        sink.left_out(&row, reason).map_err(|error| Stop::Delta(DeltaError::Sink(error)))?;
                    }
                    Verdict::PassOver(reason) => counts.leave_out(reason, comparison.knows(shard, hash)),
                }
                Ok(())
            });
            let used = used.map_err(|stop| match stop {
                Stop::Row(bad) => file.wrong(Some(bad.number), Problem::Row(bad.error)),
                Stop::Delta(error) => error,
            })?;
            file.take(used);
            (input.progress)(Progress { rows: rows.rows() - seen_rows, bytes: file.read() - seen_bytes });
            (seen_rows, seen_bytes) = (rows.rows(), file.read());
            if last {
                break;
            }
        }
    }
    let compared = comparison.finish();
    while counts.left_out.last() == Some(&0) {
        counts.left_out.pop();
    }
    Ok(Outcome {
        rows: counts.rows,
        changed: counts.changed,
        carried: counts.carried,
        unchanged: counts.unchanged,
        gone: compared.unmet.saturating_sub(counts.known_left_out),
        left_out: counts.left_out,
        bytes: counts.bytes,
        duplicates: counts.duplicates + compared.duplicates,
        next: compared.next,
    })
}

enum Stop {
    Row(BadRow),
    Delta(DeltaError),
}

impl From<BadRow> for Stop {
    fn from(bad: BadRow) -> Self {
        Self::Row(bad)
    }
}

#[derive(Default)]
struct Counts {
    rows: u64,
    changed: u64,
    carried: u64,
    unchanged: u64,
    left_out: Vec<u64>,
    known_left_out: u64,
    bytes: u64,
    duplicates: u64,
}

impl Counts {
    fn leave_out(&mut self, reason: u8, known: bool) {
        self.left_out[usize::from(reason)] += 1;
        self.known_left_out += u64::from(known);
    }
}
