//! Takes an invocation of S3 Batch Operations, answers what became of each of its tasks.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use transship::aws;
use transship::config::Env;
use transship::large::task::{Answer, Invocation, SCHEMA};
use transship::large::{Copier, Time};
use transship::names::excerpt;

use crate::config::Config;

/// Handles invocations. Holds nothing of one invocation for the next.
#[derive(Debug)]
pub(crate) struct Handler {
    copier: Copier,
}

/// Not an invocation of a Batch Operations job as this route makes them.
#[derive(Debug, thiserror::Error)]
#[error("{0}: copy-large is for S3 Batch Operations jobs with InvocationSchemaVersion {SCHEMA}")]
pub(crate) struct Refused(String);

impl From<Refused> for Diagnostic {
    fn from(refused: Refused) -> Self {
        Self { error_type: "Refused".to_owned(), error_message: refused.to_string() }
    }
}

impl Handler {
    /// With the settings of `env`; every wrong one is named.
    pub(crate) async fn from_env(env: &(impl Env + Sync)) -> Result<Self, lambda_runtime::Error> {
        let Config { route, copies } = Config::from_env(env)?;
        let sdk = aws::sdk_config().await;
        let (source, destination) = (aws::s3(&sdk), aws::s3_patient(&sdk, &route.destination_region));
        Ok(Self { copier: Copier::new(route, copies, source, destination) })
    }

    /// Handles one invocation. What can be tried again is said in the answer; an error fails the tasks for good.
    pub(crate) async fn invoked(&self, event: LambdaEvent<Value>) -> Result<Answer, Refused> {
        let invocation = read(event.payload)?;
        let time = Time::within(left(event.context.deadline()));
        let run = invocation.job.user_arguments.as_ref().and_then(|arguments| arguments.get("run"));
        tracing::info!(job_id = invocation.job.id, run, tasks = invocation.tasks.len(), "invoked");
        let mut results = Vec::with_capacity(invocation.tasks.len());
        for task in &invocation.tasks {
            results.push(self.copier.run(task, &time).await);
        }
        Ok(Answer::new(invocation.invocation_id, results))
    }
}

fn read(payload: Value) -> Result<Invocation, Refused> {
    let version = payload.get("invocationSchemaVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    if version != SCHEMA {
        return Err(Refused(format!("invocationSchemaVersion is {:?}", excerpt(&version))));
    }
    serde_json::from_value(payload).map_err(|error| Refused(error.to_string()))
}

fn left(deadline: SystemTime) -> Duration {
    deadline.duration_since(SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_event_is_read_and_nothing_else() {
        let event: Value = serde_json::from_str(include_str!("../events/task.json")).unwrap();
        let invocation = read(event.clone()).unwrap();
        assert_eq!(invocation.tasks[0].key().unwrap().as_str(), "videos/a whole day.mov");
        for (field, value) in [("invocationSchemaVersion", "1.0"), ("tasks", "none"), ("invocationSchemaVersion", "")] {
            let mut other = event.clone();
            other[field] = value.into();
            let refused = read(other).unwrap_err().to_string();
            assert!(refused.contains("InvocationSchemaVersion 2.0"), "{refused}");
        }
    }
}
