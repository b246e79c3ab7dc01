//! The difference of two reports, held against a naive one; damaged reports and baselines; the stored form.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy.toml excuses tests, but not the functions they share")]

#[path = "delta/support.rs"]
mod support;

#[path = "delta/command.rs"]
mod command;
#[path = "delta/damaged.rs"]
mod damaged;
#[path = "delta/properties.rs"]
mod properties;
#[path = "delta/running.rs"]
mod running;
#[path = "delta/stored.rs"]
mod stored;
