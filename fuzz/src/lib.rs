//! What must hold for any bytes at all. One function for each target; a panic is a finding. `fuzz/run` fuzzes them, and
//! `cargo test` holds them to every file of `fuzz/corpus`. Calls no AWS service.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a target fails by panicking"
)]

mod baseline;
mod manifest;
mod rows;

pub use baseline::{baseline, stored as stored_baseline};
pub use manifest::manifest;
pub use rows::rows;
