//! Connects to NATS.

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr, rustls};
use std::{error::Error, fmt, io, path::Path, time::Duration};

use super::{
    config::{LogConfig, Login},
    server_version,
    state::ConnectionState,
};
use crate::{StoreError, error::unavailable};

/// Begins to connect, and keeps the connection's state up to date.
pub(super) async fn connect(
    config: &LogConfig,
    state: &ConnectionState,
) -> Result<Client, StoreError> {
    let servers = servers(config)?;
    let state = state.clone();
    options(config)
        .await?
        .retry_on_initial_connect()
        .event_callback(move |event| {
            state.note(&event);
            async {}
        })
        .connect(servers)
        .await
        .map_err(unavailable("connecting"))
}

/// Connects if a server answers now, and later reconnects only to the servers of its pool.
pub(super) async fn connect_once(config: &LogConfig) -> Result<Client, StoreError> {
    let servers = servers(config)?;
    options(config)
        .await?
        .name(format!("{}-publisher", config.client_name))
        // Each server counts as an attempt, even the first time.
        .max_reconnects(servers.len())
        .ignore_discovered_servers()
        .connect(servers)
        .await
        .map_err(unavailable("connecting to publish"))
}

/// JetStream on a connection.
pub(super) fn jetstream(config: &LogConfig, client: Client) -> async_nats::jetstream::Context {
    async_nats::jetstream::ContextBuilder::new()
        .timeout(config.answer_timeout)
        // The client allows this many unacknowledged publishes at once and then holds back the
        // others. Publishes of abandoned commands must not count longer than their callers wait.
        .ack_timeout(config.answer_timeout)
        .build(client)
}

/// Connects once, to find out why the connection that is retried in the background fails. The
/// client doesn't expose the reason.
pub(super) async fn probe(config: &LogConfig) -> Result<(), StoreError> {
    let connected = options(config).await?.connect(servers(config)?).await;
    let error = match connected {
        Ok(client) => {
            let fits = server_version::check(&client.server_info());
            // Nothing was sent, so nothing can be lost.
            let _ = client.drain().await;
            return fits;
        }
        Err(error) => error,
    };
    let words = whole(&error);
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            let who = config.login.as_ref();
            let who = who.map_or_else(|| "nobody in particular".to_owned(), |l| format!("{l:?}"));
            Err(StoreError::Rejected(format!(
                "NATS doesn't let {who} in: {words}"
            )))
        }
        // In TLS 1.3 a server reports a missing client certificate only after the handshake, so the
        // client takes that for a lost connection.
        ConnectErrorKind::Tls | ConnectErrorKind::Io
            if is_of_certificates(&error) || is_of_own_files(&error) =>
        {
            Err(StoreError::Rejected(format!(
                "no trust between NATS and this process: {words}"
            )))
        }
        _ => Err(unavailable("connecting")(error)),
    }
}

/// Whether one side doesn't accept, or doesn't get, the other's certificate.
fn is_of_certificates(error: &(dyn Error + 'static)) -> bool {
    use rustls::AlertDescription as Alert;
    // The error inside an I/O error is not its `source`.
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    let tls = match inner {
        Some(inner) => inner.downcast_ref::<rustls::Error>(),
        None => error.downcast_ref::<rustls::Error>(),
    };
    match tls {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => true,
        Some(rustls::Error::AlertReceived(alert)) => matches!(
            alert,
            Alert::NoCertificate
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::CertificateRequired
        ),
        _ => error.source().is_some_and(is_of_certificates),
    }
}

/// Whether a certificate or a key of this process is unusable: the client reports that as an I/O
/// error of its own, before anything is sent.
fn is_of_own_files(error: &ConnectError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref());
    error.kind() == ConnectErrorKind::Tls
        && source.is_some_and(|source: &io::Error| {
            matches!(
                source.kind(),
                io::ErrorKind::Other | io::ErrorKind::InvalidInput
            )
        })
}

/// An error with all its sources.
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

/// Checks that a file is readable. The client reads it at each connection, so it picks up renewed
/// certificates; a file that is missing from the start is a mistake to report.
async fn readable(file: &Path) -> Result<(), StoreError> {
    tokio::fs::read(file)
        .await
        .map(|_| ())
        .map_err(|error| bad(&format!("{}", file.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(kind: ConnectErrorKind, source: io::Error) -> ConnectError {
        ConnectError::with_source(kind, source)
    }

    #[test]
    fn certificate_errors_differ_from_lost_connections() {
        use rustls::{AlertDescription as Alert, CertificateError, Error as Tls};
        let of = |tls: Tls| io::Error::new(io::ErrorKind::InvalidData, tls);
        let unknown = || Tls::InvalidCertificate(CertificateError::UnknownIssuer);
        for (kind, tls) in [
            (ConnectErrorKind::Tls, unknown()),
            (
                ConnectErrorKind::Io,
                Tls::AlertReceived(Alert::CertificateRequired),
            ),
            (ConnectErrorKind::Io, Tls::AlertReceived(Alert::UnknownCA)),
        ] {
            let error = met(kind, of(tls));
            assert!(is_of_certificates(&error), "{error}");
        }
        let unreadable = met(
            ConnectErrorKind::Tls,
            io::Error::other("could not load certificates"),
        );
        assert!(is_of_own_files(&unreadable));
        for (kind, source) in [
            (ConnectErrorKind::Io, io::ErrorKind::ConnectionReset.into()),
            (ConnectErrorKind::Tls, io::ErrorKind::UnexpectedEof.into()),
            (
                ConnectErrorKind::Io,
                io::Error::other("no certificate in sight"),
            ),
            (
                ConnectErrorKind::Io,
                of(Tls::AlertReceived(Alert::InternalError)),
            ),
        ] {
            let error = met(kind, source);
            assert!(
                !is_of_certificates(&error) && !is_of_own_files(&error),
                "{error}"
            );
        }
    }
}
