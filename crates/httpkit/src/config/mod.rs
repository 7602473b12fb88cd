//! Configuration, from environment variables.
//!
//! Each variable is declared once, in [`VARS`], with its default, accepted values and purpose;
//! `--help`, the documentation and the checks of the manifests use that table. All problems are
//! reported at once, each by name.

mod currency;
mod nats;
mod payments;
mod payments_mode;
mod reader;
mod render;
mod stripe;
mod traces;
mod vars;

pub use nats::{NatsAccess, NatsLogin};
pub use payments_mode::PaymentsMode;
pub use reader::{ConfigError, Problem, Var};
pub use render::{help, markdown};
/// A value that is never shown.
pub use secrecy::SecretString as Secret;
pub use stripe::{StripeConfig, smallest_charge};
pub use traces::{Headers, TraceConfig};
pub use vars::VARS;

use std::{path::PathBuf, time::Duration};

use crate::{client_address::TrustedProxies, limits::LimitConfig, session::SecureCookies};
use reader::VariableReader;
use vars as v;

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP server.
    pub http: HttpConfig,
    /// The NATS servers; may contain credentials.
    pub nats_url: Secret,
    /// Authentication to NATS.
    pub nats: NatsAccess,
    /// The MongoDB address; may contain credentials.
    pub mongodb_uri: Secret,
    /// Name of the database.
    pub mongodb_database: String,
    /// Copies of each stream.
    pub stream_replicas: usize,
    /// The folder for local keys and the sandbox's charges.
    pub data_dir: PathBuf,
    /// Logging.
    pub log: LoggingConfig,
    /// The export of traces, if there is one.
    pub traces: Option<TraceConfig>,
    /// How long a session lasts.
    pub session_lifetime: Duration,
    /// The key that signs sessions, if it isn't in the data directory.
    pub session_private_key: Option<Secret>,
    /// How long an unpaid order holds its ticket.
    pub order_hold: Duration,
    /// Live streams of tickets at once.
    pub live_watchers: usize,
    /// Limits for attempts.
    pub limits: LimitConfig,
    /// Number of passwords that are hashed at once.
    pub password_hashers: usize,
    /// The provider of payments, if set; a process that needs it calls
    /// [`payments_to_serve`](Self::payments_to_serve).
    pub payments: Option<PaymentsMode>,
    /// Whether the sandbox may serve other machines.
    pub sandbox_allowed: bool,
    /// The payment provider.
    pub stripe: StripeConfig,
}

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Number of threads that handle requests.
    pub workers: usize,
    /// Requests that take longer than this return 503.
    pub request_timeout: Duration,
    /// Longest body, in bytes.
    pub body_limit: usize,
    /// How long accepted requests may take to finish on shutdown.
    pub shutdown_timeout: Duration,
    /// The proxies whose `X-Forwarded-*` headers are trusted.
    pub trusted_proxies: TrustedProxies,
    /// Other origins whose pages may send commands, in lower case.
    pub allowed_origins: Vec<String>,
    /// When the session cookie is marked secure.
    pub cookie_secure: SecureCookies,
}

/// Logging.
#[derive(Clone, Debug)]
pub struct LoggingConfig {
    /// JSON lines rather than text.
    pub json: bool,
    /// A tracing filter.
    pub filter: String,
}

impl Default for HttpConfig {
    /// The defaults of the table, on a free port.
    fn default() -> Self {
        let nothing = |_: &str| None;
        let mut http = http(&VariableReader::new(&nothing));
        http.port = 0;
        http
    }
}

