//! Takes an event: a request of CloudFormation is always answered; an operator's command gets its document.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use transship::config::{Env, ProcessEnv};
use transship::setup::{Deployment, Given, PATIENCE_SECONDS, PhysicalId, Place, STACK_ID};

use crate::answer::{self, Outcome};
use crate::check::check;
use crate::error::SetupError;
use crate::event::{Caller, Event, Request};
use crate::guard::{Ended, Times, watch};
use crate::lifecycle::{self, Steps};
use crate::live::Live;
use crate::outputs::outputs;
use crate::preview::preview;
use crate::progress::Progress;

/// How long an operator's command doubts a refusal: somebody waits.
const COMMAND_DOUBT: Duration = Duration::from_secs(5);
/// How long a request of CloudFormation does, unless `PATIENCE_SECONDS` says otherwise.
const LIFECYCLE_DOUBT: Duration = Duration::from_secs(30);

/// How long "access denied" may be a permission that was just given. A wrong value does not keep CloudFormation waiting.
fn patience(env: &dyn Env) -> Duration {
    let Some(given) = env.get(PATIENCE_SECONDS.name).filter(|given| !given.is_empty()) else { return LIFECYCLE_DOUBT };
    if let Ok(seconds) = given.parse() {
        return Duration::from_secs(seconds);
    }
    tracing::warn!(variable = PATIENCE_SECONDS.name, given, "expected a number of seconds; 30 are taken");
    LIFECYCLE_DOUBT
}

/// Handles invocations. Holds nothing of one invocation for the next.
#[derive(Debug)]
pub(crate) struct Handler {
    sdk: SdkConfig,
    connector: SharedHttpConnector,
}

/// What an operator asks for.
#[derive(Debug, Clone, Copy)]
enum Command {
    Preview,
    Check,
}

