//! What a person tells the function to do, by invoking it.

use serde_json::Value;
use transship::names::excerpt;

/// A person's command. No event of AWS has the field `action`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `{"action":"rebuild"}`, with `"by"` if whoever asks wants to be named.
    Rebuild {
        /// Who asks.
        by: Option<String>,
    },
    /// `{"action":"retry","run":…}`, likewise.
    Retry {
        /// The run whose carry-over is planned.
        run: String,
        /// Who asks.
        by: Option<String>,
    },
}

impl Command {
    /// The command of an invocation; none if it is none, and what is wrong with it if it is one that nobody knows.
    pub(crate) fn of(event: &Value) -> Option<Result<Self, String>> {
        let action = event.as_object()?.get("action")?;
        let by = event.get("by").and_then(Value::as_str).map(str::to_owned);
        Some(match action.as_str() {
            Some("rebuild") => Ok(Self::Rebuild { by }),
            Some("retry") => match event.get("run").and_then(Value::as_str) {
                Some(run) => Ok(Self::Retry { run: run.to_owned(), by }),
                None => Err("retry names no run: {\"action\":\"retry\",\"run\":\"2026-01-01T00-00Z-…\"}".to_owned()),
            },
            _ => Err(format!("action is {}, expected \"rebuild\" or \"retry\"", excerpt(&action.to_string()))),
        })
    }
}
