//! Who may see the figures.

use domain::{
    UserId,
    user::{Role, User},
};
use eventstore::{Store, StoreError};
use httpkit::{AppError, Session, error::forbidden};

/// Knows who is an analyst now. It asks the log each time: a role that was taken away must not
/// live on in a session, nor in anybody's memory.
#[derive(Clone)]
pub(crate) struct Analysts(pub Store<User>);

impl Analysts {
    /// Whether this user has the role.
    pub async fn include(&self, user: UserId) -> Result<bool, StoreError> {
        let user = self.0.load(&user.to_string()).await?;
        Ok(user.state().has(Role::Analyst))
    }

    /// 403 for everybody else, 503 when nobody can say.
    pub async fn admit(&self, session: &Session) -> Result<(), AppError> {
        let is_one = self.include(UserId(session.user_id())).await;
        if is_one.map_err(runtime::failed)? {
            Ok(())
        } else {
            Err(forbidden("Only for analysts"))
        }
    }
}
