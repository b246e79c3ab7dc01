//! The benchmark: the difference, the floor under it and what a user would pick instead, on the same files, in one run.
//! Runs processes; fills docs/benchmarks.md.

mod builds;
mod contender;
mod machine;
mod page;
mod race;
mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::generate::{self, GenerateError, Options, Pair};
use crate::measure::MeasureError;
use builds::Builds;
use contender::{Contender, Peer};
use race::Outcome;
use table::Results;

/// How to run it. The defaults take about ten minutes on two cores.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct BenchOptions {
    /// Rows of the first report
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Data files of each report
    #[arg(long, default_value_t = 10)]
    files: u32,
    /// How often each contender runs; its median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Reports of these sizes show whether time and memory are linear; 0 for none
    #[arg(long, value_delimiter = ',', default_value = "1000000,3000000,10000000,30000000")]
    scale: Vec<u64>,
    /// Only these peers
    #[arg(long, value_enum, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// No peers at all
    #[arg(long, conflicts_with = "peers")]
    skip_peers: bool,
    /// Only the default build, without ISA-L
    #[arg(long)]
    skip_isal: bool,
    /// Measure this `delta`, a build without ISA-L, instead of building any
    #[arg(long)]
    delta_bin: Option<PathBuf>,
    /// Also run the release build of create-job on these reports, on the local cloud, and show its peak memory
    #[arg(long)]
    create_job: bool,
    /// Build, install and generate all that the run needs, and stop there
    #[arg(long)]
    prepare: bool,
    /// Threads for every contender [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
    /// Where reports and results are kept; what is there already is used again
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Print only; leave docs/benchmarks.md as it is
    #[arg(long)]
    dry_run: bool,
}

/// Why there is no benchmark. A contender that fails is no such reason: it stands in the table.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No reports.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// Something that all depends on did not run.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// A build or an installation failed; it has said why.
    #[error("{0} failed; see above")]
    Command(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The page has no place for the tables.
    #[error("docs/benchmarks.md lacks the lines {begin:?} and {end:?} around its tables")]
    Page {
        /// The line before.
        begin: &'static str,
        /// The line after.
        end: &'static str,
    },
}

impl BenchError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }
}

/// A pair of reports on the disk.
#[derive(Debug)]
struct Reports {
    folder: PathBuf,
    pair: Pair,
}

/// Runs it; fails if one of our own builds failed or found other rows.
pub fn run(options: &BenchOptions) -> Result<ExitCode, BenchError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned();
    let folder = std::path::absolute(&options.folder).map_err(BenchError::at(&options.folder))?;
    fs::create_dir_all(&folder).map_err(BenchError::at(&folder))?;
    let threads = options.threads.unwrap_or_else(|| Options::new(1, 1).threads);
    let builds = match &options.delta_bin {
        Some(delta) => Builds::given(delta)?,
        None => Builds::build(&root, &folder, !options.skip_isal)?,
    };
    let peers: &[Peer] = if options.skip_peers {
        &[]
    } else if options.peers.is_empty() {
        Peer::ALL
    } else {
        &options.peers
    };
    let python = if peers.iter().any(|peer| peer.needs_python()) { Some(builds::python(&root)?) } else { None };

    let create_job = if options.create_job { Some(builds::CreateJob::build(&root)?) } else { None };
    let reports = reports(&folder, options.rows, options.files)?;
    let scaled = scaled(options, &folder, threads)?;
    if options.prepare {
        return Ok(ExitCode::SUCCESS);
    }
    let field =
        contender::Field { root: &root, reports: &reports, threads, builds: &builds, python: python.as_deref() };
    let contenders = field.contenders(peers);
    let outcomes = race::run(&reports, &contenders, options.repeats)?;
    let scale = scale(options, &scaled, &field)?;
    let create_job = create_job.map(|create_job| create_job.plan(&reports.folder)).transpose()?;

    let failed = outcomes.iter().chain(scale.iter().flat_map(|step| &step.outcomes)).any(Outcome::is_our_failure);
    let results = Results {
        machine: machine::describe(python.as_deref(), threads),
        pair: reports.pair,
        repeats: options.repeats,
        outcomes,
        scale,
        create_job,
    };
    let tables = results.markdown();
    println!("{tables}");
    if !options.dry_run {
        page::fill(&root.join("docs/benchmarks.md"), &tables)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The reports of this size: those on the disk, or newly made.
fn reports(folder: &Path, rows: u64, files: u32) -> Result<Reports, BenchError> {
    let options = Options::new(rows, files);
    let folder = folder.join(format!("{rows}-{files}"));
    if let Some(pair) = generate::existing(&folder, &options) {
        return Ok(Reports { folder, pair });
    }
    // Names of data files follow from the seed, but reports of another version may lie there.
    if let Err(error) = fs::remove_dir_all(&folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(BenchError::at(&folder)(error));
    }
    eprintln!("generating two reports of {rows} rows …");
    let pair = generate::generate(&folder, &options, &|_| ())?;
    Ok(Reports { folder, pair })
}

/// Reports of several sizes, each with as many rows in a file as the main reports have.
fn scaled(options: &BenchOptions, folder: &Path, threads: usize) -> Result<Vec<Reports>, BenchError> {
    let sizes = options.scale.iter().filter(|rows| **rows > 0);
    sizes
        .map(|&rows| {
            let files = u64::from(options.files) * rows / options.rows.max(1);
            // Fewer than two files for each thread would measure idle threads.
            let least = u64::try_from(threads * 2).unwrap_or(1);
            reports(folder, rows, u32::try_from(files.max(least)).unwrap_or(options.files))
        })
        .collect()
}

/// Our fastest build on each of them.
fn scale(
    options: &BenchOptions,
    scaled: &[Reports],
    main: &contender::Field<'_>,
) -> Result<Vec<table::Step>, BenchError> {
    let mut steps = Vec::new();
    for reports in scaled {
        let contenders: Vec<Contender> = contender::Field { reports, ..*main }.scaled();
        let outcomes = race::run(reports, &contenders, options.repeats)?;
        steps.push(table::Step { rows: reports.pair.rows[1], outcomes });
    }
    Ok(steps)
}
