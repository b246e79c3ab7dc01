//! Tests of what calls nothing.

use jiff::Timestamp;

use super::*;
use crate::bucket::Written;
use crate::config::{CopyMode, Route};
use crate::inventory::{Manifest, Report, ReportKey};
use crate::job::{JobKind, Submitted};

pub(crate) use crate::job::tests::route;

pub(crate) fn report(time: &str, etag: &str) -> Report {
    let route = route();
    let key = ObjectKey::from_plain(format!("inventory/source-bucket/daily/{time}/manifest.json"));
    let (key, _) = ReportKey::parse(&key, &route.inventory_prefix, &route.source_bucket, &route.inventory_id).unwrap();
    let manifest = Manifest { version: None, columns: Vec::new(), files: Vec::new() };
    Report { key, etag: etag.parse().unwrap(), version_id: None, manifest }
}

fn record(time: &str, etag: &str) -> RunRecord {
    let at = Timestamp::from_second(1_780_000_000).unwrap();
    let mut record = RunRecord::new(&route(), CopyMode::Changes, &report(time, etag), at);
    let file = Written {
        key: ObjectKey::from_plain("ledger/baselines/x/y/000of001.bin"),
        etag: "abc".parse().unwrap(),
        version_id: None,
        size: 9,
        md5: "d".repeat(32),
    };
    record.next = Some(NextBaseline { objects: 7, shards: vec![Shard { range: 0, of: 1, objects: 7, file }] });
    record
}

fn new() -> Baseline {
    Baseline::new(&route(), "0".repeat(64))
}

fn committed(baseline: &Baseline, time: &str, etag: &str) -> Baseline {
    baseline.after(&route(), &record(time, etag), &ObjectKey::from_plain("ledger/runs/r/e.json")).unwrap()
}

fn standing(baseline: &Baseline, time: &str, etag: &str) -> Standing {
    let report = report(time, etag);
    baseline.standing(&RunId::of(&report), time, &report.etag)
}

#[test]
fn older_reports_and_those_planned_before_are_past() {
    let first = committed(&new(), "2025-06-02T01-00Z", "aa");
    assert_eq!(standing(&new(), "2025-06-02T01-00Z", "aa"), Standing::Next);
    assert_eq!(standing(&first, "2025-06-02T01-00Z", "aa"), Standing::Committed);
    assert_eq!(standing(&first, "2025-06-01T01-00Z", "aa"), Standing::Past);
    assert_eq!(standing(&first, "2025-06-03T01-00Z", "aa"), Standing::Next);
    // Delivered again with another ETag: planned once more; and then the first one is past.
    assert_eq!(standing(&first, "2025-06-02T01-00Z", "bb"), Standing::Next);
    let again = committed(&first, "2025-06-02T01-00Z", "bb");
    assert_eq!(standing(&again, "2025-06-02T01-00Z", "aa"), Standing::Past);
    assert_eq!(standing(&again, "2025-06-02T01-00Z", "bb"), Standing::Committed);
}

fn carry(run: &str, reason: &str) -> CarryOver {
    let manifest = Submitted {
        key: ObjectKey::from_plain("plans/p/manifest.json"),
        etag: "cc".parse().unwrap(),
        version_id: None,
    };
    let run: RunId = serde_json::from_value(run.into()).unwrap();
    CarryOver::new(&run, reason.to_owned(), 3, JobKind::Copy, CarriedOver::Plan(manifest))
}

#[test]
fn what_is_carried_over_is_so_once_and_until_the_next_commit() {
    let first = committed(&new(), "2025-06-02T01-00Z", "aa");
    let carrying = first.carrying(vec![carry("r1", "failed")]).unwrap();
    assert_eq!(carrying.carry_over.len(), 1);
    assert!(carrying.writes > first.writes, "no two states have the same bytes");
    // Settled again after a crash, told a little otherwise.
    assert_eq!(carrying.carrying(vec![carry("r1", "failed: again")]), None);
    assert_eq!(carrying.carrying(vec![carry("r2", "failed")]).unwrap().carry_over.len(), 2);
    assert_eq!(committed(&carrying, "2025-06-03T01-00Z", "bb").carry_over, []);
}

