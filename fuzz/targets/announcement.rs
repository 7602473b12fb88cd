//! News from another process.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    projections::fuzz::announcement(bytes);
});
