//! Converts the configuration into that of the log.

use eventstore::{LogConfig, Login};
use httpkit::ExposeSecret as _;
use httpkit::config::{Config, NatsLogin};

/// The log's settings, under the name that NATS shows for the connection. The time limits are those
/// of a service; tools may wait longer.
pub fn log_config(config: &Config, client_name: &str) -> LogConfig {
    let login = config.nats.login.as_ref().map(|login| match login {
        NatsLogin::Password { user, password } => Login::Password {
            user: user.clone(),
            password: password.expose_secret().to_owned(),
        },
        NatsLogin::Credentials(file) => Login::CredentialsFile(file.clone()),
    });
    LogConfig {
        url: config.nats_url.expose_secret().to_owned(),
        login,
        tls_ca: config.nats.ca_file.clone(),
        tls_identity: config.nats.certificate.clone(),
        replicas: config.stream_replicas,
        client_name: client_name.to_owned(),
        ..event_streams::config()
    }
}
