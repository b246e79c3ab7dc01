//! The end of a year: the weather clears up, a few quiet days pass, and everything is held against what it should be.

use std::collections::{BTreeMap, HashMap};

use e2e::clients::Clients;
use e2e::route::{DESTINATION_BUCKET, SOURCE_BUCKET};
use futures::{StreamExt, stream};
use transship::ledger::{RunRecord, State};

use super::life::Life;
use super::source::{current, is_copyable};

/// So many quiet days are enough for whatever was left over.
const QUIET: u32 = 4;

/// An object with all that is to arrive of it.
#[derive(Debug, PartialEq, Eq)]
struct Whole {
    body: Vec<u8>,
    headers: [Option<String>; 5],
    metadata: HashMap<String, String>,
    tags: BTreeMap<String, String>,
}

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

/// Every run is settled and told of, none has more than one job, and no job is nobody's.
pub(crate) fn check_runs(life: &Life, records: &[RunRecord]) {
    let open: Vec<_> = records.iter().filter(|run| !run.state.is_closed()).map(|run| (&run.run, run.state)).collect();
    assert_eq!(open, [], "runs that nobody has settled");
    let settled = records.iter().filter(|run| run.state != State::Superseded);
    let untold: Vec<_> = settled.filter(|run| run.told.is_none()).map(|run| &run.run).collect();
    assert!(untold.is_empty(), "nobody was told of {untold:?}");
    let mut jobs: BTreeMap<&str, &str> = BTreeMap::new();
    for run in records {
        assert!(run.jobs.len() <= 1, "{} has several jobs: {:?}", run.run, run.jobs);
        jobs.extend(run.jobs.iter().map(|job| (job.id.as_str(), run.run.as_str())));
    }
    life.weather.jobs(|id, made| {
        assert_eq!(jobs.get(id).copied(), Some(made.run.as_str()), "job {id} is not the one that its run knows");
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

/// Every object that can be copied is equal to its copy; what is deleted at the source is at the destination as it once was. How
/// many of each.
pub(crate) async fn check_objects(life: &Life) -> (usize, usize) {
    let (source, destination) = (&life.route.source, &life.route.destination);
    let originals = current(&life.route.cloud, SOURCE_BUCKET);
    let copies = current(&life.route.cloud, DESTINATION_BUCKET);
    let (mut here, mut gone) = (Vec::new(), Vec::new());
    for (key, original) in &originals {
        if is_copyable(original) {
            assert!(copies.contains_key(key), "{key:?} was never copied");
            here.push(key.clone());
        }
    }
    gone.extend(copies.keys().filter(|key| !originals.get(*key).is_some_and(is_copyable)).cloned());
    let compared = stream::iter(&here).for_each_concurrent(8, async |key| {
        let (original, copy) =
            (whole(source, SOURCE_BUCKET, key, None).await, whole(destination, DESTINATION_BUCKET, key, None).await);
        assert_eq!(copy, original, "{key:?}");
    });
    compared.await;
    for key in &gone {
        let copy = whole(destination, DESTINATION_BUCKET, key, None).await;
        let mut was = false;
        for version in life.source.versions(key) {
            was |= whole(source, SOURCE_BUCKET, key, Some(version)).await == copy;
        }
        assert!(was, "{key:?} is at the destination as it never was at the source");
    }
    (here.len(), gone.len())
}

async fn whole(account: &Clients, bucket: &str, key: &str, version: Option<&str>) -> Whole {
    let version = version.map(str::to_owned);
    let get = account.s3.get_object().bucket(bucket).key(key).set_version_id(version.clone());
    let object = match get.send().await {
        Ok(object) => object,
        // An archived version cannot be read; what it was is not asked for.
        Err(_) if version.is_some() => {
            return Whole {
                body: Vec::new(),
                headers: [const { None }; 5],
                metadata: HashMap::new(),
                tags: BTreeMap::new(),
            };
        }
        Err(error) => panic!("{bucket} {key:?}: {}", aws_sdk_s3::error::DisplayErrorContext(&error)),
    };
    let tagging = account.s3.get_object_tagging().bucket(bucket).key(key).set_version_id(version).send().await.unwrap();
    let tags = tagging.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let text = |text: Option<&str>| text.map(str::to_owned);
    let headers = [
        text(object.content_type()),
        text(object.cache_control()),
        text(object.content_disposition()),
        text(object.content_encoding()),
        text(object.content_language()),
    ];
    let metadata = object.metadata().cloned().unwrap_or_default();
    Whole { body: object.body.collect().await.unwrap().to_vec(), headers, metadata, tags }
}
