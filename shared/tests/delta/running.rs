//! Order, memory, stopping, and rows that are there twice.

use std::io;

use transship::delta::{Baseline, DeltaError, Range, Sink, Verdict};
use transship::inventory::Row;

use super::support::{Report, Run, Taken, empty, hash_key, stored};

const COLUMNS: [&str; 5] = ["Bucket", "Key", "Size", "LastModifiedDate", "ETag"];

fn row(key: &str) -> String {
    format!("\"vendor-photos\",\"{key}\",\"7\",\"2026-02-03T04:05:06.000Z\",\"0cc175b9c0f1b6a831c399e269772661\"\n")
}

/// Files of many rows, so that queues fill up: `file/row`.
fn large(files: usize, rows: usize) -> Report {
    let texts: Vec<String> = (0..files)
        .map(|file| (0..rows).map(|i| row(&format!("{file:03}/{i:06}/{}", "x".repeat(60)))).collect())
        .collect();
    Report::from_texts(&COLUMNS, &texts, 1)
}

#[test]
fn the_sink_sees_the_same_order_whatever_the_threads() {
    // More files than take turns, and one that goes on when the others have ended.
    let mut texts: Vec<String> =
        (0..19).map(|file| (0..3000).map(|i| row(&format!("{file:03}/{i:06}/{}", "x".repeat(60)))).collect()).collect();
    texts[3] = (0..20_000).map(|i| row(&format!("003/{i:06}/{}", "x".repeat(60)))).collect();
    let report = Report::from_texts(&COLUMNS, &texts, 1);
    let (_, first) = Run { threads: 1, ..Run::default() }.go(&report, empty()).unwrap();
    assert_eq!(first.changed.len(), 18 * 3000 + 20_000);
    let file_of = |key: &String| key[..3].parse::<usize>().unwrap();
    for file in 0..19 {
        assert!(first.changed.iter().filter(|key| file_of(key) == file).is_sorted(), "{file}");
    }
    let (sixteen, others) = first.changed.split_at(15 * 3000 + 20_000);
    assert!(sixteen.iter().all(|key| file_of(key) < 16) && others.iter().all(|key| file_of(key) >= 16));
    // In turns: the second file is begun long before the first is at its end, and the longest is alone at last.
    let begun = sixteen.iter().position(|key| file_of(key) == 1).unwrap();
    assert!(begun < 2000 && sixteen[sixteen.len() - 8000..].iter().all(|key| file_of(key) == 3), "{begun}");
    for threads in [2, 3, 7, 40] {
        let (outcome, taken) = Run { threads, ..Run::default() }.go(&report, empty()).unwrap();
        assert_eq!(outcome.changed, 18 * 3000 + 20_000);
        assert!(taken == first, "{threads} threads");
    }
}

#[test]
fn a_second_run_finds_nothing() {
    let report = large(3, 5000);
    let (first, _) = Run::default().go(&report, empty()).unwrap();
    let (second, taken) = Run::default().go(&report, first.next).unwrap();
    assert_eq!((second.changed, second.unchanged, second.gone), (0, 15_000, 0));
    assert_eq!(taken, Taken::default());
}

#[test]
fn a_row_that_is_there_twice_is_counted() {
    let report = Report::from_texts(&COLUMNS, &[row("a") + &row("b"), row("a")], 1);
    let (outcome, _) = Run::default().go(&report, empty()).unwrap();
    assert_eq!((outcome.rows, outcome.duplicates, outcome.next.objects()), (3, 1, 2));
    let once = Report::from_texts(&COLUMNS, &[row("b") + &row("a")], 1);
    assert_eq!(stored(&outcome.next), stored(&Run::default().go(&once, empty()).unwrap().0.next));
    let (again, taken) = Run::default().go(&report, outcome.next).unwrap();
    assert_eq!((again.unchanged, again.duplicates, taken.changed.len()), (2, 1, 0));
}

