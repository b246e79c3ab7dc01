//! One execution environment: a function's process with its Runtime API. It runs one event at a time.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::logs::Log;
use super::processes::Place;
use super::runtime_api::{Event, Phase, Reply, RuntimeApi};

/// Lambda gives the Init phase 10 s, then tries again within the function's timeout; here it may take the longer of both.
const INIT: Duration = Duration::from_secs(10);

/// A process that is ready for an event. It is killed when dropped.
#[derive(Debug)]
pub(super) struct Sandbox {
    child: Child,
    api: RuntimeApi,
    place: Place,
    /// When it started, by the cloud's clock: its credentials do not last for ever.
    pub(super) born: Timestamp,
}

/// Why there is no process.
#[derive(Debug)]
pub(super) enum StartError {
    /// The binary could not be run.
    Spawn(std::io::Error),
    /// The function gave up, ended or hung before it asked for its first event; the error that the caller is told.
    Init(Bytes),
}

/// How one event ended.
pub(super) enum Ended {
    /// With the function's answer or error; the process is ready for the next event.
    Replied(Reply, Box<Sandbox>),
    /// With the process: it crashed, or ran out of time and was killed. The error that the caller is told.
    Died(Bytes),
}

impl Sandbox {
    /// Runs the binary with exactly these variables and waits until it asks for its first event. `api` is given since
    /// its address is among the variables.
    pub(super) async fn start(
        api: RuntimeApi,
        binary: &Path,
        variables: &BTreeMap<String, String>,
        (function, log, mut place): (&str, &Arc<Log>, Place),
        (born, timeout): (Timestamp, Duration),
    ) -> Result<Self, StartError> {
        let mut child = Command::new(binary)
            .env_clear()
            .envs(variables)
            .current_dir(binary.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(StartError::Spawn)?;
        if let Some(stdout) = child.stdout.take() {
            log.follow(function, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(function, stderr);
        }
        let mut phase = api.phase.clone();
        let limit = timeout.max(INIT);
        let first = tokio::select! {
            biased;
            phase = phase.wait_for(|phase| *phase != Phase::Init) => Ok(phase.map(|phase| phase.clone()).ok()),
            status = child.wait() => return Err(StartError::Init(exit_error(None, status.ok()))),
            order = place.killed() => Err(order),
            () = tokio::time::sleep(limit) => {
                let message = format!("Error: Init timed out after {:.2} seconds", limit.as_secs_f64());
                return Err(StartError::Init(error("Sandbox.Timedout", &message)));
            }
        };
        match first {
            Ok(Some(Phase::Failed(error))) => Err(StartError::Init(error)),
            Err(_order) => Err(StartError::Init(exit_error(None, kill(&mut child).await))),
            _ => Ok(Self { child, api, place, born }),
        }
    }

    /// Whether the process still runs.
    pub(super) fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs one event.
    pub(super) async fn run(
        mut self,
        request_id: &str,
        function_arn: &str,
        payload: Bytes,
        timeout: Duration,
    ) -> Ended {
        let (reply, answer) = oneshot::channel();
        let deadline_ms = Timestamp::now().as_millisecond().saturating_add(whole_millis(timeout));
        let event = Event {
            request_id: request_id.to_owned(),
            function_arn: function_arn.to_owned(),
            deadline_ms,
            payload,
            reply,
        };
        self.api.send(event).await;
        tokio::select! {
            biased;
            Ok(reply) = answer => Ended::Replied(reply, Box::new(self)),
            _order = self.place.killed() => {
                let status = kill(&mut self.child).await;
                Ended::Died(exit_error(Some(request_id), status))
            }
            status = self.child.wait() => Ended::Died(exit_error(Some(request_id), status.ok())),
            () = tokio::time::sleep(timeout) => {
                let message =
                    format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", timeout.as_secs_f64());
                Ended::Died(error("Sandbox.Timedout", &message))
            }
        }
    }
}

/// Kills a process and returns when it is gone.
async fn kill(child: &mut Child) -> Option<ExitStatus> {
    // It can only fail because the process has ended.
    let _ = child.start_kill();
    child.wait().await.ok()
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The error that Lambda reports for a process that ended by itself.
fn exit_error(request_id: Option<&str>, status: Option<ExitStatus>) -> Bytes {
    let how = match status {
        Some(status) if status.signal() == Some(9) => "Runtime exited with error: signal: killed".to_owned(),
        Some(status) if !status.success() => format!("Runtime exited with error: {status}"),
        _ => "Runtime exited without providing a reason".to_owned(),
    };
    let request = request_id.map(|id| format!("RequestId: {id} ")).unwrap_or_default();
    error("Runtime.ExitError", &format!("{request}Error: {how}"))
}

/// `{"errorType", "errorMessage"}`
fn error(kind: &str, message: &str) -> Bytes {
    serde_json::json!({ "errorType": kind, "errorMessage": message }).to_string().into()
}
