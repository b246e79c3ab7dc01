//! Writes status pages to look at into a folder: `status.html`, its twin `status.json`, and `empty.html` of a route that
//! has not run. `tests/status/check.mjs` opens them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use e2e::{Error, describe, status};

/// Writes example status pages.
#[derive(Debug, Parser)]
struct Options {
    /// The folder, which is made if it is not there
    folder: PathBuf,
}

fn main() -> ExitCode {
    match write(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("status-fixture: {}", describe(&error));
            ExitCode::FAILURE
        }
    }
}

fn write(options: &Options) -> Result<(), Error> {
    std::fs::create_dir_all(&options.folder)?;
    let status = status::example(true)?;
    std::fs::write(options.folder.join("status.html"), status.html()?)?;
    std::fs::write(options.folder.join("status.json"), serde_json::to_vec_pretty(&status)?)?;
    std::fs::write(options.folder.join("empty.html"), status::example(false)?.html()?)?;
    Ok(())
}
