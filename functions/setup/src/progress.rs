//! What an invocation is doing and has come to, for the answer that is given when it does not end by itself.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use transship::setup::Step;

/// Shared between the work and who watches over it.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    doing: String,
    touched: BTreeSet<Step>,
}

impl Progress {
    /// What is being done now.
    pub(crate) fn doing(&self, what: impl Into<String>) {
        let what = what.into();
        tracing::info!(doing = %what);
        self.state().doing = what;
    }

    /// A step's thing is there and ours, or may be from now on.
    pub(crate) fn touched(&self, step: Step) {
        self.state().touched.insert(step);
    }

    /// What was being done last.
    pub(crate) fn last(&self) -> String {
        let state = self.state();
        if state.doing.is_empty() { "starting".to_owned() } else { state.doing.clone() }
    }

    /// All steps that were touched.
    pub(crate) fn all_touched(&self) -> BTreeSet<Step> {
        self.state().touched.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
