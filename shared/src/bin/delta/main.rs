//! `delta diff`: what is new or changed from one inventory report to the next, over local folders. Calls no AWS service.

mod arguments;
mod counts;
mod explain;
mod local;
mod run;
mod stored;

use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{path}: {error}")]
    File { path: String, error: std::io::Error },
    #[error("{path}: {reason}")]
    Manifest { path: String, reason: String },
    #[error(transparent)]
    Schema(#[from] transship::inventory::SchemaError),
    #[error(transparent)]
    Delta(#[from] transship::delta::DeltaError),
    #[error("the report does not fit into this much memory even in 256 parts: allow more by --memory")]
    Memory,
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl Failure {
    fn at(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::File { path, error }
    }
}

fn main() -> ExitCode {
    let Command::Diff(arguments) = Arguments::parse().command;
    match run::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("delta: {failure}");
            ExitCode::FAILURE
        }
    }
}
