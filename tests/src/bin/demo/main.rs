//! The main job, seen: one account's objects copied into another on the local cloud, every step shown, every object
//! checked.

mod show;
mod summary;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aws_sdk_s3::types::StorageClass;
use clap::Parser;
use e2e::Error;
use e2e::clients::Clients;
use e2e::files::{self, File};
use e2e::large::{Sparse, sample};
use e2e::route::{self, DESTINATION_BUCKET, MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use e2e::runs::Run;
use e2e::verify::{self, Arrival};
use tracing_subscriber::EnvFilter;
use transship::ledger::State;

use crate::show::Show;
use crate::summary::{Previewed, Summary};

/// Copies a folder from one account to another on the local cloud, as Transship does on AWS: an S3 Inventory report
/// arrives, create-job makes a Batch Operations job of it, the job copies, and every object is compared.
#[derive(Debug, Parser)]
#[command(name = "cargo demo")]
struct Options {
    /// The folder whose files are the source bucket's objects [default: this repository's files and keys that hurt]
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Print one JSON object on stdout and nothing else there; steps go to stderr
    #[arg(long)]
    json: bool,
    /// Deploy with CopyMode=Preview: what would be copied is planned and told of, and nothing is copied
    #[arg(long)]
    preview: bool,
}

/// What the source bucket's owner had put there before, and finds there afterwards.
const SOMEBODY_ELSES_POLICY: &str = r#"{"Version":"2008-10-17","Id":"theirs","Statement":{"Sid":"Auditors","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"s3:GetBucketLocation","Resource":"arn:aws:s3:::vendor-data"}}"#;

/// In seconds.
const DAY: i64 = 24 * 60 * 60;

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo demo --json` and `cargo demo -- --json` are the same: the alias has a `--` of its own.
    let args = std::env::args_os().enumerate().filter(|(place, arg)| *place != 1 || arg != "--").map(|(_, arg)| arg);
    let options = Options::parse_from(args);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {}", e2e::describe(&error));
            ExitCode::FAILURE
        }
    }
}

/// Whether all came out as it should.
async fn run(options: &Options) -> Result<bool, Error> {
    let show = Show { json: options.json, started: Instant::now() };
    let files = match &options.from {
        Some(folder) => files::below(folder)?,
        None => files::repository_and_painful_keys()?,
    };
    show.step("building the functions and starting the local cloud");
    let (cloud, server, source, destination) = route::start().await?;
    let started = Instant::now();

    show.step(&format!(
        "two accounts at {}: {SOURCE_BUCKET} (111111111111), {DESTINATION_BUCKET} (222222222222)",
        server.endpoint()
    ));
    source.s3.create_bucket().bucket(SOURCE_BUCKET).send().await?;
    source.s3.put_bucket_policy().bucket(SOURCE_BUCKET).policy(SOMEBODY_ELSES_POLICY).send().await?;
    destination.s3.create_bucket().bucket(DESTINATION_BUCKET).send().await?;
    show.step(&format!("putting {} files into {SOURCE_BUCKET}, with metadata and tags", files.len()));
    let bar = Show::bar(files.len() as u64);
    let bytes = verify::put_all(&source, SOURCE_BUCKET, &files, |_| bar.inc(1)).await?;
    bar.finish_and_clear();
    show.step("and two more: one of 6 GB, which takes no space here, and one in the class DEEP_ARCHIVE");
    put_large_and_archived(&source).await?;

    show.step("deploying source-account.yaml and template.yaml; CloudFormation calls setup");
    let parameters: &[(&str, &str)] = if options.preview { &[("CopyMode", "Preview")] } else { &[] };
    let mut route = Route::on(cloud, server, source, destination, parameters).await?;
    show.set_up(&route).await?;
    if options.preview {
        return preview(route, files.len() + 2, &show).await;
    }

    let mut files = files;
    let first = deliver(&route, &show).await?;

    let day = files::a_day_passes(&mut files)?;
    show.step(&format!(
        "a day later: {} objects added, overwritten or renamed, {} deleted",
        day.put.len(),
        day.deleted.len()
    ));
    let before = verify::written(&route.destination, DESTINATION_BUCKET).await?;
    let bytes =
        bytes + verify::put_some(&route.source, SOURCE_BUCKET, &files, |n| day.put.contains(&n), |_| ()).await?;
    for key in &day.deleted {
        route.source.s3.delete_object().bucket(SOURCE_BUCKET).key(key).send().await?;
    }
    route.cloud.clock().turn(DAY);
    let second = deliver(&route, &show).await?;
    let after = verify::written(&route.destination, DESTINATION_BUCKET).await?;
    let changed: BTreeSet<&str> = day.put.iter().map(|place| files[*place].key.as_str()).collect();
    let touched =
        after.iter().filter(|(key, time)| before.get(*key) != Some(time)).map(|(key, _)| key.as_str()).collect();
    let only_changes_copied = changed == touched;
    show.step(&format!("written at the destination: {} objects, {}", touched.len(), exactly(only_changes_copied)));

    show.step("another day later: nothing has changed");
    route.cloud.clock().turn(DAY);
    let third = deliver(&route, &show).await?;

    show.step("comparing every object, byte by byte, with metadata and tags");
    let arrivals = compare(&route, &files).await?;
    let large = usize::from(large_is_there(&route).await?);

    let status_page = write_status_page(&route).await?;
    show.step(&format!("wrote the status page to {}", status_page.display()));

    show.step("deleting the stack's route; CloudFormation calls setup");
    route.take_down().await?;
    let policies_restored = policies_restored(&route, &show).await?;

    let count = |wanted: fn(&Arrival) -> bool| arrivals.iter().filter(|(_, arrival)| wanted(arrival)).count();
    let summary = Summary {
        objects: files.len(),
        bytes,
        copied: count(|arrival| *arrival == Arrival::Same),
        large,
        left_out: third.left_out,
        failed: first.failed + second.failed + third.failed,
        missing: count(|arrival| *arrival == Arrival::Missing),
        different: count(|arrival| matches!(arrival, Arrival::Different(_))),
        seconds: (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        only_changes_copied: only_changes_copied && third.job_id.is_none(),
        policies_restored,
        status_page,
        runs: vec![first, second, third],
    };
    show.arrivals(&arrivals);
    summary.print(show.json)?;
    Ok(summary.is_right())
}

/// More than CopyObject copies; it takes no space here.
const LARGE: (&str, Sparse) = ("film/6 GB, uncut.mov", Sparse { size: 6_000_000_000, part: None, seed: 6 });

async fn put_large_and_archived(source: &Clients) -> Result<(), Error> {
    let (key, sparse) = LARGE;
    sparse.put(source.s3.put_object().bucket(SOURCE_BUCKET).key(key)).await?;
    let put = source.s3.put_object().bucket(SOURCE_BUCKET).key("archive/2019 ledger, frozen.csv");
    put.storage_class(StorageClass::DeepArchive).body(b"cold".to_vec().into()).send().await?;
    Ok(())
}

/// Whether the large object arrived with its size, and with its bytes where they are looked at: its ends and its middle.
async fn large_is_there(route: &Route) -> Result<bool, Error> {
    let (key, Sparse { size, .. }) = LARGE;
    let head = route.destination.s3.head_object().bucket(DESTINATION_BUCKET).key(key).send().await;
    if !head.is_ok_and(|head| head.content_length().and_then(|n| u64::try_from(n).ok()) == Some(size)) {
        return Ok(false);
    }
    for start in [0, size / 2, size - 1000] {
        let here = sample(&route.source.s3, SOURCE_BUCKET, key, start, 1000).await?;
        if here != sample(&route.destination.s3, DESTINATION_BUCKET, key, start, 1000).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A report in mode `Preview`: what it would copy is told, and nothing copied.
async fn preview(mut route: Route, objects: usize, show: &Show) -> Result<bool, Error> {
    let run = deliver(&route, show).await?;
    if let Err(error) = route.settle_job().await? {
        show.step(&format!("settle-job failed: {error}"));
    }
    for line in told(&route) {
        show.step(&format!("settle-job tells: {line}"));
    }
    let copied = verify::written(&route.destination, DESTINATION_BUCKET).await?.len();
    let job_id = route.job_ids().await?.pop();
    let status_page = write_status_page(&route).await?;
    show.step(&format!("wrote the status page to {}", status_page.display()));
    route.take_down().await?;
    let policies_restored = policies_restored(&route, show).await?;
    let summary = Previewed {
        objects,
        planned: run.planned,
        left_out: run.left_out,
        estimated_cost: run.estimated_cost,
        job_id,
        copied,
        policies_restored,
        status_page,
        runs: vec![run],
    };
    summary.print(show.json)?;
    Ok(summary.is_right())
}

/// The lines of the notices that settle-job has told.
fn told(route: &Route) -> Vec<String> {
    let logs = route.cloud.functions().logs("settle-job");
    let told = logs.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let texts = told.filter_map(|line| Some(line["fields"]["text"].as_str().or(line["text"].as_str())?.to_owned()));
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).filter(|line| !line.is_empty()).collect()
}

/// Writes the route's status page beside what was built.
async fn write_status_page(route: &Route) -> Result<PathBuf, Error> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| e2e::repository().join("target"), PathBuf::from);
    std::fs::create_dir_all(&target)?;
    let page = std::fs::canonicalize(target)?.join("status.html");
    std::fs::write(&page, e2e::status::of(route).await?.html()?)?;
    Ok(page)
}

/// Delivers a report, and follows what comes of it.
async fn deliver(route: &Route, show: &Show) -> Result<Run, Error> {
    let report = route.deliver().await?;
    show.step(&format!("S3 Inventory delivered s3://{MANIFEST_BUCKET}/{report}; create-job is told of it"));
    watch(route, &report, show).await
}

fn exactly(is_so: bool) -> &'static str {
    if is_so { "exactly those that had changed" } else { "NOT those that had changed" }
}

/// Whether the source bucket's policy is what it was, and the manifest bucket has none, as before.
async fn policies_restored(route: &Route, show: &Show) -> Result<bool, Error> {
    let source = Route::policy(&route.source, SOURCE_BUCKET).await?;
    let manifest = Route::policy(&route.destination, MANIFEST_BUCKET).await?;
    show.step(&format!("policy of {SOURCE_BUCKET}: {}", source.as_deref().unwrap_or("none")));
    show.step(&format!("policy of {MANIFEST_BUCKET}: {}", manifest.as_deref().unwrap_or("none")));
    // In meaning: S3 itself may hand a policy out in another form than it was put.
    let same = transship::policy::equivalent(source.as_deref(), Some(SOMEBODY_ELSES_POLICY))?;
    Ok(same && manifest.is_none())
}

/// Follows the report's job until nothing is in flight.
async fn watch(route: &Route, report: &str, show: &Show) -> Result<Run, Error> {
    let settled = route.cloud.activity().settled();
    tokio::pin!(settled);
    let bar = Show::bar(0);
    let mut shown = None;
    loop {
        let ended = tokio::time::timeout(Duration::from_millis(300), &mut settled).await.is_ok();
        let run = route.run_of(report).await?;
        if let Some(id) = &run.job_id {
            let status = route.job(id).await?.status().map(|status| status.as_str().to_owned());
            if shown != status {
                show.step(&format!("job {id}: {}", status.as_deref().unwrap_or("unknown")));
                shown = status;
            }
            bar.set_length(run.planned);
            bar.set_position(run.copied + run.failed);
        }
        if ended {
            bar.finish_and_clear();
            match &run.job_id {
                Some(_) => {
                    show.step(&format!("{} planned: {} copied, {} failed", run.planned, run.copied, run.failed));
                }
                None if run.state == Some(State::Previewed) => {
                    show.step(&format!("{} planned, {} left out; no job was made", run.planned, run.left_out));
                }
                None => show.step("nothing to copy: no job was made"),
            }
            show.failures(route, &run);
            return Ok(run);
        }
    }
}

async fn compare(route: &Route, files: &[File]) -> Result<Vec<(String, Arrival)>, Error> {
    let bar = Show::bar(files.len() as u64);
    let arrivals = verify::check_all(&route.destination, DESTINATION_BUCKET, "", files, || bar.inc(1)).await?;
    bar.finish_and_clear();
    Ok(arrivals)
}
