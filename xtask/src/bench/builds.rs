//! What has to be there before the race: release builds of `delta`, and an environment with the peers. Runs cargo and pip.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::BenchError;

/// One build of `delta`, and the floor of its decompressor.
#[derive(Debug, Clone)]
pub(super) struct Build {
    /// The decompressor, as `xtask floor --decoder` has it.
    pub(super) decoder: &'static str,
    /// The decompressor, for people.
    pub(super) name: &'static str,
    pub(super) delta: PathBuf,
    /// An xtask that can run this floor.
    pub(super) xtask: PathBuf,
}

/// The builds that race, the fastest last.
#[derive(Debug)]
pub(super) struct Builds(pub(super) Vec<Build>);

impl Builds {
    /// One binary, which is said to be like the default build.
    pub(super) fn given(delta: &Path) -> Result<Self, BenchError> {
        let delta = std::path::absolute(delta).map_err(BenchError::at(delta))?;
        Ok(Self(vec![Build { decoder: "zlib-rs", name: "zlib-rs", delta, xtask: this()? }]))
    }

    /// The default build, and the one with ISA-L where that can be built.
    pub(super) fn build(root: &Path, folder: &Path, isal: bool) -> Result<Self, BenchError> {
        let mut builds = Vec::new();
        if isal {
            match with_isal(root, folder) {
                Ok(build) => builds.push(build),
                Err(error) => eprintln!("no build with ISA-L ({error}); it needs nasm, autoconf, automake and libtool"),
            }
        }
        let delta = delta(root, folder, "zlib-rs", &[])?;
        builds.push(Build { decoder: "zlib-rs", name: "zlib-rs", delta, xtask: this()? });
        builds.reverse();
        Ok(Self(builds))
    }

    pub(super) fn fastest(&self) -> Option<&Build> {
        self.0.last()
    }
}

fn with_isal(root: &Path, folder: &Path) -> Result<Build, BenchError> {
    let delta = delta(root, folder, "isal", &["--features", "transship/isal"])?;
    // Its own target directory: this program is running from the usual one.
    let target = folder.join("isal");
    let mut cargo = cargo(root);
    cargo.args(["build", "--quiet", "--profile", "xtask", "-p", "xtask", "--features", "isal", "--target-dir"]);
    run(cargo.arg(&target), "cargo build of xtask with ISA-L")?;
    Ok(Build { decoder: "isal", name: "ISA-L", delta, xtask: target.join("xtask/xtask") })
}

/// Builds `delta` as it is released and keeps it under a name of its own: the next build takes its place.
fn delta(root: &Path, folder: &Path, name: &str, features: &[&str]) -> Result<PathBuf, BenchError> {
    eprintln!("building delta with {name} …");
    // The whole workspace chooses the features, so that all builds share what they depend on.
    let mut cargo = cargo(root);
    cargo.args(["build", "--quiet", "--release", "--workspace", "--bin", "delta"]).args(features);
    run(&mut cargo, "cargo build of delta")?;
    let built = target(root).join("release/delta");
    let kept = folder.join(format!("delta-{name}"));
    fs::copy(&built, &kept).map_err(BenchError::at(&built))?;
    Ok(kept)
}

/// Python with the peers in it.
pub(super) fn python(root: &Path) -> Result<PathBuf, BenchError> {
    let environment = target(root).join("bench-env");
    let python = environment.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment), "python3 -m venv")?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
    run(pip.arg(root.join("benches/requirements.txt")), "pip install of benches/requirements.txt")?;
    Ok(python)
}

/// What create-job took for one report, as the program `memory` prints it.
#[derive(Debug, Deserialize)]
pub(super) struct Invocation {
    pub(super) what: String,
    pub(super) rows: u64,
    pub(super) peak_bytes: u64,
    pub(super) outcome: String,
}

/// create-job's release build, and the program that runs it on the local cloud.
#[derive(Debug)]
pub(super) struct CreateJob {
    function: PathBuf,
    memory: PathBuf,
}

impl CreateJob {
    pub(super) fn build(root: &Path) -> Result<Self, BenchError> {
        eprintln!("building create-job and the local cloud …");
        // All of it as it is released: the local cloud, unoptimized, would take minutes over the checksums alone.
        let functions = ["--bin", "create-job", "--bin", "setup", "--bin", "memory"];
        run(
            cargo(root).args(["build", "--quiet", "--release", "--workspace"]).args(functions),
            "cargo build of create-job and the local cloud",
        )?;
        let release = target(root).join("release");
        Ok(Self { function: release.join("create-job"), memory: release.join("memory") })
    }

    /// Plans both reports.
    pub(super) fn plan(&self, reports: &Path) -> Result<Vec<Invocation>, BenchError> {
        eprintln!("planning both reports on the local cloud …");
        let failed = || BenchError::Command("the program memory".to_owned());
        let mut memory = Command::new(&self.memory);
        // Not under cargo: then it takes the functions that are there.
        memory.arg(reports).arg("--create-job").arg(&self.function).env_remove("CARGO");
        let output = memory.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|_| failed())?;
        serde_json::from_slice(&output.stdout).map_err(|_| failed())
    }
}

fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").as_deref().unwrap_or(OsStr::new("cargo")));
    cargo.current_dir(root);
    // What cargo tells the program it runs would look like a changed setting to build scripts.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target))
}

fn this() -> Result<PathBuf, BenchError> {
    std::env::current_exe().map_err(BenchError::at(Path::new("xtask")))
}

fn run(command: &mut Command, what: &str) -> Result<(), BenchError> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(BenchError::Command(what.to_owned())),
    }
}
