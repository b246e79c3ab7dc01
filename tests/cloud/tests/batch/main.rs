//! Inventory and Batch Operations through the real SDKs, over HTTP: the tutorial's flow, and what breaks it.

mod api;
mod inventory;
mod jobs;
mod manifests;
mod support;
