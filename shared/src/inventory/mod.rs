//! Inventory reports as S3 delivers them: where they lie, what their manifest says, and how one is fetched. Knows
//! nothing of jobs.

mod fetch;
mod field;
mod files;
mod key;
mod manifest;
mod row;
mod row_reader;
mod schema;

pub use fetch::{FetchError, Patience, Report, fetch};
pub use files::{all_there, has_rows};
pub use key::{KeyError, ReportFile, ReportKey};
pub use manifest::{DataFile, Manifest, ManifestError};
pub(crate) use row::Span;
pub use row::{Row, RowError};
pub use row_reader::{BadRow, RowReader};
pub(crate) use row_reader::{LONGEST_ROW, Plain};
pub use schema::{Schema, SchemaError};
