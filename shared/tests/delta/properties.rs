//! For random pairs of object sets, in whatever style their reports are written: the rows are those of a naive set difference.

use proptest::prelude::*;
use transship::delta::{Baseline, Range};

use super::support::{Object, Objects, Report, Run, Style, empty, hash_key, is_taken, pair, stored, style};

/// Whether an object was taken before, just so.
fn known(before: &Objects, key: &str, object: &Object) -> bool {
    let same = |old: &Object| (&old.etag, old.size, old.time) == (&object.etag, object.size, object.time);
    before.get(key).is_some_and(|old| is_taken(old) && same(old))
}

/// What has to be taken, by key: what is not in `before` just so, or carried over.
fn expected(before: &Objects, after: &Objects, carried: &[String]) -> Vec<String> {
    let taken = after.iter().filter(|(_, object)| is_taken(object));
    let wanted = taken.filter(|(key, object)| !known(before, key, object) || carried.contains(key));
    wanted.map(|(key, _)| key.clone()).collect()
}

/// As if what was taken before, and cannot be now, could.
fn kept(before: &Objects, after: &Objects) -> Objects {
    let mut kept = after.clone();
    for (key, object) in &mut kept {
        if known(before, key, object) {
            object.class = "STANDARD";
        }
    }
    kept
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort_unstable();
    keys
}

fn baseline(objects: &Objects, style: &Style) -> Baseline {
    Run::default().go(&Report::of(objects, style), empty()).unwrap().0.next
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_the_naive_difference(
        (before, after) in pair(),
        styles in (style(), style()),
        threads in 1_usize..5,
        carried in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let keys: Vec<_> = after.keys().cloned().collect();
        let mut carried: Vec<_> = carried.iter().filter(|_| !keys.is_empty()).map(|i| i.get(&keys).clone()).collect();
        carried.push("no such key".to_owned());
        let run = Run { threads, carried: &carried, ..Run::default() };
        let report = Report::of(&after, &styles.1);
        let (outcome, taken) = run.go(&report, baseline(&before, &styles.0)).unwrap();
        let expected = expected(&before, &after, &carried);

        prop_assert_eq!(sorted(taken.changed), expected.clone());
        let stays = |key: &String, object: &Object| known(&before, key, object) && !carried.contains(key);
        let left_out = |(key, object): &(&String, &Object)| !is_taken(object) && !stays(key, object);
        let archived = after.iter().filter(left_out).filter(|(_, object)| object.class == "GLACIER");
        let archived: Vec<_> = archived.map(|(key, _)| key.clone()).collect();
        let not_taken = after.iter().filter(left_out).count() as u64;
        prop_assert_eq!(sorted(taken.left_out.iter().map(|(key, _)| key.clone()).collect()), archived);
        prop_assert_eq!(outcome.rows, after.len() as u64);
        prop_assert_eq!(outcome.changed + outcome.carried, expected.len() as u64);
        let left_out = outcome.left_out.iter().sum::<u64>();
        prop_assert_eq!(outcome.changed + outcome.carried + outcome.unchanged + left_out, outcome.rows);
        prop_assert_eq!(left_out, not_taken);
        let bytes: u64 = expected.iter().map(|key| after[key].size).sum();
        prop_assert_eq!(outcome.bytes, bytes);
        prop_assert_eq!(outcome.duplicates, 0);
    }

    #[test]
    fn the_next_baseline_is_the_one_made_from_scratch((before, after) in pair(), styles in (style(), style())) {
        let (outcome, _) = Run::default().go(&Report::of(&after, &styles.1), baseline(&before, &styles.0)).unwrap();
        let kept = kept(&before, &after);
        prop_assert_eq!(outcome.next.objects(), kept.values().filter(|object| is_taken(object)).count() as u64);
        prop_assert_eq!(stored(&outcome.next), stored(&baseline(&kept, &Style::plain())));
    }

    #[test]
    fn what_the_baseline_has_and_the_report_has_not_is_gone((before, after) in pair(), styles in (style(), style())) {
        let (outcome, _) = Run::default().go(&Report::of(&after, &styles.1), baseline(&before, &styles.0)).unwrap();
        let same = |key: &String, old: &Object| after.get(key).is_some_and(|new| (&old.etag, old.size, old.time) == (&new.etag, new.size, new.time));
        let gone = before.iter().filter(|(key, old)| is_taken(old) && !same(key, old)).count();
        prop_assert_eq!(outcome.gone, gone as u64);
    }

    #[test]
    fn range_by_range_is_all_at_once((before, after) in pair(), styles in (style(), style()), bits in 1_u32..9) {
        let report = Report::of(&after, &styles.1);
        let old = stored(&baseline(&before, &styles.0));
        let read = |range| Baseline::read_from(&mut old.as_slice(), &hash_key(), "tests", range).unwrap();
        let (whole, taken) = Run::default().go(&report, read(Range::ALL)).unwrap();
        let mut keys = Vec::new();
        let mut parts = Vec::new();
        let (mut rows, mut gone, mut bytes) = (0, 0, 0);
        for range in Range::all(1 << bits) {
            let (outcome, taken) = Run::default().go(&report, read(range)).unwrap();
            keys.extend(taken.changed);
            rows += outcome.rows;
            gone += outcome.gone;
            bytes += outcome.bytes;
            // Each range's baseline is stored by itself, and read again.
            let part = stored(&outcome.next);
            parts.push(Baseline::read_from(&mut part.as_slice(), &hash_key(), "tests", range).unwrap());
        }
        prop_assert_eq!(sorted(keys), sorted(taken.changed));
        prop_assert_eq!((rows, gone, bytes), (whole.rows, whole.gone, whole.bytes));
        prop_assert_eq!(stored(&Baseline::join(parts).unwrap()), stored(&whole.next));
    }

    #[test]
    fn the_number_of_threads_changes_nothing((before, after) in pair(), styles in (style(), style())) {
        let report = Report::of(&after, &styles.1);
        let run = |threads| {
            let (outcome, taken) = Run { threads, ..Run::default() }.go(&report, baseline(&before, &styles.0)).unwrap();
            (stored(&outcome.next), taken)
        };
        let one = run(1);
        prop_assert_eq!(&run(2), &one);
        prop_assert_eq!(&run(7), &one);
    }
}
