//! Who is signed in.

use api::{CurrentUser, Role};
use dioxus::prelude::*;
use uuid::Uuid;

use super::reads::{self, Trouble};
use super::tasks::use_task;
use super::{live, toasts};
use crate::browser::{drafts, tabs};
use crate::client::{self, Failure, Outcome};

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

/// Why it isn't known, once that takes long.
pub static TROUBLE: GlobalSignal<Trouble> = Signal::global(|| None);

/// Whether the session ended without the visitor's doing, which the sign-in page tells.
pub static ENDED: GlobalSignal<bool> = Signal::global(|| false);

/// Counts the users of this page: what one of them saw and typed is for no other.
pub static USERS: GlobalSignal<u32> = Signal::global(|| 0);

/// Who was signed in last.
static LAST: GlobalSignal<Option<Uuid>> = Signal::global(|| None);

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

    /// The word for it among the tabs.
    fn word(&self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::Nobody => Some(tabs::NOBODY.to_owned()),
            Self::User { id, .. } => Some(id.to_string()),
        }
    }
}

/// Asks the server who is signed in, until it says so.
pub async fn load() {
    let user = reads::patiently(client::current_user, |failure| {
        if *SESSION.peek() == Session::Unknown {
            *TROUBLE.write() = Some(failure);
        }
    });
    if let Ok(user) = user.await {
        set(user);
    }
}

/// Asks it as long as it isn't known, and again whenever something may have been missed.
pub fn use_loaded() {
    use_task(|| {
        live::follow_refresh();
        Box::pin(async {
            if *SESSION.peek() == Session::Unknown {
                load().await;
            }
        })
    });
}

/// The page is looked at again: the session may be over, or another's.
pub async fn check() {
    if let Ok(user) = client::current_user().await {
        set(user);
    }
}

/// The server didn't take the session. Asks whether it is over: what belongs to another user is
/// refused in the same way.
pub async fn has_ended() -> Outcome<bool> {
    // In a box, since this is a part of every request, and is one.
    set(Box::pin(client::current_user()).await?);
    Ok(SESSION.peek().is_nobody())
}

/// Makes sure that what is sent now is sent by who is seen at the top of this page.
pub async fn confirm() -> Outcome<()> {
    let known = SESSION.peek().clone();
    if tabs::said().is_none_or(|said| Some(said) == known.word()) {
        return Ok(());
    }
    set(Box::pin(client::current_user()).await?);
    match (known.user_id(), SESSION.peek().user_id()) {
        (before, now) if before == now => Ok(()),
        (_, None) => Err(Failure::SignedOut),
        _ => Err(Failure::OtherUser),
    }
}

/// Another tab said something of the session.
pub async fn heard() {
    match tabs::said() {
        // It will say more.
        Some(said) if said == tabs::CHANGING => {}
        Some(said) if Some(&said) == SESSION.peek().word().as_ref() => {}
        Some(said) => {
            if said == tabs::NOBODY {
                drafts::forget_all();
            }
            check().await;
        }
        None => {}
    }
}

fn set(user: Option<CurrentUser>) {
    put(user.map_or(Session::Nobody, |user| Session::User {
        id: user.id,
        is_analyst: Some(user.roles.contains(&Role::Analyst)),
        email: user.email,
    }));
}

fn put(now: Session) {
    let before = SESSION.peek().clone();
    if TROUBLE.peek().is_some() {
        *TROUBLE.write() = None;
    }
    if let Some(word) = now.word() {
        tabs::say(&word);
    }
    if before == now {
        return;
    }
    if let Session::User { id, email, .. } = &now {
        let last = *LAST.peek();
        if last.is_some_and(|last| last != *id) {
            *USERS.write() += 1;
        }
        if before.user_id().is_some_and(|before| before != *id) {
            toasts::say(format!("This browser is now signed in as {email}"));
        }
        *LAST.write() = Some(*id);
        *ENDED.write() = false;
    }
    if now.is_nobody() && before.user_id().is_some() {
        *ENDED.write() = true;
    }
    *SESSION.write() = now;
}

/// Somebody is about to sign in or out: other tabs ask before they send anything.
pub fn changing() {
    tabs::say(tabs::CHANGING);
}

/// Nothing came of it.
pub fn unchanged() {
    if let Some(word) = SESSION.peek().word() {
        tabs::say(&word);
    }
}

/// Somebody signed in; what the user may do is asked for.
pub fn begin(user: api::User) {
    put(Session::User {
        id: user.id,
        email: user.email,
        is_analyst: None,
    });
    dioxus::core::spawn_forever(load());
}

/// The visitor signed out: nobody is signed in any more, and nothing that was typed is left.
pub fn end() {
    drafts::forget_all();
    put(Session::Nobody);
    *ENDED.write() = false;
}

/// The name of a draft of who is signed in.
pub fn draft_name(name: &str) -> String {
    let user = SESSION.peek().user_id();
    user.map_or_else(|| name.to_owned(), |user| format!("{user}.{name}"))
}
