//! settle-job: closes every run honestly, hands the next report on, and says when something is wrong.

mod answer;
mod config;
mod handler;
mod others;

use std::process::ExitCode;

use lambda_runtime::service_fn;
use transship::config::ProcessEnv;
use transship::{aws, logging};

use crate::config::Config;
use crate::handler::Handler;

#[tokio::main]
async fn main() -> ExitCode {
    logging::init();
    let config = match Config::from_env(&ProcessEnv) {
        Ok(config) => config,
        Err(error) => return logging::ended(&error),
    };
    let sdk = aws::sdk_config().await;
    let control = aws::s3_control(&sdk, &config.route.destination_region);
    let handler = match Handler::new(config, &aws::s3(&sdk), control, aws::lambda(&sdk)) {
        Ok(handler) => handler,
        Err(error) => return logging::ended(&error),
    };
    let ended = lambda_runtime::run(service_fn(|event| handler.invoked(event))).await;
    ended.map_or_else(|error| logging::ended(&*error), |()| ExitCode::SUCCESS)
}
