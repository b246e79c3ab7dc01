//! `cargo xtask generate` and `cargo xtask bench`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use xtask::bench::{self, BenchOptions};
use xtask::floor::{self, Decoder};
use xtask::generate::{self, Options};
use xtask::measure;

type Error = Box<dyn std::error::Error>;

/// What a developer of Transship runs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write two inventory reports, one a day after the other, and the difference that has to be found
    Generate {
        /// The folder that stands for the manifest bucket
        folder: PathBuf,
        /// Rows of the first report
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
        /// Data files of each report
        #[arg(long, default_value_t = 10)]
        files: u32,
        /// Other seeds give other objects
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// gzip's level
        #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=9))]
        level: u32,
    },
    /// Time the difference beside the decompression floor and what a user would pick instead; fill docs/benchmarks.md
    Bench(BenchOptions),
    /// Only read and inflate a report
    #[command(hide = true)]
    Floor {
        manifest: PathBuf,
        #[arg(long, value_enum, default_value = "zlib-rs")]
        decoder: Decoder,
        #[arg(long)]
        threads: usize,
    },
    /// Run a program and write what it took to a file
    #[command(hide = true)]
    Measure {
        result: PathBuf,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Generate { folder, rows, files, seed, level } => {
            let options = Options { seed, level, ..Options::new(rows, files) };
            let bar = progress(rows * 2)?;
            let pair = generate::generate(&folder, &options, &|rows| bar.inc(rows))?;
            bar.finish_and_clear();
            println!("{}", serde_json::to_string_pretty(&pair)?);
        }
        Command::Bench(options) => return Ok(bench::run(&options)?),
        Command::Floor { manifest, decoder, threads } => {
            println!("{} bytes", floor::inflate(&manifest, decoder, threads)?);
        }
        Command::Measure { result, command } => {
            let status = measure::measure(&result, &command)?;
            return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn progress(rows: u64) -> Result<ProgressBar, Error> {
    let style = "{bar:40} {human_pos} of {human_len} rows, {per_sec}, {eta} to go";
    Ok(ProgressBar::new(rows).with_style(ProgressStyle::with_template(style)?))
}
