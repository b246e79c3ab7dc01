//! create-job.
fn main() {}
