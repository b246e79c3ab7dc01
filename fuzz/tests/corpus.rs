//! Every file of the corpus, and what comes near it: no finding of the fuzzer comes back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::fs;
use std::path::Path;

/// The corpus of a target, at least one file.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files: Vec<Vec<u8>> =
        fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!files.is_empty());
    files
}

/// Each file of a corpus, and each cut off at some places.
fn hold(target: &str, holds: fn(&[u8])) {
    for bytes in corpus(target) {
        holds(&bytes);
        for part in 1..16 {
            holds(&bytes[..bytes.len() * part / 16]);
        }
    }
}

#[test]
fn manifests() {
    hold("manifest", fuzz::manifest);
}

#[test]
fn rows() {
    hold("rows", fuzz::rows);
}

#[test]
fn baselines() {
    hold("baseline", fuzz::baseline);
}

/// Each byte of a stored baseline matters, and each bit of it.
#[test]
fn a_baseline_altered_anywhere_is_recognised() {
    let length = u16::try_from(fuzz::stored_baseline().len()).unwrap();
    for place in (0..length).step_by(7) {
        let [high, low] = place.to_be_bytes();
        // The whole range; change one bit, cut off there, put in a byte, take one out.
        for how in [[7, 1 << (place % 8)], [0, 0], [2, 0], [3, 0]] {
            fuzz::baseline(&[0, high, low, how[0], how[1]]);
        }
    }
}