impl Config {
    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(&|name| std::env::var(name).ok())
    }

    /// Reads variables from any source.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let reader = VariableReader::new(lookup);
        let url = |schemes: &'static [&'static str]| {
            move |text: &str| {
                let all = text
                    .split(',')
                    .all(|url| schemes.iter().any(|scheme| has_scheme(url.trim(), scheme)));
                all.then(|| Secret::from(text))
            }
        };
        let config = Self {
            http: http(&reader),
            nats_url: reader.read(&v::NATS_URL, Secret::from(""), url(&["nats", "tls"])),
            nats: nats::read(&reader),
            mongodb_uri: reader.read(&v::MONGODB_URI, Secret::from(""), |text| {
                ["mongodb", "mongodb+srv"]
                    .iter()
                    .any(|scheme| has_scheme(text, scheme))
                    .then(|| Secret::from(text))
            }),
            mongodb_database: reader.read(&v::MONGODB_DATABASE, String::new(), |text| {
                let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
                (text.len() <= 38 && text.bytes().all(good)).then(|| text.to_owned())
            }),
            stream_replicas: reader.read(&v::STREAM_REPLICAS, 1, |text| {
                text.parse()
                    .ok()
                    .filter(|copies| [1, 3, 5].contains(copies))
            }),
            data_dir: reader.read(&v::DATA_DIR, PathBuf::new(), |text| Some(text.into())),
            log: log(&reader),
            traces: traces::read(&reader),
            session_lifetime: reader.seconds(&v::SESSION_SECONDS, 60..=31_536_000),
            session_private_key: reader.optional(&v::SESSION_PRIVATE_KEY, |text| {
                text.contains("PRIVATE KEY").then(|| Secret::from(text))
            }),
            order_hold: reader.seconds(&v::ORDER_HOLD_SECONDS, 1..=604_800),
            live_watchers: reader.number(&v::LIVE_WATCHERS, 1..=1_000_000),
            limits: LimitConfig {
                signin_failures_per_account: reader
                    .number(&v::SIGNIN_FAILURES_PER_ACCOUNT, 1..=1_000_000),
                signin_failures_per_address: reader
                    .number(&v::SIGNIN_FAILURES_PER_ADDRESS, 1..=1_000_000),
                signin_window: reader.seconds(&v::SIGNIN_WINDOW_SECONDS, 1..=86_400),
                signups_per_address: reader.number(&v::SIGNUPS_PER_ADDRESS, 1..=10_000_000),
                signup_window: reader.seconds(&v::SIGNUP_WINDOW_SECONDS, 1..=86_400),
            },
            password_hashers: processors(&reader, &v::PASSWORD_HASHERS),
            payments: reader.optional(&v::PAYMENTS, |text| text.parse().ok()),
            sandbox_allowed: reader.read(&v::SANDBOX_ALLOWED, false, |text| match text {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            }),
            stripe: stripe::read(&reader),
        };
        stripe::check_timeouts(&reader, &config.http, &config.stripe);
        reader.finish(config)
    }
}

fn http(reader: &VariableReader<'_>) -> HttpConfig {
    HttpConfig {
        host: reader.read(&v::HOST, String::new(), |text| {
            (!text.contains(char::is_whitespace)).then(|| text.to_owned())
        }),
        port: reader.number(&v::PORT, 0..=u16::MAX),
        workers: processors(reader, &v::HTTP_WORKERS),
        request_timeout: reader.seconds(&v::REQUEST_TIMEOUT_SECONDS, 1..=12),
        body_limit: reader.number(&v::BODY_LIMIT_BYTES, 1024..=16 * 1024 * 1024),
        shutdown_timeout: reader.seconds(&v::SHUTDOWN_SECONDS, 0..=600),
        trusted_proxies: reader
            .optional(&v::TRUSTED_PROXIES, TrustedProxies::parse)
            .unwrap_or_default(),
        allowed_origins: reader
            .optional(&v::ALLOWED_ORIGINS, origins)
            .unwrap_or_default(),
        cookie_secure: reader.read(&v::COOKIE_SECURE, SecureCookies::Auto, |text| match text {
            "auto" => Some(SecureCookies::Auto),
            "always" => Some(SecureCookies::Always),
            "never" => Some(SecureCookies::Never),
            _ => None,
        }),
    }
}

