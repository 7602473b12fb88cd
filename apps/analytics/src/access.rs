//! Access to the figures.

use domain::{
    UserId,
    user::{Role, User},
};
use eventstore::{Store, StoreError};
use httpkit::{AppError, Session, error::forbidden};

/// Checks who is an analyst now. Reads the log each time: a role that was revoked must not remain
/// effective in a session or in a cache.
#[derive(Clone)]
pub(crate) struct Analysts(pub Store<User>);

impl Analysts {
    /// Whether this user has the role.
    pub async fn include(&self, user: UserId) -> Result<bool, StoreError> {
        let user = self.0.load(&user.to_string()).await?;
        Ok(user.state().has(Role::Analyst))
    }

    /// 403 without the role, 503 when it can't be checked.
    pub async fn admit(&self, session: &Session) -> Result<(), AppError> {
        let is_one = self.include(UserId(session.user_id())).await;
        if is_one.map_err(runtime::failed)? {
            Ok(())
        } else {
            Err(forbidden("Only for analysts"))
        }
    }
}
