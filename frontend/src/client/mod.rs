//! The server's API, typed. Only this module knows its addresses.

mod analytics;
mod config;
mod orders;
mod payments;
mod tickets;
mod users;

pub use analytics::{analytics, analytics_stream};
pub use config::config;
pub use orders::{cancel_order, order, orders, place_order};
pub use payments::pay;
pub use tickets::{change_ticket, my_tickets, offer_ticket, ticket, ticket_stream, tickets};
pub use users::{current_user, sign_in, sign_out, sign_up};

use api::Errors;
use serde::{Serialize, de::DeserializeOwned};

use crate::browser::fetch::{self, Call, Reply};
use crate::store::{clock, connection};

/// Why something could not be read or done.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// No answer came: whether the server acted isn't known.
    Unreachable,
    /// The server can't at the moment; later it may.
    Busy(Errors),
    /// The server said no.
    Refused {
        /// HTTP status, 400 to 499.
        status: u16,
        /// Why.
        errors: Errors,
    },
    /// The server failed.
    Broken,
}

impl Failure {
    /// Whether the server has decided: the same request under the same key would be pointless.
    pub const fn is_decided(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Busy(_))
    }

    /// The status of a refusal.
    pub const fn refused(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What to tell the visitor, where there is no better place for it.
    pub fn message(&self) -> String {
        let said = |errors: &Errors| errors.errors.first().map(|error| error.message.clone());
        match self {
            Self::Unreachable => {
                "There is no connection to the server. Nothing is lost: try again.".to_owned()
            }
            Self::Busy(errors) => said(errors)
                .unwrap_or_else(|| "The server is busy. Try again in a moment.".to_owned()),
            Self::Refused { errors, .. } => {
                said(errors).unwrap_or_else(|| "The server refused this.".to_owned())
            }
            Self::Broken => "Something went wrong on our side. Try again in a moment.".to_owned(),
        }
    }
}

/// What a request came to.
pub type Outcome<T> = Result<T, Failure>;

async fn read<T: DeserializeOwned>(url: &str) -> Outcome<T> {
    parsed(&send("GET", url, None, None).await?)
}

async fn write<B: Serialize, T: DeserializeOwned>(
    method: &str,
    url: &str,
    body: &B,
    key: Option<&str>,
) -> Outcome<T> {
    let body = serde_json::to_string(body).map_err(|_| Failure::Broken)?;
    parsed(&send(method, url, Some(body), key).await?)
}

fn parsed<T: DeserializeOwned>(reply: &Reply) -> Outcome<T> {
    serde_json::from_str(&reply.text).map_err(|_| Failure::Broken)
}

async fn send(method: &str, url: &str, body: Option<String>, key: Option<&str>) -> Outcome<Reply> {
    let call = Call {
        method,
        url,
        body,
        key,
    };
    let Ok(reply) = fetch::send(call).await else {
        connection::lost();
        return Err(Failure::Unreachable);
    };
    connection::found();
    clock::learn(&reply);
    let errors = || serde_json::from_str::<Errors>(&reply.text).unwrap_or_default();
    match reply.status {
        200..=299 => Ok(reply),
        429 | 503 => Err(Failure::Busy(errors())),
        status @ 400..=499 => Err(Failure::Refused {
            status,
            errors: errors(),
        }),
        _ => Err(Failure::Broken),
    }
}
