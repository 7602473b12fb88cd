//! How a stream differs from its settings in this release, and which differences can be changed
//! without losing data.

use async_nats::jetstream::stream::Config;
use serde_json::Value;
use std::time::Duration;

use super::StreamChange;

/// Settings that NATS can't change in an existing stream.
const FIXED: [&str; 7] = [
    "storage",
    "retention",
    "sealed",
    "mirror",
    "sources",
    "no_ack",
    "subject_transform",
];

/// Changes `found` into what it should be, as far as that can't lose data; returns the changes, and
/// the differences that remain.
pub(super) fn compare(wanted: &Config, found: &mut Config) -> (Vec<StreamChange>, Vec<String>) {
    let mut changes = Vec::new();
    let mut refusals = Vec::new();
    let (wanted_json, found_json) = (as_json(wanted), as_json(found));
    for name in FIXED {
        let (w, f) = (&wanted_json[name], &found_json[name]);
        if w != f {
            refusals.push(format!(
                "{name} is {f}, needed is {w}: no stream can be changed so; restore a backup into \
                 a new one"
            ));
        }
    }
    let lost: Vec<_> = found
        .subjects
        .iter()
        .filter(|subject| !wanted.subjects.contains(subject))
        .cloned()
        .collect();
    if !lost.is_empty() {
        refusals.push(format!(
            "it also takes {}: messages under it would be read by nobody",
            lost.join(", ")
        ));
    } else if found.subjects != wanted.subjects {
        changes.push(change("subjects", &found_json, &wanted_json));
        found.subjects.clone_from(&wanted.subjects);
    }
    macro_rules! follow {
        ($($field:ident = $setting:literal;)*) => {$(
            if found.$field != wanted.$field {
                changes.push(change($setting, &found_json, &wanted_json));
                found.$field = wanted.$field.clone();
            }
        )*};
    }
    follow! {
        discard = "discard";
        allow_direct = "allow_direct";
        allow_rollup = "allow_rollup_hdrs";
        allow_message_ttl = "allow_msg_ttl";
        allow_message_schedules = "allow_msg_schedules";
    }
    // More protection than wanted does no harm, except for schedules, which the server must be able
    // to purge.
    protect(
        "deny_delete",
        wanted.deny_delete,
        &mut found.deny_delete,
        &mut changes,
    );
    protect(
        "deny_purge",
        wanted.deny_purge,
        &mut found.deny_purge,
        &mut changes,
    );
    if found.deny_purge && wanted.allow_message_schedules {
        refusals.push("deny_purge is true, and can't be taken back in a stream".to_owned());
    }
    if found.num_replicas < wanted.num_replicas {
        changes.push(change("num_replicas", &found_json, &wanted_json));
        found.num_replicas = wanted.num_replicas;
    }
    limits(wanted, found, &mut changes, &mut refusals);
    (changes, refusals)
}

fn protect(setting: &'static str, wanted: bool, found: &mut bool, changes: &mut Vec<StreamChange>) {
    if wanted && !*found {
        *found = true;
        changes.push(StreamChange {
            setting,
            from: "false".to_owned(),
            to: "true".to_owned(),
        });
    }
}

/// A limit may be loosened. Tightening one deletes what exceeds it.
fn limits(
    wanted: &Config,
    found: &mut Config,
    changes: &mut Vec<StreamChange>,
    refusals: &mut Vec<String>,
) {
    let mut settle = |setting: &'static str, wanted: i128, found: i128, set: &mut dyn FnMut()| {
        // The server reports "no limit" as -1 or 0, depending on how the stream was created.
        let bound = |limit: i128| if limit > 0 { limit } else { i128::MAX };
        let word = |limit: i128| match limit {
            limit if limit > 0 => limit.to_string(),
            _ => "no limit".to_owned(),
        };
        if bound(found) < bound(wanted) {
            changes.push(StreamChange {
                setting,
                from: word(found),
                to: word(wanted),
            });
            set();
        } else if bound(found) > bound(wanted) {
            refusals.push(format!(
                "{setting} is {}, wanted is {}: that would delete messages",
                word(found),
                word(wanted)
            ));
        }
    };
    let (w, f) = (wanted, found);
    settle(
        "max_msgs",
        w.max_messages.into(),
        f.max_messages.into(),
        &mut || f.max_messages = w.max_messages,
    );
    settle(
        "max_bytes",
        w.max_bytes.into(),
        f.max_bytes.into(),
        &mut || {
            f.max_bytes = w.max_bytes;
        },
    );
    settle(
        "max_msgs_per_subject",
        w.max_messages_per_subject.into(),
        f.max_messages_per_subject.into(),
        &mut || f.max_messages_per_subject = w.max_messages_per_subject,
    );
    let seconds = |age: Duration| i128::from(age.as_secs());
    settle(
        "max_age in seconds",
        seconds(w.max_age),
        seconds(f.max_age),
        &mut || f.max_age = w.max_age,
    );
}

fn as_json(config: &Config) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

