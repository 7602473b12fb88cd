//! Logs and metrics of this process.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
};

use crate::config::LogConfig;

/// From a fifth of a millisecond, where answers from memory are, to the request time-out.
const BUCKETS: &[f64] = &[
    0.000_2, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Starts logging to standard output. A second call changes nothing.
///
/// Lines that belong to a request carry its id, in the span `request`.
pub fn init(config: &LogConfig) {
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

/// The process's metrics, in Prometheus's text form when asked. Recorded from the first call on.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        // Only an empty list is refused, and this one isn't.
        let builder = builder
            .set_buckets(BUCKETS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder is in place: /metrics stays empty");
        }
        handle
    })
}
