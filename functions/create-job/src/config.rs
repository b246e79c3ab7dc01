//! The settings of this function.

use transship::config::{ConfigError, Env, Filters, JobSettings, Reader, Route};

/// All settings, read once. docs/CONFIGURATION.md has a row for each.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// From where to where.
    pub(crate) route: Route,
    /// How.
    pub(crate) job: JobSettings,
    /// What of it.
    pub(crate) filters: Filters,
    /// The function, as Lambda names it.
    pub(crate) function: Function,
}

/// What Lambda tells a function of itself. Nobody sets these.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// `AWS_LAMBDA_FUNCTION_NAME`; none outside of Lambda.
    pub(crate) name: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
    pub(crate) memory: u64,
}

/// What a function has where Lambda does not say.
const MEMORY: u64 = 1024;

impl Function {
    fn of(env: &dyn Env) -> Self {
        let memory = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|text| text.parse().ok()).unwrap_or(MEMORY);
        Self { name: env.get("AWS_LAMBDA_FUNCTION_NAME"), memory }
    }

    /// Bytes that the hashes of a plan may take. The rest is for the process itself, the manifest, and what is being read
    /// and written; the smallest functions are left what a hundred thousand objects take.
    pub(crate) fn for_planning(&self) -> u64 {
        const OTHERS: u64 = 256;
        const LEAST: u64 = 16;
        self.memory.saturating_sub(OTHERS).max(LEAST) * 1024 * 1024
    }
}

impl Config {
    /// Reads the settings, and reports every wrong one.
    pub(crate) fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(env);
        let route = Route::read(&mut reader);
        let job = JobSettings::read(&mut reader);
        let filters = Filters::read(&mut reader);
        let config = route.zip(job).map(|(route, job)| Self { route, job, filters, function: Function::of(env) });
        reader.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use transship::config::{FILTER_SETTINGS, JOB_SETTINGS, Presence, ROUTE_SETTINGS, Setting};

    const DOC: &str = include_str!("../../../docs/CONFIGURATION.md");
    const TEMPLATE: &str = include_str!("../../../template.yaml");

    fn settings() -> impl Iterator<Item = &'static Setting> {
        ROUTE_SETTINGS.iter().chain(JOB_SETTINGS).chain(FILTER_SETTINGS)
    }

    /// Name and default of each row of create-job's tables.
    fn documented() -> Vec<(String, String)> {
        let section = DOC.split("## create-job").nth(1).unwrap().split("### Every function").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).skip(1);
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .collect()
    }

    #[test]
    fn every_setting_has_a_row_with_its_default() {
        let expected: Vec<(String, String)> = settings()
            .map(|setting| {
                let default = match setting.presence {
                    Presence::Required => "required",
                    Presence::Optional => "none",
                    Presence::Default(value) => value,
                };
                (setting.name.to_owned(), default.to_owned())
            })
            .collect();
        assert_eq!(documented(), expected);
    }

    /// The variables that the template gives create-job, with what stands behind each.
    fn templated() -> BTreeMap<&'static str, &'static str> {
        let function = TEMPLATE.split("\n  CreateJob:\n").nth(1).unwrap();
        let variables = function.split("        Variables:\n").nth(1).unwrap();
        variables.lines().map_while(|line| line.strip_prefix("          ")?.split_once(": ")).collect()
    }

    #[test]
    fn the_template_sets_what_the_function_reads() {
        let templated = templated();
        assert!(templated.len() > 10, "{templated:?}");
        for name in templated.keys() {
            assert!(settings().any(|setting| setting.name == *name), "{name} is set in template.yaml, but never read");
        }
        for setting in settings().filter(|setting| setting.presence == Presence::Required) {
            assert!(
                templated.contains_key(setting.name),
                "{} is required, but template.yaml does not set it",
                setting.name
            );
        }
    }
}
