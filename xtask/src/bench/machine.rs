//! What the figures were taken on: processor, cores, memory and versions, and nothing that names a place.

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::Zoned;

/// Lines of a Markdown list.
pub(super) fn describe(python: Option<&Path>, threads: usize) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = field("/proc/meminfo", "MemTotal").and_then(|kb| kb.split(' ').next()?.parse::<u64>().ok());
    let memory = memory.map_or_else(|| "unknown".to_owned(), |kb| format!("{:.0} GB", gigabytes(kb)));
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let mut lines = vec![
        format!("Date: {}", Zoned::now().strftime("%Y-%m-%d")),
        format!("Machine: {cpu}, {cores} cores, {memory} memory, {} {}", std::env::consts::OS, std::env::consts::ARCH),
        format!("Threads for each contender: {threads}"),
    ];
    let mut versions: Vec<String> = first_line("rustc", &["--version"]).into_iter().collect();
    versions.extend(first_line("sort", &["--version"]));
    versions.extend(python.map(peers).unwrap_or_default());
    lines.push(format!("Versions: {}", versions.join(", ")));
    lines
}

#[allow(clippy::cast_precision_loss, reason = "memory sizes are far below 2^52 kB")]
fn gigabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / f64::from(1 << 20)
}

/// `name : value` of a file in /proc.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}

fn peers(python: &Path) -> Vec<String> {
    let script = "import importlib.metadata as m, platform\n\
        print('Python', platform.python_version())\n\
        for name in ('duckdb', 'polars', 'chdb'): print(name, m.version(name))";
    let output = Command::new(python).args(["-c", script]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
