//! A simulated year: a route that nobody looks after, by the cloud's clock, in bad weather. Each day objects come, change, go and
//! come back, a report is delivered, the schedule fires; and events are lost, tasks and jobs fail, processes are killed. In the
//! end every object is held against its copy, every copy against a change or a retry, and every trouble against what was told.
//!
//! `YEAR_SEED` replays a year, `YEAR_DAYS` makes it longer or shorter. Each prints both, and its figures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod body;
mod books;
mod cases;
mod chance;
mod end;
mod life;
mod person;
mod seen;
mod source;
mod told;
mod trouble;
mod weather;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use life::{Life, Size};
use seen::Evidence;
use trouble::{Kind, Trouble};

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

async fn live(seed: u64, size: Size) {
    let seed = setting("YEAR_SEED").unwrap_or(seed);
    let days = setting("YEAR_DAYS").map_or(size.days, |days| u32::try_from(days).unwrap());
    println!("YEAR_SEED={seed} YEAR_DAYS={days}");
    let began = Instant::now();
    let mut life = Life::begin(seed, size).await;
    for day in 1..=days {
        let copies = life.day(day).await;
        if day % 10 == 0 {
            println!("day {day}: {copies:?}, {} keys, {} s", life.source.known(), began.elapsed().as_secs());
        }
    }
    let records = end::settle(&mut life, days).await;
    end::check_runs(&life, &records);
    let copies = life.books.check(&life.route.cloud, &life.weather);
    let objects = end::check_objects(&life).await;

    let evidence = Evidence::new(&life, &records);
    let counts = cases::counted(&life, &records, &objects, &evidence);
    let failed = life.route.cloud.functions().failed_attempts();
    println!("{objects:?}, {} keys", life.source.known());
    let distinct = life.reports.iter().collect::<BTreeSet<_>>().len();
    println!(
        "reports: {} of {distinct} days, rows: {}, ticks: {}, asked: {}",
        life.books.reports,
        life.books.rows,
        life.ticks.len(),
        life.asked
    );
    println!("{copies:?}");
    println!("{counts:?}");
    println!(
        "invocations that failed: {}, of which tried again: {}; given up: {}",
        failed.len(),
        failed.iter().filter(|attempt| attempt.again).count(),
        life.route.cloud.functions().failures().len()
    );
    let mut raised: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in life.raised.values() {
        // Some names have the run in them.
        *raised.entry(finding.name.split(' ').next().unwrap_or_default()).or_default() += 1;
    }
    println!("findings: {raised:?}");
    println!("took {} s", began.elapsed().as_secs());
    let unseen = evidence.unseen();
    assert!(unseen.is_empty(), "nobody saw {unseen:#?}");
    assert_eq!(evidence.untold(), Vec::<String>::new(), "no message was published of these runs");
    for function in ["create-job", "settle-job"] {
        let is = |trouble: &&Trouble| trouble.kind == Kind::Crash && trouble.about == function;
        let crashes = life.weather.troubles().iter().filter(is).count();
        assert_eq!(evidence.killed(function), crashes, "{function}: each crash is an invocation that failed");
    }
    let is_year = days >= 365;
    assert!(distinct >= 365 || !is_year, "{distinct} daily reports are no year");
    // Which cases another seed's month has is chance.
    if is_year || (seed, days) == (MONTH.0, MONTH.1.days) {
        cases::check(&counts, is_year);
    }
}

/// What CI can afford.
const MONTH: (u64, Size) = (5, Size { days: 30, objects: 40, changes: 5 });

#[tokio::test]
async fn a_month() {
    live(MONTH.0, MONTH.1).await;
}

/// `cargo test --workspace --test year -- --ignored`
#[tokio::test]
#[ignore = "takes from a quarter of an hour to an hour"]
async fn a_year() {
    live(2026, Size { days: 380, objects: 100, changes: 6 }).await;
}