#[test]
fn an_object_left_out_is_taken_when_it_is_no_longer() {
    let report = Report::from_texts(&COLUMNS, &[row("a") + &row("b")], 1);
    let without_b = |row: &Row<'_>| if row.key() == "b" { Verdict::LeaveOut(9) } else { Verdict::Take };
    let (first, taken) = Run { select: Some(&without_b), ..Run::default() }.go(&report, empty()).unwrap();
    assert_eq!((first.next.objects(), taken.left_out), (1, vec![("b".to_owned(), 9)]));
    let (second, taken) = Run::default().go(&report, first.next).unwrap();
    assert_eq!(taken.changed, ["b"]);
    // It could not be taken now, but was: it stays as it is.
    let (third, taken) = Run { select: Some(&without_b), ..Run::default() }.go(&report, second.next).unwrap();
    assert_eq!((third.next.objects(), third.unchanged, third.gone, taken.left_out), (2, 2, 0, Vec::new()));
    // Unless nobody knows whether it was copied: then it leaves the baseline, and yet it is not gone.
    let carried = ["b".to_owned()];
    let run = Run { select: Some(&without_b), carried: &carried, ..Run::default() };
    let (fourth, taken) = run.go(&report, third.next).unwrap();
    assert_eq!((fourth.next.objects(), fourth.unchanged, fourth.gone), (1, 1, 0));
    assert_eq!(taken.left_out, vec![("b".to_owned(), 9)]);
}

#[test]
fn an_object_passed_over_is_only_counted_and_stays_if_it_was_taken() {
    let report = Report::from_texts(&COLUMNS, &[row("a") + &row("b")], 1);
    let without_b = |row: &Row<'_>| if row.key() == "b" { Verdict::PassOver(40) } else { Verdict::Take };
    let run = Run { select: Some(&without_b), ..Run::default() };
    let (first, taken) = run.go(&report, empty()).unwrap();
    assert_eq!((first.next.objects(), first.left_out[40], taken.left_out), (1, 1, Vec::new()));
    let (second, taken) = Run::default().go(&report, first.next).unwrap();
    assert_eq!(taken.changed, ["b"]);
    let (third, _) = run.go(&report, second.next).unwrap();
    assert_eq!((third.next.objects(), third.unchanged, third.left_out[40], third.gone), (2, 1, 1, 0));
    let (fourth, taken) = Run::default().go(&report, third.next).unwrap();
    assert_eq!((fourth.unchanged, taken.changed), (2, Vec::<String>::new()), "it was taken, and has not changed since");
}

#[test]
fn where_nobody_is_asked_all_are_taken() {
    let report = large(3, 2_000);
    let all = |_: &Row<'_>| Verdict::Take;
    let (asked, of_asked) = Run { select: Some(&all), ..Run::default() }.go(&report, empty()).unwrap();
    let (outcome, taken) = Run { select: None, ..Run::default() }.go(&report, empty()).unwrap();
    assert_eq!((outcome.changed, taken.changed.len()), (outcome.rows, 6_000));
    assert_eq!((outcome.bytes, taken), (asked.bytes, of_asked));
    assert_eq!(stored(&outcome.next), stored(&asked.next));
    let (again, taken) = Run { select: None, ..Run::default() }.go(&report, outcome.next).unwrap();
    assert_eq!((again.unchanged, taken), (again.rows, Taken::default()));
}

#[test]
fn an_empty_report_is_no_error() {
    for texts in [vec![], vec![String::new()], vec!["\n".to_owned(), "\r\n\r\n".to_owned()]] {
        let (outcome, _) = Run::default().go(&Report::from_texts(&COLUMNS, &texts, 1), empty()).unwrap();
        assert_eq!((outcome.rows, outcome.next.objects()), (0, 0));
    }
}

#[test]
fn too_little_memory_is_said_not_taken() {
    let report = large(2, 4_000);
    let run = Run { budget: Some(40_000), ..Run::default() };
    let error = run.go(&report, empty()).err().unwrap();
    assert!(matches!(error, DeltaError::OverMemory { budget: 40_000 }), "{error}");
    let mut objects = 0;
    for range in Range::all(256) {
        objects += run.go(&report, Baseline::empty(hash_key(), range)).unwrap().0.next.objects();
    }
    assert_eq!(objects, 8_000);
}

#[test]
fn it_stops_when_told_to() {
    let run = Run { cancel: true, ..Run::default() };
    let error = run.go(&large(2, 10), empty()).err().unwrap();
    assert!(matches!(error, DeltaError::Cancelled), "{error}");
}

struct Full;

impl Sink for Full {
    fn changed(&mut self, _: &Row<'_>) -> io::Result<()> {
        Err(io::Error::other("disk full"))
    }

    fn left_out(&mut self, _: &Row<'_>, _: u8) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_ends_the_run() {
    let report = large(4, 12_000);
    let error = Run::default().with(&report, &report, empty(), &mut Full).err().unwrap();
    assert!(matches!(error, DeltaError::Sink(_)), "{error}");
}
