//! Which filter an object does not pass, told from an inventory row. Calls nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Filters;
use crate::inventory::Row;

/// A filter, as the settings have it. What does not pass several counts for the first of them, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// `IncludePrefixes`: the key begins with none of them.
    IncludePrefixes,
    /// `ExcludePrefixes`: the key begins with one of them.
    ExcludePrefixes,
    /// `IncludeGlobs`: the key matches none of them.
    IncludeGlobs,
    /// `ExcludeGlobs`: the key matches one of them.
    ExcludeGlobs,
    /// `MinSize`: the object is smaller.
    MinSize,
    /// `MaxSize`: the object is larger.
    MaxSize,
    /// `StorageClasses`: the object's is none of them.
    StorageClasses,
    /// `MinAge`: the object was written later than that before the report's scan.
    MinAge,
}

/// Where their numbers begin in a [`crate::delta::Verdict`], behind those of [`super::Reason`].
const FIRST: u8 = 32;

impl Filter {
    /// Every filter.
    pub const ALL: [Self; 8] = [
        Self::IncludePrefixes,
        Self::ExcludePrefixes,
        Self::IncludeGlobs,
        Self::ExcludeGlobs,
        Self::MinSize,
        Self::MaxSize,
        Self::StorageClasses,
        Self::MinAge,
    ];

    /// As it stands in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IncludePrefixes => "include-prefixes",
            Self::ExcludePrefixes => "exclude-prefixes",
            Self::IncludeGlobs => "include-globs",
            Self::ExcludeGlobs => "exclude-globs",
            Self::MinSize => "min-size",
            Self::MaxSize => "max-size",
            Self::StorageClasses => "storage-classes",
            Self::MinAge => "min-age",
        }
    }

    /// Its number in a [`crate::delta::Verdict`].
    pub(super) fn number(self) -> u8 {
        // As many as there are variants.
        FIRST + self as u8
    }
}

/// The filters, for the report of one moment.
#[derive(Debug, Clone)]
pub(super) struct Filtering {
    filters: Filters,
    /// What was written after this is too young.
    written_by: Option<Timestamp>,
}

impl Filtering {
    /// For a report whose scan started at `scan`; none if everything passes.
    pub(super) fn of(filters: &Filters, scan: Timestamp) -> Option<Self> {
        // An age that reaches before the calendar's beginning lets nothing pass.
        let written_by = filters.min_age.map(|age| scan.checked_sub(age).unwrap_or(Timestamp::MIN));
        (!filters.is_none()).then(|| Self { filters: filters.clone(), written_by })
    }

    /// The first filter that this object does not pass.
    pub(super) fn stops(&self, row: &Row<'_>) -> Option<Filter> {
        let Filters { include_prefixes, exclude_prefixes, include_globs, exclude_globs, .. } = &self.filters;
        let key = row.key();
        let begins = |prefixes: &[String]| prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()));
        if !include_prefixes.is_empty() && !begins(include_prefixes) {
            return Some(Filter::IncludePrefixes);
        }
        if begins(exclude_prefixes) {
            return Some(Filter::ExcludePrefixes);
        }
        if !include_globs.is_empty() && !include_globs.iter().any(|glob| glob.matches(&key)) {
            return Some(Filter::IncludeGlobs);
        }
        if exclude_globs.iter().any(|glob| glob.matches(&key)) {
            return Some(Filter::ExcludeGlobs);
        }
        // A delete marker has no size, class or age that could be too small or too young.
        if row.is_delete_marker() { None } else { self.stops_object(row) }
    }

    fn stops_object(&self, row: &Row<'_>) -> Option<Filter> {
        let Filters { min_size, max_size, storage_classes, .. } = &self.filters;
        if min_size.is_some_and(|min| row.size().is_some_and(|size| size < min)) {
            return Some(Filter::MinSize);
        }
        if max_size.is_some_and(|max| row.size().is_some_and(|size| size > max)) {
            return Some(Filter::MaxSize);
        }
        if !storage_classes.is_empty() && !storage_classes.iter().any(|class| class == row.storage_class()) {
            return Some(Filter::StorageClasses);
        }
        let written_by = self.written_by?;
        row.modified_at().is_some_and(|at| at > written_by).then_some(Filter::MinAge)
    }
}
