//! The race itself: the contenders take turns, each run is measured and its answer held against the expected one.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use serde_json::Value;

use super::contender::{Contender, Kind, Output};
use super::{BenchError, Reports};
use crate::answer::Answer;
use crate::measure::{self, Measured};

/// How a contender did.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) contender: Contender,
    /// The run with the median time; or what went wrong, in any of its runs.
    pub(super) median: Result<Measured, String>,
}

impl Outcome {
    pub(super) fn is_our_failure(&self) -> bool {
        self.median.is_err() && matches!(self.contender.kind, Kind::Floor | Kind::Baseline | Kind::Both)
    }
}

/// Runs every contender `repeats` times, in turns; those that are run once, once.
pub(super) fn run(reports: &Reports, contenders: &[Contender], repeats: u32) -> Result<Vec<Outcome>, BenchError> {
    let scratch = tempfile::tempdir_in(&reports.folder).map_err(BenchError::at(&reports.folder))?;
    let mut runs: Vec<Result<Vec<Measured>, String>> = Vec::new();
    for contender in contenders {
        let prepared = clear(&contender.folder).map_err(|error| error.to_string()).and_then(|()| {
            let Some(command) = &contender.prepare else { return Ok(()) };
            measure::measured(command, scratch.path()).map(drop).map_err(|error| error.to_string())
        });
        runs.push(prepared.map(|()| Vec::new()));
    }
    for turn in 1..=repeats {
        for (contender, runs) in contenders.iter().zip(&mut runs) {
            let Ok(so_far) = runs else { continue };
            if contender.once && turn > 1 {
                continue;
            }
            eprint!("{turn} of {repeats}  {:<55}", contender.name);
            match once(reports, contender, scratch.path()) {
                Ok(measured) => {
                    eprintln!("{:7.2} s  {:5} MB", measured.seconds, measured.peak_bytes >> 20);
                    so_far.push(measured);
                }
                Err(error) => {
                    eprintln!("{error}");
                    *runs = Err(error);
                }
            }
        }
    }
    let outcomes = contenders.iter().zip(runs);
    Ok(outcomes.map(|(contender, runs)| Outcome { contender: contender.clone(), median: runs.map(median) }).collect())
}

fn once(reports: &Reports, contender: &Contender, scratch: &Path) -> Result<Measured, String> {
    clear(&contender.folder).map_err(|error| error.to_string())?;
    let (ran, printed) = measure::measured(&contender.command, scratch).map_err(|error| error.to_string())?;
    if matches!(contender.kind, Kind::Baseline | Kind::Both) {
        let json: Value = serde_json::from_slice(&printed).map_err(|error| format!("it prints no JSON: {error}"))?;
        if json["decoder"].as_str() != contender.decoder {
            return Err(format!("it inflates by {}, not by {:?}", json["decoder"], contender.decoder));
        }
    }
    let found = match &contender.output {
        Output::None => return Ok(ran),
        Output::Lines(path) => File::open(path).and_then(|file| Answer::of_lines(BufReader::new(file))),
        Output::Plan(folder) => plan(folder),
    };
    let found = found.map_err(|error| format!("no answer: {error}"))?;
    let expected = reports.pair.expected;
    if found == expected { Ok(ran) } else { Err(format!("found {found}, expected {expected}")) }
}

/// The rows of all CSV files in a plan's folder.
fn plan(folder: &Path) -> io::Result<Answer> {
    let mut answer = Answer::default();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            answer = answer.and(plan(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "csv") {
            answer = answer.and(Answer::of_manifest_rows(File::open(path)?)?);
        }
    }
    Ok(answer)
}

fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(folder),
    }
}

/// The run in the middle by time; of an even number, the slower of the two there.
fn median(mut runs: Vec<Measured>) -> Measured {
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    runs[runs.len() / 2]
}
