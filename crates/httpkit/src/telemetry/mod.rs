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

use crate::config::{Config, LogConfig};
use json_format::{JsonLine, KeepFields};
use meters::introduce;

/// Starts logging to standard output, and measuring. A second call changes nothing.
///
/// Lines that belong to a request carry its id, and the id of its trace if it is in one.
pub fn init(log: &LogConfig) {
    metrics();
    install(subscriber(log, std::io::stdout));
}

/// The same, with the program's name among the metrics, and traces if it is said where they go.
///
/// # Errors
/// When traces can't be sent as it is configured.
pub fn start(config: &Config, program: &str) -> Result<(), ExportError> {
    let log = &config.log;
    match &config.traces {
        None => init(log),
        Some(sent) => {
            metrics();
            let tracer = export::tracer(sent, program)?;
            // Each has a filter of its own: which lines are logged says nothing about traces.
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

/// What writes the log lines, to anywhere.
pub fn subscriber<W>(config: &LogConfig, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter(config));
    Box::new(registry.with(lines(config, writer)))
}

/// What the client of NATS logs by itself. The event store logs the same in words that can be
/// understood alone; for the client it is an error that a connection to publish on, which is never
/// made again, has ended.
const QUIET: &str = "async_nats=off";

/// A directive of the configuration for the same target comes later, and wins.
fn filter(config: &LogConfig) -> EnvFilter {
    let directives = format!("{QUIET},{}", config.filter);
    EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"))
}

fn lines<S, W>(config: &LogConfig, writer: W) -> Box<dyn Layer<S> + Send + Sync>
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
