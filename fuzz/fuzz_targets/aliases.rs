//! cargo-fuzz's way to the target `aliases`.
#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::run("aliases", bytes));
