//! The suite that is pointed at a server keeps its own word.

use crate::support::*;
use async_nats::jetstream::stream;
use eventstore::{LogConfig, Prefix, StoreError, contract};
use testkit::Nats;

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_is_kept_and_nothing_stays_behind() {
    let nats = Nats::start().await;
    let verdicts = contract::check(config(nats.url())).await.unwrap();
    assert!(verdicts.len() >= 20, "{verdicts:?}");
    for verdict in verdicts {
        assert!(verdict.result.is_ok(), "{verdict:?}");
    }
    let client = async_nats::connect(nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let account = jetstream.query_account().await.unwrap();
    assert_eq!(account.streams, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_stream_could_lose_commits_is_refused() {
    let nats = Nats::start().await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let lossy = stream::Config {
        name: "MINE-CONTRACT".to_owned(),
        subjects: vec!["MINE-CONTRACT.*".to_owned()],
        max_messages: 10,
        allow_direct: true,
        ..stream::Config::default()
    };
    let jetstream = async_nats::jetstream::new(client);
    jetstream.create_stream(lossy).await.unwrap();
    let prefix = Prefix::parse("MINE-").unwrap();
    let refused = contract::check_under(prefix, config(nats.url())).await;
    assert!(
        matches!(refused, Err(StoreError::StreamMismatch { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_promise_is_named() {
    let nats = Nats::start().await;
    // No command is decided within so little time.
    let hasty = LogConfig {
        command_timeout: std::time::Duration::from_nanos(1),
        ..config(nats.url())
    };
    let verdicts = contract::check(hasty).await.unwrap();
    // Which ones depends on timing.
    let broken = verdicts.iter().filter(|verdict| verdict.result.is_err());
    assert!(broken.count() >= 3, "{verdicts:?}");
}
