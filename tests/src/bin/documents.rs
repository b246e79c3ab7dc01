//! Prints the policies that both templates and setup put up on the local cloud, read back from it, as one JSON object.
//! `tests/policy/setup.mjs` judges them.

use std::process::ExitCode;

use e2e::{Error, describe, documents};

#[tokio::main]
async fn main() -> ExitCode {
    match print().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", describe(&error));
            ExitCode::FAILURE
        }
    }
}

async fn print() -> Result<(), Error> {
    let documents = documents::of_both_routes().await?;
    println!("{}", serde_json::to_string_pretty(&documents)?);
    Ok(())
}
