//! What `setup` puts up for a route, in which order, and what an update leaves behind. Decides only; calls nothing.

mod denials;
mod deployment;
mod key_policy;
mod parameters;
mod step;

pub use denials::{Asker, Denial, denials};
pub use deployment::{CANNED_ACLS, Deployment, Given, Place, SourceAccess};
pub use key_policy::{KeyAccess, key_access};
pub use parameters::{PARAMETERS, PATIENCE_SECONDS, Parameter, RELEASE, STACK_ID, TRIGGERS};
pub use step::{PhysicalId, Step, left_behind};

#[cfg(test)]
mod tests;
