//! How to reach NATS, and the connection itself.

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use std::{
    error::Error,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{EVENT_STREAMS, StoreError, StreamName, Upcasters};

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
    /// Who signs in, if the server asks.
    pub login: Option<Login>,
    /// A file with the certificates of the authorities to trust, if not the system's.
    pub tls_ca: Option<PathBuf>,
    /// A client certificate and its key, if the server wants them.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
    /// The streams of commits. One stream holds the aggregates of one type.
    pub event_streams: Vec<StreamName>,
    /// Copies of each stream, 1 to 5.
    pub replicas: usize,
    /// How long to wait for one answer of the server. An append whose acknowledgment is late is
    /// looked up and, if it isn't there, tried again.
    pub answer_timeout: Duration,
    /// How long a command may take in all, retries included.
    pub command_timeout: Duration,
    /// How long the claim of a request is respected without an answer (see
    /// [`Log::claim_request`](crate::Log::claim_request)). After this another
    /// may carry the request out; if the first one lives after all, the answer that is recorded
    /// first counts for both.
    pub claim_kept: Duration,
    /// The name that the server shows for this connection.
    pub client_name: String,
    /// Upcasters for old events.
    pub upcasters: Upcasters,
}

/// Who signs in to NATS.
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
            event_streams: EVENT_STREAMS.to_vec(),
            replicas: 1,
            answer_timeout: Duration::from_millis(500),
            command_timeout: Duration::from_millis(1800),
            claim_kept: Duration::from_secs(4),
            client_name: "eventstore".to_owned(),
            upcasters: Upcasters::default(),
        }
    }
}

impl LogConfig {
    /// The servers at `url`, and everything else by default.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..Self::default()
        }
    }

    /// Answers come to subjects of one's own, so that a server can keep others from hearing them:
    /// below `_INBOX.<user>`, or the name of the client where no user signs in.
    fn inbox(&self) -> String {
        let name = match &self.login {
            Some(Login::Password { user, .. }) => user,
            _ => &self.client_name,
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.chars().all(is_plain) {
            return format!("_INBOX.{name}");
        }
        // Names that are spelled alike as a token must not hear each other's answers.
        let spelled = name.replace(|c| !is_plain(c), "-");
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).simple();
        format!("_INBOX.{spelled}-{:.8}", hash.to_string())
    }
}

/// Begins to connect, and tells whether the connection stands.
pub(crate) async fn connect(
    config: &LogConfig,
) -> Result<(Client, watch::Receiver<bool>), StoreError> {
    let servers = servers(config)?;
    let (set_connected, connected) = watch::channel(false);
    let client = options(config)
        .await?
        .retry_on_initial_connect()
        .event_callback(move |event| {
            let set_connected = set_connected.clone();
            async move {
                match event {
                    Event::Connected => {
                        set_connected.send_replace(true);
                        tracing::info!("connected to NATS");
                    }
                    Event::Disconnected => {
                        set_connected.send_replace(false);
                        tracing::warn!("lost the connection to NATS");
                    }
                    // What NATS doesn't allow would only show as an answer that never comes.
                    Event::ServerError(error) => {
                        tracing::warn!(%error, "NATS refused something");
                    }
                    other => tracing::debug!(event = %other, "NATS connection"),
                }
            }
        })
        .connect(servers)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok((client, connected))
}

/// Connects once, to learn why the connection that is tried again and again doesn't come about.
/// The client keeps the reason to itself.
pub(crate) async fn probe(config: &LogConfig) -> Result<(), StoreError> {
    let connected = options(config).await?.connect(servers(config)?).await;
    let error = match connected {
        Ok(client) => {
            // Nothing was sent, so there is nothing to lose.
            let _ = client.drain().await;
            return Ok(());
        }
        Err(error) => error,
    };
    let words = whole(&error);
    // In TLS 1.3 a server says only after the handshake that it misses a certificate, so the
    // client takes it for a lost connection.
    let of_certificates = words.to_ascii_lowercase().contains("certificate");
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            let who = config.login.as_ref();
            let who = who.map_or_else(|| "nobody in particular".to_owned(), |l| format!("{l:?}"));
            Err(StoreError::Refused(format!(
                "NATS doesn't let {who} in: {words}"
            )))
        }
        ConnectErrorKind::Tls | ConnectErrorKind::Io if of_certificates => Err(
            StoreError::Refused(format!("no trust between NATS and this process: {words}")),
        ),
        _ => Err(StoreError::Unavailable(words)),
    }
}

/// An error with all that is behind it.
fn whole(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}

fn bad(what: &str, error: impl fmt::Display) -> StoreError {
    StoreError::Refused(format!("{what}: {error}"))
}

fn servers(config: &LogConfig) -> Result<Vec<ServerAddr>, StoreError> {
    config
        .url
        .split(',')
        .map(|url| url.trim().parse::<ServerAddr>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad("address of NATS", error))
}

async fn options(config: &LogConfig) -> Result<ConnectOptions, StoreError> {
    let mut options = ConnectOptions::new()
        .name(&config.client_name)
        .custom_inbox_prefix(config.inbox())
        .connection_timeout(Duration::from_secs(2))
        // A server that stalls without closing the connection is given up after a few of these.
        .ping_interval(Duration::from_secs(1))
        .reconnect_delay_callback(|attempt| Duration::from_millis(50 << attempt.min(4)));
    match &config.login {
        None => {}
        Some(Login::Password { user, password }) => {
            options = options.user_and_password(user.clone(), password.clone());
        }
        Some(Login::CredentialsFile(file)) => {
            options = options
                .credentials_file(file)
                .await
                .map_err(|error| bad(&format!("credentials {}", file.display()), error))?;
        }
    }
    if let Some(file) = &config.tls_ca {
        readable(file).await?;
        options = options
            .add_root_certificates(file.clone())
            .require_tls(true);
    }
    if let Some((certificate, key)) = &config.tls_identity {
        readable(certificate).await?;
        readable(key).await?;
        options = options
            .add_client_certificate(certificate.clone(), key.clone())
            .require_tls(true);
    }
    Ok(options)
}

/// The client reads it at each connection, so that renewed certificates are taken up; one that is
/// missing from the beginning is a mistake that somebody should hear of.
async fn readable(file: &Path) -> Result<(), StoreError> {
    tokio::fs::read(file)
        .await
        .map(|_| ())
        .map_err(|error| bad(&format!("{}", file.display()), error))
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
