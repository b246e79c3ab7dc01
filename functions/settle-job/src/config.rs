//! The settings of this function.

use std::str::FromStr;

use jiff::SignedDuration;
use transship::config::{ConfigError, Env, JobSettings, Reader, Route, Setting};
use transship::names::{Invalid, Region, TopicArn};
use transship::notice::Notices;
use transship::run::{Frequency, Patience};

const CREATE_JOB_FUNCTION: Setting = Setting::required("CREATE_JOB_FUNCTION");
const SETUP_FUNCTION: Setting = Setting::optional("SETUP_FUNCTION");
const INVENTORY_FREQUENCY: Setting = Setting::default("INVENTORY_FREQUENCY", "Daily");
const RUN_OPEN_HOURS: Setting = Setting::default("RUN_OPEN_HOURS", "24");
const NOTICE_TOPIC: Setting = Setting::optional("NOTICE_TOPIC");
const NOTICES: Setting = Setting::default("NOTICES", "All");

/// The settings that this function has beside those of a route and its jobs.
#[cfg(test)]
const SETTINGS: &[Setting] =
    &[CREATE_JOB_FUNCTION, SETUP_FUNCTION, INVENTORY_FREQUENCY, RUN_OPEN_HOURS, NOTICE_TOPIC, NOTICES];

/// Lambda's own.
const AWS_REGION: Setting = Setting::required("AWS_REGION");

/// All settings, read once. docs/CONFIGURATION.md has a row for each.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// From where to where.
    pub(crate) route: Route,
    /// How.
    pub(crate) job: JobSettings,
    /// What counts as too long.
    pub(crate) patience: Patience,
    /// The function that plans reports.
    pub(crate) create_job: String,
    /// The function that checks both accounts, if it is to be asked.
    pub(crate) setup: Option<String>,
    /// The topic that people are told by; none leaves it to the log and the status page.
    pub(crate) topic: Option<TopicArn>,
    /// Of what they are told.
    pub(crate) notices: Notices,
    /// The Region that this function and the manifest bucket are in.
    pub(crate) region: Region,
}

/// 1 to 2160 hours: after 90 days AWS forgets a job.
struct Hours(i64);

impl FromStr for Hours {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(hours @ 1..=2160) => Ok(Self(hours)),
            _ => Err(Invalid::new("a number of hours from 1 to 2160", text)),
        }
    }
}

impl Config {
    /// Reads the settings, and reports every wrong one.
    pub(crate) fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(env);
        // All are read before any is asked for: every wrong one is reported.
        let (route, job) = (Route::read(&mut reader), JobSettings::read(&mut reader));
        let create_job = reader.read(&CREATE_JOB_FUNCTION);
        let setup = reader.read(&SETUP_FUNCTION);
        let frequency: Option<Frequency> = reader.read(&INVENTORY_FREQUENCY);
        let hours: Option<Hours> = reader.read(&RUN_OPEN_HOURS);
        let (topic, notices) = (reader.read(&NOTICE_TOPIC), reader.read(&NOTICES));
        let region = reader.read(&AWS_REGION);
        let config = || {
            let run_open = SignedDuration::from_hours(hours?.0);
            let patience = Patience { frequency: frequency?, run_open };
            let (create_job, notices) = (create_job?, notices?);
            Some(Self { route: route?, job: job?, patience, create_job, setup, topic, notices, region: region? })
        };
        let config = config();
        reader.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use transship::config::{JOB_SETTINGS, Presence, ROUTE_SETTINGS};

    use super::*;

    const DOC: &str = include_str!("../../../docs/CONFIGURATION.md");
    const TEMPLATE: &str = include_str!("../../../template.yaml");

    #[test]
    fn every_setting_of_its_own_has_a_row_with_its_default() {
        let section = DOC.split("\n## settle-job\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let documented: Vec<(&str, &str)> = rows
            .map(|row| {
                let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`')).skip(1);
                (cells.next().unwrap(), cells.next().unwrap())
            })
            .collect();
        let default = |setting: &Setting| match setting.presence {
            Presence::Required => "required",
            Presence::Optional => "none",
            Presence::Default(value) => value,
        };
        let expected: Vec<(&str, &str)> = SETTINGS.iter().map(|setting| (setting.name, default(setting))).collect();
        assert_eq!(documented, expected);
    }

    #[test]
    fn the_template_sets_what_the_function_reads() {
        let function = TEMPLATE.split("\n  SettleJob:\n").nth(1).unwrap();
        let variables = function.split("        Variables:\n").nth(1).unwrap();
        let templated: BTreeMap<&str, &str> =
            variables.lines().map_while(|line| line.strip_prefix("          ")?.split_once(": ")).collect();
        let settings: Vec<&Setting> = ROUTE_SETTINGS.iter().chain(JOB_SETTINGS).chain(SETTINGS).collect();
        for name in templated.keys() {
            assert!(settings.iter().any(|s| s.name == *name), "{name} is set in template.yaml, but never read");
        }
        for setting in settings.iter().filter(|setting| setting.presence == Presence::Required) {
            assert!(templated.contains_key(setting.name), "{} is required, and not set", setting.name);
        }
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let wrong = BTreeMap::from([
            ("INVENTORY_FREQUENCY", "Hourly"),
            ("RUN_OPEN_HOURS", "0"),
            ("NOTICE_TOPIC", "a-topic"),
            ("NOTICES", "none"),
        ]);
        let error = Config::from_env(&wrong).unwrap_err();
        for name in ["ROUTE", "CREATE_JOB_FUNCTION", "AWS_REGION"].into_iter().chain(wrong.keys().copied()) {
            assert!(error.names().contains(&name), "{name}: {error}");
        }
    }
}