fn log(reader: &VariableReader<'_>) -> LoggingConfig {
    let rust_log = Var {
        name: "RUST_LOG",
        default: None,
        ..v::LOG_LEVEL
    };
    let var = match reader.text(&rust_log) {
        Some(_) => rust_log,
        None => v::LOG_LEVEL,
    };
    LoggingConfig {
        json: reader.read(&v::LOG_FORMAT, false, |text| match text {
            "json" => Some(true),
            "text" => Some(false),
            _ => None,
        }),
        filter: reader.read(&var, String::new(), |text| {
            tracing_subscriber::EnvFilter::try_new(text)
                .ok()
                .map(|_| text.to_owned())
        }),
    }
}

/// A number of threads: that of the processors unless set.
fn processors(reader: &VariableReader<'_>, var: &Var) -> usize {
    reader
        .optional(var, |text| {
            text.parse().ok().filter(|n| (1..=1024).contains(n))
        })
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from))
}

/// Origins in the form of browsers, in lower case and without a slash at the end.
fn origins(list: &str) -> Option<Vec<String>> {
    list.split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(|origin| {
            let origin = origin.trim_end_matches('/').to_ascii_lowercase();
            let (_, host) = origin.split_once("://")?;
            let good = !host.contains('/')
                && (has_scheme(&origin, "http") || has_scheme(&origin, "https"));
            good.then_some(origin)
        })
        .collect()
}

/// Whether it is a URL of this scheme with a host.
fn has_scheme(url: &str, scheme: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(found, rest)| found == scheme && !rest.trim_start_matches('/').is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_lookup(&|name| {
            variables
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_default_of_the_table_is_allowed() {
        let config = config(&[]).unwrap();
        assert_eq!(config.http.port, 8080);
        assert_eq!(config.order_hold, Duration::from_mins(15));
        assert_eq!(config.http.body_limit, crate::json::BODY_LIMIT);
        assert!(config.stripe.secret_key.is_none());
    }

    #[test]
    fn every_problem_is_reported_with_name_value_and_expectation() {
        let error = config(&[
            ("PORT", "http"),
            ("ORDER_HOLD_SECONDS", "0"),
            ("STREAM_REPLICAS", "2"),
            ("LOG_FORMAT", "xml"),
            ("RUST_LOG", "info,=x=y"),
            ("TRUSTED_PROXIES", "example.com"),
            ("ALLOWED_ORIGINS", "tickets.example"),
        ])
        .unwrap_err();
        let names: Vec<_> = error.0.iter().map(|problem| problem.name).collect();
        for name in [
            "PORT",
            "ORDER_HOLD_SECONDS",
            "STREAM_REPLICAS",
            "LOG_FORMAT",
            "RUST_LOG",
            "TRUSTED_PROXIES",
            "ALLOWED_ORIGINS",
        ] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        let text = error.to_string();
        assert!(
            text.contains("PORT is \"http\", but must be a port, 0 to 65535"),
            "{text}"
        );
    }

    #[test]
    fn secrets_are_shown_neither_in_errors_nor_in_the_configuration() {
        let error = config(&[
            ("SESSION_PRIVATE_KEY", "hunter2"),
            ("STRIPE_SECRET_KEY", "hunter2 "),
            ("STRIPE_WEBHOOK_SECRET", "hunter2 hunter2"),
            ("NATS_URL", "nats://user:hunter2@nats:4222,http://x"),
            ("MONGODB_URI", "http://user:hunter2@mongo"),
        ])
        .unwrap_err();
        assert_eq!(error.0.len(), 4, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let config = config(&[
            ("STRIPE_SECRET_KEY", "hunter2"),
            ("MONGODB_URI", "mongodb://user:hunter2@mongo"),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn the_url_of_nats_is_nats_or_tls() {
        assert!(config(&[("NATS_URL", "nats://a:4222, tls://b:4222")]).is_ok());
        for url in ["ws://a", "wss://a", "http://a", "nats://a,ws://b"] {
            let error = config(&[("NATS_URL", url)]).unwrap_err().to_string();
            assert!(error.contains("must be nats:// or tls:// URLs"), "{error}");
        }
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        let config = config(&[("PORT", ""), ("STRIPE_SECRET_KEY", " ")]).unwrap();
        assert_eq!(config.http.port, 8080);
        assert!(config.stripe.secret_key.is_none());
    }
}
