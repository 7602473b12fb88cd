//! Stripe's webhook, with its signature.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    payments::provider::fuzz::stripe_signature(bytes);
});
