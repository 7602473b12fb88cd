//! The servers of a command, and the connections to them.

use event_streams::USERS;
use eventstore::{Log, LogConfig};
use httpkit::ExposeSecret as _;
use httpkit::config::{Config, ConfigError};
use projections::MongoStore;
use runtime::{Runtime, StartError, log_config};
use std::{pin::pin, time::Duration};

use super::CliError;

/// Time limit for the log and the database.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After this time a message names what is being waited for.
const MESSAGE_AFTER: Duration = Duration::from_secs(1);
/// Time limit for one answer. A command line may wait longer than a web page, and a busy machine is
/// no reason to give up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The name of this tool in NATS.
const CLIENT: &str = "turnstile-cli";

/// The servers of a command. Each option overrides the environment variable of its name.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Servers {
    /// The NATS servers of the log, separated by commas. Use the environment for a URL with a
    /// password: every user of this machine can see a command line [env: NATS_URL]
    #[arg(long, global = true, value_name = "URL", help_heading = "Servers")]
    nats_url: Option<String>,
    /// The MongoDB of the read models [env: MONGODB_URI]
    #[arg(long, global = true, value_name = "URI", help_heading = "Servers")]
    mongodb_uri: Option<String>,
    /// Its database [env: MONGODB_DATABASE]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Servers")]
    mongodb_database: Option<String>,
}

impl Servers {
    /// The configuration: the environment, and the options that override it.
    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        let given = |name: &str| match name {
            "NATS_URL" => self.nats_url.clone(),
            "MONGODB_URI" => self.mongodb_uri.clone(),
            "MONGODB_DATABASE" => self.mongodb_database.clone(),
            _ => None,
        };
        Config::from_lookup(&|name| given(name).or_else(|| std::env::var(name).ok()))
    }

    /// Like [`Servers::config`], reduced to the log: a command that only reads the log works even
    /// if the rest is invalid.
    fn config_of_log(&self) -> Result<Config, ConfigError> {
        Config::from_lookup(&|name| match name {
            "NATS_URL" if self.nats_url.is_some() => self.nats_url.clone(),
            _ if name.starts_with("NATS_") || name == "STREAM_REPLICAS" => std::env::var(name).ok(),
            _ => None,
        })
    }

    /// Connects to the log for reading: creates nothing, not even what is missing. A server without
    /// a log is an error: it is the wrong one, or was never set up.
    pub(crate) async fn log(&self) -> Result<Log, CliError> {
        let log = self.nats().await?;
        if log.streams().exists(USERS).await? {
            return Ok(log);
        }
        Err(CliError::failed(format!(
            "no Turnstile log at {} (no stream {USERS}); check --nats-url or NATS_URL",
            without_login(self.config_of_log()?.nats_url.expose_secret())
        )))
    }

    /// Connects to NATS, whether or not there is a log.
    pub(crate) async fn nats(&self) -> Result<Log, CliError> {
        let config = self.config_of_log()?;
        let log = Log::connect(LogConfig {
            answer_timeout: ANSWER_TIMEOUT,
            command_timeout: 3 * ANSWER_TIMEOUT,
            ..log_config(&config, CLIENT)
        })
        .await?;
        let mut connection = log.connection();
        let connected = connection.wait_for(|connected| *connected);
        let url = without_login(config.nats_url.expose_secret());
        let what = format!("NATS at {url}");
        let connected = report_wait(&what, connected);
        if let Ok(Ok(_)) = tokio::time::timeout(CONNECT_TIMEOUT, connected).await {
            log.check_server()?;
            return Ok(log.clone());
        }
        let why = log.probe().await.err();
        let why = why.map_or_else(String::new, |why| format!(" ({why})"));
        Err(CliError::unreachable(format!(
            "no answer within {CONNECT_TIMEOUT:?} from NATS{why}; check --nats-url or NATS_URL"
        )))
    }

    /// Connects to the log for writing history. Creates the streams of a new installation. No
    /// service may run: reactions of its workers to an incomplete past would come between.
    pub(crate) async fn log_at_rest(&self) -> Result<Log, CliError> {
        let log = self.nats().await?;
        log.streams().ensure().await?;
        let active_workers = log.workers().active().await?;
        if active_workers.is_empty() {
            return Ok(log);
        }
        Err(CliError::failed(format!(
            "services are running against this log ({}). Stop them first: they would write in between",
            active_workers.join(", ")
        )))
    }

    /// Connects to the read models alone.
    pub(crate) async fn read_models(&self) -> Result<MongoStore, CliError> {
        let config = self.config()?;
        let failed = |error: projections::ReadError| {
            CliError::unreachable(format!(
                "MongoDB: {error}; check --mongodb-uri or MONGODB_URI"
            ))
        };
        let store =
            MongoStore::connect(config.mongodb_uri.expose_secret(), &config.mongodb_database)
                .await
                .map_err(failed)?;
        let ping = report_wait("MongoDB", store.ping());
        ping.await.map_err(failed)?;
        Ok(store)
    }

    /// Prepares to connect like the services.
    pub(crate) async fn runtime_without_workers(&self) -> Result<Runtime, CliError> {
        let config = self.config()?;
        let (uri, database) = (config.mongodb_uri.expose_secret(), &config.mongodb_database);
        let read = MongoStore::connect(uri, database).await;
        let read = read.map_err(StartError::from)?;
        Ok(Runtime::prepare(config, CLIENT, Some(read)).await?)
    }

    /// Connects like the services. Creates the streams of a new installation.
    pub(crate) async fn runtime(&self) -> Result<Runtime, CliError> {
        let runtime = self.runtime_without_workers().await?;
        let arrive = report_wait("NATS and MongoDB", runtime.connect());
        let Ok(arrived) = tokio::time::timeout(CONNECT_TIMEOUT, arrive).await else {
            return Err(CliError::unreachable(format!(
                "no answer within {CONNECT_TIMEOUT:?} from {}; check NATS_URL and MONGODB_URI",
                lacking(&runtime)
            )));
        };
        arrived?;
        Ok(runtime)
    }
}

/// Waits, and reports what for if that takes longer than a moment: ten seconds of silence look like
/// a program that hangs.
async fn report_wait<T>(what: &str, waited: impl Future<Output = T>) -> T {
    let mut waited = pin!(waited);
    if let Ok(ended) = tokio::time::timeout(MESSAGE_AFTER, &mut waited).await {
        return ended;
    }
    eprintln!("waiting for {what}");
    waited.await
}

/// Addresses without user names and passwords, for display.
fn without_login(urls: &str) -> String {
    let shown = urls.split(',').map(|url| {
        let url = url.trim();
        let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{host}")
    });
    shown.collect::<Vec<_>>().join(",")
}

/// The missing servers, in words.
pub(super) fn lacking(runtime: &Runtime) -> String {
    let missing = runtime.gate.missing();
    let missing = missing.iter();
    let words: Vec<_> = missing
        .map(|missing| format!("{} ({})", missing.name, missing.reason))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let urls = "nats://ann:s3cret@a:4222, b:4222";
        assert_eq!(without_login(urls), "nats://a:4222,nats://b:4222");
    }
}
