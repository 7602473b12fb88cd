//! The server's API, typed: what can be asked, and what its replies mean. Only this module knows
//! its addresses. Nothing here changes what the app shows: `store::requests` sends them.

mod analytics;
mod config;
mod orders;
mod payments;
mod streams;
mod tickets;
mod users;

pub use analytics::analytics;
pub use config::{Provider, Settings, config};
pub use orders::{cancel_order, order, orders, place_order};
pub use payments::pay;
pub use streams::{StreamSource, open_stream};
pub use tickets::{change_ticket, my_tickets, offer_ticket, ticket, tickets, withdraw_ticket};
pub use users::{current_user, sign_in, sign_out, sign_up};

use api::Errors;
use serde::{Serialize, de::DeserializeOwned};
use state::{duration_words, next_cursor};

use crate::browser::fetch::{self, Call, Dated, Reply};

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
pub type ApiResult<T> = Result<T, Failure>;

/// A request, and how its reply is read.
pub struct Request<T> {
    /// What is sent.
    pub call: Call,
    /// Reads a reply of success; nothing if it is not what was expected.
    pub read: fn(&Reply) -> Option<T>,
}

impl<T> Request<T> {
    fn new(method: &'static str, url: String, read: fn(&Reply) -> Option<T>) -> Self {
        let call = Call {
            method,
            url,
            ..Call::default()
        };
        Self { call, read }
    }

    fn body<B: Serialize>(mut self, body: &B) -> Self {
        // Can't fail on strings and numbers.
        self.call.body = serde_json::to_string(body).ok();
        self
    }

    /// Under an idempotency key.
    fn once(mut self, key: String) -> Self {
        self.call.key = Some(key);
        self
    }

    /// Only if what it changes has this version.
    fn if_match(mut self, version: u64) -> Self {
        self.call.if_match = Some(version);
        self
    }
}

/// A page of a longer list.
pub struct Page<T> {
    /// What is on it.
    pub content: T,
    /// Where the next page begins; none on the last one.
    pub next: Option<String>,
}

fn get<T: DeserializeOwned>(url: String) -> Request<T> {
    Request::new("GET", url, json)
}

fn page<T: DeserializeOwned>(mut url: String, cursor: Option<&str>) -> Request<Page<T>> {
    if let Some(cursor) = cursor {
        url.push_str("&cursor=");
        url.push_str(&state::encode(cursor));
    }
    Request::new("GET", url, read_page)
}

fn json<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    serde_json::from_str(&reply.text).ok()
}

fn read_page<T: DeserializeOwned>(reply: &Reply) -> Option<Page<T>> {
    Some(Page {
        content: json(reply)?,
        next: reply.link.as_deref().and_then(next_cursor),
    })
}

#[allow(clippy::unnecessary_wraps)]
fn nothing(_: &Reply) -> Option<()> {
    Some(())
}

/// What came of a request, and what else its reply says.
pub struct Response {
    /// The reply, if it is one of success.
    pub outcome: ApiResult<Reply>,
    /// When any reply was written.
    pub dated: Option<Dated>,
}

/// Returns whether a request is about the session itself: signing in or out, and who is signed in.
pub fn is_of_session(call: &Call) -> bool {
    call.url.starts_with("/api/users/")
}

/// Sends a request.
pub async fn send(call: Call) -> Response {
    let reply = fetch::send(call).await;
    let dated = reply.as_ref().ok().and_then(|reply| reply.dated);
    let outcome = match reply {
        Ok(reply) => judge(reply),
        Err(_) => Err(Failure::Unreachable),
    };
    Response { outcome, dated }
}

fn judge(reply: Reply) -> ApiResult<Reply> {
    let errors = || serde_json::from_str::<Errors>(&reply.text).unwrap_or_default();
    match reply.status {
        200..=299 => Ok(reply),
        429 | 503 => Err(Failure::Busy {
            errors: errors(),
            after: reply.retry_after,
        }),
        status @ 400..=499 => Err(Failure::Refused {
            status,
            errors: errors(),
            location: reply.location,
        }),
        _ => Err(Failure::Broken),
    }
}
