//! How to reach the log.

use std::{fmt, path::PathBuf, time::Duration};
use uuid::Uuid;

use crate::{Prefix, StreamName, Upcasters};

/// How to reach the log.
///
/// ```
/// use eventstore::LogConfig;
///
/// let config = LogConfig {
///     url: "nats://nats-0:4222,nats://nats-1:4222,nats://nats-2:4222".to_owned(),
///     replicas: 3,
///     ..LogConfig::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Addresses of the servers, separated by commas: `nats://host:4222`.
    pub url: String,
    /// Credentials, if the server requires them.
    pub login: Option<Login>,
    /// A file with the certificates of trusted authorities, if not the system's.
    pub tls_ca: Option<PathBuf>,
    /// A client certificate and its key, if the server requires them.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// What stands before the names of all streams on the server, so that several installations can
    /// share it. None by default.
    pub prefix: Prefix,
    /// The streams of commits. One stream holds the aggregates of one type.
    pub event_streams: Vec<StreamName>,
    /// Copies of each stream, 1 to 5.
    pub replicas: usize,
    /// Time limit for one answer of the server. An append whose acknowledgment is late is looked
    /// up, and repeated if it is missing.
    pub answer_timeout: Duration,
    /// Time limit for a command, retries included.
    pub command_timeout: Duration,
    /// How long a claim of a request is respected without a response (see
    /// [`Idempotency::claim`](crate::Idempotency::claim)). After this, another process may execute
    /// the request; if the first one is still alive after all, the response that is recorded first
    /// counts for both.
    pub claim_ttl: Duration,
    /// The name that the server shows for this connection.
    pub client_name: String,
    /// Upcasters for old events.
    pub upcasters: Upcasters,
}

/// Credentials for NATS.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A user with a password.
    Password {
        /// Its name.
        user: String,
        /// Its password; never shown.
        password: String,
    },
    /// A credentials file (`.creds`): a signed user and its key.
    CredentialsFile(PathBuf),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => write!(f, "the user {user}"),
            Self::CredentialsFile(file) => write!(f, "the credentials {}", file.display()),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            login: None,
            tls_ca: None,
            tls_identity: None,
            prefix: Prefix::NONE,
            event_streams: Vec::new(),
            replicas: 1,
            answer_timeout: Duration::from_millis(500),
            command_timeout: Duration::from_millis(1800),
            claim_ttl: Duration::from_secs(4),
            client_name: "eventstore".to_owned(),
            upcasters: Upcasters::default(),
        }
    }
}

impl LogConfig {
    /// Connects to the servers at `url`, with defaults for everything else.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..Self::default()
        }
    }

    /// The prefix of reply subjects, so that a server can keep other clients from reading replies:
    /// `_INBOX.<user>`, or the client's name where no user signs in.
    pub(super) fn inbox(&self) -> String {
        let name = match &self.login {
            Some(Login::Password { user, .. }) => user,
            _ => &self.client_name,
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.chars().all(is_plain) {
            return format!("_INBOX.{name}");
        }
        // Two names that become the same token must not receive each other's replies.
        let spelled = name.replace(|c| !is_plain(c), "-");
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).simple();
        format!("_INBOX.{spelled}-{:.8}", hash.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_and_the_inbox_is_the_users_own() {
        let config = LogConfig {
            login: Some(Login::Password {
                user: "orders".to_owned(),
                password: "hunter2".to_owned(),
            }),
            ..LogConfig::default()
        };
        assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
        assert_eq!(config.inbox(), "_INBOX.orders");
        assert_eq!(LogConfig::default().inbox(), "_INBOX.eventstore");
        let named = |client_name: &str| LogConfig {
            client_name: client_name.to_owned(),
            ..LogConfig::default()
        };
        assert_eq!(named("a_b").inbox(), "_INBOX.a_b");
        assert_ne!(named("a.b").inbox(), named("a-b").inbox());
        assert_ne!(named("a.b").inbox(), named("a b").inbox());
    }
}
