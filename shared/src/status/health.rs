//! How a route stands, in one line. Calls nothing.

use serde::{Deserialize, Serialize};

use super::Carried;
use crate::config::CopyMode;
use crate::ledger::State;
use crate::notice::{Finding, RunSummary, Severity, text};

/// How a route stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// [`Severity::Note`] where all is well.
    pub severity: Severity,
    /// One sentence, without its full stop.
    pub line: String,
}

impl Health {
    /// The worst that is so: of findings, of the last run that ended, of what is carried over.
    pub(super) fn of(findings: &[Finding], carry_over: &[Carried], runs: &[RunSummary]) -> Self {
        let worst = findings.iter().filter(|finding| finding.severity > Severity::Note).max_by_key(|f| f.severity);
        if let Some(worst) = worst {
            return Self { severity: worst.severity, line: worst.what.clone() };
        }
        let ended =
            |run: &&RunSummary| run.state.is_closed() && !matches!(run.state, State::Superseded | State::Previewed);
        let carried: u64 = carry_over.iter().map(|carry| carry.objects).sum();
        let (severity, line) = match runs.iter().find(ended) {
            Some(run) if run.state == State::Failed => {
                let next = match (run.mode, carried) {
                    (CopyMode::Everything, _) => {
                        "; in mode Everything the next report brings all of it again".to_owned()
                    }
                    (_, 0) => String::new(),
                    (_, carried) => format!("; in all, {} are carried over to the next", text::objects(carried)),
                };
                (Severity::Alarm, format!("The last run failed{next}"))
            }
            _ if runs.iter().any(|run| run.state == State::Waiting) => {
                (Severity::Warning, "A job waits until somebody confirms it in the S3 console".to_owned())
            }
            Some(run) if run.mode == CopyMode::Everything && run.state == State::CopiedWithFailures => (
                run.severity,
                "The last run did not copy everything; in mode Everything the next report brings all of it again"
                    .to_owned(),
            ),
            _ if carried > 0 => (
                Severity::Warning,
                format!("{} not copied yet: the next run includes them again", text::objects(carried)),
            ),
            Some(run) => (
                Severity::Note,
                format!("Everything that can be copied of the report of {} UTC has been copied", run.report_text()),
            ),
            None if runs.first().is_some_and(|run| run.state == State::Previewed) => {
                (Severity::Note, "Nothing is copied in mode Preview: the runs below say what would be".to_owned())
            }
            None if runs.is_empty() => (Severity::Note, "No report has arrived yet".to_owned()),
            None => (Severity::Note, "The first run has not ended yet".to_owned()),
        };
        Self { severity, line }
    }
}
