//! The settings of this function.

use transship::config::{ConfigError, CopySettings, Env, Reader, Route};

/// All settings, read once. docs/CONFIGURATION.md says which.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// From where to where.
    pub(crate) route: Route,
    /// How.
    pub(crate) copies: CopySettings,
}

impl Config {
    /// Reads the settings, and reports every wrong one.
    pub(crate) fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(env);
        let route = Route::read(&mut reader);
        let copies = CopySettings::read(&mut reader);
        let config = route.map(|route| Self { route, copies });
        reader.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use transship::config::{COPY_SETTINGS, Presence, ROUTE_SETTINGS, Setting};

    use super::*;

    const DOC: &str = include_str!("../../../docs/CONFIGURATION.md");
    const TEMPLATE: &str = include_str!("../../../template.yaml");

    fn settings() -> impl Iterator<Item = &'static Setting> {
        ROUTE_SETTINGS.iter().chain(COPY_SETTINGS)
    }

    #[test]
    fn the_document_names_what_it_reads_of_how_jobs_copy() {
        let section = DOC.split("\n## copy-large\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let named: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
        for setting in COPY_SETTINGS {
            assert!(named.contains(setting.name), "{}", setting.name);
        }
    }

    #[test]
    fn the_template_sets_what_the_function_reads() {
        let function = TEMPLATE.split("\n  CopyLarge:\n").nth(1).unwrap();
        let variables = function.split("        Variables:\n").nth(1).unwrap();
        let templated: BTreeMap<&str, &str> =
            variables.lines().map_while(|line| line.strip_prefix("          ")?.split_once(": ")).collect();
        for name in templated.keys() {
            assert!(settings().any(|s| s.name == *name), "{name} is set in template.yaml, but never read");
        }
        for setting in settings().filter(|s| s.presence == Presence::Required || COPY_SETTINGS.contains(s)) {
            assert!(templated.contains_key(setting.name), "{} is not set in template.yaml", setting.name);
        }
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let wrong = BTreeMap::from([("STORAGE_CLASS", "OUTPOSTS"), ("BUCKET_KEY_ENABLED", "yes")]);
        let error = Config::from_env(&wrong).unwrap_err();
        for name in ["ROUTE", "DESTINATION_BUCKET", "STORAGE_CLASS", "BUCKET_KEY_ENABLED"] {
            assert!(error.names().contains(&name), "{name}: {error}");
        }
    }
}
