//! Opening accounts and finding them.

use domain::{
    Email, UserId,
    user::{Account, Role, User, UserCommand, UserError},
};
use eventstore::{CommandError, Hint, Metadata, Store, StoreError};
use std::collections::BTreeSet;

use crate::passwords::{HashingFailed, Passwords};

/// The accounts. There is no read model of them: an account is found by the id that its address
/// gives, in the log itself.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub users: Store<User>,
    pub passwords: Passwords,
}

/// Why there is no account, or none for this password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// The address has an account: 400.
    #[error("Email in use")]
    EmailInUse,
    /// A repeated sign-up came with another password: 422.
    #[error("The Idempotency-Key was used with another password")]
    OtherPassword,
    /// No account has this address and password: 400, without telling which is wrong.
    #[error("Invalid credentials")]
    InvalidCredentials,
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
        metadata: &Metadata,
    ) -> Result<Account, AccountError> {
        let id = UserId::of(&email).to_string();
        let known = self.users.load(&id).await?;
        let password_hash = match known.state().account() {
            // Taken, or this very request repeated; the store tells. Hashing would be for nothing.
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
            .execute(&id, command, metadata, Hint::None)
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
        if executed.repeated
            && !self
                .passwords
                .matches(password, Some(account.password_hash.clone()))
                .await?
        {
            return Err(AccountError::OtherPassword);
        }
        Ok(account)
    }

    /// Finds the account of an address and password. Takes the same steps whether or not the
    /// address has one.
    pub async fn sign_in(&self, email: &Email, password: String) -> Result<Account, AccountError> {
        let user = self.users.load(&UserId::of(email).to_string()).await?;
        let account = user.state().account().cloned();
        let hash = account
            .as_ref()
            .map(|account| account.password_hash.clone());
        let matches = self.passwords.matches(password, hash).await?;
        account
            .filter(|_| matches)
            .ok_or(AccountError::InvalidCredentials)
    }

    /// What a user may do beyond what everybody may, now.
    pub async fn roles(&self, user: UserId) -> Result<BTreeSet<Role>, StoreError> {
        let user = self.users.load(&user.to_string()).await?;
        let account = user.state().account();
        Ok(account.map_or_else(BTreeSet::new, |account| account.roles.clone()))
    }
}
