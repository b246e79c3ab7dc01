//! Why an object is or is not among those to be copied.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use transship::inventory::Row;

/// What a report says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    version: String,
    etag: String,
    size: Option<u64>,
    modified: Option<jiff::Timestamp>,
}

/// Looks out for some keys while reports are read.
#[derive(Default)]
pub(crate) struct Watch {
    keys: Vec<String>,
    before: Mutex<BTreeMap<String, Seen>>,
    after: Mutex<BTreeMap<String, Seen>>,
    taken: Mutex<Vec<String>>,
    left_out: Mutex<BTreeMap<String, &'static str>>,
    /// Whether the earlier report was read, not a baseline of it.
    pub(crate) both: bool,
}

/// Which report.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    Before,
    After,
}

impl Watch {
    pub(crate) fn new(keys: &[String]) -> Self {
        Self { keys: keys.to_vec(), ..Self::default() }
    }

    /// Whether it looks out for any.
    pub(crate) fn is_set(&self) -> bool {
        !self.keys.is_empty()
    }

    fn is_watched(&self, row: &Row<'_>) -> bool {
        self.keys.iter().any(|key| *key == row.key())
    }

    /// Every row of a report passes here.
    pub(crate) fn see(&self, which: Which, row: &Row<'_>) {
        if self.is_watched(row) {
            self.note(which, row);
        }
    }

    fn note(&self, which: Which, row: &Row<'_>) {
        let seen = Seen {
            version: row.version_id().to_owned(),
            etag: row.etag().to_owned(),
            size: row.size(),
            modified: row.modified_at(),
        };
        let reports = match which {
            Which::Before => &self.before,
            Which::After => &self.after,
        };
        reports.lock().unwrap_or_else(PoisonError::into_inner).insert(row.key().into_owned(), seen);
    }

    /// A row that is to be copied.
    pub(crate) fn take(&self, row: &Row<'_>) {
        if self.is_watched(row) {
            self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(row.key().into_owned());
        }
    }

    /// A row that is set apart.
    pub(crate) fn leave_out(&self, row: &Row<'_>, reason: &'static str) {
        if self.is_watched(row) {
            self.left_out.lock().unwrap_or_else(PoisonError::into_inner).insert(row.key().into_owned(), reason);
        }
    }

    /// A sentence for each key.
    pub(crate) fn tell(&self) -> BTreeMap<String, String> {
        self.keys.iter().map(|key| (key.clone(), self.why(key))).collect()
    }

    fn why(&self, key: &str) -> String {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let after = self.after.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|taken| taken == key);
        let left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        if let Some(reason) = left_out {
            return format!("not copied: it is left out, since a copy job cannot copy it ({reason})");
        }
        match (before, after, taken) {
            (Some(_), None, _) => "not copied: it is gone, only the earlier report lists it".to_owned(),
            (None, None, _) => "not copied: the report does not list it".to_owned(),
            (_, Some(_), false) => "not copied: it is unchanged".to_owned(),
            (Some(before), Some(after), true) => format!("copied: {}", before.change_to(&after)),
            (None, Some(_), true) if self.both => "copied: it is new".to_owned(),
            (None, Some(_), true) => "copied: it is new, or has changed since the baseline".to_owned(),
        }
    }
}

impl Seen {
    fn change_to(&self, after: &Self) -> String {
        let mut changes = Vec::new();
        if self.version != after.version {
            changes.push(format!("version {:?} became {:?}", self.version, after.version));
        }
        if self.etag != after.etag {
            changes.push(format!("ETag {} became {}", self.etag, after.etag));
        }
        if self.size != after.size {
            let size = |size: Option<u64>| size.map_or_else(|| "none".to_owned(), |size| size.to_string());
            changes.push(format!("size {} became {}", size(self.size), size(after.size)));
        }
        if self.modified != after.modified {
            let time = |time: Option<jiff::Timestamp>| time.map_or_else(|| "none".to_owned(), |time| time.to_string());
            changes.push(format!("last-modified {} became {}", time(self.modified), time(after.modified)));
        }
        if changes.is_empty() {
            return "it is as it was, but was left out then, and is not any more".to_owned();
        }
        changes.join(", ")
    }
}
