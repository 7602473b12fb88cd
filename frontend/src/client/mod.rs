//! The server's API, typed. Only this module knows its addresses.

mod analytics;
mod config;
mod orders;
mod payments;
mod tickets;
mod users;

pub use analytics::{analytics, analytics_stream};
pub use config::{Provider, Settings, config};
pub use orders::{cancel_order, order, orders, place_order};
pub use payments::pay;
pub use tickets::{
    change_ticket, my_tickets, offer_ticket, ticket, ticket_stream, tickets, withdraw_ticket,
};
pub use users::{current_user, sign_in, sign_out, sign_up};

use api::Errors;
use serde::{Serialize, de::DeserializeOwned};
use state::duration_words;

use crate::browser::fetch::{self, Call, Reply};
use crate::store::{clock, connection, session};

/// Why something could not be read or done.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// No answer came: whether the server acted isn't known.
    Unreachable,
    /// The server can't at the moment; later it may.
    Busy {
        /// Why.
        errors: Errors,
        /// When it is worth another try, in seconds.
        after: Option<u64>,
    },
    /// Nobody is signed in any more: the session ended. The visitor is being led to sign in.
    SignedOut,
    /// Somebody else signed in, in another tab. Nothing was sent.
    OtherUser,
    /// The server said no.
    Refused {
        /// HTTP status, 400 to 499.
        status: u16,
        /// Why.
        errors: Errors,
        /// Where what it is about is to be found, if the server says so.
        location: Option<String>,
    },
    /// The server failed.
    Broken,
}

impl Failure {
    /// Whether the server has decided: the same request under the same key would be pointless.
    pub const fn is_decided(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Busy { .. })
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
        let said = |errors: &Errors| {
            let all = errors.errors.iter().map(|error| error.message.as_str());
            let all: Vec<&str> = all.collect();
            (!all.is_empty()).then(|| all.join(". "))
        };
        match self {
            Self::Unreachable => {
                "There is no connection to the server. Nothing is lost: try again.".to_owned()
            }
            Self::Busy { errors, after } => {
                let words = said(errors).unwrap_or_else(|| "The server is busy".to_owned());
                let words = words.replace(", please try again later", "");
                match after.filter(|seconds| *seconds > BRIEFLY) {
                    Some(seconds) => format!("{words}. Try again in {}.", duration_words(seconds)),
                    None => format!("{words}. Try again in a moment."),
                }
            }
            Self::SignedOut => "You were signed out. Sign in to go on.".to_owned(),
            Self::OtherUser => {
                "Somebody else signed in here, in another tab. Nothing was sent: look who it is, \
                 and do it again."
                    .to_owned()
            }
            Self::Refused { errors, .. } => {
                said(errors).unwrap_or_else(|| "The server refused this.".to_owned())
            }
            Self::Broken => "Something went wrong on our side. Try again in a moment.".to_owned(),
        }
    }
}

/// Up to this, in seconds, a wait isn't worth a number.
const BRIEFLY: u64 = 5;

/// What a request came to.
pub type Outcome<T> = Result<T, Failure>;

async fn read<T: DeserializeOwned>(url: &str) -> Outcome<T> {
    parsed(&send(Call::of("GET", url)).await?)
}

/// A body to send. Not a part of sending: that would be compiled for each kind of body.
fn body<B: Serialize>(of: &B) -> Outcome<Option<String>> {
    serde_json::to_string(of)
        .map(Some)
        .map_err(|_| Failure::Broken)
}

fn parsed<T: DeserializeOwned>(reply: &Reply) -> Outcome<T> {
    serde_json::from_str(&reply.text).map_err(|_| Failure::Broken)
}

/// Sends a request. Whatever can happen to all requests is seen to here: a lost connection, the
/// server's time, a session that ended or is another's.
async fn send(call: Call<'_>) -> Outcome<Reply> {
    // Who signs in or out is nobody else's business.
    let is_ones_own = call.url.starts_with("/api/users/");
    if call.method != "GET" && !is_ones_own {
        session::confirm().await?;
    }
    let Ok(reply) = fetch::send(call).await else {
        connection::lost();
        return Err(Failure::Unreachable);
    };
    connection::found();
    clock::learn(&reply);
    let errors = || serde_json::from_str::<Errors>(&reply.text).unwrap_or_default();
    match reply.status {
        200..=299 => Ok(reply),
        429 | 503 => Err(Failure::Busy {
            errors: errors(),
            after: reply.retry_after,
        }),
        // Another's things are answered in the same way as nobody's session.
        401 if !is_ones_own && session::has_ended().await? => Err(Failure::SignedOut),
        status @ 400..=499 => Err(Failure::Refused {
            status,
            errors: errors(),
            location: reply.location,
        }),
        _ => Err(Failure::Broken),
    }
}
