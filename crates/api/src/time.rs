//! Parses times.
//!
//! chrono's own parser accepts many forms besides the one that is written, and the code for them
//! would be a fiftieth of the web app's download.

use chrono::{DateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Reads a time of RFC 3339.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    time(&String::deserialize(deserializer)?)
}

/// Parses a time of RFC 3339, or its absence.
pub(crate) fn read_some<'de, D>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error>
where
    D: Deserializer<'de>,
{
    Option::<String>::deserialize(deserializer)?
        .as_deref()
        .map(time)
        .transpose()
}

fn time<E: Error>(text: &str) -> Result<DateTime<Utc>, E> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|error| {
            E::custom(format_args!(
                "time \"{text}\": {error}; RFC 3339 is expected"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize, Deserialize)]
    struct Times {
        #[serde(deserialize_with = "read")]
        one: DateTime<Utc>,
        #[serde(default, deserialize_with = "read_some")]
        other: Option<DateTime<Utc>>,
    }

    #[test]
    fn a_time_round_trips() {
        for one in [0, 1_790_000_000_000, 1_790_000_000_123] {
            let one = DateTime::from_timestamp_millis(one).unwrap();
            for other in [None, Some(one)] {
                let json = serde_json::to_string(&Times { one, other }).unwrap();
                let read: Times = serde_json::from_str(&json).unwrap();
                assert_eq!((read.one, read.other), (one, other), "{json}");
            }
        }
        let without: Times =
            serde_json::from_str(r#"{"one":"2026-01-02T03:04:05+01:00"}"#).unwrap();
        assert_eq!(without.one.to_rfc3339(), "2026-01-02T02:04:05+00:00");
        assert_eq!(without.other, None);
    }

    #[test]
    fn an_invalid_time_is_refused_with_a_message() {
        let read = serde_json::from_str::<Times>(r#"{"one":"tomorrow"}"#);
        let error = read.err().unwrap().to_string();
        assert!(
            error.starts_with("time \"tomorrow\": ") && error.contains("RFC 3339 is expected"),
            "{error}"
        );
    }
}
