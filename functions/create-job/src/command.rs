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
}

impl Command {
    /// The command of an invocation; none if it is none, and what is wrong with it if it is one that nobody knows.
    pub(crate) fn of(event: &Value) -> Option<Result<Self, String>> {
        let action = event.as_object()?.get("action")?;
        let by = event.get("by").and_then(Value::as_str).map(str::to_owned);
        Some(match action.as_str() {
            Some("rebuild") => Ok(Self::Rebuild { by }),
            _ => Err(format!("action is {}, expected \"rebuild\"", excerpt(&action.to_string()))),
        })
    }
}
