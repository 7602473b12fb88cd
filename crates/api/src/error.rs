//! The envelope of every error.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The body of every response that isn't a success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Errors {
    /// At least one; one per invalid field.
    pub errors: Vec<ErrorItem>,
}

/// One problem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorItem {
    /// A description for users.
    pub message: String,
    /// The invalid field of the request, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The caller's own order that conflicts, if that is the problem.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "orderId")]
    pub order_id: Option<Uuid>,
}
