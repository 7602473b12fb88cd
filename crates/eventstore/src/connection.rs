//! How to reach NATS, and the connection itself.

use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError, connection::State,
};
use std::{
    error::Error,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{EVENT_STREAMS, StoreError, StreamName, Upcasters, server};

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
    pub claim_ttl: Duration,
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
            claim_ttl: Duration::from_secs(4),
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

/// What is heard of a connection.
#[derive(Clone)]
pub(crate) struct Heard {
    connected: watch::Sender<bool>,
    may_not_make_streams: watch::Sender<bool>,
}

impl Heard {
    fn nothing() -> Self {
        Self {
            connected: watch::Sender::new(false),
            may_not_make_streams: watch::Sender::new(false),
        }
    }

    /// Whether the connection stands right now, as the client itself knows. Its events are no more
    /// than news of that: they pass through a queue that has an end, and what doesn't fit is lost.
    /// Whoever follows the connection hears of a lost one here.
    pub(crate) fn is_connected(&self, client: &Client) -> bool {
        let stands = client.connection_state() == State::Connected;
        if stands {
            self.connected
                .send_if_modified(|known| !std::mem::replace(known, true));
        }
        stands
    }

    pub(crate) fn connection(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    pub(crate) fn may_not_make_streams(&self) -> bool {
        *self.may_not_make_streams.borrow()
    }

    pub(crate) async fn until_told_not_to_make_streams(&self) {
        let mut told = self.may_not_make_streams.subscribe();
        // The sender is here.
        let _ = told.wait_for(|told| *told).await;
    }

    fn take(&self, event: &Event) {
        match event {
            Event::Connected => {
                // Rights may have been given meanwhile.
                self.may_not_make_streams.send_replace(false);
                self.connected.send_replace(true);
                tracing::info!("connected to NATS");
            }
            Event::Disconnected => {
                self.connected.send_replace(false);
                tracing::warn!("lost the connection to NATS");
            }
            // What NATS doesn't allow would only show as an answer that never comes.
            Event::ServerError(error) => {
                if forbids_to_make_streams(error) {
                    self.may_not_make_streams.send_replace(true);
                }
                tracing::warn!(%error, "NATS refused something");
            }
            other => tracing::debug!(event = %other, "NATS connection"),
        }
    }
}

fn forbids_to_make_streams(error: &ServerError) -> bool {
    let words = error.to_string().to_ascii_lowercase();
    words.contains("permissions violation for publish to \"$js.api.stream.create.")
}

/// Begins to connect, and tells what is heard of the connection.
pub(crate) async fn connect(config: &LogConfig) -> Result<(Client, Heard), StoreError> {
    let servers = servers(config)?;
    let heard = Heard::nothing();
    let ears = heard.clone();
    let client = options(config)
        .await?
        .retry_on_initial_connect()
        .event_callback(move |event| {
            ears.take(&event);
            async {}
        })
        .connect(servers)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok((client, heard))
}

/// Connects, if a server answers now, and to no other server afterwards than to those of the pool that
/// the client is given then.
pub(crate) async fn connect_once(config: &LogConfig) -> Result<Client, StoreError> {
    let servers = servers(config)?;
    options(config)
        .await?
        .name(format!("{}-publisher", config.client_name))
        // Each server counts as an attempt, even the first time.
        .max_reconnects(servers.len())
        .ignore_discovered_servers()
        .connect(servers)
        .await
        .map_err(|error| StoreError::Unavailable(whole(&error)))
}

/// JetStream on a connection.
pub(crate) fn jetstream(config: &LogConfig, client: Client) -> async_nats::jetstream::Context {
    async_nats::jetstream::ContextBuilder::new()
        .timeout(config.answer_timeout)
        // The client allows so many unanswered publishes at once and then holds the others
        // back. Those whose command was given up must not count longer than anybody waits.
        .ack_timeout(config.answer_timeout)
        .build(client)
}

/// Connects once, to learn why the connection that is tried again and again doesn't come about.
/// The client keeps the reason to itself.
pub(crate) async fn probe(config: &LogConfig) -> Result<(), StoreError> {
    let connected = options(config).await?.connect(servers(config)?).await;
    let error = match connected {
        Ok(client) => {
            let fits = server::check(&client.server_info());
            // Nothing was sent, so there is nothing to lose.
            let _ = client.drain().await;
            return fits;
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
            Err(StoreError::Rejected(format!(
                "NATS doesn't let {who} in: {words}"
            )))
        }
        ConnectErrorKind::Tls | ConnectErrorKind::Io if of_certificates => Err(
            StoreError::Rejected(format!("no trust between NATS and this process: {words}")),
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
    StoreError::Rejected(format!("{what}: {error}"))
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

    #[tokio::test]
    async fn a_connection_whose_news_was_lost_is_known_to_stand() {
        let nats = testkit::Nats::start().await;
        let (client, heard) = connect(&LogConfig::at(nats.url())).await.unwrap();
        let mut following = heard.connection();
        following.wait_for(|connected| *connected).await.unwrap();
        // As if the last that was heard had been that it is lost.
        heard.connected.send_replace(false);
        assert!(heard.is_connected(&client));
        assert!(
            *following.borrow_and_update(),
            "who follows it hears so too"
        );
    }

    #[test]
    fn who_may_make_no_stream_is_told_so_by_the_server() {
        let said = |words: &str| ServerError::Other(words.to_owned());
        let no = said("Permissions Violation for Publish to \"$JS.API.STREAM.CREATE.USERS\"");
        assert!(forbids_to_make_streams(&no));
        for other in [
            "Permissions Violation for Publish to \"USERS.x\"",
            "Permissions Violation for Subscription to \"$JS.API.STREAM.CREATE.USERS\"",
        ] {
            assert!(!forbids_to_make_streams(&said(other)), "{other}");
        }
    }
}
