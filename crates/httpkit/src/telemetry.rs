//! Logs and metrics of this process.

mod meters;

pub use meters::{introduce, metrics};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
};

use crate::config::LogConfig;

/// Starts logging to standard output, and measuring. A second call changes nothing.
///
/// Lines that belong to a request carry its id, in the span `request`.
pub fn init(config: &LogConfig) {
    metrics();
    if tracing::subscriber::set_global_default(subscriber(config, std::io::stdout)).is_err() {
        tracing::debug!("logging had been started already");
    }
}

/// What writes the log lines, to anywhere.
pub fn subscriber<W>(config: &LogConfig, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(writer);
    if config.json {
        Box::new(registry.with(lines.json().flatten_event(true)))
    } else {
        Box::new(registry.with(lines.with_target(false)))
    }
}
