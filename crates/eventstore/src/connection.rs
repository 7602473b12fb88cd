//! How to reach NATS, and the connection itself.

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use std::{path::PathBuf, time::Duration};
use tokio::sync::watch;

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
    /// A credentials file (`.creds`), if the server wants one.
    pub credentials: Option<PathBuf>,
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

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            credentials: None,
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

/// Begins to connect, and tells whether the connection stands.
pub(crate) async fn connect(
    config: &LogConfig,
) -> Result<(Client, watch::Receiver<bool>), StoreError> {
    let bad = |what: &str, error: String| StoreError::Refused(format!("{what}: {error}"));
    let servers = config
        .url
        .split(',')
        .map(|url| url.trim().parse::<ServerAddr>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad("address of NATS", error.to_string()))?;
    let (set_connected, connected) = watch::channel(false);
    let mut options = ConnectOptions::new()
        .name(&config.client_name)
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_secs(2))
        // A server that stalls without closing the connection is given up after a few of these.
        .ping_interval(Duration::from_secs(2))
        .reconnect_delay_callback(|attempt| Duration::from_millis(50 << attempt.min(4)))
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
                    other => tracing::debug!(event = %other, "NATS connection"),
                }
            }
        });
    if let Some(file) = &config.credentials {
        options = options
            .credentials_file(file)
            .await
            .map_err(|error| bad("credentials of NATS", error.to_string()))?;
    }
    if let Some(file) = &config.tls_ca {
        options = options
            .add_root_certificates(file.clone())
            .require_tls(true);
    }
    if let Some((certificate, key)) = &config.tls_identity {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    let client = options
        .connect(servers)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok((client, connected))
}
