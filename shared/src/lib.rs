//! What Transship's functions have in common. Each module decides or calls AWS, and says which in its first lines.
//!
//! Dependencies point one way: `inventory ← delta ← plan ← job`, over [`bucket`]; [`ledger`] keeps what they make, [`run`] puts
//! them in order; [`cost`] says what it will cost; [`notice`] and [`status`] tell people of it; [`policy`] stands beside them, under [`setup`]; [`config`],
//! [`event`] and [`names`] know nothing of either.

pub mod aws;
pub mod bucket;
pub mod config;
pub mod cost;
pub mod delta;
pub mod error;
pub mod event;
mod fast;
pub mod inventory;
pub mod job;
pub mod large;
pub mod ledger;
pub mod logging;
pub mod names;
pub mod notice;
pub mod plan;
pub mod policy;
pub mod run;
pub mod setup;
pub mod status;
