//! What a developer runs, as a library: inventory reports to try things on, and the benchmarks on them. Calls no AWS
//! service and shares no code with `transship`, whose work it judges.

pub mod answer;
pub mod bench;
pub mod floor;
pub mod generate;
pub mod measure;
