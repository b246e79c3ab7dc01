//! What people were told in that year: the messages that were really published, as their subscribers read them.

use e2e::notices::Notice;
use e2e::route::Route;
use jiff::Timestamp;
use serde_json::Value;

/// One message.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) at: Timestamp,
    /// The run that it tells of; none if it tells of findings alone.
    pub(crate) run: Option<String>,
    /// What it says of tasks that failed, by kind of error.
    errors: Vec<String>,
    /// It names what else went wrong with the run.
    findings: bool,
    /// What is not as it should be, and what to do about it.
    pub(crate) actions: Vec<Action>,
}

/// A finding, as it was told.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) what: String,
    pub(crate) do_next: String,
}

impl Told {
    /// All messages, oldest first.
    pub(crate) fn all(route: &Route) -> Vec<Self> {
        Self::last(route, usize::MAX)
    }

    /// So many of the last messages, oldest first.
    pub(crate) fn last(route: &Route, few: usize) -> Vec<Self> {
        let messages = route.cloud.topics().messages();
        let last = &messages[messages.len().saturating_sub(few)..];
        last.iter().map(|message| Self::of(message.at, &Notice::of(message).unwrap().told)).collect()
    }

    fn of(at: Timestamp, told: &Value) -> Self {
        let some = |name: &str| told[name].as_array().is_some_and(|some| !some.is_empty());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let action = |action: &Value| Action { what: text(&action["what"]), do_next: text(&action["do_next"]) };
        Self {
            at,
            run: told["run"].as_str().map(str::to_owned),
            errors: told["errors"].as_array().into_iter().flatten().map(|error| text(&error["message"])).collect(),
            findings: some("findings"),
            actions: told["actions"].as_array().into_iter().flatten().map(action).collect(),
        }
    }

    /// Whether it tells of a run that something about it was wrong.
    pub(crate) fn has_findings(&self, run: &str) -> bool {
        self.run.as_deref() == Some(run) && self.findings
    }

    /// Whether it tells of a run that tasks of it failed.
    pub(crate) fn has_errors(&self, run: &str) -> bool {
        self.run.as_deref() == Some(run) && (self.findings || !self.errors.is_empty())
    }

    /// Whether it tells of a run that a function that a task invoked was killed, or that its whole plan is carried over.
    pub(crate) fn has_killed(&self, run: &str) -> bool {
        let killed = |error: &String| error.contains("signal: killed");
        self.run.as_deref() == Some(run) && (self.findings || self.errors.iter().any(killed))
    }
}
