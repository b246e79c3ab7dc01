//! What `create-job` needs for large reports: its release build on the local cloud, planning the two reports that `cargo xtask
//! generate` wrote. Prints one JSON array; `cargo xtask bench --create-job` shows it. Linux only: it reads /proc.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_s3::types::NotificationConfiguration;
use clap::Parser;
use cloud::lambda::{FunctionSettings, Limits};
use e2e::Error;
use e2e::events::created;
use e2e::route::{self, DESTINATION_BUCKET, INVENTORY_ID, MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use serde::Serialize;
use serde_json::{Value, json};
use transship::ledger::{RunRecord, State};

/// Plans two generated reports with the real create-job, and prints its peak memory.
#[derive(Debug, Parser)]
struct Options {
    /// What `cargo xtask generate` wrote
    folder: PathBuf,
    /// The release build of create-job
    #[arg(long)]
    create_job: PathBuf,
    /// Megabytes that the function is told it has: what template.yaml gives it; `3008,300` also plans with too few to do it in one go
    #[arg(long, value_delimiter = ',', default_value = "3008")]
    memory: Vec<u32>,
}

/// One report's planning.
#[derive(Debug, Serialize)]
struct Invocation {
    what: String,
    rows: u64,
    peak_bytes: u64,
    outcome: String,
}

const FUNCTION: &str = "create-job";

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(invocations) => {
            println!("{}", json!(invocations));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("memory: {}", e2e::describe(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<Vec<Invocation>, Error> {
    let mut invocations = Vec::new();
    for megabytes in &options.memory {
        invocations.extend(plan_both(options, *megabytes).await?);
    }
    Ok(invocations)
}

/// Both reports, by a function of so much memory.
async fn plan_both(options: &Options, megabytes: u32) -> Result<Vec<Invocation>, Error> {
    let binary = fs::canonicalize(&options.create_job)?;
    let reports: Value = serde_json::from_slice(&fs::read(options.folder.join("reports.json"))?)?;
    let route = set_up(&told(&binary, megabytes, &options.folder)?).await?;
    let mut invocations = Vec::new();
    for (which, what) in ["all is new", "against the baseline"].into_iter().enumerate() {
        let key = upload(&route, &options.folder, which).await?;
        let answer = route.create_job(&created(&key, None, None)).await?;
        let answer = answer.map_err(|error| format!("create-job failed: {error}"))?;
        // Before anything else: the process ends with its settings.
        let peak_bytes = peak(&binary)?;
        fresh_process(&route).await?;
        let record = settle(&route, &key).await?;
        let plan = record.plan.ok_or("the run has no plan")?;
        let expected = if which == 0 { &reports["rows"][0] } else { &reports["expected"]["count"] };
        if *expected != plan.objects {
            return Err(format!("{what}: {} objects were planned, not {expected}; {answer}", plan.objects).into());
        }
        invocations.push(Invocation {
            what: format!("{megabytes} MB function, {what}"),
            rows: plan.rows,
            peak_bytes,
            outcome: format!("{} planned, as expected", plan.objects),
        });
    }
    Ok(invocations)
}

/// The binary, told that it has so much memory: the local cloud tells every function the same.
fn told(binary: &Path, megabytes: u32, folder: &Path) -> Result<PathBuf, Error> {
    let script = folder.join(format!("create-job-{megabytes}"));
    let text = format!("#!/bin/sh\nAWS_LAMBDA_FUNCTION_MEMORY_SIZE={megabytes} exec '{}'\n", binary.display());
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(fs::canonicalize(script)?)
}

/// A route whose reports announce themselves to nobody, and whose jobs fail before their first task: ten million copies would
/// show nothing here.
async fn set_up(binary: &Path) -> Result<Route, Error> {
    let (cloud, server, source, destination) = route::start().await?;
    cloud.functions().attach(FUNCTION, binary.to_owned());
    source.s3.create_bucket().bucket(SOURCE_BUCKET).send().await?;
    destination.s3.create_bucket().bucket(DESTINATION_BUCKET).send().await?;
    let route = Route::on(cloud, server, source, destination, &[]).await?;
    route.cloud.functions().set_limits(FUNCTION, Limits { timeout: Duration::from_mins(15), concurrency: 1 });
    let none = NotificationConfiguration::builder().build();
    let s3 = &route.destination.s3;
    s3.put_bucket_notification_configuration().bucket(MANIFEST_BUCKET).notification_configuration(none).send().await?;
    let nothing =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": "*", "Resource": "*" }] });
    route.put_role_policy(&nothing).await?;
    Ok(route)
}

/// Delivers a report; its manifest's key.
async fn upload(route: &Route, folder: &Path, which: usize) -> Result<String, Error> {
    let inventory = format!("inventory/{SOURCE_BUCKET}/{INVENTORY_ID}");
    let mut times: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder.join(&inventory))? {
        times.push(entry?.path());
    }
    times.retain(|time| time.join("manifest.json").exists());
    times.sort();
    let time = times.get(which).ok_or("there are not two reports in the folder")?;
    let name = time.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let manifest_key = format!("{inventory}/{name}/manifest.json");
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join(&manifest_key))?)?;
    let files = manifest["files"].as_array().into_iter().flatten().filter_map(|file| file["key"].as_str());
    let mut keys: Vec<String> = files.map(str::to_owned).collect();
    keys.push(manifest_key.replace("manifest.json", "manifest.checksum"));
    keys.push(manifest_key.clone());
    for key in keys {
        let body = fs::read(folder.join(&key))?;
        route.destination.s3.put_object().bucket(MANIFEST_BUCKET).key(key).body(body.into()).send().await?;
    }
    Ok(manifest_key)
}

/// The report's record, marked as if its job had copied all, so that the next report is planned against its baseline.
async fn settle(route: &Route, report: &str) -> Result<RunRecord, Error> {
    route.cloud.activity().settled().await;
    for key in route.keys_below("ledger/runs/").await? {
        let kept = route.kept(&key).await?.ok_or("a record that was listed is gone")?;
        let mut record: RunRecord = serde_json::from_slice(&kept)?;
        if record.report.manifest.key.as_str() == report {
            record.state = State::Copied;
            let body = serde_json::to_vec(&record)?;
            route.destination.s3.put_object().bucket(MANIFEST_BUCKET).key(key).body(body.into()).send().await?;
            return Ok(record);
        }
    }
    Err(format!("no run was recorded for {report}").into())
}

/// The most memory that any process of this binary, a child of this one, has had resident.
fn peak(binary: &Path) -> Result<u64, Error> {
    let mut most = None;
    for entry in fs::read_dir("/proc")? {
        let process = entry?.path();
        if fs::read_link(process.join("exe")).ok().as_deref() != Some(binary) {
            continue;
        }
        let status = fs::read_to_string(process.join("status"))?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if field("PPid:") != Some(&std::process::id().to_string()) {
            continue;
        }
        let peak = field("VmHWM:").and_then(|peak| peak.strip_suffix(" kB")?.parse::<u64>().ok());
        most = most.max(peak);
    }
    Ok(most.ok_or("create-job's process is gone: its memory cannot be read")? * 1024)
}

/// Lets create-job's warm process end, so that the next event meets a new one.
async fn fresh_process(route: &Route) -> Result<(), Error> {
    let role = route.destination.iam.get_role().role_name("transship-demo-create-job").send().await?;
    let role = role.role().ok_or("create-job has no role")?.arn().to_owned();
    let settings = FunctionSettings { role, environment: route.stack.environment.clone() };
    route.cloud.functions().configure(&route.cloud, FUNCTION, settings)?;
    Ok(())
}
