//! Settings: read once from an environment, typed, every wrong one reported at once by name. Calls nothing but
//! [`ProcessEnv`], and that only when asked.

mod budget;
mod copying;
mod filters;
mod route;

pub use budget::Budget;
pub use copying::{COPY_SETTINGS, CopySettings};
pub use filters::{FILTER_SETTINGS, FilterError, Filters, Glob};
pub use route::{CopyMode, JOB_SETTINGS, JobSettings, ROUTE_SETTINGS, Restoring, Route};

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::names::excerpt;

/// Where settings come from.
pub trait Env {
    /// The value of a variable; none if it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

impl Env for BTreeMap<&str, &str> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).map(|value| (*value).to_owned())
    }
}

/// One environment variable, as docs/CONFIGURATION.md lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// Whether it has to be set, and what holds if it is not.
    pub presence: Presence,
}

/// Whether a setting has to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has to be set.
    Required,
    /// It may be left out, and then means that nothing is asked for.
    Optional,
    /// It may be left out, and then has this value.
    Default(&'static str),
}

impl Setting {
    /// A setting that has to be set.
    pub const fn required(name: &'static str) -> Self {
        Self { name, presence: Presence::Required }
    }

    /// A setting that may be left out.
    pub const fn optional(name: &'static str) -> Self {
        Self { name, presence: Presence::Optional }
    }

    /// A setting that has a default.
    pub const fn default(name: &'static str, value: &'static str) -> Self {
        Self { name, presence: Presence::Default(value) }
    }
}

/// All that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    wrong: Vec<(&'static str, String)>,
}

impl ConfigError {
    /// The names of the wrong settings, in the order they were read.
    pub fn names(&self) -> Vec<&'static str> {
        self.wrong.iter().map(|(name, _)| *name).collect()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.wrong.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        write!(f, "wrong settings: {}", lines.join("; "))
    }
}

/// Reads settings and remembers what is wrong with them. A setting that could not be read is none, and then
/// [`Reader::finish`] is an error.
pub struct Reader<'a> {
    env: &'a dyn Env,
    wrong: Vec<(&'static str, String)>,
}

impl<'a> Reader<'a> {
    /// Reads from `env`.
    pub fn new(env: &'a dyn Env) -> Self {
        Self { env, wrong: Vec::new() }
    }

    /// A setting's value or default, parsed; none if it is optional and not set, or wrong.
    pub fn read<T: FromStr<Err: fmt::Display>>(&mut self, setting: &Setting) -> Option<T> {
        let text = self.text(setting)?;
        text.parse().map_err(|error| self.blame(setting, format!("{error}"))).ok()
    }

    /// A setting that has been read before, to hold another against it; none if it is wrong, which was said then.
    pub fn known<T: FromStr>(&self, setting: &Setting) -> Option<T> {
        let text = self.env.get(setting.name).filter(|text| !text.is_empty());
        let text = match (text, setting.presence) {
            (None, Presence::Default(value)) => value.to_owned(),
            (text, _) => text?,
        };
        text.parse().ok()
    }

    /// Whether a setting is given at all.
    pub fn is_set(&self, setting: &Setting) -> bool {
        self.env.get(setting.name).is_some_and(|text| !text.is_empty())
    }

    /// A setting that is one of a list of words.
    pub fn one_of<T>(&mut self, setting: &Setting, words: &[&str], parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(setting)?;
        let value = if words.contains(&text.as_str()) { parse(&text) } else { None };
        if value.is_none() {
            self.blame(setting, format!("expected one of {}, found {:?}", words.join(", "), excerpt(&text)));
        }
        value
    }

    /// `true` or `false`.
    pub fn flag(&mut self, setting: &Setting) -> Option<bool> {
        self.one_of(setting, &["true", "false"], |text| text.parse().ok())
    }

    /// Notes that a setting is wrong.
    pub fn blame(&mut self, setting: &Setting, why: impl Into<String>) {
        self.wrong.push((setting.name, why.into()));
    }

    /// What was built of the settings, if none was wrong. `built` is none only if one was.
    pub fn finish<T>(self, built: Option<T>) -> Result<T, ConfigError> {
        match built {
            Some(built) if self.wrong.is_empty() => Ok(built),
            _ => Err(ConfigError { wrong: self.wrong }),
        }
    }

    /// An empty variable counts as not set: CloudFormation passes parameters that were left out as empty ones.
    fn text(&mut self, setting: &Setting) -> Option<String> {
        let text = self.env.get(setting.name).filter(|text| !text.is_empty());
        match (text, setting.presence) {
            (Some(text), _) => Some(text),
            (None, Presence::Default(value)) => Some(value.to_owned()),
            (None, Presence::Optional) => None,
            (None, Presence::Required) => {
                self.blame(setting, "not set, and there is no default");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
