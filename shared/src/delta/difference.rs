//! The difference: every row of a report, held against the baseline. Calls nothing of AWS but what its caller's [`Source`] and [`Sink`] call.

use std::io::{self, Read};
use std::sync::atomic::AtomicBool;

use super::baseline::{Compared, Comparison, OverBudget};
use super::checksums::Checksums;
use super::error::DeltaError;
use super::lane::Run;
use super::queue::{Parcel, Queue, To};
use super::workers::Workers;
use super::{Baseline, CarryOver};
use crate::inventory::{BadRow, DataFile, Row, RowReader, Schema};

/// Where the data files' bytes come from.
pub trait Source: Sync {
    /// Opens data file `file` of [`Input::files`], compressed as it is. Called on several threads, up to sixteen times and once more for each thread
    /// before the first file is at its end; an error here or in reading may be retried by running the difference again.
    fn open(&self, file: usize) -> io::Result<Box<dyn Read + Send>>;
}

/// Where the rows go that a plan is made of. A file's rows come in its order; sixteen files take turns, then the next sixteen. The order
/// depends on nothing but the report: neither on the number of threads nor on their pace.
pub trait Sink {
    /// An object that is to be copied: new or changed, or carried over.
    fn changed(&mut self, row: &Row<'_>) -> io::Result<()>;
    /// An object that is set apart for this reason, by [`Verdict::LeaveOut`].
    fn left_out(&mut self, row: &Row<'_>, reason: u8) -> io::Result<()>;
    /// Whether `changed` is to be called at all: without it, a first run is faster, and its [`Outcome::next`] and counts are the same.
    fn wants_changed(&self) -> bool {
        true
    }
}

/// Whether a run takes an object, if it is new or changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    #[default]
    Take,
    /// It does not, for this reason (any small number); the object does not enter the baseline, and goes to [`Sink::left_out`]. One
    /// that is in the baseline and not carried over stays there, and counts as unchanged.
    LeaveOut(u8),
    /// As `LeaveOut`, but it is only counted, also if it stays in the baseline.
    PassOver(u8),
}

/// Says whether a run takes an object.
pub type Select<'a> = &'a (dyn Fn(&Row<'_>) -> Verdict + Sync + 'a);

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
    /// Which objects are taken, if not all; asked of every row, on several threads.
    pub select: Option<Select<'a>>,
    /// Keys that are taken even if unchanged.
    pub carry_over: &'a CarryOver,
    /// Threads that read files: as many as there are processors. Together they have sixteen files open, or a few more where sixteen do not divide
    /// by the number of threads. Each thread reads its own in turn, block by block, so that their MD5s can be made side by side, and then those of the others.
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
    let comparison = Comparison::new(&baseline, input.budget).map_err(over)?;
    let sums = Checksums::default();
    let run = Run { input, comparison: &comparison, hash: &hash, sums: &sums, wants_changed: sink.wants_changed() };
    let threads = input.threads.clamp(1, input.files.len().max(1));
    let queue = Queue::new(input.files.len(), threads);
    let workers = Workers::new(run, &queue, threads);
    let counts = std::thread::scope(|scope| {
        let workers = &workers;
        let threads: Vec<_> = (0..threads).map(|me| scope.spawn(move || workers.work(me))).collect();
        let delivered = deliver(input, &queue, sink);
        if delivered.is_err() {
            queue.close();
        }
        let mut counts = Counts::default();
        let mut whole = true;
        for thread in threads {
            match thread.join() {
                Ok(of_thread) => counts.add(&of_thread),
                Err(_) => whole = false,
            }
        }
        delivered.and(if whole { Ok(counts) } else { Err(DeltaError::Thread) })
    });
    drop(workers);
    if let Some(error) = queue.into_error() {
        return Err(error);
    }
    let new = comparison.into_new();
    Ok(outcome(counts?, baseline.next(new, input.threads)))
}

fn outcome(mut counts: Counts, compared: Compared) -> Outcome {
    while counts.left_out.last() == Some(&0) {
        counts.left_out.pop();
    }
    // What stands in the baseline has a mark there: two threads that meet it at once would both count it.
    let taken = counts.rows - counts.left_out.iter().sum::<u64>() + counts.kept;
    Outcome {
        rows: counts.rows,
        changed: counts.changed,
        carried: counts.carried,
        unchanged: compared.met.saturating_sub(counts.carried + counts.kept),
        gone: compared.unmet.saturating_sub(counts.known_left_out),
        left_out: counts.left_out,
        bytes: counts.bytes,
        duplicates: taken.saturating_sub(compared.next.objects()),
        next: compared.next,
    }
}

/// Gives rows to the sink, while other threads find them.
fn deliver(input: &Input<'_>, queue: &Queue, sink: &mut dyn Sink) -> Result<(), DeltaError> {
    let mut rows = RowReader::new(input.schema);
    loop {
        let parcels = queue.take().map_err(|_| DeltaError::Thread)?;
        if parcels.is_empty() {
            return Ok(());
        }
        for parcel in &parcels {
            hand_over(parcel, &mut rows, sink)?;
        }
    }
}

fn hand_over(parcel: &Parcel, rows: &mut RowReader<'_>, sink: &mut dyn Sink) -> Result<(), DeltaError> {
    for item in &parcel.items {
        rows.again(item.place.of(&parcel.text), item.number, |row| -> Result<(), Refused> {
            match item.to {
                To::Changed => sink.changed(&row),
                To::LeftOut(reason) => sink.left_out(&row, reason),
            }
            .map_err(Refused::Sink)
        })
        .map_err(|refused| match refused {
            Refused::Sink(error) => DeltaError::Sink(error),
            Refused::Row => DeltaError::Thread,
        })?;
    }
    Ok(())
}

enum Refused {
    Sink(io::Error),
    /// Cannot be: the row was read before.
    Row,
}

impl From<BadRow> for Refused {
    fn from(_: BadRow) -> Self {
        Self::Row
    }
}

/// What was counted, of some rows.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) rows: u64,
    pub(super) changed: u64,
    pub(super) carried: u64,
    pub(super) left_out: Vec<u64>,
    /// Of those left out, which the old baseline knows.
    pub(super) known_left_out: u64,
    /// Of those passed over, which stay in the baseline.
    pub(super) kept: u64,
    pub(super) bytes: u64,
}

impl Counts {
    pub(super) fn leave_out(&mut self, reason: u8, known: bool) {
        let reason = usize::from(reason);
        if self.left_out.len() <= reason {
            self.left_out.resize(reason + 1, 0);
        }
        self.left_out[reason] += 1;
        self.known_left_out += u64::from(known);
    }

    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.changed += other.changed;
        self.carried += other.carried;
        self.known_left_out += other.known_left_out;
        self.kept += other.kept;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.left_out.resize(self.left_out.len().max(other.left_out.len()), 0);
        for (sum, count) in self.left_out.iter_mut().zip(&other.left_out) {
            *sum += count;
        }
    }
}
