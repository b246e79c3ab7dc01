//! What Transship's functions have in common. Each module decides or calls AWS, and says which in its first lines.
//!
//! Dependencies point one way: `inventory ← delta ← job`; [`policy`] stands beside them, under [`setup`]; [`config`], [`event`] and [`names`] know nothing of either.

pub mod aws;
pub mod config;
pub mod delta;
pub mod error;
pub mod event;
pub mod inventory;
pub mod job;
pub mod logging;
pub mod names;
pub mod policy;
pub mod setup;
