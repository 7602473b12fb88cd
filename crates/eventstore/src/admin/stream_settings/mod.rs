//! The settings of the streams, and which of them must match.

use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};
use std::{fmt, time::Duration};

use crate::{
    LogConfig, StreamName,
    stream_name::{COMMANDS, DEADLETTERS},
};

/// How long the response to a request is kept for repetitions. Commits keep their command's ID
/// forever; this limits only how long the very same bytes are returned. Each response costs the
/// server memory, so the limit is no longer than clients keep repeating a request.
#[cfg(feature = "idempotency")]
const ANSWERS_KEPT: Duration = Duration::from_hours(24);
/// How long a due command is kept. It must outlast any stop of the whole system; beyond that, the
/// sweep for overdue orders at start is the backstop.
const COMMANDS_KEPT: Duration = Duration::from_hours(400 * 24);

fn base(name: StreamName, replicas: usize) -> Config {
    Config {
        name: name.on_server(),
        subjects: vec![name.subject(">")],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: replicas,
        allow_direct: true,
        max_bytes: -1,
        max_messages: -1,
        ..Config::default()
    }
}

/// A stream of commits: no limit, no deletion.
fn event_stream(name: StreamName, replicas: usize) -> Config {
    Config {
        subjects: vec![name.subject("*")],
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        ..base(name, replicas)
    }
}

/// All streams, with their settings, in the order of creation: streams of commits first, so that
/// any stream created later proves that a missing one existed.
pub(in crate::admin) fn all(config: &LogConfig) -> Vec<(StreamName, Config)> {
    let replicas = config.replicas;
    let named = |name: StreamName| name.under(config.prefix);
    let event_streams = config.event_streams.iter().copied().map(named);
    let mut streams: Vec<_> = event_streams
        .map(|name| (name, event_stream(name, replicas)))
        .collect();
    let [dead_letters, commands] = [DEADLETTERS, COMMANDS].map(named);
    streams.push((
        dead_letters,
        Config {
            deny_delete: true,
            deny_purge: true,
            ..base(dead_letters, replicas)
        },
    ));
    streams.push((
        commands,
        // The server rejects schedules together with `discard new` and `deny_purge`: it purges a
        // schedule that fired.
        Config {
            allow_message_schedules: true,
            // The server enables it with schedules.
            allow_rollup: true,
            allow_message_ttl: true,
            max_age: COMMANDS_KEPT,
            ..base(commands, replicas)
        },
    ));
    #[cfg(feature = "idempotency")]
    {
        let requests = named(crate::stream_name::REQUESTS);
        let settings = Config {
            max_age: ANSWERS_KEPT,
            ..base(requests, replicas)
        };
        streams.push((requests, settings));
    }
    #[cfg(feature = "session-keys")]
    {
        let keys = named(crate::stream_name::KEYS);
        let settings = Config {
            max_messages_per_subject: 1,
            ..base(keys, replicas)
        };
        streams.push((keys, settings));
    }
    streams
}

/// The stream that is made last: where it answers, all do.
pub(in crate::admin) fn last(config: &LogConfig) -> StreamName {
    let last = all(config).pop().map(|(name, _)| name);
    last.unwrap_or(COMMANDS)
}

/// Settings that must match exactly. Other limits, copies or storage, or messages that expire,
/// replace others or don't come from an append, would break the guarantees of a commit.
const EXACT: [&str; 13] = [
    "subjects",
    "storage",
    "retention",
    "discard",
    "no_ack",
    "sealed",
    "allow_direct",
    "allow_rollup_hdrs",
    "allow_msg_ttl",
    "allow_msg_schedules",
    "mirror",
    "sources",
    "subject_transform",
];

/// Returns the differences between the settings of a stream that could lose data or break an
/// expectation, in words.
pub(in crate::admin) fn dangerous_difference(wanted: &Config, found: &Config) -> Option<String> {
    let differs = |what: &str, wanted: &dyn fmt::Display, found: &dyn fmt::Display| {
        Some(format!("{what} is {found}, needed is {wanted}"))
    };
    // As the server would write them: settings at their default are absent on both sides.
    let (Ok(wanted_json), Ok(found_json)) =
        (serde_json::to_value(wanted), serde_json::to_value(found))
    else {
        return Some("its settings can't be read".to_owned());
    };
    for name in EXACT {
        if wanted_json[name] != found_json[name] {
            return differs(name, &wanted_json[name], &found_json[name]);
        }
    }
    if found.persist_mode == Some(PersistenceMode::Async) {
        return differs("persist_mode", &"default", &"async");
    }
    // More protection and more copies than wanted do no harm.
    if wanted.deny_delete && !found.deny_delete {
        return differs("deny_delete", &true, &false);
    }
    if wanted.deny_purge && !found.deny_purge {
        return differs("deny_purge", &true, &false);
    }
    if found.num_replicas < wanted.num_replicas {
        return differs("num_replicas", &wanted.num_replicas, &found.num_replicas);
    }
    // The server reports "no limit" as -1 or 0, depending on how the stream was created.
    let limited = |limit: i64| limit > 0;
    if limited(found.max_messages) {
        return differs("max_msgs", &"no limit", &found.max_messages);
    }
    if limited(found.max_bytes) {
        return differs("max_bytes", &"no limit", &found.max_bytes);
    }
    if limited(found.max_messages_per_subject)
        && found.max_messages_per_subject != wanted.max_messages_per_subject
    {
        let needed: &dyn fmt::Display = match &wanted.max_messages_per_subject {
            limit if limited(*limit) => limit,
            _ => &"no limit",
        };
        return differs(
            "max_msgs_per_subject",
            needed,
            &found.max_messages_per_subject,
        );
    }
    let lasts = |age: Duration| if age.is_zero() { Duration::MAX } else { age };
    if lasts(found.max_age) < lasts(wanted.max_age) {
        let hours = |age: Duration| match age {
            Duration::ZERO => "no limit".to_owned(),
            age => format!("{:.1} h", age.as_secs_f64() / 3600.0),
        };
        return differs("max_age", &hours(wanted.max_age), &hours(found.max_age));
    }
    None
}

#[cfg(test)]
mod tests;
