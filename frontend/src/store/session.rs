//! Who is signed in, as far as the app knows.

use std::ops::Deref;

use api::{CurrentUser, Role};
use dioxus::prelude::*;
use dioxus::signals::ReadableRef;
use uuid::Uuid;

use super::toasts::Toasts;
use crate::browser::{drafts, tabs};
use crate::client::Failure;

/// Who is signed in.
#[derive(Clone, Debug, PartialEq)]
pub enum Session {
    /// The server hasn't said yet.
    Unknown,
    /// Nobody.
    Nobody,
    /// A user.
    User {
        /// The user's identity.
        id: Uuid,
        /// The user's address.
        email: String,
        /// Whether the user may see the figures of the market, if that is known.
        is_analyst: Option<bool>,
    },
}

impl Session {
    /// Whether nobody is signed in, for certain.
    pub const fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody)
    }

    /// Whether a user is signed in who may see the figures of the market.
    pub const fn is_analyst(&self) -> bool {
        matches!(
            self,
            Self::User {
                is_analyst: Some(true),
                ..
            }
        )
    }

    /// The identity of the user who is signed in.
    pub const fn user_id(&self) -> Option<Uuid> {
        match self {
            Self::User { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// How the tabs write it.
    fn note(&self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::Nobody => Some(tabs::NOBODY.to_owned()),
            Self::User { id, .. } => Some(id.to_string()),
        }
    }
}

/// The session of this page.
#[derive(Clone, Copy)]
pub struct SessionStore {
    state: Signal<SessionState>,
    toasts: Toasts,
}

/// What is known of the session.
pub struct SessionState {
    /// Who is signed in.
    pub session: Session,
    /// Why that isn't known, once it takes long.
    pub failure: Option<Failure>,
    /// Whether the session ended without the visitor's doing.
    pub has_ended: bool,
    /// Counts the users of this page: what one of them saw and typed is for no other.
    pub users: u32,
    /// Who was signed in last.
    last: Option<Uuid>,
}

impl Deref for SessionState {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl SessionStore {
    /// Not known yet.
    pub fn new(toasts: Toasts) -> Self {
        Self {
            state: Signal::new(SessionState {
                session: Session::Unknown,
                failure: None,
                has_ended: false,
                users: 0,
                last: None,
            }),
            toasts,
        }
    }

    /// Returns what is known, and follows it.
    pub fn read(&self) -> ReadableRef<'_, Signal<SessionState>> {
        self.state.read()
    }

    /// Returns what is known without following it.
    pub fn peek(&self) -> ReadableRef<'_, Signal<SessionState>> {
        self.state.peek()
    }

    /// It takes long to learn it.
    pub fn is_late(mut self, failure: Failure) {
        if self.peek().session == Session::Unknown {
            self.state.write().failure = Some(failure);
        }
    }

    /// The server says who is signed in.
    pub fn set_user(self, user: Option<CurrentUser>) {
        self.set(user.map_or(Session::Nobody, |user| Session::User {
            id: user.id,
            is_analyst: Some(user.roles.contains(&Role::Analyst)),
            email: user.email,
        }));
    }

    /// A user signed in here. What the user may do isn't known yet.
    pub fn sign_in(self, user: api::User) {
        self.set(Session::User {
            id: user.id,
            email: user.email,
            is_analyst: None,
        });
    }

    /// The visitor signed out: nothing that was typed is left.
    pub fn sign_out(mut self) {
        drafts::remove_all();
        self.set(Session::Nobody);
        self.state.write().has_ended = false;
    }

    fn set(mut self, now: Session) {
        if let Some(note) = now.note() {
            tabs::write(&note);
        }
        if self.peek().failure.is_none() && self.peek().session == now {
            return;
        }
        let mut state = self.state.write();
        state.failure = None;
        let before = state.session.user_id();
        if let Session::User { id, email, .. } = &now {
            let last = state.last.replace(*id);
            if last.is_some_and(|last| last != *id) {
                state.users += 1;
            }
            if before.is_some_and(|before| before != *id) {
                self.toasts
                    .show(format!("This browser is now signed in as {email}"));
            }
            state.has_ended = false;
        }
        if now.is_nobody() && before.is_some() {
            state.has_ended = true;
        }
        state.session = now;
    }

    /// The visitor is about to sign in or out: other tabs ask before they send anything.
    pub fn begin_change() {
        tabs::write(tabs::CHANGING);
    }

    /// The session stayed as it was.
    pub fn cancel_change(self) {
        if let Some(note) = self.peek().note() {
            tabs::write(&note);
        }
    }

    /// Returns whether no other tab has noted a different session.
    pub fn is_confirmed(self) -> bool {
        tabs::read().is_none_or(|note| Some(note) == self.peek().note())
    }

    /// Another tab has noted something of the session. Returns whether the server has to be asked.
    pub fn heed_note(self) -> bool {
        match tabs::read() {
            // More will follow.
            Some(note) if note == tabs::CHANGING => false,
            Some(note) if Some(&note) == self.peek().note().as_ref() => false,
            Some(note) => {
                if note == tabs::NOBODY {
                    drafts::remove_all();
                }
                true
            }
            None => false,
        }
    }

    /// Returns the name of a draft of the user who is signed in.
    pub fn draft_name(self, name: &str) -> String {
        let user = self.peek().user_id();
        user.map_or_else(|| name.to_owned(), |user| format!("{user}.{name}"))
    }
}
