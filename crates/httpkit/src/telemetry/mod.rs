//! Logs, metrics and traces of this process.

mod export;
mod json_format;
mod meters;

pub use export::{ExportError, flush};
pub use meters::metrics;

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    registry::LookupSpan,
};

use crate::config::{Config, LoggingConfig};
use json_format::{JsonLine, KeepFields};
use meters::introduce;

/// Starts logging to standard output, and metrics. A second call changes nothing.
///
/// Lines in a request carry its ID, and the ID of its trace if it has one.
pub fn init(log: &LoggingConfig) {
    metrics();
    install(subscriber(log, std::io::stdout));
}

/// The same, with the program's name in the metrics, and traces if their export is configured.
///
/// # Errors
/// When traces can't be sent with this configuration.
pub fn start(config: &Config, program: &str) -> Result<(), ExportError> {
    let log = &config.log;
    match &config.traces {
        None => init(log),
        Some(sent) => {
            metrics();
            let tracer = export::tracer(sent, program)?;
            // Each has its own filter: the log level has no effect on traces.
            let lines = lines(log, std::io::stdout).with_filter(filter(log));
            let registry = tracing_subscriber::registry().with(lines);
            install(Box::new(registry.with(trace::layer(tracer))));
        }
    }
    introduce(program);
    Ok(())
}

fn install(subscriber: Box<dyn Subscriber + Send + Sync>) {
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("logging had been started already");
    }
}

/// The subscriber that writes log lines, to any writer.
pub fn subscriber<W>(config: &LoggingConfig, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter(config));
    Box::new(registry.with(lines(config, writer)))
}

/// The NATS client's own logging. The event store logs the same events in a form that can be read
/// alone; the client reports the end of a publisher's connection, which never reconnects, as an
/// error.
const QUIET: &str = "async_nats=off";

/// A configured directive for the same target comes later, and wins.
fn filter(config: &LoggingConfig) -> EnvFilter {
    let directives = format!("{QUIET},{}", config.filter);
    EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"))
}

fn lines<S, W>(config: &LoggingConfig, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    if config.json {
        Box::new(KeepFields.and_then(lines.event_format(JsonLine)))
    } else {
        Box::new(lines.with_target(false))
    }
}
