//! Shows what happens while it happens.

use std::time::Instant;

use e2e::Error;
use e2e::route::{MANIFEST_BUCKET, Route, SOURCE_BUCKET};
use e2e::runs::Run;
use e2e::verify::Arrival;
use indicatif::{ProgressBar, ProgressStyle};

/// Tells a person what happens; with `--json`, on stderr.
pub(crate) struct Show {
    /// Whether stdout is for JSON only.
    pub(crate) json: bool,
    /// What times are counted from.
    pub(crate) started: Instant,
}

impl Show {
    /// A line, with the time since the start.
    pub(crate) fn step(&self, text: &str) {
        let line = format!("{:>7.2} s  {text}", self.started.elapsed().as_secs_f64());
        if self.json { eprintln!("{line}") } else { println!("{line}") }
    }

    /// What setup wrote.
    pub(crate) async fn set_up(&self, route: &Route) -> Result<(), Error> {
        self.step(&format!("setup made the role {}", route.stack.copy_role_arn));
        for (account, bucket) in [(&route.destination, MANIFEST_BUCKET), (&route.source, SOURCE_BUCKET)] {
            let policy = Route::policy(account, bucket).await?.unwrap_or_default();
            let policy: serde_json::Value = serde_json::from_str(&policy)?;
            let statements = policy["Statement"].as_array().map_or(1, Vec::len);
            self.step(&format!("setup put its statements into the policy of {bucket}: {statements} there now"));
        }
        self.step(&format!("setup put the inventory configuration on {SOURCE_BUCKET}"));
        Ok(())
    }

    /// A progress bar on stderr; hidden where stderr is no terminal.
    pub(crate) fn bar(length: u64) -> ProgressBar {
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("           {wide_bar} {pos}/{len} {per_sec}") {
            bar.set_style(style);
        }
        bar
    }

    /// What create-job said, where nothing came of a report.
    pub(crate) fn failures(&self, route: &Route, run: &Run) {
        for failure in route.cloud.functions().failures() {
            self.step(&format!("create-job failed: {}", failure.error));
        }
        if run.state.is_none() {
            route
                .cloud
                .functions()
                .logs("create-job")
                .iter()
                .for_each(|line| self.step(&format!("create-job: {line}")));
        }
    }

    /// The objects that did not arrive as they are; no more than 20.
    pub(crate) fn arrivals(&self, arrivals: &[(String, Arrival)]) {
        for (key, arrival) in arrivals.iter().filter(|(_, arrival)| *arrival != Arrival::Same).take(20) {
            self.step(&format!("{key:?}: {arrival:?}"));
        }
    }
}
