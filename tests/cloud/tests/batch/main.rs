//! Inventory and Batch Operations through the real SDKs, over HTTP: the tutorial's flow, and what breaks it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions, not the helpers beside them")]

mod api;
mod inventory;
mod jobs;
mod manifests;
mod scripts;
mod support;
