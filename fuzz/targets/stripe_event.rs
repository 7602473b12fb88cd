//! The body of Stripe's webhook.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    payments::provider::fuzz::stripe_event(bytes);
});
