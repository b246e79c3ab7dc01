//! Which objects of a report are new or changed since the last run: the report's rows, held against a [`Baseline`].
//! Reads and writes byte streams that its caller opens; calls nothing of AWS.
//!
//! [`difference`] is the whole of it: it streams the data files of a report (checked by size, MD5 and CRC as they pass), gives what is
//! new or changed to a [`Sink`], and hands back the next baseline. docs/SEMANTICS.md, "How a change is recognised", tells what that
//! rests on.

mod baseline;
mod carry_over;
mod checksums;
mod difference;
mod error;
mod feed;
mod file;
mod hash;
mod lane;
mod md5;
mod object_hash;
mod queue;
mod range;
mod workers;

pub use baseline::{Baseline, BaselineError};
pub use carry_over::CarryOver;
pub use difference::{Input, Outcome, Progress, Select, Sink, Source, Verdict, difference};
pub use error::{DeltaError, Problem};
pub use file::DECODER;
pub use hash::HashKey;
pub use range::{Range, ranges};
