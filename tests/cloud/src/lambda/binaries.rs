//! The functions' real binaries: found beside the running program, or built.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Every function of Transship that runs on the local cloud: package, binary and function carry one name.
pub const FUNCTIONS: &[&str] = &["copy-large", "create-job", "settle-job", "setup"];

/// Why there are no binaries to attach.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    /// The running program's own path is unknown, so its target directory is too.
    #[error("cannot tell which target directory this program runs from: {0}")]
    NoTargetDirectory(String),
    /// Cargo could not be started.
    #[error("cannot run {cargo} to build the functions: {source}")]
    Cargo {
        /// What was run.
        cargo: String,
        /// Why it did not start.
        source: std::io::Error,
    },
    /// The build failed; the compiler has said why on stderr.
    #[error("the functions ({0}) could not be built")]
    Build(String),
    /// Cargo succeeded and yet there is no binary.
    #[error("the build left no binary at {0}")]
    Missing(PathBuf),
}

/// Builds the functions when this program runs under cargo (so that they are never older than their source) or when
/// they are missing; returns each one's path by its name. Cargo's progress goes to stderr. Blocks while cargo builds;
/// a second call in one process returns what the first one found.
pub fn build_or_find() -> Result<BTreeMap<String, PathBuf>, BinariesError> {
    static FOUND: Mutex<Option<BTreeMap<String, PathBuf>>> = Mutex::new(None);
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = &*found {
        return Ok(found.clone());
    }
    let directory = profile_directory()?;
    let paths: BTreeMap<String, PathBuf> = FUNCTIONS
        .iter()
        .map(|name| ((*name).to_owned(), directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))))
        .collect();
    let under_cargo = std::env::var_os("CARGO").is_some();
    if under_cargo || paths.values().any(|path| !path.is_file()) {
        build(&directory)?;
    }
    if let Some(missing) = paths.values().find(|path| !path.is_file()) {
        return Err(BinariesError::Missing(missing.clone()));
    }
    Ok(found.insert(paths).clone())
}

/// `target/debug` of a program in it, or of a test or example in its `deps` or `examples`.
fn profile_directory() -> Result<PathBuf, BinariesError> {
    let program = std::env::current_exe().map_err(|error| BinariesError::NoTargetDirectory(error.to_string()))?;
    let no_parent = || BinariesError::NoTargetDirectory(program.display().to_string());
    let directory = program.parent().ok_or_else(no_parent)?;
    let nested = matches!(directory.file_name().and_then(OsStr::to_str), Some("deps" | "examples"));
    let directory = if nested { directory.parent().ok_or_else(no_parent)? } else { directory };
    Ok(directory.to_owned())
}

/// Builds into the target directory and profile this program came from. `--workspace` makes cargo choose the features
/// that `cargo test --workspace` and `cargo demo` choose, so that nothing is compiled a second time.
fn build(directory: &Path) -> Result<(), BinariesError> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let profile = match directory.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let mut command = Command::new(&cargo);
    command
        .args(["build", "--workspace", "--profile", profile])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .args(FUNCTIONS.iter().flat_map(|name| ["--bin", name]))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if let Some(target) = directory.parent() {
        command.arg("--target-dir").arg(target);
    }
    // What cargo tells the program it runs would look like a changed setting to build scripts (ring's is one) and have
    // them, and all that depends on them, built again.
    for (name, _) in std::env::vars_os() {
        let told = |name: &str| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"].iter().any(|prefix| name.starts_with(prefix))
                || ["CARGO_CRATE_NAME", "CARGO_BIN_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"]
                    .contains(&name)
        };
        if name.to_str().is_some_and(told) {
            command.env_remove(&name);
        }
    }
    let status = command.status().map_err(|source| BinariesError::Cargo { cargo, source })?;
    if status.success() { Ok(()) } else { Err(BinariesError::Build(FUNCTIONS.join(", "))) }
}