fn change(setting: &'static str, from: &Value, to: &Value) -> StreamChange {
    // An absent setting is at its default: off.
    let word = |value: &Value| match value {
        Value::Null => "false".to_owned(),
        value => value.to_string(),
    };
    StreamChange {
        setting,
        from: word(&from[setting]),
        to: word(&to[setting]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        LogConfig, StreamName,
        admin::stream_settings,
        stream_name::{
            COMMANDS, KEYS, REQUESTS,
            samples::{ACCOUNTS, BOTH},
        },
    };
    use async_nats::jetstream::stream::DiscardPolicy;

    fn three_copies() -> LogConfig {
        LogConfig {
            event_streams: BOTH.to_vec(),
            replicas: 3,
            ..LogConfig::default()
        }
    }

    fn wanted(stream: StreamName) -> Config {
        let all = stream_settings::all(&three_copies());
        let found = all.into_iter().find(|(name, _)| *name == stream);
        found.unwrap().1
    }

    #[test]
    fn what_is_as_wanted_needs_nothing() {
        for (_, config) in stream_settings::all(&three_copies()) {
            let (changes, refusals) = compare(&config, &mut config.clone());
            assert_eq!((changes, refusals), (vec![], vec![]), "{}", config.name);
        }
    }

    #[test]
    fn what_only_gets_safer_is_changed() {
        let wanted = wanted(ACCOUNTS);
        let mut found = Config {
            num_replicas: 1,
            discard: DiscardPolicy::Old,
            allow_direct: false,
            deny_delete: false,
            deny_purge: false,
            max_messages: 1_000,
            max_age: Duration::from_hours(1),
            ..wanted.clone()
        };
        let (changes, refusals) = compare(&wanted, &mut found);
        assert_eq!(refusals, Vec::<String>::new());
        let changes: Vec<_> = changes
            .iter()
            .map(|change| (change.setting, &*change.from, &*change.to))
            .collect();
        assert_eq!(
            changes,
            [
                ("discard", r#""old""#, r#""new""#),
                ("allow_direct", "false", "true"),
                ("deny_delete", "false", "true"),
                ("deny_purge", "false", "true"),
                ("num_replicas", "1", "3"),
                ("max_msgs", "1000", "no limit"),
                ("max_age in seconds", "3600", "no limit"),
            ]
        );
        let (again, refusals) = compare(&wanted, &mut found);
        assert_eq!((again, refusals), (vec![], vec![]));
    }

    #[test]
    fn what_could_lose_messages_is_refused_and_left_as_it_is() {
        let keys = wanted(KEYS);
        let found = Config {
            max_messages_per_subject: -1,
            subjects: vec!["KEYS.>".to_owned(), "OLD.>".to_owned()],
            ..keys.clone()
        };
        let mut becomes = found.clone();
        let (changes, refusals) = compare(&keys, &mut becomes);
        assert_eq!(changes, []);
        assert_eq!(refusals.len(), 2, "{refusals:?}");
        assert!(refusals[0].contains("OLD.>"), "{refusals:?}");
        assert!(refusals[1].contains("would delete"), "{refusals:?}");
        assert_eq!(as_json(&becomes), as_json(&found));
    }

    #[test]
    fn more_copies_and_more_protection_than_wanted_stay() {
        let requests = wanted(REQUESTS);
        let mut found = Config {
            num_replicas: 5,
            deny_delete: true,
            ..requests.clone()
        };
        assert_eq!(compare(&requests, &mut found), (vec![], vec![]));
        assert_eq!(found.num_replicas, 5);
    }

    #[test]
    fn what_nats_cannot_change_is_refused_by_name() {
        let wanted = wanted(ACCOUNTS);
        let mut found = Config {
            no_ack: true,
            ..wanted.clone()
        };
        let (changes, refusals) = compare(&wanted, &mut found);
        assert_eq!(changes, []);
        let [refusal] = &refusals[..] else {
            panic!("{refusals:?}");
        };
        let expected = "no_ack is true, needed is null: no stream can be changed so";
        assert!(refusal.starts_with(expected), "{refusal}");
    }

    #[test]
    fn schedules_cannot_live_in_a_stream_that_denies_purges() {
        let commands = wanted(COMMANDS);
        let mut found = Config {
            deny_purge: true,
            ..commands.clone()
        };
        let (changes, refusals) = compare(&commands, &mut found);
        let expected = "deny_purge is true, and can't be taken back in a stream";
        assert_eq!((changes, refusals), (vec![], vec![expected.to_owned()]));
    }

    #[test]
    fn no_limit_is_no_limit_in_either_spelling() {
        let accounts = wanted(ACCOUNTS);
        let mut zeros = Config {
            max_messages: 0,
            max_bytes: 0,
            max_messages_per_subject: 0,
            ..accounts.clone()
        };
        assert_eq!(compare(&accounts, &mut zeros), (vec![], vec![]));
        let keys = wanted(KEYS);
        let mut unlimited = Config {
            max_messages_per_subject: 0,
            ..keys.clone()
        };
        let (_, refusals) = compare(&keys, &mut unlimited);
        assert_eq!(
            refusals,
            ["max_msgs_per_subject is no limit, wanted is 1: that would delete messages"]
        );
    }
}
