//! What people were told in that year: the messages that were really published, as their subscribers read them.

use e2e::route::Route;
use jiff::Timestamp;
use serde_json::Value;

/// One message.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) at: Timestamp,
    /// The run that it tells of; none if it tells of findings alone.
    pub(crate) run: Option<String>,
    /// It names errors of tasks.
    errors: bool,
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
        let messages = route.cloud.topics().messages();
        let notices = route.notices().unwrap();
        messages.iter().zip(notices).map(|(message, notice)| Self::of(message.at, &notice.told)).collect()
    }

    fn of(at: Timestamp, told: &Value) -> Self {
        let some = |name: &str| told[name].as_array().is_some_and(|some| !some.is_empty());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let action = |action: &Value| Action { what: text(&action["what"]), do_next: text(&action["do_next"]) };
        Self {
            at,
            run: told["run"].as_str().map(str::to_owned),
            errors: some("errors"),
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
        self.run.as_deref() == Some(run) && (self.findings || self.errors)
    }
}
