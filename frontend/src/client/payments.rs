use api::{NewPayment, PaymentCreated};
use uuid::Uuid;

use super::{Request, json};

/// Pays an order with the card of this token.
pub fn pay(order: Uuid, token: &str, key: String) -> Request<PaymentCreated> {
    let payment = NewPayment {
        token: token.to_owned().into(),
        order_id: order.to_string().into(),
    };
    Request::new("POST", "/api/payments".to_owned(), json)
        .body(&payment)
        .once(key)
}
