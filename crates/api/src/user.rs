//! Users and sessions.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Field;

/// A user, as shown to that user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Identity.
    pub id: Uuid,
    /// Address, in lower case.
    pub email: String,
}

/// The body of `POST /api/users/signup` and `POST /api/users/signin`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credentials {
    /// Address.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub email: Field<String>,
    /// Password, 4 to 20 characters.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub password: Field<String>,
}

/// The response of `GET /api/users/currentuser`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CurrentUserAnswer {
    /// The signed-in user; `null` without one.
    pub current_user: Option<CurrentUser>,
}

/// The signed-in user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CurrentUser {
    /// Identity.
    pub id: Uuid,
    /// Address.
    pub email: String,
    /// When the session began, in seconds since 1970-01-01T00:00:00Z.
    pub iat: i64,
    /// The user's current roles; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
}

/// A permission beyond those of every user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// See the figures of the market.
    Analyst,
    /// A role that this release doesn't know; a newer server may send it to an older page.
    #[serde(other)]
    Other,
}
