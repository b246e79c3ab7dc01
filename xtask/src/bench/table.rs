//! What the race gave, as Markdown: the contenders with their ratios, how time and memory grow, and each aim beside what
//! was reached. Decides, calls nothing.

use std::fmt::Write;

use super::builds::Invocation;
use super::contender::Kind;
use super::race::Outcome;
use crate::generate::Pair;
use crate::measure::Measured;

/// Everything that the page shows.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) machine: Vec<String>,
    pub(super) pair: Pair,
    pub(super) repeats: u32,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) scale: Vec<Step>,
    pub(super) create_job: Option<Vec<Invocation>>,
}

/// Reports of one size.
#[derive(Debug)]
pub(super) struct Step {
    /// Rows of the second report.
    pub(super) rows: u64,
    pub(super) outcomes: Vec<Outcome>,
}

/// What the issue that asked for this demands.
const OVER_FLOOR: f64 = 1.4;
const EXACT: f64 = 4.5;
const HASHING: f64 = 3.5;
const BOTH: f64 = 2.3;
const MEMORY: f64 = 10.0;
/// Bytes: a constant, and so many for each object.
const CONSTANT: f64 = 64e6;
const PER_OBJECT: f64 = 16.0;

impl Results {
    pub(super) fn markdown(&self) -> String {
        let mut page = String::new();
        for line in &self.machine {
            let _ = writeln!(page, "- {line}");
        }
        let [before, after] = self.pair.rows;
        let _ = writeln!(
            page,
            "- Reports: {before} and {after} rows; the second is {} MB, {} MB inflated; {} new, {} changed, {} gone\n\
            - Medians of {} runs, taken in turns (`sort` and `comm`: one run), all files in the page cache\n",
            self.pair.gzip_bytes[1] / 1_000_000,
            self.pair.raw_bytes[1] / 1_000_000,
            self.pair.new,
            self.pair.changed,
            self.pair.gone,
            self.repeats,
        );
        self.contenders(&mut page);
        self.aims(&mut page);
        self.growth(&mut page);
        self.function(&mut page);
        page
    }

    fn contenders(&self, page: &mut String) {
        page.push_str(
            "| contender | time | CPU time | peak memory | time, ours = 1 | memory, ours = 1 | rows found |\n\
             |---|--:|--:|--:|--:|--:|---|\n",
        );
        let ours = self.fastest(Kind::Baseline);
        for outcome in &self.outcomes {
            let name = &outcome.contender.name;
            let _ = match &outcome.median {
                Err(error) => writeln!(page, "| {name} | | | | | | **wrong**: {} |", one_line(error)),
                Ok(took) => writeln!(
                    page,
                    "| {name} | {:.2} s | {:.2} s | {:.0} MB | {} | {} | {} |",
                    took.seconds,
                    took.cpu_seconds,
                    megabytes(took.peak_bytes),
                    ours.map_or_else(String::new, |ours| format!("{:.2}", took.seconds / ours.seconds)),
                    ours.map_or_else(String::new, |ours| format!("{:.1}", memory(took) / memory(ours))),
                    if outcome.contender.kind == Kind::Floor { "does not look" } else { "the expected" },
                ),
            };
        }
        page.push('\n');
    }

    fn aims(&self, page: &mut String) {
        page.push_str("| aim | reached | |\n|---|--:|---|\n");
        for outcome in self.outcomes.iter().filter(|outcome| outcome.contender.kind == Kind::Baseline) {
            let Some(decoder) = outcome.contender.decoder else { continue };
            let floor = self.one(Kind::Floor, decoder);
            let aim = format!("against a baseline, at most {OVER_FLOOR} times the floor of {decoder}");
            let ratio = floor.zip(outcome.median.as_ref().ok()).map(|(floor, ours)| ours.seconds / floor.seconds);
            aim_line(page, &aim, ratio, |ratio| ratio <= OVER_FLOOR);
        }
        let (baseline, both) = (self.fastest(Kind::Baseline), self.fastest(Kind::Both));
        let (exact, hashing) = (self.fastest(Kind::Exact), self.fastest(Kind::Hashing));
        let times = |peer: Option<&Measured>, ours: Option<&Measured>| {
            peer.zip(ours).map(|(peer, ours)| peer.seconds / ours.seconds)
        };
        let lines = [
            ("against a baseline, times faster than the fastest exact peer", EXACT, times(exact, baseline)),
            (
                "against a baseline, times faster than the fastest hashing peer that reads both reports",
                HASHING,
                times(hashing, baseline),
            ),
            (
                "the same of the one that is given a file of hashes, if that is to count",
                HASHING,
                times(self.fastest(Kind::GivenHashes), baseline),
            ),
            ("both reports read, times faster than the fastest exact peer", BOTH, times(exact, both)),
            (
                "against a baseline, times less memory than the leanest exact peer",
                MEMORY,
                self.leaner(Kind::Exact, baseline),
            ),
            (
                "against a baseline, times less memory than the leanest hashing peer",
                MEMORY,
                self.leaner(Kind::Hashing, baseline),
            ),
        ];
        for (aim, least, reached) in lines {
            if reached.is_some() {
                aim_line(page, &format!("{aim}: at least {least}"), reached, |reached| reached >= least);
            }
        }
        for step in &self.scale {
            let ours = step.outcomes.iter().find(|outcome| outcome.contender.kind == Kind::Baseline);
            let ours = ours.and_then(|ours| ours.median.as_ref().ok());
            object_line(page, &format!("{} rows", step.rows), ours.map(|ours| (ours.peak_bytes, step.rows)));
        }
        for Invocation { what, rows, peak_bytes, outcome } in self.create_job.iter().flatten() {
            object_line(page, &format!("create-job, {what}, {outcome}"), Some((*peak_bytes, *rows)));
        }
        page.push('\n');
    }

