//! setup: puts up and takes down what a route needs in both accounts, and says what is there.

mod answer;
mod bucket_policy;
mod check;
mod error;
mod event;
mod guard;
mod handler;
mod iam;
mod inventory;
mod lifecycle;
mod live;
mod outputs;
mod patience;
mod preview;
mod progress;

use std::sync::Arc;

use handler::Handler;
use lambda_runtime::{Error, service_fn};
use transship::{aws, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logging::init();
    let handler = Arc::new(Handler::new(aws::sdk_config().await, aws::http_connector()));
    lambda_runtime::run(service_fn(|event| Arc::clone(&handler).invoked(event))).await
}
