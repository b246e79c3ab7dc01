//! The `serve` command: starts a cloud, says how to reach it, runs until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;

use clap::Args;
use cloud::identity::AccountId;
use cloud::lambda::binaries::{self, BinariesError};
use cloud::{Cloud, REGION, front};
use tokio::signal::unix::{SignalKind, signal};

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The loopback port to serve on; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Print endpoint and access keys as one line of JSON instead of shell lines.
    #[arg(long)]
    json: bool,
}

/// Why the cloud is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// Most often another program has the port.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Port { port: u16, source: std::io::Error },
    /// No functions to attach.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// The greeting could not be written, or signals not be listened for.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn run(options: &Options) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let cloud = Cloud::new();
    // The port comes first: whether it is free is known at once, a build may take minutes.
    let server =
        front::serve(&cloud, options.port).await.map_err(|source| ServeError::Port { port: options.port, source })?;
    let attach = tokio::task::spawn_blocking(binaries::build_or_find);
    let found = tokio::select! {
        found = attach => found.map_err(std::io::Error::other)??,
        _ = tokio::signal::ctrl_c() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    for (name, path) in found {
        cloud.functions().attach(&name, path);
    }
    let greeting = if options.json { json(&cloud, server.address()) } else { shell(&cloud, server.address()) };
    let mut out = std::io::stdout();
    out.write_all(greeting.as_bytes())?;
    out.flush()?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped?,
        _ = terminate.recv() => {}
    }
    drop(server);
    cloud.functions().stop();
    Ok(())
}

/// Where S3 Control is reached: its clients put the account id before the host, so it must be a name, and a proxy.
fn s3_control(address: SocketAddr) -> String {
    format!("http://s3control.test:{}", address.port())
}

/// Everything a client needs, on one line.
fn json(cloud: &Cloud, address: SocketAddr) -> String {
    let accounts: serde_json::Map<String, serde_json::Value> = [AccountId::source(), AccountId::destination()]
        .iter()
        .map(|account| {
            let keys = cloud.iam().account_keys(account);
            let value = serde_json::json!({
                "account_id": account.as_str(),
                "access_key": keys.access_key_id,
                "secret_key": keys.secret_access_key,
            });
            (account.to_string(), value)
        })
        .collect();
    let hello = serde_json::json!({
        "endpoint": format!("http://{address}"),
        "s3_control_endpoint": s3_control(address),
        "region": REGION,
        "accounts": accounts,
    });
    format!("{hello}\n")
}

/// The environment of each account as lines for a shell.
fn shell(cloud: &Cloud, address: SocketAddr) -> String {
    let endpoint = format!("http://{address}");
    let control = s3_control(address);
    let mut text = format!(
        "# The local cloud serves at {endpoint} until Ctrl-C. Paste one account's lines into a shell.\n\
         # S3 Control's clients put the account id before the host: they reach it through HTTP_PROXY.\n"
    );
    for (account, what) in [(AccountId::source(), "source"), (AccountId::destination(), "destination")] {
        let keys = cloud.iam().account_keys(&account);
        let lines = [
            String::new(),
            format!("# Account {account} ({what})"),
            format!("export AWS_ACCESS_KEY_ID={}", keys.access_key_id),
            format!("export AWS_SECRET_ACCESS_KEY={}", keys.secret_access_key),
            "unset AWS_SESSION_TOKEN AWS_PROFILE".to_owned(),
            format!("export AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}"),
            format!("export AWS_ENDPOINT_URL={endpoint}"),
            format!("export AWS_ENDPOINT_URL_S3_CONTROL={control}"),
            format!("export HTTP_PROXY={endpoint} http_proxy={endpoint} NO_PROXY=127.0.0.1 no_proxy=127.0.0.1"),
        ];
        text.extend(lines.iter().flat_map(|line| [line.as_str(), "\n"]));
    }
    let examples = format!(
        "\n# For example:\n\
         #   aws s3 mb s3://my-bucket\n\
         #   aws s3control list-jobs --account-id {destination}\n\
         #   curl -X POST '{endpoint}/_cloud/inventory?bucket=my-bucket'   # deliver its inventory reports now\n\
         #   curl -X POST {endpoint}/_cloud/settle                         # wait until nothing is in flight\n",
        destination = AccountId::destination(),
    );
    text + &examples
}
