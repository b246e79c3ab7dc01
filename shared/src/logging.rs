//! Logs: one JSON object a line, fields at the top, on standard output, where Lambda takes them from.

use tracing_subscriber::EnvFilter;

/// Starts logging for this process. `RUST_LOG` sets the level; without it, `info`. At `debug` the AWS SDK logs whole
/// requests: that is for a person at a terminal.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Fails only when logging has been started already, and then it goes on as it was.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
}

/// Logs why a function cannot start or go on, as one JSON line like every other, and is its exit status.
pub fn ended(error: &(dyn std::error::Error + 'static)) -> std::process::ExitCode {
    tracing::error!(%error, "cannot start");
    std::process::ExitCode::FAILURE
}
