//! The cursor of a page.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    projections::fuzz::cursor(bytes);
});
