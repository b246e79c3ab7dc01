//! The books: how often each object was new or changed from one delivered report to the next, and how often it was copied. Looks
//! at the cloud from inside, and at nothing that Transship says of itself.

use std::collections::BTreeMap;

use cloud::Cloud;
use e2e::route::{DESTINATION_BUCKET, SOURCE_BUCKET};
use transship::job::JobKind;

use super::source::{current, is_copyable};
use super::weather::Weather;

/// What happened to each key.
#[derive(Default)]
pub(crate) struct Books {
    /// The last report's objects: version by key.
    reported: BTreeMap<String, String>,
    /// How often a report showed it as new or changed.
    changes: BTreeMap<String, u64>,
    /// How often a person had everything copied anew.
    rebuilt: BTreeMap<String, u64>,
    /// Reports, and the rows in them.
    pub(crate) reports: u64,
    pub(crate) rows: u64,
}

/// How often objects were copied.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Copies {
    pub(crate) changes: u64,
    pub(crate) made: u64,
    /// Copied once more, since the job that had copied it did not end well or said nothing of it.
    pub(crate) again: u64,
    /// Tasks that such jobs began.
    pub(crate) allowed: u64,
}

impl Books {
    /// A report of the source bucket as it is now is delivered.
    pub(crate) fn report(&mut self, cloud: &Cloud) {
        let now = current(cloud, SOURCE_BUCKET);
        let copyable = now.values().filter(|version| may_be_copied(cloud, version));
        let now: BTreeMap<String, String> = copyable.map(|v| (v.key.clone(), v.version_id.clone())).collect();
        for (key, version) in &now {
            if self.reported.get(key) != Some(version) {
                *self.changes.entry(key.clone()).or_default() += 1;
            }
        }
        (self.reports, self.rows) = (self.reports + 1, self.rows + now.len() as u64);
        self.reported = now;
    }

    /// The next run copies everything anew.
    pub(crate) fn rebuild(&mut self, cloud: &Cloud) {
        for key in current(cloud, SOURCE_BUCKET).into_keys() {
            *self.rebuilt.entry(key).or_default() += 1;
        }
    }

    /// No object was copied more often than once for each change, once for each rebuild, and once for each time that a job
    /// copied it whose end said nothing of it.
    pub(crate) fn check(&self, cloud: &Cloud, weather: &Weather) -> Copies {
        let mut copied: BTreeMap<String, u64> = BTreeMap::new();
        for version in cloud.store().list(DESTINATION_BUCKET, "", false) {
            assert!(!version.is_delete_marker, "{:?} was deleted at the destination", version.key);
            *copied.entry(version.key).or_default() += 1;
        }
        let mut again: BTreeMap<String, u64> = BTreeMap::new();
        weather.jobs(|_, job| {
            let bad = job.tasks.iter().filter(|_| job.is_bad && job.kind != JobKind::Restore);
            for key in bad.chain(&job.restored) {
                *again.entry(key.clone()).or_default() += 1;
            }
        });
        // What could be read soon after the last report may have been planned by it.
        let now = current(cloud, SOURCE_BUCKET);
        let since = |key: &str| {
            let version = now.get(key).filter(|version| !is_copyable(version) && may_be_copied(cloud, version));
            u64::from(version.is_some_and(|version| self.reported.get(key) != Some(&version.version_id)))
        };
        let mut sum = Copies::default();
        for (key, times) in copied {
            let of = |counts: &BTreeMap<String, u64>| counts.get(&key).copied().unwrap_or_default();
            let (changes, rebuilt, retries) = (of(&self.changes) + since(&key), of(&self.rebuilt), of(&again));
            assert!(
                times <= changes + rebuilt + retries,
                "{key:?} was copied {times} times; it changed {changes} times, {rebuilt} rebuilds and {retries} tasks of \
                 jobs that broke down account for as many more"
            );
            sum.made += times;
            sum.again += times.saturating_sub(changes + rebuilt);
            sum.allowed += retries;
        }
        sum.changes = self.changes.values().sum();
        sum
    }
}

/// Whether a copy job can read it, now or since somebody had it restored.
fn may_be_copied(cloud: &Cloud, version: &cloud::s3::Version) -> bool {
    is_copyable(version) || cloud.store().restored(SOURCE_BUCKET, &version.key, &version.version_id).is_some()
}
