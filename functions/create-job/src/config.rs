//! The settings of this function.

use transship::config::{ConfigError, Env, JobSettings, Reader, Route};

/// All settings, read once. docs/CONFIGURATION.md has a row for each.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// From where to where.
    pub(crate) route: Route,
    /// How.
    pub(crate) job: JobSettings,
}

impl Config {
    /// Reads the settings, and reports every wrong one.
    pub(crate) fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(env);
        let route = Route::read(&mut reader);
        let job = JobSettings::read(&mut reader, route.as_ref());
        let config = route.zip(job).map(|(route, job)| Self { route, job });
        reader.finish(config)
    }
}
