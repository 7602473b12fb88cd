//! A PaymentIntent in the shape that Stripe gives it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The fields that a card payment of this application never fills.
const ALWAYS_NULL: &[&str] = &[
    "application",
    "application_fee_amount",
    "automatic_payment_methods",
    "cancellation_reason",
    "customer",
    "customer_account",
    "description",
    "excluded_payment_method_types",
    "latest_charge",
    "managed_payments",
    "next_action",
    "on_behalf_of",
    "payment_method",
    "payment_method_configuration_details",
    "processing",
    "receipt_email",
    "review",
    "setup_future_usage",
    "shipping",
    "source",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
];

/// What the books know of an intent.
#[derive(Debug)]
pub struct Intent {
    /// In the currency's smallest unit.
    pub amount: u64,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// What the application attached to it.
    pub metadata: BTreeMap<String, String>,
    /// In Stripe's words, such as `requires_capture`.
    pub status: &'static str,
    /// Why the last card was refused; null if none was.
    pub error: Value,
    /// Whether it says that it is about real money.
    pub livemode: bool,
}

impl Intent {
    /// The intent with the fields that Stripe's own sample object has.
    pub(super) fn object(&self, id: &str) -> Value {
        let when = |status: &str, amount: u64| if self.status == status { amount } else { 0 };
        let canceled = self.status == "canceled";
        let mut object = json!({
            "id": id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": when("requires_capture", self.amount),
            "amount_details": { "tip": {} },
            "amount_received": when("succeeded", self.amount),
            "canceled_at": if canceled { json!(1_732_323_600) } else { Value::Null },
            "capture_method": "manual",
            "client_secret": format!("{id}_secret_0123456789"),
            "confirmation_method": "automatic",
            "created": 1_732_320_000,
            "currency": self.currency,
            "last_payment_error": self.error,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": ["card"],
            "status": self.status,
        });
        for field in ALWAYS_NULL {
            object[*field] = Value::Null;
        }
        object
    }
}
