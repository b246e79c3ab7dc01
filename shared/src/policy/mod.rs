//! Policy documents: what each party must allow, and how our statements go into a policy that others own too.
//!
//! Pure: nothing here calls AWS. [`merge`] and [`remove`] work on the bucket policies of the source and manifest
//! buckets; every statement of ours is known by its [`Sid`](SidPrefix), and nothing else of a document is touched.

mod document;
pub mod documents;
mod error;
mod meaning;
mod merge;
mod parameters;
mod settings;
mod sid;
mod statement;

pub use error::PolicyError;
pub use meaning::{Difference, StalePrincipal, difference, equivalent, stale_principals};
pub use merge::{BUCKET_POLICY_LIMIT, Merged, Removed, merge, remove};
pub use parameters::{ParameterError, ParameterErrors, RouteParameters};
pub use settings::RouteSettings;
pub use sid::{Purpose, SidPrefix};
pub use statement::{PolicyDocument, Principal, Statement};
