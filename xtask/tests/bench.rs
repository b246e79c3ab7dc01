//! The benchmark itself, on a small pair of reports: a contender that finds other rows is never shown as if it had not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Stands in for `delta`: finds the difference by `sort` and `comm`; its baseline is the path of a manifest.
const STAND_IN: &str = r#"#!/usr/bin/env bash
set -euo pipefail
before=$2 after=$3 out=$5
[ "${before##*/}" = manifest.json ] || before=$(cat "$before")
mkdir -p "$out"
printf %s "$after" >"$out/baseline"
"BENCHES/sort-comm" "$before" "$after" "$out/keys"
sed 's/^/vendor-data,/' "$out/keys" | EDIT >"$out/changed.csv"
echo '{"decoder": "zlib-rs"}'
"#;

/// Runs the benchmark on a stand-in whose plan `edit` has passed through.
fn bench(edit: &str) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let delta = folder.path().join("delta");
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("benches");
    let script = STAND_IN.replace("BENCHES", benches.to_str().unwrap()).replace("EDIT", edit);
    fs::write(&delta, script).unwrap();
    fs::set_permissions(&delta, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["bench", "--rows", "2000", "--files", "2", "--repeats", "1", "--scale", "1000", "--dry-run"])
        .args(["--peers", "sort-comm", "--delta-bin"])
        .arg(&delta)
        .arg("--folder")
        .arg(folder.path())
        .output()
        .unwrap();
    let tables = String::from_utf8(output.stdout.clone()).unwrap();
    (output, tables)
}

#[test]
fn right_answers_are_measured() {
    let (output, tables) = bench("cat");
    assert!(output.status.success(), "{output:?}");
    // Against a baseline, both reports, the peer.
    assert_eq!(tables.matches("| the expected |").count(), 3, "{tables}");
    assert!(!tables.contains("wrong"), "{tables}");
    assert!(tables.contains("| `sort` and `comm`, exact | "), "{tables}");
}

#[test]
fn a_missing_row_a_second_one_and_a_crash_are_errors() {
    for edit in ["tail -n +2", "sed p", "false"] {
        let (output, tables) = bench(edit);
        assert!(!output.status.success(), "{edit}: {output:?}");
        assert!(tables.matches("**wrong**").count() >= 2 && tables.contains("| the expected |"), "{edit}: {tables}");
    }
}
