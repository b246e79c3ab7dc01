//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What is new or changed from one S3 Inventory report to the next.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Hold an inventory report against a baseline, or against another report
    ///
    /// A report is the path of its manifest.json. Its data files are looked for as the manifest names them, in the folders above the
    /// manifest: `inventory/bucket/daily/data/1.csv.gz`, then `bucket/daily/data/1.csv.gz`, and so on to `1.csv.gz`; and in a folder `data`
    /// beside it or above it. So a copy of the manifest bucket will do, and so will a folder with a report's files in it.
    ///
    /// Size and MD5 of every data file are checked. Nothing is taken from a report that is damaged or incomplete.
    Diff(Diff),
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The baseline that --out left (DIR/baseline), or the manifest.json of the earlier report
    #[arg(value_name = "BASELINE_OR_MANIFEST")]
    pub(crate) before: PathBuf,
    /// The manifest.json of the report
    #[arg(value_name = "MANIFEST")]
    pub(crate) after: PathBuf,
    /// Write what is new or changed to DIR/changed.csv (bucket and encoded key, as S3 Batch Operations takes them), and the next
    /// baseline to DIR/baseline
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Say why the object of this key is or is not among the changed; may be given several times
    #[arg(long, value_name = "KEY")]
    pub(crate) explain: Vec<String>,
    /// Leave out what a run leaves out since a copy job cannot copy it: archived objects, those over 5 GB, those under SSE-C
    #[arg(long)]
    pub(crate) as_planned: bool,
    /// Print one JSON object, and no progress bar
    #[arg(long)]
    pub(crate) json: bool,
    /// Data files that are read at once [default: one for each processor]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threads: Option<usize>,
    /// Megabytes of memory to use; a report of more objects than that holds is gone through in several parts [default: no limit]
    #[arg(long, value_name = "MB")]
    pub(crate) memory: Option<u64>,
}
