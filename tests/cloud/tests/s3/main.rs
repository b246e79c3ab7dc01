//! S3 through the real SDK, over HTTP: streaming signatures, trailing checksums and all.
#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not the helpers beside them")]

mod access;
mod conditional;
mod configuration;
mod copies;
mod in_process;
mod listings;
mod multipart;
mod objects;
mod support;
mod versions;
