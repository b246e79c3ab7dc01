//! Lambda: runs the functions' real `bootstrap` binaries over the Runtime API; S3 notifications and Invoke reach them.

mod asynchronous;
pub mod binaries;
mod destination;
mod environment;
mod events;
mod function;
mod invoke;
mod logs;
mod notify;
mod processes;
mod runtime_api;
mod sandbox;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use crate::identity::AccountId;
use crate::{Cloud, REGION};

pub use asynchronous::{FailedAttempt, Failure};
pub use destination::{DestinationConfig, EventInvokeConfig, OnFailure, Queues};
pub(crate) use events::Notifications;
pub use events::{Delivery, Events, Notification};
pub use function::{InvokeError, Outcome};
pub use invoke::handle;
pub(crate) use notify::{amz_host_id, amz_request_id};
pub use notify::{notification_configured, object_created};

/// The service that assumes execution roles.
const SERVICE: &str = "lambda.amazonaws.com";

/// The functions that are attached, with their processes.
#[derive(Debug, Default)]
pub struct Functions {
    attached: Mutex<BTreeMap<String, Arc<function::Function>>>,
    failed: asynchronous::Failures,
    errors: asynchronous::FailedAttempts,
    sequencer: notify::Sequencer,
    processes: processes::Processes,
    queues: Queues,
}

/// The body of `PUT /_cloud/functions/NAME`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSettings {
    /// The execution role's ARN; its trust policy must name `lambda.amazonaws.com`.
    pub role: String,
    /// The function's environment variables.
    pub environment: BTreeMap<String, String>,
}

/// What a deployment sets beside role and environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long one event may take; then its process is killed. 60 s unless set.
    pub timeout: Duration,
    /// How many events run at a time, each in an environment of its own; more wait. 4 unless set.
    pub concurrency: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: Duration::from_mins(1), concurrency: 4 }
    }
}

/// Why a function was not given its settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// There is no function of that name.
    #[error("there is no function {name}; attached are: {attached}")]
    NoSuchFunction {
        /// What was asked for.
        name: String,
        /// What there is.
        attached: String,
    },
    /// The role is of another account, is not there, or does not trust Lambda.
    #[error("The role defined for the function cannot be assumed by Lambda. {0}")]
    Role(String),
    /// Lambda refuses the environment variables.
    #[error("environment: {0}")]
    Environment(String),
}

impl Functions {
    /// Attaches a binary under a function's name. It is invoked only once it is configured.
    pub fn attach(&self, name: &str, binary: PathBuf) {
        self.attached().insert(name.to_owned(), Arc::new(function::Function::new(name, binary)));
    }

    /// Gives a function its role and environment, and returns its ARN. Processes that run with older settings end: idle
    /// ones now, busy ones when they have answered.
    pub fn configure(&self, cloud: &Cloud, name: &str, settings: FunctionSettings) -> Result<String, ConfigureError> {
        let function = self.get(name).ok_or_else(|| ConfigureError::NoSuchFunction {
            name: name.to_owned(),
            attached: self.names().join(", "),
        })?;
        let account = AccountId::destination();
        if !settings.role.starts_with(&format!("arn:aws:iam::{account}:role/")) {
            let message = format!("{:?} is no role ARN of the function's account, {account}.", settings.role);
            return Err(ConfigureError::Role(message));
        }
        cloud
            .iam()
            .assume_for_service(SERVICE, &settings.role, name)
            .map_err(|denied| ConfigureError::Role(denied.to_string()))?;
        environment::check(&settings.environment).map_err(ConfigureError::Environment)?;
        function.configure(Some(settings));
        Ok(function_arn(name))
    }

    /// A function's role and environment; none before it is configured.
    pub fn settings(&self, name: &str) -> Option<FunctionSettings> {
        self.get(name)?.settings()
    }

    /// Sets timeout and concurrency of a function; nothing if there is none of that name.
    pub fn set_limits(&self, name: &str, limits: Limits) {
        if let Some(function) = self.get(name) {
            function.set_limits(limits);
        }
    }

    /// Sets what becomes of a function's asynchronous events that fail; nothing if there is none of that name.
    pub fn set_event_invoke_config(&self, name: &str, config: EventInvokeConfig) {
        if let Some(function) = self.get(name) {
            function.set_event_invoke_config(config);
        }
    }

    /// The messages that on-failure destinations have received.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    fn event_invoke_config(&self, name: &str) -> EventInvokeConfig {
        self.get(name).map(|function| function.event_invoke_config()).unwrap_or_default()
    }

    /// The execution role's ARN.
    fn role(&self, name: &str) -> Option<String> {
        self.settings(name).map(|settings| settings.role)
    }

    /// A function's limits.
    pub fn limits(&self, name: &str) -> Option<Limits> {
        self.get(name).map(|function| function.limits())
    }

    /// The names of the functions that are attached.
    pub fn names(&self) -> Vec<String> {
        self.attached().keys().cloned().collect()
    }

    /// What a function wrote to stdout and stderr, oldest line first, up to 10,000 lines. Lines may arrive a moment after
    /// the answer of the event that wrote them.
    pub fn logs(&self, name: &str) -> Vec<String> {
        self.get(name).map(|function| function.log.lines()).unwrap_or_default()
    }

    /// Asynchronous events that failed for good.
    pub fn failures(&self) -> Vec<Failure> {
        self.failed.all()
    }

    /// Every attempt at an asynchronous event that failed, whether or not another went well.
    pub fn failed_attempts(&self) -> Vec<FailedAttempt> {
        self.errors.all()
    }

    /// Invokes a function as Lambda itself does, without asking anybody's permission, and waits for the outcome.
    pub async fn invoke(
        &self,
        cloud: &Cloud,
        name: &str,
        request_id: &str,
        payload: Bytes,
    ) -> Result<Outcome, InvokeError> {
        let function = self.get(name).ok_or_else(|| InvokeError::NotFound(function_arn(name)))?;
        let _ticket = cloud.activity().begin();
        function.invoke(cloud, request_id, payload).await
    }

    /// Takes every function's settings away, so that idle processes end now and busy ones when they have answered.
    pub fn stop(&self) {
        for function in self.attached().values() {
            function.configure(None);
        }
    }

    /// The function whose process has this access key, each process being given its own.
    pub(crate) fn sender(&self, access_key: &str) -> Option<String> {
        self.processes.function(access_key)
    }

    /// Kills the process that has this access key, and returns when it is gone.
    pub(crate) async fn kill(&self, access_key: &str) {
        self.processes.kill(access_key).await;
    }

    /// Whether a function is there and configured.
    fn ready(&self, name: &str) -> Result<(), InvokeError> {
        self.get(name).ok_or_else(|| InvokeError::NotFound(function_arn(name)))?.ready()
    }

    fn get(&self, name: &str) -> Option<Arc<function::Function>> {
        self.attached().get(name).cloned()
    }

    fn attached(&self) -> MutexGuard<'_, BTreeMap<String, Arc<function::Function>>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues an event for a function, as an AWS service does that invokes it asynchronously; returns the request id.
pub fn invoke_event(cloud: &Cloud, name: &str, payload: Bytes) -> String {
    asynchronous::enqueue(cloud, name, payload)
}

/// `arn:aws:lambda:us-east-1:222222222222:function:NAME`
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{}:function:{name}", AccountId::destination())
}

/// The name in a function's name, partial ARN or ARN, each with or without a version or alias.
fn name_of(named: &str) -> &str {
    let name = named.rsplit_once(":function:").map_or_else(|| named, |(_, name)| name);
    name.split(':').next().unwrap_or_default()
}
