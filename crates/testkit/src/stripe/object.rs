//! A PaymentIntent in Stripe's form.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cards::{CAPTURE_FAILS, DISPUTED, PARTLY_REFUNDED, REFUNDED};

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

/// The record of an intent.
#[derive(Debug)]
pub struct Intent {
    /// In the currency's smallest unit.
    pub amount: u64,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// The application's metadata.
    pub metadata: BTreeMap<String, String>,
    /// Stripe's status, such as `requires_capture`.
    pub status: &'static str,
    /// Why the last card was refused; null if none was.
    pub error: Value,
    /// Whether it claims to be real money.
    pub livemode: bool,
    /// The refunded part of the captured amount.
    pub refunded: u64,
    /// Whether the buyer's bank disputes it.
    pub disputed: bool,
    /// The token of the card that holds the money, if it is one of those that fail later.
    pub(super) trouble: Option<String>,
}

impl Intent {
    /// Does what the card is for when its money is to be taken; `false` if the money is gone.
    pub(super) fn is_taken(&mut self) -> bool {
        match self.trouble.as_deref() {
            Some(CAPTURE_FAILS) => {
                self.status = "canceled";
                return false;
            }
            Some(REFUNDED) => self.refunded = self.amount,
            Some(PARTLY_REFUNDED) => self.refunded = self.amount / 2,
            Some(DISPUTED) => self.disputed = true,
            _ => {}
        }
        self.status = "succeeded";
        true
    }

    /// The charge of the intent; Stripe returns only its ID unless it is requested.
    pub(super) fn charge(&self, id: &str) -> Value {
        if !matches!(self.status, "requires_capture" | "succeeded") {
            return Value::Null;
        }
        json!({
            "id": charge_id(id),
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if self.status == "succeeded" { self.amount } else { 0 },
            "amount_refunded": self.refunded,
            "captured": self.status == "succeeded",
            "currency": self.currency,
            "disputed": self.disputed,
            "livemode": self.livemode,
            "metadata": {},
            "payment_intent": id,
            "refunded": self.refunded == self.amount,
            "status": "succeeded",
        })
    }

    /// The intent with the fields of Stripe's own sample object.
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
            "latest_charge": self.charge(id)["id"],
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

/// The charge of an intent.
fn charge_id(intent: &str) -> String {
    format!("ch_{}", intent.trim_start_matches("pi_"))
}
