//! The export of traces. The variables are OpenTelemetry's own.

use opentelemetry_sdk::trace::Sampler;
use secrecy::ExposeSecret as _;
use std::collections::HashMap;

use super::{Secret, has_scheme, reader::VariableReader, vars as v};

/// Where traces are sent, and which ones.
#[derive(Clone, Debug)]
pub struct TraceConfig {
    /// The collector, without a slash at the end.
    pub endpoint: String,
    /// Headers of the export; may contain a key.
    pub headers: Headers,
    /// Which traces are recorded.
    pub sampler: Sampler,
}

/// Headers whose values are never shown.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, Secret)>);

impl Headers {
    /// Names and values.
    pub fn expose_all(&self) -> HashMap<String, String> {
        let pairs = self.0.iter();
        pairs
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect()
    }
}

/// `None` without an endpoint.
pub(super) fn read(reader: &VariableReader<'_>) -> Option<TraceConfig> {
    let endpoint = reader.optional(&v::OTEL_EXPORTER_OTLP_ENDPOINT, |text| {
        (has_scheme(text, "http") || has_scheme(text, "https"))
            .then(|| text.trim_end_matches('/').to_owned())
    });
    let headers = reader.optional(&v::OTEL_EXPORTER_OTLP_HEADERS, |text| {
        let pairs = pairs(text)?.into_iter();
        Some(Headers(
            pairs
                .map(|(name, value)| (name, Secret::from(value)))
                .collect(),
        ))
    });
    // The SDK reads it itself; here it is only checked.
    let _ = reader.optional(&v::OTEL_RESOURCE_ATTRIBUTES, pairs);
    let ratio = reader.read(&v::OTEL_TRACES_SAMPLER_ARG, 1.0, |text| {
        text.parse()
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio))
    });
    let sampler = reader.read(&v::OTEL_TRACES_SAMPLER, Sampler::AlwaysOn, |text| {
        let root = match text.strip_prefix("parentbased_").unwrap_or(text) {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::TraceIdRatioBased(ratio),
            _ => return None,
        };
        Some(if text.starts_with("parentbased_") {
            Sampler::ParentBased(Box::new(root))
        } else {
            root
        })
    });
    Some(TraceConfig {
        endpoint: endpoint?,
        headers: headers.unwrap_or_default(),
        sampler,
    })
}

/// `name=value` pairs, separated by commas.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split(',').map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(variables: &[(&str, &str)]) -> Result<Option<TraceConfig>, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(&lookup)
            .map(|config| config.traces)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn traces_are_off_without_an_endpoint() {
        assert!(config(&[]).unwrap().is_none());
        let on = config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318/")]);
        let on = on.unwrap().unwrap();
        assert_eq!(on.endpoint, "http://otel:4318");
        assert_eq!(format!("{:?}", on.sampler), "ParentBased(AlwaysOn)");
    }

    #[test]
    fn traces_can_be_sampled_and_collector_keys_are_hidden() {
        let config = config(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2, x-team = a=b"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
        ]);
        let config = config.unwrap().unwrap();
        assert_eq!(
            format!("{:?}", config.sampler),
            "ParentBased(TraceIdRatioBased(0.1))"
        );
        assert!(!format!("{config:?}").contains("hunter2"));
        let headers = config.headers.expose_all();
        assert_eq!(headers["x-key"], "hunter2");
        assert_eq!(headers["x-team"], "a=b");
    }

    #[test]
    fn invalid_trace_settings_are_named() {
        let error = config(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel:4317"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
            ("OTEL_TRACES_SAMPLER", "xray"),
            ("OTEL_TRACES_SAMPLER_ARG", "10"),
            ("OTEL_RESOURCE_ATTRIBUTES", "production"),
        ])
        .unwrap_err();
        assert_eq!(error.lines().count(), 5, "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn every_sampler_of_opentelemetry_is_accepted() {
        for (name, sampler) in [
            ("always_on", "AlwaysOn"),
            ("always_off", "AlwaysOff"),
            ("traceidratio", "TraceIdRatioBased(0.5)"),
            ("parentbased_always_on", "ParentBased(AlwaysOn)"),
            ("parentbased_always_off", "ParentBased(AlwaysOff)"),
            (
                "parentbased_traceidratio",
                "ParentBased(TraceIdRatioBased(0.5))",
            ),
        ] {
            let config = config(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel"),
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
            ]);
            let found = config.unwrap().unwrap().sampler;
            assert_eq!(format!("{found:?}"), sampler, "{name}");
        }
    }

    #[test]
    fn a_pair_without_a_name_is_refused() {
        let error = config(&[("OTEL_RESOURCE_ATTRIBUTES", "=production")]).unwrap_err();
        assert!(error.contains("OTEL_RESOURCE_ATTRIBUTES"), "{error}");
    }
}
