//! A user: one account per e-mail address.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

use crate::{Decide, Email, UserId, decide::impl_handle_by_decide};

/// A password hash in PHC string form that no password is known to have: for accounts that nobody
/// may sign in to, because they were made up or came without their secrets.
pub const NO_PASSWORD: &str = "$argon2id$v=19$m=19456,t=2,p=1$\
                               AAAAAAAAAAAAAAAAAAAAAA$\
                               AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The aggregate. Its id is [`UserId::of`] the address, which makes the address unique.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    account: Option<Account>,
}

/// What is known of a registered user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Identity.
    pub id: UserId,
    /// Address, in lower case.
    pub email: Email,
    /// Password hash in PHC string form. Never leaves the server.
    pub password_hash: String,
    /// When the account was made.
    pub registered_at: DateTime<Utc>,
}

/// What can be asked of a user.
#[derive(Clone, Debug)]
pub enum UserCommand {
    /// Open an account.
    Register {
        /// Address.
        email: Email,
        /// Password hash in PHC string form; the domain never sees a password.
        password_hash: String,
        /// Now.
        at: DateTime<Utc>,
    },
}

/// What happened to a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum UserEvent {
    /// An account was opened.
    UserRegistered {
        /// Identity.
        user_id: UserId,
        /// Address.
        email: Email,
        /// Password hash in PHC string form.
        password_hash: String,
        /// When.
        registered_at: DateTime<Utc>,
    },
}

impl DomainEvent for UserEvent {
    fn event_type(&self) -> String {
        match self {
            Self::UserRegistered { .. } => "UserRegistered".to_owned(),
        }
    }
    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// Why a user command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The address has an account already.
    #[error("Email in use")]
    EmailInUse,
}

impl User {
    /// The account, once it is registered.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }
}

impl Decide for User {
    fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, UserError> {
        match command {
            UserCommand::Register { .. } if self.account.is_some() => Err(UserError::EmailInUse),
            UserCommand::Register {
                email,
                password_hash,
                at,
            } => Ok(vec![UserEvent::UserRegistered {
                user_id: UserId::of(&email),
                email,
                password_hash,
                registered_at: at,
            }]),
        }
    }
}

impl Aggregate for User {
    const TYPE: &'static str = "user";
    type Command = UserCommand;
    type Event = UserEvent;
    type Error = UserError;
    impl_handle_by_decide!();

    fn apply(&mut self, event: UserEvent) {
        match event {
            UserEvent::UserRegistered {
                user_id,
                email,
                password_hash,
                registered_at,
            } => {
                self.account = Some(Account {
                    id: user_id,
                    email,
                    password_hash,
                    registered_at,
                });
            }
        }
    }
}
