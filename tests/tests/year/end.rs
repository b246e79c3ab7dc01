//! The end of a year: the weather clears up, a few quiet days pass, and everything is held against what it should be.

use std::collections::BTreeMap;

use cloud::s3::Version;
use e2e::route::{DESTINATION_BUCKET, SOURCE_BUCKET};
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use transship::job::JobKind;
use transship::ledger::{RunRecord, State};

use super::body::LARGE;
use super::life::{Life, RESTORED};
use super::source::{current, is_copyable};
use super::whole::Whole;

/// So many quiet days are enough for whatever was left over. An archived object takes four: asked for, on its way for twelve hours,
/// planned by the report after that, and copied.
const QUIET: u32 = 6;

/// Quiet days pass until nothing is open, carried over or waiting; every record of the ledger then.
pub(crate) async fn settle(life: &mut Life, after: u32) -> Vec<RunRecord> {
    life.weather.clears_up(&life.route.cloud);
    for day in after + 1..=after + QUIET {
        life.quiet_day(day).await;
    }
    let baseline = life.route.baseline().await.unwrap().unwrap();
    assert_eq!(baseline.carry_over, [], "after {QUIET} quiet days");
    life.route.records().await.unwrap()
}

/// Every run is settled and told of, none has more than one job of a kind, and no job is nobody's.
pub(crate) fn check_runs(life: &Life, records: &[RunRecord]) {
    let open: Vec<_> = records.iter().filter(|run| !run.state.is_closed()).map(|run| (&run.run, run.state)).collect();
    assert_eq!(open, [], "runs that nobody has settled");
    let settled = records.iter().filter(|run| run.state != State::Superseded);
    let untold: Vec<_> = settled.filter(|run| run.told.is_none()).map(|run| &run.run).collect();
    assert!(untold.is_empty(), "nobody was told of {untold:?}");
    let mut jobs: BTreeMap<&str, (&str, JobKind)> = BTreeMap::new();
    for run in records {
        for kind in [JobKind::Copy, JobKind::Large, JobKind::Restore] {
            let of_kind = run.jobs.iter().filter(|job| job.kind == kind).count();
            assert!(of_kind <= 1, "{} has several jobs of a kind: {:?}", run.run, run.jobs);
        }
        jobs.extend(run.jobs.iter().map(|job| (job.id.as_str(), (run.run.as_str(), job.kind))));
    }
    life.weather.jobs(|id, made| {
        let known = jobs.get(id).copied();
        assert_eq!(known, Some((made.run.as_str(), made.kind)), "job {id} is not the one that its run knows");
    });
    let newest = records
        .iter()
        .filter(|run| run.state != State::Superseded)
        .map(|run| (&run.report.time, run.state))
        .max_by_key(|(time, _)| *time);
    assert!(
        newest.is_some_and(|(_, state)| state == State::Empty),
        "the last quiet day had something to copy: {newest:?}"
    );
}

/// What was held against its copy.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// Equal to their copies.
    pub(crate) equal: usize,
    /// Of these, over 5 GB.
    pub(crate) large: usize,
    /// Of these, archived: a restore of ours brought them.
    pub(crate) archived: usize,
    /// Archived, and neither readable long enough nor to be asked for yet.
    pub(crate) frozen: usize,
    /// Gone from the source, and kept at the destination as they once were.
    pub(crate) gone: usize,
    /// Keys of which more than one version over 5 GB was copied.
    pub(crate) large_again: usize,
}

/// Every object is equal to its copy, archived ones too, since their restore was ours to ask for; what is deleted at the source is at
/// the destination as it once was.
pub(crate) async fn check_objects(life: &Life) -> Objects {
    let cloud = &life.route.cloud;
    let originals = current(cloud, SOURCE_BUCKET);
    let copies = current(cloud, DESTINATION_BUCKET);
    let mut objects = Objects::default();
    let (mut here, mut gone) = (Vec::new(), Vec::new());
    for (key, original) in &originals {
        if is_copyable(original) || !is_frozen(life, original) {
            assert!(copies.contains_key(key), "{key:?} was never copied ({})", original.storage_class);
            objects.large += usize::from(original.size > LARGE);
            objects.archived += usize::from(!is_copyable(original));
            here.push(key.clone());
        } else {
            objects.frozen += 1;
        }
    }
    gone.extend(copies.keys().filter(|key| !here.contains(key)).cloned());
    (objects.equal, objects.gone) = (here.len(), gone.len());
    objects.large_again = large_again(life);

    life.source.restore_all().await;
    cloud.clock().turn(13 * 3600);
    let (source, destination) = (&life.route.source, &life.route.destination);
    let compared = stream::iter(&here).for_each_concurrent(8, async |key| {
        let original = Whole::of(source, SOURCE_BUCKET, key, None).await;
        assert_eq!(Whole::of(destination, DESTINATION_BUCKET, key, None).await, original, "{key:?}");
    });
    compared.await;
    for key in &gone {
        let copy = Whole::of(destination, DESTINATION_BUCKET, key, None).await;
        let mut was = false;
        for version in life.source.versions(key) {
            was = was || Whole::of(source, SOURCE_BUCKET, key, Some(version)).await == copy;
        }
        assert!(was, "{key:?} is at the destination as it never was at the source");
    }
    let uploads = destination.s3.list_multipart_uploads().bucket(DESTINATION_BUCKET).send().await.unwrap();
    let left = uploads.uploads().iter().filter_map(|upload| upload.key()).filter(|key| here.iter().any(|k| k == key));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&str>::new(), "uploads of objects that have been copied are left");
    objects
}

/// Whether an archived object could not be copied in time: its restored copy went before it was, or asking for it failed, and its
/// days are not over.
fn is_frozen(life: &Life, version: &Version) -> bool {
    let now = life.route.cloud.clock().now();
    let days: i64 = RESTORED.parse().unwrap();
    // Out of DEEP_ARCHIVE, to the midnight after, and to the report of the next day.
    let over = SignedDuration::from_hours(24 * (days + 4) + 48);
    let failed = life.weather.not_restored().get(&version.key).is_some_and(|at| now.duration_since(*at) < over);
    let restored = life.route.cloud.store().restored(SOURCE_BUCKET, &version.key, &version.version_id);
    failed || restored.is_some_and(|(from, until)| until < now && now.duration_since(from) < over)
}

fn large_again(life: &Life) -> usize {
    let mut copied: BTreeMap<String, usize> = BTreeMap::new();
    for version in life.route.cloud.store().list(DESTINATION_BUCKET, "", false) {
        *copied.entry(version.key).or_default() += usize::from(version.size > LARGE);
    }
    copied.values().filter(|times| **times > 1).count()
}
