//! What became of an object that is at the destination, as its task's message says it. Calls nothing.

use std::fmt;

use super::parts::Parts;

/// An object that is at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copied {
    /// It was there, and the same.
    AlreadyThere,
    /// A single request has copied it, since it is no larger than that.
    Whole,
    /// It was copied in parts.
    InParts {
        /// How.
        parts: Parts,
        /// How many of them this attempt has copied.
        now: u64,
        /// Its ETag is the source's.
        keeps_etag: bool,
        /// Entries of its metadata that S3 does not show in headers, and which are lost.
        missing: i32,
    },
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyThere => write!(f, "already there and identical"),
            Self::Whole => write!(f, "copied by one request"),
            Self::InParts { parts, now, keeps_etag, missing } => {
                write!(f, "copied in {} parts of {} bytes, {now} of them now; ", parts.count(), parts.size)?;
                write!(f, "its ETag is {}", if *keeps_etag { "the source's" } else { "another than the source's" })?;
                if *missing > 0 {
                    write!(f, "; {missing} entries of its metadata cannot be read, and are missing")?;
                }
                Ok(())
            }
        }
    }
}
