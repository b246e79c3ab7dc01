//! Runs a job: prepare, perhaps wait, work through the tasks, report. One tokio task for each stage, holding a
//! [`crate::activity::Ticket`]; a job that waits for confirmation holds none.

use futures::StreamExt;

use super::copy::Copier;
use super::fetch::{ReportPlace, tasks};
use super::invoke::Invoker;
use super::job::{Failure, Status};
use super::manifest::{Encoding, Task};
use super::model::CSV;
use super::report::{Outcome, PLACEHOLDER, TaskFailure};
use super::restore::Restorer;
use super::script::{JobScript, ReportScript};
use super::validate::{JobSpec, Operation};
use crate::Cloud;
use crate::activity::Ticket;
use crate::identity::Principal;

/// Tasks of one job in flight at a time.
const CONCURRENCY: usize = 16;
/// From so many tasks on, a job whose tasks mostly fail is stopped.
const THRESHOLD_FROM: u64 = 1_000;
/// Whom the role must trust.
const SERVICE: &str = "batchoperations.s3.amazonaws.com";

/// Starts a new job.
pub(super) fn start(cloud: &Cloud, id: &str) {
    let (cloud, id) = (cloud.clone(), id.to_owned());
    let ticket = cloud.activity().begin();
    tokio::spawn(async move {
        if prepare(&cloud, &id).await {
            work(&cloud, &id, ticket).await;
        }
    });
}

/// Goes on with a job that was confirmed.
pub(super) fn resume(cloud: &Cloud, id: &str) {
    let (cloud, id) = (cloud.clone(), id.to_owned());
    let ticket = cloud.activity().begin();
    tokio::spawn(async move {
        work(&cloud, &id, ticket).await;
    });
}

/// A session of the job's role.
fn assume(cloud: &Cloud, id: &str, spec: &JobSpec) -> Result<Principal, Failure> {
    let session = format!("s3-batch-{id}");
    match cloud.iam().assume_for_service(SERVICE, &spec.role_arn, &session) {
        Ok((_, principal)) => Ok(principal),
        Err(denied) => {
            let reason = format!("{SERVICE} could not assume {}: {}", spec.role_arn, denied.reason);
            Err(Failure::new("RoleNotAssumable", reason))
        }
    }
}

/// Reads the manifest. Says whether the job is to be worked on now.
async fn prepare(cloud: &Cloud, id: &str) -> bool {
    let Some(spec) = cloud.jobs().with(id, |job| job.spec.clone()) else { return false };
    if !go(cloud, id, Status::Preparing) {
        end(cloud, id);
        return false;
    }
    tokio::task::yield_now().await;
    let read = match assume(cloud, id, &spec) {
        Ok(role) => tasks(cloud, &role, &spec.manifest).await,
        Err(failure) => Err(failure),
    };
    match read {
        Ok((tasks, _)) => {
            cloud.jobs().with(id, |job| job.set_tasks(tasks));
        }
        Err(failure) => fail(cloud, id, failure),
    }
    let next = if spec.confirmation_required { Status::Suspended } else { Status::Ready };
    let gone = go(cloud, id, next);
    if !gone {
        end(cloud, id);
    }
    gone && next == Status::Ready
}

/// Works through the tasks, and ends the job.
async fn work(cloud: &Cloud, id: &str, mut ticket: Ticket) {
    let found =
        cloud.jobs().with(id, |job| (job.spec.clone(), job.tasks.clone().unwrap_or_default(), job.script.clone()));
    let Some((spec, tasks, script)) = found else { return };
    let role = match assume(cloud, id, &spec) {
        Ok(role) => role,
        Err(failure) => {
            fail(cloud, id, failure);
            return end(cloud, id);
        }
    };
    if !go(cloud, id, Status::Active) {
        return end(cloud, id);
    }
    let place = ReportPlace::of(cloud, &role, id, &spec.report);
    if let Some(place) = place.as_ref().filter(|_| cloud.jobs().writes_placeholder())
        && let Err(failure) = place.put("manifest.json", PLACEHOLDER.to_vec()).await
    {
        fail(cloud, id, failure);
        return end(cloud, id);
    }
    if script.stays_active {
        let gone = cloud.jobs().wait(id);
        if cloud.jobs().with(id, |job| job.status()) != Some(Status::Active) {
            cloud.jobs().let_go(cloud, id);
        }
        drop(ticket);
        // Nobody lets it go any more when the cloud itself is gone.
        let Ok(again) = gone.await else { return };
        ticket = again;
    }
    let mut outcomes = run_tasks(cloud, id, &role, &spec, &tasks, &script).await;
    go(cloud, id, Status::Completing);
    if let ReportScript::Short(missing) = script.report {
        outcomes.truncate(outcomes.len().saturating_sub(missing));
    }
    if let Some(place) = place.filter(|_| !outcomes.is_empty() && script.report != ReportScript::Missing)
        && let Err(failure) = place.write(&outcomes, script.report == ReportScript::WrongMd5).await
    {
        fail(cloud, id, failure);
    }
    end(cloud, id);
    drop(ticket);
}