    fn growth(&self, page: &mut String) {
        if self.scale.is_empty() {
            return;
        }
        page.push_str(
            "| rows | floor | ours, against its baseline | times the floor | ns a row | peak memory | bytes an object more than the step before |\n\
             |--:|--:|--:|--:|--:|--:|--:|\n",
        );
        let mut before: Option<(u64, f64)> = None;
        for step in &self.scale {
            let [floor, ours] = [Kind::Floor, Kind::Baseline].map(|kind| {
                let outcome = step.outcomes.iter().find(|outcome| outcome.contender.kind == kind)?;
                outcome.median.as_ref().ok()
            });
            let (Some(floor), Some(ours)) = (floor, ours) else {
                let errors = step.outcomes.iter().filter_map(|outcome| outcome.median.as_ref().err());
                let _ =
                    writeln!(page, "| {} | **wrong**: {} |", step.rows, one_line(&errors.cloned().collect::<String>()));
                continue;
            };
            let more = before.map(|(rows, bytes)| (memory(ours) - bytes) / (count(step.rows) - count(rows)));
            before = Some((step.rows, memory(ours)));
            let _ = writeln!(
                page,
                "| {} | {:.2} s | {:.2} s | {:.2} | {:.0} | {:.0} MB | {} |",
                step.rows,
                floor.seconds,
                ours.seconds,
                ours.seconds / floor.seconds,
                ours.seconds * 1e9 / count(step.rows),
                megabytes(ours.peak_bytes),
                more.map_or_else(String::new, |more| format!("{more:.1}")),
            );
        }
        page.push('\n');
    }

    fn function(&self, page: &mut String) {
        let Some(invocations) = &self.create_job else { return };
        page.push_str("| create-job, release build, on the local cloud | rows | peak memory | |\n|---|--:|--:|---|\n");
        for Invocation { what, rows, peak_bytes, outcome } in invocations {
            let _ = writeln!(page, "| {what} | {rows} | {:.0} MB | {outcome} |", megabytes(*peak_bytes));
        }
        page.push('\n');
    }

    fn fastest(&self, kind: Kind) -> Option<&Measured> {
        let all = self.outcomes.iter().filter(|outcome| outcome.contender.kind == kind);
        all.filter_map(|outcome| outcome.median.as_ref().ok()).min_by(|a, b| a.seconds.total_cmp(&b.seconds))
    }

    fn one(&self, kind: Kind, decoder: &str) -> Option<&Measured> {
        let outcome = self
            .outcomes
            .iter()
            .find(|outcome| outcome.contender.kind == kind && outcome.contender.decoder == Some(decoder))?;
        outcome.median.as_ref().ok()
    }

    /// How many times less memory than the peer of this kind that needs the least.
    fn leaner(&self, kind: Kind, ours: Option<&Measured>) -> Option<f64> {
        let peers = self.outcomes.iter().filter(|outcome| outcome.contender.kind == kind);
        let least = peers.filter_map(|outcome| outcome.median.as_ref().ok()).min_by_key(|took| took.peak_bytes)?;
        Some(memory(least) / memory(ours?))
    }
}

/// Of a peak and so many objects.
fn object_line(page: &mut String, what: &str, reached: Option<(u64, u64)>) {
    let over = reached.map(|(peak, objects)| ((count(peak) - CONSTANT) / count(objects)).max(0.0));
    aim_line(page, &format!("{what}: bytes an object beyond 64 MB, at most {PER_OBJECT}"), over, |over| {
        over <= PER_OBJECT
    });
}

fn aim_line(page: &mut String, aim: &str, reached: Option<f64>, holds: impl Fn(f64) -> bool) {
    let _ = match reached {
        Some(reached) => {
            writeln!(page, "| {aim} | {reached:.2} | {} |", if holds(reached) { "yes" } else { "**no**" })
        }
        None => writeln!(page, "| {aim} | | **not measured** |"),
    };
}

fn one_line(error: &str) -> String {
    let line = error.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/");
    line.chars().take(300).collect()
}

fn memory(took: &Measured) -> f64 {
    count(took.peak_bytes)
}

fn megabytes(bytes: u64) -> f64 {
    count(bytes) / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "rows and bytes are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
