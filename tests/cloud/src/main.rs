//! `cloud serve`: the local cloud for any client.

mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Two AWS accounts on this machine: S3, S3 Batch Operations, S3 Inventory, IAM, STS and Lambda, loopback only.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the whole cloud on one port until Ctrl-C, with the functions attached and nothing else in it.
    Serve(serve::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { command: Command::Serve(options) } = Arguments::parse();
    // s3s calls every answer an error that is one, a missing key among them.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,s3s=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match serve::run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cloud: {error}");
            ExitCode::FAILURE
        }
    }
}
