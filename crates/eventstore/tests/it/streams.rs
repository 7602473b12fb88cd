//! Streams: made once, checked ever after.

use crate::support::*;
use async_nats::jetstream::{
    self,
    stream::{Config, DiscardPolicy, PersistenceMode, StorageType},
};
use eventstore::{Log, LogConfig, Login, StoreError, StreamsFound};
use std::time::{Duration, Instant};
use testkit::{LONG, Nats, NatsOptions, eventually};
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
    logs[0].streams().ensure().await.unwrap();
    let created = logs[0].streams().created(ACCOUNTS).await.unwrap();
    assert_eq!(logs[1].streams().created(ACCOUNTS).await.unwrap(), created);
}

#[tokio::test]
async fn a_lost_stream_is_not_recreated() {
    let (nats, log) = start().await;
    deposit_on(&log, &["a"]).await;
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    // Some hold messages and some don't; whichever is gone, those that are there tell.
    for lost in ["ACCOUNTS", "BRANCHES", "COMMANDS", "KEYS"] {
        raw.delete_stream(lost).await.unwrap();
        eventually("it is gone", LONG, || async {
            let gone = raw.get_stream(lost).await.is_err();
            gone.then_some(()).ok_or("still there")
        })
        .await;
        for again in [&log, &Log::connect(config(nats.url())).await.unwrap()] {
            connected(again).await;
            let refused = again.streams().ensure().await.unwrap_err();
            let words = refused.to_string();
            assert!(
                words.starts_with(&format!("stream {lost} is missing, while ")),
                "{words}"
            );
            assert!(words.contains("put it back from a backup"), "{words}");
            assert!(matches!(refused, StoreError::StreamMissing { .. }));
        }
        assert!(raw.get_stream(lost).await.is_err(), "{lost} was made");
        // People can, if they say so.
        let mut plans = log.streams().plans().await.unwrap();
        let plan = plans.iter_mut().find(|plan| plan.stream.as_str() == lost);
        let plan = plan.unwrap();
        if lost != "ACCOUNTS" {
            let refused = log.streams().migrate(plan).await;
            assert!(matches!(refused, Err(StoreError::StreamMismatch { .. })));
        }
        plan.create_on_purpose();
        log.streams().migrate(plan).await.unwrap();
        log.streams().ensure().await.unwrap();
        deposit_on(&log, &["b"]).await;
    }
}

#[tokio::test]
async fn an_interrupted_installation_is_completed() {
    let nats = Nats::start().await;
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    raw.create_stream(right()).await.unwrap();
    let log = Log::connect(config(nats.url())).await.unwrap();
    connected(&log).await;
    let found = log.streams().check().await.unwrap();
    assert_eq!(found, StreamsFound::NewInstallation);
    log.streams().ensure().await.unwrap();
    assert_eq!(log.streams().check().await.unwrap(), StreamsFound::All);
}

#[tokio::test]
async fn without_permission_for_streams_the_log_waits_for_an_operator() {
    let nats = Nats::start_with(NatsOptions {
        extra_config: r#"
            authorization { users: [
              { user: service, password: s, permissions: { publish: { deny: ["$JS.API.STREAM.CREATE.*"] } } }
              { user: operator, password: o }
            ] }"#
        .to_owned(),
        ..NatsOptions::default()
    })
    .await;
    let user = |user: &str, password: &str| LogConfig {
        login: Some(Login::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        }),
        ..config(nats.url())
    };
    let service = Log::connect(user("service", "s")).await.unwrap();
    connected(&service).await;
    for _ in 0..2 {
        let began = Instant::now();
        let refused = service.streams().ensure().await.unwrap_err().to_string();
        assert!(
            refused.starts_with("stream ACCOUNTS is missing, nobody made it yet"),
            "{refused}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "it ran into a time-out"
        );
    }
    connect_with(user("operator", "o")).await;
    service.streams().ensure().await.unwrap();
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

/// A departure from the stream as it must be, and how it is named.
type Case = (&'static str, fn(&mut Config));

const DANGEROUS: [Case; 13] = [
    ("deny_delete is false, needed is true", |c| {
        c.deny_delete = false;
    }),
    ("deny_purge is false, needed is true", |c| {
        c.deny_purge = false;
    }),
    (r#"storage is "memory", needed is "file""#, |c| {
        c.storage = StorageType::Memory;
    }),
    (r#"discard is "old", needed is "new""#, |c| {
        c.discard = DiscardPolicy::Old;
    }),
    ("max_msgs is 9, needed is no limit", |c| {
        c.max_messages = 9;
    }),
    ("max_bytes is 99999, needed is no limit", |c| {
        c.max_bytes = 99_999;
    }),
    ("max_msgs_per_subject is 1, needed is no limit", |c| {
        c.max_messages_per_subject = 1;
    }),
    ("max_age is 36.0 h, needed is no limit", |c| {
        c.max_age = Duration::from_hours(36);
    }),
    ("allow_direct is null, needed is true", |c| {
        c.allow_direct = false;
    }),
    ("allow_msg_ttl is true, needed is null", |c| {
        c.allow_message_ttl = true;
    }),
    ("no_ack is true, needed is null", |c| {
        c.no_ack = true;
    }),
    (
        r#"subjects is ["ACCOUNTS.x"], needed is ["ACCOUNTS.*"]"#,
        |c| {
            c.subjects = vec!["ACCOUNTS.x".to_owned()];
        },
    ),
    ("persist_mode is async, needed is default", |c| {
        c.persist_mode = Some(PersistenceMode::Async);
    }),
];

#[tokio::test]
async fn a_stream_that_could_lose_data_is_an_error_that_names_the_difference() {
    let nats = Nats::start().await;
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let log = Log::connect(config(nats.url())).await.unwrap();
    connected(&log).await;
    for (difference, depart) in DANGEROUS {
        let mut config = right();
        depart(&mut config);
        // On a busy machine the server still clears away the one before.
        let create = || raw.create_stream(config.clone());
        eventually(difference, LONG, create).await;
        let error = log.streams().ensure().await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!("stream ACCOUNTS is not as it must be: {difference}")
        );
        raw.delete_stream("ACCOUNTS").await.unwrap();
    }
    // What does no harm is left as it is.
    let harmless = Config {
        description: Some("ours".to_owned()),
        duplicate_window: Duration::from_secs(5),
        ..right()
    };
    eventually("created", LONG, || raw.create_stream(harmless.clone())).await;
    log.streams().ensure().await.unwrap();

    // Fewer copies than wanted are a difference too.
    let replicated = LogConfig {
        replicas: 3,
        ..config(nats.url())
    };
    let replicated = Log::connect(replicated).await.unwrap();
    connected(&replicated).await;
    assert_eq!(
        replicated.streams().ensure().await.unwrap_err().to_string(),
        "stream ACCOUNTS is not as it must be: num_replicas is 1, needed is 3"
    );
}

#[tokio::test]
async fn the_log_cannot_be_deleted_from() {
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

#[test]
fn the_server_that_is_installed_is_held_to_the_same_minimum() {
    assert_eq!(devservers::tools::OLDEST_NATS, eventstore::OLDEST_SERVER);
}
