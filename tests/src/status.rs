//! Status pages to look at: of a route on the local cloud; and examples for `tests/status`, which opens them in a browser,
//! of a route with a long history and hostile keys, and of a route that has not run.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use transship::config::Route;
use transship::ledger::{Baseline, RunRecord};
use transship::notice::{Finding, Links, Severity};
use transship::status::Status;

use crate::Error;
use crate::route::{self, DESTINATION_BUCKET, INVENTORY_ID, MANIFEST_BUCKET, SOURCE_BUCKET};

/// What somebody may call an object, to do harm to whoever looks at its name.
pub const HOSTILE_KEYS: &[&str] = &[
    "</script><img src=x onerror=\"document.title='harm'\">.jpg",
    "\"onmouseover='document.title=1' x='\".txt",
    "</td></tr></table><h1>All is well</h1>",
    "<style>body{display:none}</style><base href=https://example.com/>",
    "{{ 7*7 }}{% raw %}&amp;&#60;b&#62;",
    "invoice\u{202e}fdp.exe",
    "line\nbreak\r\n\u{1b}[2Jcontrol",
    "שלום עולם/מסמך.pdf",
    "javascript:document.title='harm'",
];

/// Days that are told of; more than a page shows.
const DAYS: i64 = 72;

/// How the demo's route stands, by its ledger.
pub async fn of(route: &route::Route) -> Result<Status, Error> {
    let now = route.cloud.clock().now();
    let settings = Route {
        name: "demo".parse()?,
        account: cloud::identity::AccountId::destination().as_str().parse()?,
        source_bucket: SOURCE_BUCKET.parse()?,
        source_account: cloud::identity::AccountId::source().as_str().parse()?,
        destination_bucket: DESTINATION_BUCKET.parse()?,
        destination_region: cloud::REGION.parse()?,
        destination_prefix: None,
        manifest_bucket: MANIFEST_BUCKET.parse()?,
        inventory_prefix: "inventory".parse()?,
        inventory_id: INVENTORY_ID.parse()?,
    };
    let (home, report_prefix) = (cloud::REGION.parse()?, "reports".parse()?);
    let links = Links { route: &settings, home: &home, report_prefix: &report_prefix };
    let baseline = route.baseline().await?;
    Ok(Status::of(&links, baseline.as_ref(), &route.records().await?, &[], now))
}

/// The route of the examples.
pub fn example_route() -> Result<Route, Error> {
    Ok(Route {
        name: "photos".parse()?,
        account: "222222222222".parse()?,
        source_bucket: "vendor-photos".parse()?,
        source_account: "111111111111".parse()?,
        destination_bucket: "our-photos".parse()?,
        destination_region: "eu-west-1".parse()?,
        destination_prefix: Some("vendor".parse()?),
        manifest_bucket: "transship-photos".parse()?,
        inventory_prefix: "inventory".parse()?,
        inventory_id: "transship".parse()?,
    })
}

/// A route with a long history, or one that has not run.
pub fn example(with_history: bool) -> Result<Status, Error> {
    let route = example_route()?;
    let (home, report_prefix) = ("us-east-1".parse()?, "reports".parse()?);
    let links = Links { route: &route, home: &home, report_prefix: &report_prefix };
    let now: Timestamp = "2025-06-11T09:15:00Z".parse()?;
    if !with_history {
        return Ok(Status::of(&links, None, &[], &[], now));
    }
    let first = now - SignedDuration::from_hours(24 * (DAYS - 1));
    let records = (0..DAYS).map(|day| record(day, first + SignedDuration::from_hours(24 * day)));
    let records = records.collect::<Result<Vec<RunRecord>, Error>>()?;
    let mut baseline = Baseline::new(&route, "0".repeat(64));
    baseline.objects = 48_213_377;
    baseline.committed = records.last().map(committed).transpose()?;
    baseline.carry_over = serde_json::from_value(carry_over())?;
    Ok(Status::of(&links, Some(&baseline), &records, &findings(), now))
}

/// A settled run of that history.
pub fn example_record() -> Result<RunRecord, Error> {
    record(12, "2025-04-13T09:15:00Z".parse()?)
}

/// Numbers that look like some, and are the same each time.
fn some(day: i64, from: i64, to: i64) -> i64 {
    from + (day * 7919 + day * day * 104_729) % (to - from)
}

