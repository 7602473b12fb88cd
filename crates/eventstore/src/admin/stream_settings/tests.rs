//! The settings of each stream, and which other settings would lose data.

use super::*;
use crate::{
    StoreError,
    stream_name::{
        KEYS, REQUESTS,
        samples::{ACCOUNTS, BOTH},
    },
    subject::check_id,
};

fn three_copies() -> LogConfig {
    LogConfig {
        event_streams: BOTH.to_vec(),
        replicas: 3,
        ..LogConfig::default()
    }
}

fn wanted(stream: StreamName) -> Config {
    let all = all(&three_copies());
    let found = all.into_iter().find(|(name, _)| *name == stream);
    found.unwrap().1
}

const YEAR: Duration = Duration::from_hours(365 * 24);

#[test]
fn a_stream_is_named_in_its_subjects_and_nothing_else_is() {
    assert_eq!(
        (ACCOUNTS.as_str(), &*ACCOUNTS.to_string()),
        ("ACCOUNTS", "ACCOUNTS")
    );
    assert_eq!(ACCOUNTS.subject("a"), "ACCOUNTS.a");
    assert_eq!(ACCOUNTS.key_of("ACCOUNTS.a"), Some("a"));
    for other in ["BRANCHES.a", "ACCOUNTSa", "ACCOUNTS", ""] {
        assert_eq!(ACCOUNTS.key_of(other), None, "{other}");
    }
}

#[test]
fn streams_of_commits_come_first_and_keep_everything_for_good() {
    let all = all(&three_copies());
    let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["ACCOUNTS", "BRANCHES", "DEADLETTERS", "COMMANDS"];
    assert_eq!(names[..4], expected);
    assert_eq!(names[4..], ["REQUESTS", "KEYS"]);
    for (name, config) in &all[..BOTH.len()] {
        assert_eq!(config.name, name.as_str());
        assert_eq!(config.subjects, [format!("{name}.*")]);
        assert_eq!(
            (config.storage, config.num_replicas),
            (StorageType::File, 3)
        );
        assert_eq!(config.retention, RetentionPolicy::Limits);
        assert_eq!(config.discard, DiscardPolicy::New);
        assert!(config.deny_delete && config.deny_purge && config.allow_direct);
        let limits = [
            config.max_messages,
            config.max_bytes,
            config.max_messages_per_subject,
        ];
        assert!(limits.iter().all(|limit| *limit <= 0), "{limits:?}");
        assert!(config.max_age.is_zero());
    }
}

#[test]
fn every_other_stream_does_what_it_is_for() {
    for stream in [DEADLETTERS, COMMANDS, REQUESTS, KEYS] {
        let config = wanted(stream);
        assert_eq!(config.subjects, [format!("{stream}.>")]);
        assert_eq!(
            (config.storage, config.num_replicas),
            (StorageType::File, 3)
        );
        assert!(config.max_messages <= 0 && config.max_bytes <= 0);
    }
    let dead_letters = wanted(DEADLETTERS);
    assert!(dead_letters.deny_delete && dead_letters.deny_purge);
    let commands = wanted(COMMANDS);
    assert!(commands.allow_message_schedules && commands.allow_message_ttl);
    assert!(commands.allow_rollup && !commands.deny_purge);
    assert!(
        commands.max_age > YEAR,
        "it outlives any stop of the whole system"
    );
    assert_eq!(wanted(REQUESTS).max_age, ANSWERS_KEPT);
    assert_eq!(wanted(KEYS).max_messages_per_subject, 1);
}

#[test]
fn an_id_is_one_token_of_a_subject() {
    let longest = "x".repeat(128);
    for id in ["a", "A-z_09", &longest] {
        check_id(id).unwrap();
    }
    let longer = "x".repeat(129);
    for id in ["", "a.b", "*", ">", "two words", "Zo\u{eb}", &longer] {
        let invalid = check_id(id);
        assert!(matches!(invalid, Err(StoreError::InvalidId(_))), "{id}");
    }
}

#[test]
fn settings_as_wanted_are_no_danger_and_neither_is_more_than_that() {
    for (name, wanted) in all(&three_copies()) {
        assert_eq!(dangerous_difference(&wanted, &wanted), None, "{name}");
        let more = Config {
            num_replicas: 5,
            deny_delete: true,
            deny_purge: true,
            // "No limit" in its other notation.
            max_messages: 0,
            max_bytes: 0,
            max_messages_per_subject: 0,
            max_age: Duration::ZERO,
            ..wanted.clone()
        };
        assert_eq!(dangerous_difference(&wanted, &more), None, "{name}");
    }
    let longer = Config {
        max_age: 2 * ANSWERS_KEPT,
        ..wanted(REQUESTS)
    };
    assert_eq!(dangerous_difference(&wanted(REQUESTS), &longer), None);
}

type Departure = (StreamName, &'static str, fn(&mut Config));

#[test]
fn a_difference_that_could_lose_data_is_named() {
    let departures: [Departure; 13] = [
        (
            ACCOUNTS,
            r#"subjects is ["ACCOUNTS.x"], needed is ["ACCOUNTS.*"]"#,
            |c| {
                c.subjects = vec!["ACCOUNTS.x".to_owned()];
            },
        ),
        (ACCOUNTS, r#"discard is "old", needed is "new""#, |c| {
            c.discard = DiscardPolicy::Old;
        }),
        (ACCOUNTS, "allow_direct is null, needed is true", |c| {
            c.allow_direct = false;
        }),
        (ACCOUNTS, "persist_mode is async, needed is default", |c| {
            c.persist_mode = Some(PersistenceMode::Async);
        }),
        (ACCOUNTS, "deny_delete is false, needed is true", |c| {
            c.deny_delete = false;
        }),
        (ACCOUNTS, "deny_purge is false, needed is true", |c| {
            c.deny_purge = false;
        }),
        (ACCOUNTS, "num_replicas is 1, needed is 3", |c| {
            c.num_replicas = 1;
        }),
        (ACCOUNTS, "max_msgs is 1, needed is no limit", |c| {
            c.max_messages = 1;
        }),
        (ACCOUNTS, "max_bytes is 1, needed is no limit", |c| {
            c.max_bytes = 1;
        }),
        (
            ACCOUNTS,
            "max_msgs_per_subject is 1, needed is no limit",
            |c| {
                c.max_messages_per_subject = 1;
            },
        ),
        (KEYS, "max_msgs_per_subject is 2, needed is 1", |c| {
            c.max_messages_per_subject = 2;
        }),
        (ACCOUNTS, "max_age is 36.0 h, needed is no limit", |c| {
            c.max_age = Duration::from_hours(36);
        }),
        (REQUESTS, "max_age is 23.0 h, needed is 24.0 h", |c| {
            c.max_age = Duration::from_hours(23);
        }),
    ];
    for (stream, difference, depart) in departures {
        let mut found = wanted(stream);
        depart(&mut found);
        let told = dangerous_difference(&wanted(stream), &found);
        assert_eq!(told.as_deref(), Some(difference));
    }
}
