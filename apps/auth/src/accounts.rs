//! Opens and finds accounts.

use domain::{
    Email, UserId,
    user::{Account, Role, User, UserCommand, UserError},
};
use eventstore::{CommandError, Expectation, Metadata, Store, StoreError};
use httpkit::{AppError, Limits};
use std::{collections::BTreeSet, net::IpAddr};

use crate::passwords::{HashingFailed, Passwords};

/// The accounts. They have no read model: an account is found in the log itself, by the ID that
/// derives from its address.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub users: Store<User>,
    pub passwords: Passwords,
    pub limits: Limits,
}

/// Why there is no account, or none with this password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// The address has an account: 400.
    #[error("Email in use")]
    EmailInUse,
    /// A sign-up was repeated with another password: 422.
    #[error("The Idempotency-Key was used with another password")]
    OtherPassword,
    /// No account has this address and password: 400, without revealing which is wrong.
    #[error("Invalid credentials")]
    InvalidCredentials,
    /// Too many guesses were wrong, so this one wasn't checked: 429.
    #[error(transparent)]
    TooMany(AppError),
    /// The log could not be reached.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// A password could not be hashed.
    #[error(transparent)]
    Hashing(#[from] HashingFailed),
}

impl Accounts {
    /// Opens an account. The address is unique because the aggregate's id is derived from it.
    pub async fn sign_up(
        &self,
        email: Email,
        password: String,
        address: Option<IpAddr>,
        metadata: &Metadata,
    ) -> Result<Account, AccountError> {
        let id = UserId::of(&email).to_string();
        let known = self.users.load(&id).await?;
        let password_hash = match known.state().account() {
            // Taken, or a repetition of this request; the store decides which. Hashing would be
            // wasted.
            Some(account) => account.password_hash.clone(),
            None => self.passwords.hash(password.clone()).await?,
        };
        let command = UserCommand::Register {
            email,
            password_hash,
            at: metadata.time,
        };
        let executed = self
            .users
            .execute(&id, command, metadata, Expectation::Unknown)
            .await
            .map_err(|error| match error {
                CommandError::Refused(UserError::EmailInUse | UserError::NoAccount) => {
                    AccountError::EmailInUse
                }
                CommandError::Failed(failure) => failure.into(),
            })?;
        let account = executed
            .state
            .account()
            .cloned()
            .ok_or(AccountError::EmailInUse)?;
        // A caller with the key could try passwords here, so it counts as an attempt to sign in.
        if executed.was_duplicate {
            let hash = Some(account.password_hash.clone());
            if !self.matches(account.id, password, hash, address).await? {
                return Err(AccountError::OtherPassword);
            }
        }
        Ok(account)
    }

    /// Finds the account with an address and password. Takes the same steps whether or not the
    /// address has one.
    pub async fn sign_in(
        &self,
        email: &Email,
        password: String,
        address: Option<IpAddr>,
    ) -> Result<Account, AccountError> {
        let id = UserId::of(email);
        let user = self.users.load(&id.to_string()).await?;
        let account = user.state().account().cloned();
        let hash = account
            .as_ref()
            .map(|account| account.password_hash.clone());
        let matches = self.matches(id, password, hash, address).await?;
        account
            .filter(|_| matches)
            .ok_or(AccountError::InvalidCredentials)
    }

    /// Whether a password matches that of an account, as an attempt that is counted before the
    /// check.
    async fn matches(
        &self,
        id: UserId,
        password: String,
        hash: Option<String>,
        address: Option<IpAddr>,
    ) -> Result<bool, AccountError> {
        let attempt = self.limits.attempt(id.0, address);
        let attempt = attempt.map_err(AccountError::TooMany)?;
        match self.passwords.matches(password, hash).await {
            Ok(true) => {
                attempt.succeeded();
                Ok(true)
            }
            Ok(false) => Ok(false),
            Err(error) => {
                attempt.not_judged();
                Err(error.into())
            }
        }
    }

    /// The user's current roles.
    pub async fn roles(&self, user: UserId) -> Result<BTreeSet<Role>, StoreError> {
        let user = self.users.load(&user.to_string()).await?;
        let account = user.state().account();
        Ok(account.map_or_else(BTreeSet::new, |account| account.roles.clone()))
    }
}
