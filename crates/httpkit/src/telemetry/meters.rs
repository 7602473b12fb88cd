//! The recorder of this process's metrics, and the descriptions of the HTTP side.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// From a fifth of a millisecond, for responses from memory, to the request timeout.
const BUCKETS: &[f64] = &[
    0.000_2, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// For operations that may wait for the whole of an outage.
const PATIENT_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
];

/// The process's metrics, in Prometheus's text form on request. Recorded from the first call on.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        // Only an empty list of buckets is refused, and none is.
        let builder = builder().unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder is in place: /metrics stays empty");
        }
        describe();
        handle
    })
}

/// Adds the name and version of this program to the metrics.
pub(super) fn introduce(program: &str) {
    metrics::gauge!(
        "build_info",
        "program" => program.to_owned(), "version" => env!("CARGO_PKG_VERSION")
    )
    .set(1.0);
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets(BUCKETS)?
        .set_buckets_for_metric(
            Matcher::Suffix("_delay_seconds".to_owned()),
            PATIENT_BUCKETS,
        )?
        .set_buckets_for_metric(Matcher::Suffix("_lag_seconds".to_owned()), PATIENT_BUCKETS)
}

fn describe() {
    describe_counter!(
        "http_requests_total",
        "Requests that were answered, by route, method and status"
    );
    describe_histogram!(
        "http_request_duration_seconds",
        Unit::Seconds,
        "Time from a request's head to the head of its answer"
    );
    describe_gauge!(
        "dependency_up",
        "Whether a dependency of the API is available (1) or not (0); while one is unavailable, the API returns 503"
    );
    describe_gauge!("session_keys", "Public keys that sessions are checked with");
    describe_gauge!(
        "build_info",
        "Always 1; its labels say which program and version runs"
    );
}
