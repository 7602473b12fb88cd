//! Payments.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Field;

/// The body of `POST /api/payments`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewPayment {
    /// The card, as the provider's token (`tok_…`, `pm_…`).
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token: Field<String>,
    /// The order to pay.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub order_id: Field<String>,
}

/// The response to a successful payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaymentCreated {
    /// The payment's identity; the same whenever the same order is paid again.
    pub id: Uuid,
}
