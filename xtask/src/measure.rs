//! Runs one program and tells its time, its CPU time and its peak memory. Runs processes.
//!
//! Until a new process runs its program, it counts its parent's memory as its own. So the parent is a process that has next to
//! none: this program, run again, with nothing else to do.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use wait4::Wait4;

/// What a program and the processes it waited for took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// From start to end.
    pub seconds: f64,
    /// User and system time of all its threads and processes.
    pub cpu_seconds: f64,
    /// Bytes that were resident at most; of a pipeline, in its largest process.
    pub peak_bytes: u64,
    /// Whether it ended well.
    pub success: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// A program could not be run.
    #[error("cannot run {program}: {source}")]
    Run {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The program failed.
    #[error("{program} failed:\n{stderr}")]
    Failed {
        /// Which.
        program: String,
        /// The end of what it said.
        stderr: String,
    },
    /// What it took could not be kept or read.
    #[error("{path}: {source}")]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Runs `command` in a process that does nothing else; `scratch` is a folder for its result. Also what the command printed.
pub fn measured(command: &[OsString], scratch: &Path) -> Result<(Measured, Vec<u8>), MeasureError> {
    let program = shown(command);
    let failed = |source| MeasureError::Run { program: program.clone(), source };
    let result = scratch.join("measured.json");
    let mut this = Command::new(std::env::current_exe().map_err(failed)?);
    this.arg("measure").arg(&result).arg("--").args(command).stdin(Stdio::null());
    let output = this.output().map_err(failed)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let from = stderr.len().saturating_sub(2000);
        let stderr = stderr.get(from..).unwrap_or(&stderr).to_owned();
        return Err(MeasureError::Failed { program, stderr });
    }
    let at = |source| MeasureError::File { path: result.clone(), source };
    let measured = serde_json::from_slice(&fs::read(&result).map_err(at)?).map_err(io::Error::from).map_err(at)?;
    Ok((measured, output.stdout))
}

/// What that process does: runs `command` with its own standard streams and writes what it took to `result`.
pub fn measure(result: &Path, command: &[OsString]) -> Result<ExitStatus, MeasureError> {
    let failed = |source| MeasureError::Run { program: shown(command), source };
    let (program, arguments) = command.split_first().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let started = Instant::now();
    let ended = Command::new(program).args(arguments).spawn().and_then(Wait4::wait4).map_err(failed)?;
    let (took, status) = (ended.rusage, ended.status);
    let measured = Measured {
        seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: (took.utime + took.stime).as_secs_f64(),
        peak_bytes: took.maxrss,
        success: status.success(),
    };
    let at = |source| MeasureError::File { path: result.to_owned(), source };
    fs::write(result, serde_json::to_vec(&measured).map_err(io::Error::from).map_err(at)?).map_err(at)?;
    Ok(status)
}

fn shown(command: &[OsString]) -> String {
    command.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
