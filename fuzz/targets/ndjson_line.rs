//! A line of an import.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    archive::fuzz::ndjson_line(bytes);
});
