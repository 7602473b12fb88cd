//! Who is signed in.

use api::{CurrentUser, Role};
use dioxus::prelude::*;
use uuid::Uuid;

use super::reads;
use crate::client;

/// Who is signed in, as far as the app knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Session {
    /// The server hasn't said yet.
    Unknown,
    /// Nobody.
    Nobody,
    /// Somebody.
    User {
        /// The user's identity.
        id: Uuid,
        /// The user's address.
        email: String,
        /// Whether the user may see the figures of the market, if that is known.
        is_analyst: Option<bool>,
    },
}

/// The session.
pub static SESSION: GlobalSignal<Session> = Signal::global(|| Session::Unknown);

impl Session {
    /// Whether nobody is signed in, for certain.
    pub const fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody)
    }

    /// Whether somebody is signed in who may see the figures of the market.
    pub const fn is_analyst(&self) -> bool {
        matches!(
            self,
            Self::User {
                is_analyst: Some(true),
                ..
            }
        )
    }

    /// The identity of who is signed in.
    pub const fn user_id(&self) -> Option<Uuid> {
        match self {
            Self::User { id, .. } => Some(*id),
            _ => None,
        }
    }
}

/// Asks the server who is signed in.
pub async fn load() {
    if let Ok(user) = reads::patiently(client::current_user).await {
        set(user);
    }
}

/// The server no longer takes the session: asks it anew, since a page of another user answers
/// the same way.
pub async fn ended() {
    if let Ok(user) = client::current_user().await {
        set(user);
    }
}

fn set(user: Option<CurrentUser>) {
    let now = user.map_or(Session::Nobody, |user| Session::User {
        id: user.id,
        is_analyst: Some(user.roles.contains(&Role::Analyst)),
        email: user.email,
    });
    if *SESSION.peek() != now {
        *SESSION.write() = now;
    }
}

/// Somebody signed in; what the user may do is asked for.
pub fn begin(user: api::User) {
    *SESSION.write() = Session::User {
        id: user.id,
        email: user.email,
        is_analyst: None,
    };
    dioxus::core::spawn_forever(load());
}

/// Nobody is signed in any more.
pub fn end() {
    *SESSION.write() = Session::Nobody;
}