/// An invocation that ends as Lambda's error: nobody was answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Not an event of ours.
    #[error("{0}")]
    Event(String),
    /// An operator's command failed.
    #[error("{0}")]
    Command(String),
    /// CloudFormation could not be told.
    #[error("{0}")]
    Unanswered(#[from] answer::Unanswered),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match failure {
            Failure::Event(_) => "BadEvent",
            Failure::Command(_) => "CommandFailed",
            Failure::Unanswered(_) => "Unanswered",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

impl Handler {
    /// With this configuration of the SDK, and this way to answer.
    pub(crate) fn new(sdk: SdkConfig, connector: SharedHttpConnector) -> Self {
        Self { sdk, connector }
    }

    /// Handles one invocation. Once CloudFormation has been answered this is a success, whatever the answer: Lambda must
    /// not try again.
    pub(crate) async fn invoked(self: Arc<Self>, event: LambdaEvent<Value>) -> Result<Value, Failure> {
        let times = Times::of(&event.context);
        match Event::read(&event.payload) {
            Event::Unknown(why) => {
                tracing::error!(why, "not an event of ours");
                Err(Failure::Event(why))
            }
            Event::Unclear(caller, why) => {
                let outcome = unclear(&caller, &why);
                self.answer(&caller, outcome, times).await
            }
            Event::Lifecycle(request, caller) => {
                let steps = Live::new(&self.sdk, Some(caller.stack_id.clone()), times.stop, patience(&ProcessEnv));
                let progress = Arc::new(Progress::default());
                let work = perform(steps, request, caller.clone(), Arc::clone(&progress));
                let outcome = settled(&caller, &progress, times, Box::pin(work)).await;
                self.answer(&caller, outcome, times).await
            }
            Event::Preview => self.command(Command::Preview, &event.context, times).await,
            Event::Check => self.command(Command::Check, &event.context, times).await,
        }
    }

    /// An operator's command, with the parameters of the environment.
    async fn command(&self, command: Command, context: &Context, times: Times) -> Result<Value, Failure> {
        let place = Place::new(&context.invoked_function_arn, &ProcessEnv);
        let stack_id = ProcessEnv.get(STACK_ID.name).filter(|id| !id.is_empty());
        let live = Live::new(&self.sdk, stack_id, times.stop, COMMAND_DOUBT.min(patience(&ProcessEnv)));
        let work = async move {
            let deployment = Deployment::new(&Given::from_env(&ProcessEnv), &place)?;
            let document = match command {
                Command::Preview => serde_json::to_value(preview(&live, &deployment).await?),
                Command::Check => serde_json::to_value(check(&live, &deployment).await),
            };
            document.map_err(|error| SetupError::NotPossible(error.to_string()))
        };
        match watch(times.stop, Box::pin(work)).await {
            Ended::Done(Ok(document)) => Ok(document),
            Ended::Done(Err(error)) => Err(Failure::Command(error.to_string())),
            Ended::Panicked => Err(Failure::Command("broke off: a defect of Transship; see the log".to_owned())),
            Ended::TimedOut => Err(Failure::Command("timed out; see the log, then try again".to_owned())),
        }
    }

    async fn answer(&self, caller: &Caller, outcome: Outcome, times: Times) -> Result<Value, Failure> {
        let Outcome { failure, physical_id, .. } = &outcome;
        match failure {
            None => tracing::info!(physical_id, stack_id = caller.stack_id, "done"),
            Some(reason) => tracing::error!(physical_id, stack_id = caller.stack_id, reason, "failed"),
        }
        answer::send(&self.connector, caller, &outcome, times.end).await.inspect_err(|error| {
            tracing::error!(%error, "CloudFormation is not told, and will wait for its own timeout");
        })?;
        Ok(json!({ "answered": if failure.is_none() { "SUCCESS" } else { "FAILED" }, "physical_id": physical_id }))
    }
}

/// What comes of the work, however it ends.
pub(crate) async fn settled(
    caller: &Caller,
    progress: &Progress,
    times: Times,
    work: impl Future<Output = Outcome> + Send + 'static,
) -> Outcome {
    let reason = match watch(times.stop, work).await {
        Ended::Done(outcome) => return outcome,
        Ended::Panicked => format!(
            "setup broke off while {}: a defect of Transship; the end of the function's log says where",
            progress.last()
        ),
        Ended::TimedOut => format!(
            "timed out while {}; look at the function's log for what it waited for, then try again: what is done stays \
             done",
            progress.last()
        ),
    };
    // No route is known here, and the id need not name one.
    let created = || PhysicalId::failed(None, progress.all_touched()).to_string();
    let physical_id = caller.physical_id.clone().unwrap_or_else(created);
    Outcome { failure: Some(reason), physical_id, data: BTreeMap::new() }
}

/// A request that cannot be understood. Nothing was put up for it.
fn unclear(caller: &Caller, why: &str) -> Outcome {
    let id: PhysicalId = parsed(caller.physical_id.as_deref().unwrap_or_default());
    let failure = (!(caller.is_delete && id.is_nothing())).then(|| why.to_owned());
    let nothing = || PhysicalId::failed(None, std::collections::BTreeSet::new()).to_string();
    let physical_id = caller.physical_id.clone().unwrap_or_else(nothing);
    Outcome { failure, physical_id, data: BTreeMap::new() }
}

fn parsed(id: &str) -> PhysicalId {
    match id.parse() {
        Ok(id) => id,
        Err(never) => match never {},
    }
}

/// Does what CloudFormation wants.
pub(crate) async fn perform<S: Steps>(steps: S, request: Request, caller: Caller, progress: Arc<Progress>) -> Outcome {
    progress.doing("reading the parameters");
    let place = Place::new(&caller.stack_id, &ProcessEnv);
    let read = |properties: &Value| {
        Deployment::new(&Given::from_properties(properties), &place).map_err(SetupError::Parameters)
    };
    match request {
        Request::Create(properties) => create(&steps, read(&properties), &progress).await,
        Request::Update { new, old } => {
            let old = read(&old).inspect_err(|error| tracing::warn!(%error, "what it was is passed over")).ok();
            update(&steps, read(&new), old, caller.physical_id.unwrap_or_default(), &progress).await
        }
        Request::Delete(properties) => {
            delete(&steps, read(&properties), caller.physical_id.unwrap_or_default(), &progress).await
        }
    }
}

type Read = Result<Deployment, SetupError>;

async fn create(steps: &impl Steps, deployment: Read, progress: &Progress) -> Outcome {
    let route = deployment.as_ref().ok().map(|deployment| deployment.route.name.clone());
    let done = match deployment {
        Ok(deployment) => lifecycle::put_up(steps, &deployment, None, false, progress).await.map(|_| deployment),
        Err(error) => Err(error),
    };
    match done {
        Ok(deployment) => success(&deployment, PhysicalId::of(&deployment.route.name).to_string(), None),
        Err(error) => failed(&error, PhysicalId::failed(route.as_ref(), progress.all_touched()).to_string()),
    }
}

/// A failed update keeps its id, so that CloudFormation comes back with what it was, and deletes nothing.
async fn update(steps: &impl Steps, new: Read, old: Option<Deployment>, id: String, progress: &Progress) -> Outcome {
    let new = match new {
        Ok(new) => new,
        Err(error) => return failed(&error, id),
    };
    let new_id = PhysicalId::of(&new.route.name).to_string();
    match lifecycle::put_up(steps, &new, old.as_ref(), new_id != id, progress).await {
        Ok(left) => success(&new, new_id, left.as_ref()),
        Err(error) => failed(&error, id),
    }
}

async fn delete(steps: &impl Steps, deployment: Read, id: String, progress: &Progress) -> Outcome {
    let there = parsed(&id);
    let done = match deployment {
        // What failed before it began has parameters that no Delete can read either.
        _ if there.is_nothing() => Ok(()),
        Ok(deployment) => lifecycle::take_down(steps, &deployment, &there, progress).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => Outcome { failure: None, physical_id: id, data: BTreeMap::new() },
        Err(error) => failed(&error, id),
    }
}

fn success(deployment: &Deployment, physical_id: String, left: Option<&SetupError>) -> Outcome {
    match outputs(deployment, left) {
        Ok(data) => Outcome { failure: None, physical_id, data },
        Err(error) => Outcome { failure: Some(error.to_string()), physical_id, data: BTreeMap::new() },
    }
}

fn failed(error: &SetupError, physical_id: String) -> Outcome {
    Outcome { failure: Some(error.to_string()), physical_id, data: BTreeMap::new() }
}

#[cfg(test)]
mod tests;
