//! Verifies and parses webhooks.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::Sha256;

use super::wire::{OfIntent, PaymentIntent};
use crate::provider::{ProviderRef, WebhookError, WebhookEvent, WebhookKind};

/// Maximum difference between the time in a signature and now, in seconds: limits how long an
/// intercepted message can be replayed.
const TOLERANCE: i64 = 300;

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    livemode: bool,
    data: Value,
}

/// Verifies the signature over the body as received, then parses it, if it is of the mode of this
/// process. `now` is in Unix seconds.
pub(super) fn read(
    secret: &[u8],
    live: bool,
    signature: Option<&str>,
    body: &[u8],
    now: i64,
) -> Result<Option<WebhookEvent>, WebhookError> {
    verify(
        secret,
        signature.ok_or(WebhookError::Forged("it is missing"))?,
        body,
        now,
    )?;
    let mut event: Event = serde_json::from_slice(body).map_err(|_| WebhookError::Malformed)?;
    if event.livemode != live {
        return Err(WebhookError::OtherMode);
    }
    let kind = match event.kind.as_str() {
        "payment_intent.amount_capturable_updated" => WebhookKind::Authorized,
        "payment_intent.succeeded" => WebhookKind::Captured,
        "payment_intent.canceled" => WebhookKind::Voided,
        "payment_intent.payment_failed" => WebhookKind::Failed,
        "charge.refunded" => WebhookKind::Refunded,
        kind if kind.starts_with("charge.dispute.") => WebhookKind::Disputed,
        _ => return Ok(None),
    };
    if kind.is_about_money_that_leaves() {
        return of_charge(event, kind);
    }
    let intent: PaymentIntent = object_of(&mut event)?;
    Ok(intent.payment_id().map(|payment_id| WebhookEvent {
        id: event.id,
        kind,
        payment_id: Some(payment_id),
        reference: ProviderRef::new(intent.id),
    }))
}

/// The object of an event. Indexing would panic if the data are no object.
fn object_of<T: DeserializeOwned>(event: &mut Event) -> Result<T, WebhookError> {
    let object = event.data.get_mut("object").map(Value::take);
    serde_json::from_value(object.unwrap_or_default()).map_err(|_| WebhookError::Malformed)
}

/// A charge or a dispute names the intent and not the payment, which is in the intent's metadata.
fn of_charge(mut event: Event, kind: WebhookKind) -> Result<Option<WebhookEvent>, WebhookError> {
    let object: OfIntent = object_of(&mut event)?;
    Ok(object.payment_intent.map(|intent| WebhookEvent {
        id: event.id,
        kind,
        payment_id: None,
        reference: ProviderRef::new(intent),
    }))
}

/// The header is `t=<seconds>,v1=<hex>[,v1=<hex>…]`: several signatures while a secret is being
/// replaced, and other schemes (`v0`) that must be ignored.
fn verify(secret: &[u8], header: &str, body: &[u8], now: i64) -> Result<(), WebhookError> {
    let parts = || {
        header
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
    };
    let time = parts()
        .find_map(|(name, value)| (name == "t").then_some(value))
        .ok_or(WebhookError::Forged("it has no time"))?;
    let seconds: i64 = time
        .parse()
        .map_err(|_| WebhookError::Forged("its time is malformed"))?;
    if seconds.abs_diff(now) > TOLERANCE.unsigned_abs() {
        return Err(WebhookError::Forged("its time is too far from now"));
    }
    let mac = Hmac::<Sha256>::new_from_slice(secret)
        .map_err(|_| WebhookError::NotConfigured)?
        .chain_update(time)
        .chain_update(".")
        .chain_update(body);
    let authentic = parts()
        .filter_map(|(name, value)| (name == "v1").then(|| hex::decode(value).ok())?)
        // In constant time.
        .any(|signature| mac.clone().verify_slice(&signature).is_ok());
    if authentic {
        Ok(())
    } else {
        Err(WebhookError::Forged("none of its signatures is right"))
    }
}
