//! A user: one account per e-mail address.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::{Decide, Email, UserId, decide::impl_handle_by_decide};

/// A password hash in PHC string form that belongs to no known password: for accounts without
/// sign-in, because they are simulated or were imported without their secrets.
pub const NO_PASSWORD: &str = "$argon2id$v=19$m=19456,t=2,p=1$\
                               AAAAAAAAAAAAAAAAAAAAAA$\
                               AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A permission beyond buying and selling.
///
/// It is part of the aggregate and not of a session, so that revoking it works at once and not when
/// the session ends.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = UnknownRole,
    parse_err_fn = UnknownRole::from
)]
pub enum Role {
    /// May see the figures of the whole market.
    Analyst,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 1] = [Self::Analyst];
}

/// A word that names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role; there is: {roles}", roles = Role::ALL.map(<&str>::from).join(", "))]
pub struct UnknownRole(pub String);

impl From<&str> for UnknownRole {
    fn from(word: &str) -> Self {
        Self(word.to_owned())
    }
}

/// The aggregate. Its id is [`UserId::of`] the address, which makes the address unique.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    account: Option<Account>,
}

/// The account of a registered user.
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
    /// The user's roles.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Role>,
}

/// The commands on a user.
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
    /// Grant a role. Changes nothing if the user has it.
    GrantRole {
        /// What.
        role: Role,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Revoke a role. Changes nothing if the user doesn't have it.
    RevokeRole {
        /// Which.
        role: Role,
        /// Now.
        at: DateTime<Utc>,
    },
}

/// The events of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, strum::IntoStaticStr)]
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
    /// The user may do more.
    RoleGranted {
        /// What.
        role: Role,
        /// When.
        granted_at: DateTime<Utc>,
    },
    /// The user may do that no more.
    RoleRevoked {
        /// What.
        role: Role,
        /// When.
        revoked_at: DateTime<Utc>,
    },
}

impl DomainEvent for UserEvent {
    fn event_type(&self) -> String {
        <&str>::from(self).to_owned()
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
    /// No user registered with this id.
    #[error("There is no such user")]
    NoAccount,
}

impl User {
    /// The account, once it is registered.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Whether the user has a role. There is none before registration.
    pub fn has(&self, role: Role) -> bool {
        let account = self.account.as_ref();
        account.is_some_and(|account| account.roles.contains(&role))
    }

    /// The event of granting or revoking a role, if that changes anything.
    fn change(
        &self,
        role: Role,
        wanted: bool,
        event: UserEvent,
    ) -> Result<Vec<UserEvent>, UserError> {
        if self.account.is_none() {
            return Err(UserError::NoAccount);
        }
        if self.has(role) == wanted {
            return Ok(Vec::new());
        }
        Ok(vec![event])
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
            UserCommand::GrantRole { role, at } => {
                let granted_at = at;
                self.change(role, true, UserEvent::RoleGranted { role, granted_at })
            }
            UserCommand::RevokeRole { role, at } => {
                let revoked_at = at;
                self.change(role, false, UserEvent::RoleRevoked { role, revoked_at })
            }
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
                    roles: BTreeSet::new(),
                });
            }
            UserEvent::RoleGranted { role, .. } => {
                if let Some(account) = &mut self.account {
                    account.roles.insert(role);
                }
            }
            UserEvent::RoleRevoked { role, .. } => {
                if let Some(account) = &mut self.account {
                    account.roles.remove(&role);
                }
            }
        }
    }
}
