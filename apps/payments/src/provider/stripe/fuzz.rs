//! For fuzz targets, and the tests that replay their corpora.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::signature::read;
use crate::provider::{WebhookError, WebhookKind};

const SECRET: &[u8] = b"whsec_fuzz";
/// The current time, in Unix seconds.
const NOW: i64 = 1_700_000_000;

/// Reads a webhook: a line with the header, and the body. Returns whether Stripe sent it.
pub fn stripe_signature(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (header, body) = bytes.split_at(end.unwrap_or(bytes.len()));
    let body = body.get(1..).unwrap_or_default();
    let header = String::from_utf8_lossy(header);
    let forged = matches!(
        read(SECRET, false, Some(&header), body, NOW),
        Err(WebhookError::Forged(_) | WebhookError::NotConfigured)
    );
    if !forged {
        let time = header
            .split(',')
            .find_map(|part| part.trim().strip_prefix("t="));
        let expected = sign(time.unwrap_or_default(), body);
        let given = header.to_ascii_lowercase();
        assert!(given.contains(&expected), "{header}");
    }
    !forged
}

/// Reads the body of a webhook with a valid signature. Returns whether it concerned a payment.
pub fn stripe_event(body: &[u8]) -> bool {
    let header = format!("t={NOW},v1={}", sign(&NOW.to_string(), body));
    let event = match read(SECRET, false, Some(&header), body, NOW) {
        Ok(Some(event)) => event,
        Ok(None) | Err(WebhookError::Malformed | WebhookError::OtherMode) => return false,
        Err(error) => panic!("{error}"),
    };
    // Events about refunds and disputes name the intent, and all others the payment.
    let leaves = matches!(event.kind, WebhookKind::Refunded | WebhookKind::Disputed);
    assert_eq!(event.payment_id.is_none(), leaves, "{event:?}");
    true
}

/// Signs like Stripe.
fn sign(time: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET);
    let mac = mac.unwrap_or_else(|error| panic!("{error}"));
    let mac = mac.chain_update(time).chain_update(".").chain_update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_unsigned_webhook_is_refused() {
        testkit::replay("stripe_signature", stripe_signature);
    }

    #[test]
    fn any_signed_webhook_is_read_or_refused() {
        testkit::replay("stripe_event", stripe_event);
    }
}
