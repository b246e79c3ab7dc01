//! S3 through the real SDK, over HTTP: streaming signatures, trailing checksums and all.

mod copies;
mod objects;
mod support;
