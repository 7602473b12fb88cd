//! Streams: made once, checked ever after.

use crate::support::*;
use async_nats::jetstream::{
    self,
    stream::{Config, DiscardPolicy, StorageType},
};
use eventstore::{Log, LogConfig, StoreError};
use std::time::Duration;
use testkit::Nats;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_may_create_the_streams_at_once_and_again() {
    let nats = Nats::start().await;
    let mut starts = JoinSet::new();
    for _ in 0..16 {
        let url = nats.url().to_owned();
        starts.spawn(async move { connect(&url).await });
    }
    let logs = starts.join_all().await;
    logs[0].ensure_streams().await.unwrap();
    let created = logs[0].stream_created(ACCOUNTS).await.unwrap();
    assert_eq!(logs[1].stream_created(ACCOUNTS).await.unwrap(), created);
}

/// The stream as it must be, from which each case departs.
fn right() -> Config {
    Config {
        name: "ACCOUNTS".to_owned(),
        subjects: vec!["ACCOUNTS.*".to_owned()],
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true,
        ..Config::default()
    }
}

#[tokio::test]
async fn a_stream_that_could_lose_data_is_an_error_that_names_the_difference() {
    let nats = Nats::start().await;
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let log = Log::connect(config(nats.url())).await.unwrap();
    let cases = [
        (
            "deny_delete is false, needed is true",
            Config {
                deny_delete: false,
                ..right()
            },
        ),
        (
            "deny_purge is false, needed is true",
            Config {
                deny_purge: false,
                ..right()
            },
        ),
        (
            "storage is \"memory\", needed is \"file\"",
            Config {
                storage: StorageType::Memory,
                ..right()
            },
        ),
        (
            "discard is \"old\", needed is \"new\"",
            Config {
                discard: DiscardPolicy::Old,
                ..right()
            },
        ),
        (
            "max_msgs is 9, needed is no limit",
            Config {
                max_messages: 9,
                ..right()
            },
        ),
        (
            "max_bytes is 99999, needed is no limit",
            Config {
                max_bytes: 99_999,
                ..right()
            },
        ),
        (
            "max_msgs_per_subject is 1, needed is no limit",
            Config {
                max_messages_per_subject: 1,
                ..right()
            },
        ),
        (
            "max_age is 36.0 h, needed is no limit",
            Config {
                max_age: Duration::from_hours(36),
                ..right()
            },
        ),
        (
            "allow_direct is null, needed is true",
            Config {
                allow_direct: false,
                ..right()
            },
        ),
        (
            "allow_msg_ttl is true, needed is null",
            Config {
                allow_message_ttl: true,
                ..right()
            },
        ),
        (
            "no_ack is true, needed is null",
            Config {
                no_ack: true,
                ..right()
            },
        ),
        (
            "subjects is [\"ACCOUNTS.*.*\"], needed is [\"ACCOUNTS.*\"]",
            Config {
                subjects: vec!["ACCOUNTS.*.*".to_owned()],
                ..right()
            },
        ),
        (
            "persist_mode is async, needed is default",
            Config {
                persist_mode: Some(jetstream::stream::PersistenceMode::Async),
                ..right()
            },
        ),
    ];
    for (difference, config) in cases {
        raw.create_stream(config).await.unwrap();
        let error = log.ensure_streams().await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!("stream ACCOUNTS is not as it must be: {difference}")
        );
        raw.delete_stream("ACCOUNTS").await.unwrap();
    }
    // What does no harm is left as it is.
    raw.create_stream(Config {
        description: Some("ours".to_owned()),
        duplicate_window: Duration::from_secs(5),
        ..right()
    })
    .await
    .unwrap();
    log.ensure_streams().await.unwrap();

    // Fewer copies than wanted are a difference too.
    let replicated = LogConfig {
        replicas: 3,
        ..config(nats.url())
    };
    let error = Log::connect(replicated)
        .await
        .unwrap()
        .ensure_streams()
        .await;
    assert!(
        matches!(&error, Err(StoreError::StreamDiffers { difference, .. })
            if difference == "num_replicas is 1, needed is 3"),
        "{error:?}"
    );
}

#[tokio::test]
async fn nobody_can_delete_from_the_log() {
    let (nats, log) = start().await;
    deposit_on(&log, &["a"]).await;
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    for name in ["ACCOUNTS", "BRANCHES", "DEADLETTERS"] {
        let stream = raw.get_stream(name).await.unwrap();
        assert!(stream.purge().await.is_err(), "{name}");
        assert!(stream.delete_message(1).await.is_err(), "{name}");
    }
    assert_eq!(accounts(&log).load("a").await.unwrap().version(), 1);
}
