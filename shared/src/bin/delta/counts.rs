//! What was found and what it took, for a person or for a program.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde::Serialize;
use transship::delta::{DECODER, Outcome};

/// What was found and what it took.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// Rows of the report.
    rows: u64,
    /// New or changed objects.
    changed: u64,
    unchanged: u64,
    /// Objects of the baseline or the earlier report that are not there any more, or not as they were.
    gone: u64,
    /// Objects that a copy job cannot copy.
    left_out: u64,
    /// Rows beyond the first of the same object.
    duplicates: u64,
    /// Bytes of the objects that are new or changed.
    bytes: u64,
    seconds: f64,
    rows_per_second: f64,
    /// Processor seconds; only Linux tells.
    cpu: Option<f64>,
    /// Bytes; only Linux tells.
    peak_rss: Option<u64>,
    threads: usize,
    decoder: &'static str,
    /// How many parts the report was gone through in.
    ranges: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    explained: BTreeMap<String, String>,
}

impl Counts {
    pub(crate) fn new(threads: usize, ranges: u32) -> Self {
        Self { threads, ranges, decoder: DECODER, ..Self::default() }
    }

    /// Adds what one range has found.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.rows += outcome.rows;
        self.changed += outcome.changed;
        self.unchanged += outcome.unchanged;
        self.gone += outcome.gone;
        self.left_out += outcome.left_out.iter().sum::<u64>();
        self.duplicates += outcome.duplicates;
        self.bytes += outcome.bytes;
    }

    pub(crate) fn end(&mut self, took: Duration, explained: BTreeMap<String, String>) {
        self.seconds = took.as_secs_f64();
        #[allow(clippy::cast_precision_loss)] // for a person
        let rows = self.rows as f64;
        self.rows_per_second = (rows / self.seconds.max(1e-9)).round();
        self.cpu = cpu();
        self.peak_rss = peak_rss();
        self.explained = explained;
    }

    pub(crate) fn print(&self) {
        println!("rows            {:>14}", self.rows);
        println!("new or changed  {:>14}   ({} bytes)", self.changed, self.bytes);
        println!("unchanged       {:>14}", self.unchanged);
        println!("gone            {:>14}   (deleted, or overwritten: then it is among the changed too)", self.gone);
        if self.left_out > 0 {
            println!("left out        {:>14}", self.left_out);
        }
        if self.duplicates > 0 {
            println!("listed twice    {:>14}", self.duplicates);
        }
        let memory = self.peak_rss.map_or_else(String::new, |bytes| format!(", {} MB at most", bytes >> 20));
        println!(
            "{:.2} s, {:.0} rows a second{memory}; {} threads, {}",
            self.seconds, self.rows_per_second, self.threads, self.decoder
        );
        if self.ranges > 1 {
            println!("gone through in {} parts, to stay within the memory allowed", self.ranges);
        }
        for (key, why) in &self.explained {
            println!("{key}: {why}");
        }
    }
}

/// proc(5): the largest resident set so far, in kB.
fn peak_rss() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// proc(5): user and system time, the 14th and 15th field, in hundredths of a second.
fn cpu() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(f64::from(ticks(11)? + ticks(12)?) / 100.0)
}
