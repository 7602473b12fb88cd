//! Stripe's webhooks and their signatures.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The body of a webhook about this object.
pub fn event(id: &str, kind: &str, object: &Value) -> Vec<u8> {
    let event = json!({
        "id": id,
        "object": "event",
        "api_version": "2024-06-20",
        "created": 1_732_320_000,
        "data": { "object": object },
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    });
    event.to_string().into_bytes()
}

/// The signature of a body at a time (Unix seconds), in hexadecimal: the text after `v1=`.
///
/// # Panics
/// Never: a key may have any length.
pub fn sign(secret: &str, time: i64, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let mac = mac.unwrap_or_else(|error| panic!("{error}"));
    let mac = mac.chain_update(format!("{time}.")).chain_update(body);
    hex::encode(mac.finalize().into_bytes())
}
