//! The main job, seen.
fn main() {}
