//! `fuzz::baseline`, by libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::baseline(bytes));
