//! `cloud serve`: the local cloud for any client.

fn main() {}
