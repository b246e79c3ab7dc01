//! Objects over 5 GB, which no copy job can copy: one object from beginning to end, by `UploadPartCopy`, in as many
//! invocations as it takes. [`copy`], [`source`] and [`upload`] call S3; the rest calls nothing.
//!
//! What an upload is a copy of stands in a record in the ledger, since S3's own answers do not tell: see [`record`].

mod copied;
mod copy;
mod error;
pub mod parts;
pub mod record;
mod source;
pub mod task;
mod upload;

pub use copied::Copied;
pub use copy::{Copier, Time};
pub use error::{LargeError, TIME_UP};
pub use parts::Parts;

#[cfg(test)]
mod tests;
