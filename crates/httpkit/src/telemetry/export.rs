//! Sends traces to a collector: OTLP, protobuf over HTTP.
//!
//! gRPC would add a second HTTP stack (tonic), although every collector accepts HTTP as well.

use std::{error::Error, sync::OnceLock, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider},
};

use crate::{config::TraceConfig, tls};

/// The path for traces in OTLP over HTTP.
const PATH: &str = "/v1/traces";
/// Time limit for a collector's answer; unsent traces are dropped after it.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long spans are collected before they are sent.
const GATHER: Duration = Duration::from_secs(1);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Why traces can't be sent.
#[derive(Debug, thiserror::Error)]
#[error("OTEL_EXPORTER_OTLP_ENDPOINT: traces can't be sent: {0}")]
pub struct ExportError(#[source] Box<dyn Error + Send + Sync>);

/// A tracer that sends spans to the collector from a separate thread: a request never waits for it,
/// and while the collector is down or slow, spans are dropped instead of kept.
pub(super) fn tracer(config: &TraceConfig, program: &str) -> Result<SdkTracer, ExportError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client()?)
        .with_endpoint(format!("{}{PATH}", config.endpoint))
        .with_headers(config.headers.expose_all())
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| ExportError(error.into()))?;
    let batches = BatchConfigBuilder::default()
        .with_scheduled_delay(GATHER)
        .build();
    let processor = BatchSpanProcessor::builder(exporter)
        .with_batch_config(batches)
        .build();
    // The SDK adds OTEL_RESOURCE_ATTRIBUTES itself.
    let resource = Resource::builder().with_service_name(program.to_owned());
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(config.sampler.clone())
        .with_resource(resource.with_attribute(version).build())
        .build();
    let tracer = provider.tracer(program.to_owned());
    let _ = PROVIDER.set(provider);
    Ok(tracer)
}

/// Sends the remaining spans. Takes a few seconds at most; for the end of the process.
pub async fn flush() {
    let Some(provider) = PROVIDER.get() else {
        return;
    };
    let ended = tokio::task::spawn_blocking(|| provider.shutdown_with_timeout(EXPORT_TIMEOUT));
    if let Ok(Err(error)) = ended.await {
        tracing::debug!(%error, "the last spans were not sent");
    }
}

/// The batches are sent from a thread without a runtime, so the client is the blocking one. It has
/// its own runtime, which must not be created inside another.
fn client() -> Result<reqwest::blocking::Client, ExportError> {
    let build = || {
        let client = reqwest::blocking::Client::builder()
            .tls_backend_preconfigured(tls::client_config()?)
            .timeout(EXPORT_TIMEOUT);
        Ok(client.build()?)
    };
    std::thread::spawn(build)
        .join()
        .unwrap_or_else(|_| Err("its client panicked".into()))
        .map_err(ExportError)
}
