//! The comparison itself: in as many ranges as the memory allowed asks for.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use transship::delta::{
    Baseline, CarryOver, DeltaError, HashKey, Input, Outcome, Progress, Range, Sink, Verdict, difference, ranges,
};
use transship::inventory::Row;
use transship::plan::{Reason, verdict};

use crate::Failure;
use crate::arguments::Diff;
use crate::counts::Counts;
use crate::explain::{Watch, Which};
use crate::local::Report;
use crate::stored::Folder;

/// What the report is held against.
enum Before {
    Baseline(Folder),
    Report(Report, HashKey),
}

impl Before {
    fn find(path: &Path) -> Result<Self, Failure> {
        match Folder::find(path) {
            Some(folder) => Ok(Self::Baseline(folder)),
            None => Ok(Self::Report(Report::find(path)?, HashKey::random().map_err(Failure::at(path))?)),
        }
    }

    fn key(&self) -> &HashKey {
        match self {
            Self::Baseline(folder) => &folder.key,
            Self::Report(_, key) => key,
        }
    }
}

/// What all passes have in common.
struct Session<'a> {
    arguments: &'a Diff,
    before: Before,
    after: Report,
    threads: usize,
    watch: Watch,
    bar: ProgressBar,
}

pub(crate) fn run(arguments: &Diff) -> Result<(), Failure> {
    let started = Instant::now();
    let before = Before::find(&arguments.before)?;
    let after = Report::find(&arguments.after)?;
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let mut watch = Watch::new(&arguments.explain);
    watch.both = matches!(before, Before::Report(..));
    let bar = if arguments.json { ProgressBar::hidden() } else { bar() };
    let session =
        Session { arguments, before, after, threads: arguments.threads.unwrap_or_else(processors).max(1), watch, bar };
    let mut counts = session.in_ranges()?;
    session.bar.finish_and_clear();
    counts.end(started.elapsed(), session.watch.tell());
    if arguments.json {
        println!("{}", serde_json::to_string(&counts)?);
    } else {
        counts.print();
    }
    Ok(())
}

fn bar() -> ProgressBar {
    let style = "{bar:40} {binary_bytes} of {binary_total_bytes}, {msg}{eta} to go";
    let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

impl Session<'_> {
    fn budget(&self) -> Option<u64> {
        self.arguments.memory.map(|megabytes| megabytes << 20)
    }

    /// As many ranges as it takes: if the first guess is too few, twice as many.
    fn in_ranges(&self) -> Result<Counts, Failure> {
        let mut of = match (self.budget(), &self.before) {
            (None, _) => 1,
            (Some(budget), Before::Baseline(folder)) => ranges(&self.after.files, Some(folder.objects()), 0, budget),
            (Some(budget), Before::Report(report, _)) => ranges(&report.files, None, 0, budget),
        };
        loop {
            match self.all(of) {
                Err(Failure::Delta(DeltaError::OverMemory { .. })) if of < 256 => of *= 2,
                Err(Failure::Delta(DeltaError::OverMemory { .. })) => return Err(Failure::Memory),
                other => return other,
            }
        }
    }

    fn all(&self, of: u32) -> Result<Counts, Failure> {
        let mut counts = Counts::new(self.threads, of);
        let reports =
            self.after.bytes() + if let Before::Report(report, _) = &self.before { report.bytes() } else { 0 };
        self.bar.reset();
        self.bar.set_length(reports * u64::from(of));
        let mut out =
            self.arguments.out.as_deref().map(|folder| Out::create(folder, self.before.key(), of)).transpose()?;
        for range in Range::all(of) {
            let baseline = self.baseline(range)?;
            let mut sink = Rows { out: out.as_mut(), watch: &self.watch };
            let outcome = self.pass(&self.after, Which::After, baseline, &mut sink)?;
            counts.add(&outcome);
            if let Some(out) = &out {
                out.baseline.write(&outcome.next, &self.after.bucket)?;
            }
        }
        if let Some(out) = out {
            out.finish()?;
        }
        Ok(counts)
    }

    /// What the report is held against, as far as it is in `range`.
    fn baseline(&self, range: Range) -> Result<Baseline, Failure> {
        match &self.before {
            Before::Baseline(folder) => folder.read(range, &self.after.bucket),
            Before::Report(report, key) => {
                let empty = Baseline::empty(key.clone(), range);
                Ok(self.pass(report, Which::Before, empty, &mut Nowhere)?.next)
            }
        }
    }

    fn pass(
        &self,
        report: &Report,
        which: Which,
        baseline: Baseline,
        sink: &mut dyn Sink,
    ) -> Result<Outcome, DeltaError> {
        let select = |row: &Row<'_>| {
            self.watch.see(which, row);
            if self.arguments.as_planned { verdict(row) } else { Verdict::Take }
        };
        let input = Input {
            files: &report.files,
            source: report,
            schema: &report.schema,
            bucket: &report.bucket,
            select: (self.arguments.as_planned || self.watch.is_set()).then_some(&select),
            carry_over: &CarryOver::new(baseline.key()),
            threads: self.threads,
            budget: self.budget().map(|budget| budget.saturating_sub(64 << 20)),
            cancel: &AtomicBool::new(false),
            progress: &|progress: Progress| self.bar.inc(progress.bytes),
        };
        difference(&input, baseline, sink)
    }
}

/// The folder of `--out`. What is written takes the place of what was there once all is there: a run that fails leaves what the one before has left, which it may
/// have been held against.
struct Out {
    folder: PathBuf,
    changed: BufWriter<File>,
    baseline: Folder,
}

impl Out {
    fn create(folder: &Path, key: &HashKey, parts: u32) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(Failure::at(folder))?;
        let path = folder.join(NEW_CHANGED);
        let changed = BufWriter::with_capacity(1 << 18, File::create(&path).map_err(Failure::at(&path))?);
        Ok(Self {
            folder: folder.to_owned(),
            changed,
            baseline: Folder::create(&folder.join("baseline.new"), key, parts)?,
        })
    }

    fn finish(mut self) -> Result<(), Failure> {
        let [written, path] = [NEW_CHANGED, "changed.csv"].map(|name| self.folder.join(name));
        self.changed.flush().map_err(Failure::at(&written))?;
        // First the rows, then the baseline that knows them.
        fs::rename(&written, &path).map_err(Failure::at(&path))?;
        self.baseline.seal(&self.folder.join("baseline"))
    }
}

const NEW_CHANGED: &str = "changed.csv.new";

/// What is new or changed.
struct Rows<'a> {
    out: Option<&'a mut Out>,
    watch: &'a Watch,
}

impl Sink for Rows<'_> {
    fn changed(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.watch.take(row);
        match &mut self.out {
            Some(out) => {
                writeln!(out.changed, "{},{}", row.bucket(), row.manifest_key())
            }
            None => Ok(()),
        }
    }

    fn left_out(&mut self, row: &Row<'_>, _: u8) -> io::Result<()> {
        if let Some(reason) = Reason::of(row) {
            self.watch.leave_out(row, reason.as_str());
        }
        Ok(())
    }
}

/// The earlier report is only read for its baseline.
struct Nowhere;

impl Sink for Nowhere {
    fn changed(&mut self, _: &Row<'_>) -> io::Result<()> {
        Ok(())
    }

    fn left_out(&mut self, _: &Row<'_>, _: u8) -> io::Result<()> {
        Ok(())
    }

    fn wants_changed(&self) -> bool {
        false
    }
}
