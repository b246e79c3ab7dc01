//! Tests.

use super::*;
use crate::bucket::Written;
use crate::cost::Limits;
use crate::job::Submitted;

#[test]
fn bytes_have_to_be_known_where_a_limit_depends_on_them() {
    let between = crate::cost::tests::budget();
    let mut within = between.clone();
    within.prices.destination = within.prices.home.clone();
    let none = Limits::default();
    let objects = Limits { objects: Some(1), ..none };
    let bytes = Limits { bytes: Some(1), ..none };
    let cost = Limits { cost: Some("1".parse().unwrap()), ..none };
    let cases = [
        (&within, none, 1, false),
        (&between, none, 1, false),
        (&between, objects, 1, false),
        (&within, bytes, 0, true),
        (&within, cost, 0, false),
        (&within, cost, 1, true),
        (&between, cost, 0, true),
    ];
    for (number, (budget, limits, large, expected)) in cases.into_iter().enumerate() {
        let budget = Budget { limits, ..budget.clone() };
        assert_eq!(is_by_bytes(&budget, Count { objects: large, bytes: 0 }), expected, "case {number}");
    }
}

fn list(kind: JobKind, which: CarriedOver) -> CarryOver {
    let run = RunId::of(&crate::ledger::tests::report("2025-06-02T01-00Z", "aa"));
    CarryOver::new(&run, "a reason".to_owned(), 1, kind, which)
}

fn whole(kind: JobKind) -> CarryOver {
    let key = ObjectKey::from_plain("plans/manifest.json");
    list(kind, CarriedOver::Plan(Submitted { key, etag: "aa".parse().unwrap(), version_id: None }))
}

fn keys(kind: JobKind) -> CarryOver {
    let key = ObjectKey::from_plain("plans/failed.csv");
    list(
        kind,
        CarriedOver::Keys(Written { key, etag: "aa".parse().unwrap(), version_id: None, size: 10, md5: String::new() }),
    )
}

#[test]
fn whole_plans_have_their_bytes_and_parts_and_keys_have_none() {
    let large = Count { objects: 2, bytes: 70 };
    let plan = Plan { objects: 5, bytes: 100, large, large_parts: 9, ..Plan::default() };
    let size = |lists: &[CarryOver]| size(Some(&plan), lists);
    assert_eq!(size(&[whole(JobKind::Copy)]), Some(Size { bytes: 30, large: 0, parts: 0 }));
    assert_eq!(size(&[whole(JobKind::Large)]), Some(Size { bytes: 70, large: 70, parts: 9 }));
    assert_eq!(size(&[whole(JobKind::Copy), whole(JobKind::Large)]), Some(Size { bytes: 100, large: 70, parts: 9 }));
    assert_eq!(size(&[]), Some(Size::default()), "what is planned then was restored, and has its own bytes");
    assert_eq!(size(&[whole(JobKind::Large), keys(JobKind::Copy)]), None);
    assert_eq!(size(&[keys(JobKind::Large)]), None);
    assert_eq!(super::size(None, &[whole(JobKind::Copy)]), None);
}

/// A retry's plan tells none where it did not know them.
#[test]
fn what_the_run_did_not_know_is_not_known_now() {
    let large = Count { objects: 2, bytes: 70 };
    let unknown = Plan { objects: 5, large: Count { objects: 2, bytes: 0 }, ..Plan::default() };
    assert_eq!(size(Some(&unknown), &[whole(JobKind::Copy)]), None);
    let without_parts = Plan { objects: 5, bytes: 100, large, ..Plan::default() };
    assert_eq!(size(Some(&without_parts), &[whole(JobKind::Large)]), None);
    assert!(size(Some(&without_parts), &[whole(JobKind::Copy)]).is_some());
}
