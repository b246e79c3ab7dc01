//! copy-large: a Batch Operations job invokes it for each object over 5 GB.

mod config;
mod handler;

use std::process::ExitCode;

use lambda_runtime::service_fn;
use transship::config::ProcessEnv;
use transship::logging;

use crate::handler::Handler;

#[tokio::main]
async fn main() -> ExitCode {
    logging::init();
    let handler = match Handler::from_env(&ProcessEnv).await {
        Ok(handler) => handler,
        Err(error) => return logging::ended(&*error),
    };
    let ended = lambda_runtime::run(service_fn(|event| Box::pin(handler.invoked(event)))).await;
    ended.map_or_else(|error| logging::ended(&*error), |()| ExitCode::SUCCESS)
}
