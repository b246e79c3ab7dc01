//! A small pair of reports is read again with other means and compared by brute force.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use md5::{Digest, Md5};
use serde_json::Value;

use super::{Options, existing, generate, manifest};
use crate::answer::Answer;

/// Every row by its encoded key, and the number of rows in each file; size, MD5 and checksum are held to.
fn read(folder: &Path, which: usize) -> (HashMap<String, csv::StringRecord>, Vec<usize>) {
    let json = fs::read(manifest(folder, which)).unwrap();
    let checksum = fs::read_to_string(manifest(folder, which).with_extension("checksum")).unwrap();
    assert_eq!(checksum, hex::encode(Md5::digest(&json)));
    let json: Value = serde_json::from_slice(&json).unwrap();
    let (mut rows, mut lengths) = (HashMap::new(), Vec::new());
    for file in json["files"].as_array().unwrap() {
        let bytes = fs::read(folder.join(file["key"].as_str().unwrap())).unwrap();
        assert_eq!(file["size"], bytes.len());
        assert_eq!(file["MD5checksum"], hex::encode(Md5::digest(&bytes)));
        let mut raw = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut raw).unwrap();
        let before = rows.len();
        for row in csv::ReaderBuilder::new().has_headers(false).from_reader(raw.as_slice()).records() {
            let row = row.unwrap();
            assert!(rows.insert(row[1].to_owned(), row).is_none(), "a key twice");
        }
        lengths.push(rows.len() - before);
    }
    (rows, lengths)
}

#[test]
fn the_expected_difference_is_what_brute_force_finds() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { threads: 3, ..Options::new(5000, 7) };
    let told = AtomicU64::new(0);
    let pair = generate(folder.path(), &options, &|rows| {
        told.fetch_add(rows, Ordering::Relaxed);
    })
    .unwrap();
    let ((before, first_cuts), (after, second_cuts)) = (read(folder.path(), 0), read(folder.path(), 1));
    assert_eq!([before.len() as u64, after.len() as u64], pair.rows);
    assert_eq!(told.into_inner(), pair.rows[0] + pair.rows[1]);
    assert_ne!(first_cuts, second_cuts);

    let new = after.keys().filter(|key| !before.contains_key(*key)).count() as u64;
    let gone = before.keys().filter(|key| !after.contains_key(*key)).count() as u64;
    let different: Vec<&str> =
        after.iter().filter(|(key, row)| before.get(*key) != Some(row)).map(|(key, _)| key.as_str()).collect();
    let changed = different.len() as u64 - new;
    assert_eq!((new, changed, gone), (pair.new, pair.changed, pair.gone));
    assert!(new == 50 && (10..50).contains(&changed) && (10..50).contains(&gone), "{pair:?}");
    assert_eq!(Answer::of_lines(different.join("\n").as_bytes()).unwrap(), pair.expected);
}

#[test]
fn the_same_options_give_the_same_bytes_and_another_seed_does_not() {
    let [one, two, three] = [1, 1, 2].map(|seed| {
        let folder = tempfile::tempdir().unwrap();
        let threads = if seed == 1 { 1 } else { 4 };
        generate(folder.path(), &Options { seed, threads, ..Options::new(300, 2) }, &|_| ()).unwrap();
        [0, 1].map(|which| fs::read(manifest(folder.path(), which)).unwrap())
    });
    // The manifests name the MD5s of all files.
    assert_eq!(one, two);
    assert_ne!(one, three);
}

#[test]
fn what_is_there_already_is_known_by_its_options() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(10, 20);
    let pair = generate(folder.path(), &options, &|_| ()).unwrap();
    assert_eq!(existing(folder.path(), &options), Some(pair.clone()));
    assert_eq!(existing(folder.path(), &Options { threads: 9, ..options }), Some(pair));
    assert_eq!(existing(folder.path(), &Options { rows: 11, ..options }), None);
    assert!(generate(folder.path(), &Options { files: 0, ..options }, &|_| ()).is_err());
}
