//! A damaged report never makes a plan, and the error names the file and the row.

use std::io::{self, Read};

use proptest::prelude::*;
use transship::delta::{DeltaError, Problem, Source};
use transship::inventory::RowError;

use super::support::{Objects, Report, Run, Taken, empty, objects, style};

const COLUMNS: [&str; 5] = ["Bucket", "Key", "Size", "LastModifiedDate", "ETag"];

fn row(key: &str) -> String {
    format!("\"vendor-photos\",\"{key}\",\"7\",\"2026-02-03T04:05:06.000Z\",\"0cc175b9c0f1b6a831c399e269772661\"\n")
}

fn failure(report: &Report) -> DeltaError {
    let failed = Run::default().go(report, empty());
    failed.err().unwrap_or_else(|| panic!("a plan was made"))
}

fn texts(second: &str) -> Report {
    Report::from_texts(&COLUMNS, &[row("first"), row("good") + second, row("last")], 1)
}

fn problem_at_row_2(bad: &str) -> RowError {
    match failure(&texts(bad)) {
        error @ DeltaError::File { .. } => {
            assert!(error.to_string().starts_with("inventory/vendor-photos/daily/data/1.csv.gz, row 2: "), "{error}");
            assert!(!error.can_retry());
            match error {
                DeltaError::File { problem: Problem::Row(error), .. } => error,
                other => panic!("{other}"),
            }
        }
        other => panic!("{other}"),
    }
}

#[test]
fn rows_that_cannot_be_taken() {
    assert_eq!(problem_at_row_2("\"vendor-photos\",\"k\"\n"), RowError::Columns { found: 2, expected: 5 });
    let six = row("k").replace('\n', ",\"x\"\n");
    assert_eq!(problem_at_row_2(&six), RowError::Columns { found: 6, expected: 5 });
    for key in ["100%", "%G1", "%ff", "a%2", "%C3%28"] {
        assert_eq!(problem_at_row_2(&row(key)), RowError::Key(key.to_owned()));
    }
    assert_eq!(problem_at_row_2(&row("")), RowError::NoKey);
    let other = row("k").replace("vendor-photos", "vendor-photos2");
    let (found, expected) = ("vendor-photos2".to_owned(), "vendor-photos".to_owned());
    assert_eq!(problem_at_row_2(&other), RowError::Bucket { found, expected });
    for size in ["-1", "7.5", "99999999999999999999"] {
        assert_eq!(
            problem_at_row_2(&row("k").replace("\"7\"", &format!("\"{size}\""))),
            RowError::Size(size.to_owned())
        );
    }
    let time = "2026-02-03".to_owned();
    assert_eq!(problem_at_row_2(&row("k").replace("2026-02-03T04:05:06.000Z", &time)), RowError::Time(time));
    let open = row("k").replace("\",\"7", ",\"7");
    assert!(matches!(problem_at_row_2(&open), RowError::Columns { .. }));
    let endless = format!("\"{}\n", "x".repeat(600 * 1024));
    assert!(matches!(problem_at_row_2(&endless), RowError::TooLong(_)));
}

#[test]
fn bytes_that_are_no_text() {
    let mut report = texts("");
    let mut text = row("good").into_bytes();
    text.extend(b"\"vendor-photos\",\"\xff\",\"7\",\"2026-02-03T04:05:06.000Z\",\"0\"\n");
    report.bytes[1] = super::support::gzip(&text, 1);
    report.seal();
    assert!(matches!(
        failure(&report),
        DeltaError::File { row: Some(2), problem: Problem::Row(RowError::NotUtf8), .. }
    ));
}

#[test]
fn a_file_that_is_not_the_manifests() {
    let sound = texts(&row("k"));
    let mut wrong = sound.clone();
    wrong.files[1].md5 = "0".repeat(32);
    assert!(matches!(failure(&wrong), DeltaError::File { problem: Problem::Md5 { .. }, .. }));
    for change in [-1, 1, 1000] {
        let mut wrong = sound.clone();
        wrong.files[1].size = wrong.files[1].size.saturating_add_signed(change);
        assert!(matches!(failure(&wrong), DeltaError::File { problem: Problem::Size { .. }, .. }), "{change}");
    }
}

#[test]
fn a_file_that_is_no_whole_gzip_though_the_manifest_says_so() {
    let sound = texts(&row("k"));
    let damage: [fn(&mut Vec<u8>); 6] = [
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.truncate(5),
        |bytes| bytes.extend(b"trailing garbage"),
        |bytes| bytes.push(7),
        |bytes| *bytes = b"\"vendor-photos\",\"plain text\"\n".to_vec(),
    ];
    for (i, damage) in damage.iter().enumerate() {
        let mut report = sound.clone();
        damage(&mut report.bytes[1]);
        report.seal();
        let error = failure(&report);
        assert!(matches!(error, DeltaError::File { row: None, problem: Problem::Gzip(_), .. }), "{i}: {error}");
        assert!(error.to_string().starts_with("inventory/vendor-photos/daily/data/1.csv.gz: "), "{error}");
    }
    // Its own sum is checked too.
    let mut report = sound;
    let sum = report.bytes[1].len() - 6;
    report.bytes[1][sum] ^= 1;
    report.seal();
    assert!(matches!(failure(&report), DeltaError::File { problem: Problem::Gzip(_), .. }));
}

struct Failing<'a>(&'a Report, usize);

impl Source for Failing<'_> {
    fn open(&self, file: usize) -> io::Result<Box<dyn Read + Send>> {
        let bytes = self.0.open(file)?;
        if file != 1 {
            return Ok(bytes);
        }
        if self.1 == 0 {
            return Err(io::Error::other("no route to host"));
        }
        Ok(Box::new(bytes.take(self.1 as u64).chain(Broken)))
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset"))
    }
}

#[test]
fn a_connection_that_breaks_may_be_tried_again() {
    let report = texts(&row("k"));
    for after in [0, 1, 50] {
        let failed = Run::default().with(&report, &Failing(&report, after), empty(), &mut Taken::default());
        let error = failed.err().unwrap();
        assert!(matches!(&error, DeltaError::Read { file, .. } if file.ends_with("/1.csv.gz")), "{error}");
        assert!(error.can_retry());
    }
}

proptest! {
    #[test]
    fn no_flipped_bit_and_no_cut_makes_a_plan(
        objects in objects(),
        style in style(),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        cut in any::<bool>(),
        sealed in any::<bool>(),
    ) {
        let objects: Objects = objects;
        prop_assume!(!objects.is_empty());
        let mut report = Report::of(&objects, &style);
        let file = report.bytes.iter().position(|bytes| bytes.len() > 60).unwrap();
        let at = at.index(report.bytes[file].len());
        if cut {
            report.bytes[file].truncate(at);
        } else {
            report.bytes[file][at] ^= 1 << bit;
        }
        if sealed {
            // A cut file is never a whole one, whatever the manifest says. (A flipped bit may be in a name or a time of the gzip header.)
            prop_assume!(cut && at > 0);
            report.seal();
        }
        let failed = Run::default().go(&report, empty()).err();
        // Cut between two members is whole gzip: rows or columns may still be missing, but not always.
        prop_assert!(failed.is_some() || sealed);
    }
}
