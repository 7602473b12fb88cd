//! A stored message, as a commit.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    eventstore::fuzz::envelope(bytes);
});
