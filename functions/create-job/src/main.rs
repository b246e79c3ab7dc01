//! create-job: turns each delivered inventory report into exactly one S3 Batch Operations job.

mod answer;
mod config;
mod handler;

use lambda_runtime::{Error, service_fn};
use transship::config::ProcessEnv;
use transship::{aws, logging};

use crate::config::Config;
use crate::handler::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::init();
    let config = Config::from_env(&ProcessEnv).inspect_err(|error| tracing::error!(%error, "cannot start"))?;
    let sdk = aws::sdk_config().await;
    let control = aws::s3_control(&sdk, &config.route.destination_region);
    let handler = Handler::new(config, aws::s3(&sdk), control);
    lambda_runtime::run(service_fn(|event| handler.invoked(event))).await
}
