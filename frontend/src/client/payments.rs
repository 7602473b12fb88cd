use api::{NewPayment, PaymentCreated};
use uuid::Uuid;

use super::{Outcome, body, parsed, send};
use crate::browser::fetch::Call;

/// Pays an order with the card of this token.
pub async fn pay(order: Uuid, token: &str, key: &str) -> Outcome<PaymentCreated> {
    let payment = NewPayment {
        token: token.to_owned().into(),
        order_id: order.to_string().into(),
    };
    let call = Call {
        body: body(&payment)?,
        ..Call::of("POST", "/api/payments").once(key)
    };
    parsed(&send(call).await?)
}
