//! One function: its binary, its settings, and the execution environments that run it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use tokio::sync::Semaphore;

use super::environment::{self, Inputs};
use super::logs::Log;
use super::runtime_api::{Reply, RuntimeApi};
use super::sandbox::{Ended, Sandbox, StartError};
use super::{EventInvokeConfig, FunctionSettings, Limits, function_arn};
use crate::Cloud;
use crate::access::Denied;

/// An idle environment older than this, by the cloud's clock, is not used again: its credentials last for twelve hours.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(6);

/// What an invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The function's answer.
    Success(Bytes),
    /// The function's error, a crash or a timeout: `{"errorMessage", "errorType"}`.
    Error(Bytes),
}

/// Why a function was not run at all.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// There is no function of that name.
    #[error("Function not found: {0}")]
    NotFound(String),
    /// It has no role yet.
    #[error(
        "The operation cannot be performed at this time. The function is currently in the following state: Pending; \
         give it its role and environment with PUT /_cloud/functions/{0}"
    )]
    NotConfigured(String),
    /// The role is gone, or no longer trusts Lambda.
    #[error("The role defined for the function cannot be assumed by Lambda. {0}")]
    Role(#[from] Denied),
    /// The binary could not be run.
    #[error("cannot run {binary}: {source}")]
    Spawn {
        /// The binary's path.
        binary: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The process needs an endpoint to talk to.
    #[error("this cloud is not served: call front::serve first")]
    NotServed,
}

/// A function that is attached.
#[derive(Debug)]
pub(super) struct Function {
    name: String,
    binary: PathBuf,
    pub(super) log: Arc<Log>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    event_invoke_config: EventInvokeConfig,
    /// One permit for each environment that may run at a time.
    slots: Arc<Semaphore>,
    configured: Option<Arc<Configured>>,
}

/// Settings, with the idle environments that run with them: when the settings are replaced, these end with the last
/// invocation that still uses them.
#[derive(Debug)]
struct Configured {
    settings: FunctionSettings,
    idle: Mutex<Vec<Sandbox>>,
}

impl Function {
    pub(super) fn new(name: &str, binary: PathBuf) -> Self {
        let limits = Limits::default();
        let slots = Arc::new(Semaphore::new(limits.concurrency));
        let state =
            Mutex::new(State { limits, slots, event_invoke_config: EventInvokeConfig::default(), configured: None });
        Self { name: name.to_owned(), binary, log: Arc::default(), state }
    }

    /// Takes new settings, or none; idle processes of older ones end now, busy ones when they have answered.
    pub(super) fn configure(&self, settings: Option<FunctionSettings>) {
        self.state().configured = settings.map(|settings| Arc::new(Configured { settings, idle: Mutex::default() }));
    }

    pub(super) fn limits(&self) -> Limits {
        self.state().limits.clone()
    }

    pub(super) fn event_invoke_config(&self) -> EventInvokeConfig {
        self.state().event_invoke_config.clone()
    }

    pub(super) fn set_event_invoke_config(&self, config: EventInvokeConfig) {
        self.state().event_invoke_config = config;
    }

    pub(super) fn settings(&self) -> Option<FunctionSettings> {
        self.state().configured.as_ref().map(|configured| configured.settings.clone())
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        let mut state = self.state();
        state.slots = Arc::new(Semaphore::new(limits.concurrency));
        state.limits = limits;
    }

    /// Whether it can be invoked.
    pub(super) fn ready(&self) -> Result<(), InvokeError> {
        self.configured().map(|_| ())
    }

    /// Runs one event in a warm environment or a new one, waiting for a free slot.
    pub(super) async fn invoke(&self, cloud: &Cloud, request_id: &str, event: Bytes) -> Result<Outcome, InvokeError> {
        let slots = Arc::clone(&self.state().slots);
        // Never closed, so the permit is always there; it is held until the event has ended.
        let _slot = slots.acquire_owned().await.ok();
        let configured = self.configured()?;
        let timeout = self.limits().timeout;
        let sandbox = match configured.warm(cloud) {
            Some(sandbox) => sandbox,
            None => match self.start(cloud, &configured.settings, timeout).await? {
                Ok(sandbox) => sandbox,
                Err(failed) => return Ok(Outcome::Error(failed)),
            },
        };
        Ok(match sandbox.run(request_id, &function_arn(&self.name), event, timeout).await {
            Ended::Replied(reply, sandbox) => {
                configured.idle().push(*sandbox);
                match reply {
                    Reply::Response(payload) => Outcome::Success(payload),
                    Reply::Error(error) => Outcome::Error(error),
                }
            }
            Ended::Died(error) => Outcome::Error(error),
        })
    }

    /// A cold start; the inner error is the function's own, which its caller is told.
    async fn start(
        &self,
        cloud: &Cloud,
        settings: &FunctionSettings,
        timeout: Duration,
    ) -> Result<Result<Sandbox, Bytes>, InvokeError> {
        let endpoint = cloud.endpoint().ok_or(InvokeError::NotServed)?;
        let (keys, _) = cloud.iam().assume_for_service(super::SERVICE, &settings.role, &self.name)?;
        let spawn = |source| InvokeError::Spawn { binary: self.binary.clone(), source };
        let api = RuntimeApi::listen().await.map_err(spawn)?;
        let variables = environment::variables(
            cloud,
            &Inputs {
                function: &self.name,
                binary: &self.binary,
                endpoint,
                runtime_api: api.address,
                keys: &keys,
                environment: &settings.environment,
            },
        );
        let now = cloud.clock().now();
        let place = cloud.functions().processes.enter(&self.name, &keys.access_key_id);
        match Sandbox::start(api, &self.binary, &variables, (&self.name, &self.log, place), (now, timeout)).await {
            Ok(sandbox) => Ok(Ok(sandbox)),
            Err(StartError::Init(error)) => Ok(Err(error)),
            Err(StartError::Spawn(source)) => Err(spawn(source)),
        }
    }

    fn configured(&self) -> Result<Arc<Configured>, InvokeError> {
        self.state().configured.clone().ok_or_else(|| InvokeError::NotConfigured(self.name.clone()))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Configured {
    /// An idle environment that still runs and is not too old.
    fn warm(&self, cloud: &Cloud) -> Option<Sandbox> {
        let now = cloud.clock().now();
        let mut idle = self.idle();
        while let Some(mut sandbox) = idle.pop() {
            if sandbox.alive() && now.duration_since(sandbox.born) < MAX_AGE {
                return Some(sandbox);
            }
        }
        None
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Sandbox>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
