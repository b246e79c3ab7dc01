//! What a year has to have had for its judges to have judged anything: a judge over nothing cannot fail.

use std::collections::BTreeMap;

use transship::job::JobKind;
use transship::ledger::{RunRecord, State};

use super::end::Objects;
use super::life::Life;
use super::seen::Evidence;
use super::trouble::Kind;

/// Everything that was counted, by its name.
pub(crate) fn counted(
    life: &Life,
    records: &[RunRecord],
    objects: &Objects,
    evidence: &Evidence<'_>,
) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = Kind::ALL.iter().map(|kind| (format!("{kind:?}"), 0)).collect();
    let mut add = |name: &str, times: u64| *counts.entry(name.to_owned()).or_default() += times;
    let mut kinds: BTreeMap<String, JobKind> = BTreeMap::new();
    life.weather.jobs(|id, job| {
        kinds.insert(id.to_owned(), job.kind);
        add(&format!("{:?} jobs", job.kind), 1);
    });
    for trouble in life.weather.troubles() {
        add(&format!("{:?}", trouble.kind), 1);
        let kind = kinds.get(&trouble.about);
        add("tasks failed over 5 GB", u64::from(trouble.kind == Kind::Stubborn && kind == Some(&JobKind::Large)));
    }
    for run in records {
        let guarded = u64::from(!run.over.is_empty());
        add(
            "over a limit, and completed",
            guarded * u64::from(matches!(run.state, State::Copied | State::CopiedWithFailures)),
        );
        add("over a limit, and failed", guarded * u64::from(run.state == State::Failed));
        let plan = run.plan.as_ref();
        add("over 5 GB, planned", plan.map_or(0, |plan| plan.large.objects));
        add("archived, asked for", plan.map_or(0, |plan| plan.restore.objects));
        add(&format!("runs {:?}", run.state), 1);
    }
    add("confirmed by a person", life.decisions.confirmed.into());
    add("cancelled by a person", life.decisions.cancelled.into());
    add("replaced by the next report", life.decisions.replaced.into());
    for (change, times) in &life.source.changes {
        add(&format!("{change:?}"), *times);
    }
    let number = |n: usize| u64::try_from(n).unwrap();
    add("equal", number(objects.equal));
    add("equal, over 5 GB", number(objects.large));
    add("equal, archived", number(objects.archived));
    add("over 5 GB, copied more than once", number(objects.large_again));
    add("gone", number(objects.gone));
    add("messages", number(evidence.messages()));
    counts
}

/// What a month of the seed of CI has not.
const RARE: [&str; 0] = [];

/// Each of them was seen at least once. What is rare is asked of a whole year only.
pub(crate) fn check(counts: &BTreeMap<String, u64>, whole_year: bool) {
    let missing = counts.iter().filter(|(name, times)| **times == 0 && (whole_year || !RARE.contains(&name.as_str())));
    let missing: Vec<&String> = missing.map(|(name, _)| name).collect();
    assert!(missing.is_empty(), "nothing was judged of {missing:?}");
}