fn record(day: i64, at: Timestamp) -> Result<RunRecord, Error> {
    let time = at.strftime("%Y-%m-%dT01-00Z").to_string();
    let settled = at.strftime("%Y-%m-%dT04:12:31Z").to_string();
    let sunday = day % 7 == 4;
    let (state, copied, failed) = match day {
        _ if day == DAYS - 1 => ("open", 0, 0),
        // The first that a page shows copied everything.
        12 => ("copied with failures", 48_107_204, 1312),
        31 => ("failed", 0, 8214),
        32 => ("copied", 17_022, 0),
        63 => ("superseded", 0, 0),
        _ if sunday => ("empty", 0, 0),
        _ if day % 11 == 3 => ("copied with failures", some(day, 900, 9000), some(day, 1, 60)),
        _ => ("copied", some(day, 400, 21_000), 0),
    };
    let manifest =
        json!({ "key": format!("inventory/vendor-photos/transship/{time}/manifest.json"), "etag": "9e107d9d" });
    let error = |objects, examples| json!({ "code": "AccessDenied", "status": 403, "objects": objects, "message": "Access Denied", "examples": examples });
    let errors = match day {
        12 => HOSTILE_KEYS.iter().map(|key| error(1, json!([key]))).collect(),
        31 => json!([]),
        _ if failed > 0 => json!([error(failed, json!([format!("albums/{day}/a.jpg")]))]),
        _ => json!([]),
    };
    let why = if day == 31 { json!(["the job failed: the copy role may not read the manifest"]) } else { json!([]) };
    let jobs = if matches!(state, "empty" | "superseded") {
        json!([])
    } else {
        json!([{ "kind": "copy", "id": job_id(day) }])
    };
    let outcome = if matches!(state, "open" | "superseded" | "empty") {
        Value::Null
    } else {
        json!({ "settled": settled, "copied": copied, "failed": failed, "carried_over": failed, "errors": errors, "findings": why })
    };
    let planned = if state == "open" { 12_404 } else { copied + failed };
    Ok(serde_json::from_value(json!({
        "schema": 1, "route": "photos", "run": format!("{time}-9e107d9d"), "mode": "Changes", "state": state,
        "planned": at.strftime("%Y-%m-%dT02:41:07Z").to_string(),
        "report": { "manifest": manifest, "time": time, "files": 41, "bytes": 1_900_000_000 },
        "destination": { "bucket": "our-photos", "prefix": "vendor" }, "baseline": "bb",
        "plan": {
            "manifest": manifest, "delivered": false, "rows": 48_213_000 + day, "objects": planned,
            "bytes": planned * 2_411_724, "carried_over": if day == 32 { 8214 } else { 0 }, "unchanged": 0, "gone": 0,
            "left_out": {
                "too-large": { "objects": 14, "bytes": 131_000_000_000_u64 },
                "archived": { "objects": 2210, "bytes": 904_000_000_000_u64 },
                "delete-marker": { "objects": 3, "bytes": 0 },
            },
        },
        "next": null, "requests": [], "jobs": jobs, "outcome": outcome,
    }))?)
}

fn job_id(day: i64) -> String {
    format!("0d6c7a52-9f41-4a1e-8d3b-{:012x}", 0x5d_1f_00_00_i64 + day * 7919)
}

fn committed(last: &RunRecord) -> Result<transship::ledger::Committed, Error> {
    let time = &last.report.time;
    Ok(serde_json::from_value(json!({
        "run": last.run, "record": format!("ledger/runs/{}/bb.json", last.run), "report_time": time, "etags": ["9e107d9d"],
    }))?)
}

fn carry_over() -> Value {
    let keys = json!({ "key": "ledger/carry-over/x.csv", "etag": "cc", "size": 1, "md5": "dd" });
    let long = "very/long/".repeat(102);
    json!([
        { "run": "2025-06-09T01-00Z-9e107d9d", "reason": "AccessDenied (403), such as albums/2025/june/0001.jpg", "objects": 41, "keys": keys },
        { "run": "2025-04-12T01-00Z-9e107d9d", "reason": format!("not found: {}", HOSTILE_KEYS.join(", ")), "objects": 9, "keys": keys },
        { "run": "2025-04-12T01-00Z-9e107d9d", "reason": format!("SlowDown (503), such as {long}"), "objects": 1, "keys": keys },
    ])
}

fn findings() -> Vec<Finding> {
    vec![
        Finding::new(
            Severity::Warning,
            "41 objects have failed in five runs in a row, such as albums/2025/june/0001.jpg",
            "Read why in the completion report of the run of 9 June. The source bucket's policy may deny the copy role: invoke \
             setup with {\"action\":\"check\"}.",
        ),
        Finding::new(
            Severity::Note,
            format!("An object is called {}", HOSTILE_KEYS[0]),
            format!("Nothing. Another is called {}", HOSTILE_KEYS[5]),
        ),
    ]
}
