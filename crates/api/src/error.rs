//! The envelope of every error.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The body of every answer that isn't a success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Errors {
    /// At least one; one for each field that is wrong.
    pub errors: Vec<ErrorItem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorItem {
    /// What is wrong, fit to be shown to a person.
    pub message: String,
    /// The field of the request that it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The caller's own order that stands in the way, if that is what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "orderId")]
    pub order_id: Option<Uuid>,
}