#[test]
fn another_destination_or_source_is_another_baseline() {
    let baseline = committed(&new(), "2025-06-02T01-00Z", "aa");
    assert!(baseline.stands_for(&route()));
    assert!(!baseline.stands_for(&Route { destination_bucket: "elsewhere".parse().unwrap(), ..route() }));
    assert!(!baseline.stands_for(&Route { destination_prefix: Some("copies".parse().unwrap()), ..route() }));
    assert!(!baseline.stands_for(&Route { source_bucket: "elsewhere".parse().unwrap(), ..route() }));
}

/// What later releases added to carry-over: files of earlier ones have it not, and earlier ones pass over it.
#[test]
fn carry_over_has_what_was_counted_and_can_do_without() {
    let plain = carry("r1", "failed");
    let mut whole = plain.clone();
    whole.stuck = Some(Stuck { runs: 5, objects: 1, examples: vec![ObjectKey::from_plain("k")] });
    let etag = "ee".parse().unwrap();
    let list = Written {
        key: ObjectKey::from_plain("ledger/carry-over/r/j.csv"),
        size: 9,
        md5: String::new(),
        etag,
        version_id: None,
    };
    whole.counted_in = vec![list];
    let mut json = serde_json::to_value(&whole).unwrap();
    assert_eq!(serde_json::from_value::<CarryOver>(json.clone()).unwrap(), whole);
    let fields = json.as_object_mut().unwrap();
    assert!(fields.remove("stuck").is_some() && fields.remove("counted_in").is_some());
    assert_eq!(serde_json::from_value::<CarryOver>(json.clone()).unwrap(), plain);
    assert_eq!(serde_json::to_value(&plain).unwrap(), json, "nothing is written where there is nothing");
    json["of_a_later_release"] = 7.into();
    assert_eq!(serde_json::from_value::<CarryOver>(json).unwrap(), plain);
}

/// The shape of both files, pinned: a release that cannot read what an earlier one wrote loses the baseline.
#[test]
fn files_keep_their_shape() {
    let baseline = committed(&new(), "2025-06-02T01-00Z", "aa").carrying(vec![carry("r1", "failed")]).unwrap();
    let expected = r#"{
  "schema": 1,
  "route": "photos",
  "writes": 3,
  "source": "source-bucket",
  "destination": {
    "bucket": "destination-bucket",
    "prefix": null
  },
  "hash_key": "0000000000000000000000000000000000000000000000000000000000000000",
  "objects": 7,
  "shards": [
    {
      "range": 0,
      "of": 1,
      "objects": 7,
      "file": {
        "key": "ledger/baselines/x/y/000of001.bin",
        "etag": "abc",
        "size": 9,
        "md5": "dddddddddddddddddddddddddddddddd"
      }
    }
  ],
  "committed": {
    "run": "2025-06-02T01-00Z-aa",
    "record": "ledger/runs/r/e.json",
    "report_time": "2025-06-02T01-00Z",
    "etags": [
      "aa"
    ]
  },
  "carry_over": [
    {
      "run": "r1",
      "reason": "failed",
      "objects": 3,
      "plan": {
        "key": "plans/p/manifest.json",
        "etag": "cc"
      }
    }
  ]
}"#;
    assert_eq!(serde_json::to_string_pretty(&baseline).unwrap(), expected);
    assert_eq!(serde_json::from_str::<Baseline>(expected).unwrap(), baseline);
    let record = record("2025-06-02T01-00Z", "aa");
    let text = serde_json::to_string(&record).unwrap();
    assert!(text.starts_with(
        r#"{"schema":1,"route":"photos","run":"2025-06-02T01-00Z-aa","mode":"Changes","state":"planned","#
    ));
    assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
}