/// Whether the job goes on; a script may make it fail after so many tasks.
fn goes_on(cloud: &Cloud, id: &str, script: &JobScript, done: usize) -> bool {
    if let Some(failure) = script.fails.as_ref().filter(|failure| done >= failure.after) {
        fail(cloud, id, Failure::new(failure.code, failure.reason));
    }
    cloud.jobs().with(id, |job| job.status() == Status::Active).unwrap_or(false)
}

/// Does the tasks of one job.
enum Worker {
    Copy(Copier),
    Invoke(Invoker),
    Restore(Restorer),
}

impl Worker {
    fn of(cloud: &Cloud, id: &str, role: &Principal, spec: &JobSpec) -> Self {
        let (cloud, role) = (cloud.clone(), role.clone());
        let format = spec.manifest.spec.as_ref().and_then(|s| s.format.as_deref());
        let encoding = if format == Some(CSV) { Encoding::Percent } else { Encoding::Form };
        match &spec.operation {
            Operation::Restore(operation) => {
                Self::Restore(Restorer { cloud, role, operation: operation.clone(), encoding })
            }
            Operation::Copy(operation) => Self::Copy(Copier { cloud, role, operation: operation.clone(), encoding }),
            Operation::Invoke(operation) => {
                let attempts = cloud.jobs().attempts();
                Self::Invoke(Invoker { cloud, role, operation: operation.clone(), job_id: id.to_owned(), attempts })
            }
        }
    }

    async fn work(&self, task: &Task) -> Result<String, TaskFailure> {
        match self {
            Self::Copy(copier) => copier.copy(task).await,
            Self::Invoke(invoker) => invoker.invoke(task).await,
            Self::Restore(restorer) => restorer.restore(task).await,
        }
    }
}

/// Runs tasks until all have run or the job is no longer Active, and returns how those ended that ran.
async fn run_tasks(
    cloud: &Cloud,
    id: &str,
    role: &Principal,
    spec: &JobSpec,
    tasks: &[Task],
    script: &JobScript,
) -> Vec<Outcome> {
    if !goes_on(cloud, id, script, 0) {
        return Vec::new();
    }
    let worker = &Worker::of(cloud, id, role, spec);
    let mut running = futures::stream::iter(0..tasks.len())
        .map(|row| async move {
            // The work is done in memory and would never yield by itself: other requests need their turn.
            tokio::task::yield_now().await;
            let task = &tasks[row];
            let scripted = script.tasks.as_ref().and_then(|of| of(&task.encoded_key));
            let result = match scripted {
                Some(failure) => Err(failure),
                None => worker.work(task).await,
            };
            Outcome { task: task.clone(), result }
        })
        .buffer_unordered(CONCURRENCY);
    let mut outcomes = Vec::with_capacity(tasks.len());
    while let Some(outcome) = running.next().await {
        let now = cloud.clock().now();
        cloud.jobs().with(id, |job| {
            let count = if outcome.result.is_ok() { &mut job.succeeded } else { &mut job.failed };
            *count += 1;
            let executed = job.succeeded + job.failed;
            if executed >= THRESHOLD_FROM && job.failed * 2 > executed {
                let reason = format!("{} of {executed} tasks failed, which is more than 50 percent", job.failed);
                job.fail(Failure::new("FailureThresholdExceeded", reason), now);
            }
        });
        outcomes.push(outcome);
        if !goes_on(cloud, id, script, outcomes.len()) {
            break;
        }
    }
    outcomes
}

fn go(cloud: &Cloud, id: &str, next: Status) -> bool {
    let now = cloud.clock().now();
    let gone = cloud.jobs().with(id, |job| job.go(next, now)).unwrap_or(false);
    tracing::debug!(job_id = id, status = next.as_str(), gone, "job");
    gone
}

fn fail(cloud: &Cloud, id: &str, failure: Failure) {
    let now = cloud.clock().now();
    tracing::info!(job_id = id, code = failure.code, reason = failure.reason, "job fails");
    cloud.jobs().with(id, |job| job.fail(failure, now));
}

/// From a passing state to the one it leads to.
fn end(cloud: &Cloud, id: &str) {
    let now = cloud.clock().now();
    cloud.jobs().with(id, |job| {
        let last = match job.status() {
            Status::Completing => Status::Complete,
            Status::Cancelling => Status::Cancelled,
            Status::Failing => Status::Failed,
            _ => return,
        };
        job.go(last, now);
    });
}
