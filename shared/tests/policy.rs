//! Merge and removal over policies of all shapes, and the documents of one route.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy.toml excuses tests, but not the functions they share")]

#[path = "policy/support.rs"]
mod support;

#[path = "policy/documents.rs"]
mod documents;
#[path = "policy/hostile.rs"]
mod hostile;
#[path = "policy/merging.rs"]
mod merging;
#[path = "policy/parameters.rs"]
mod parameters;
#[path = "policy/real_world.rs"]
mod real_world;
