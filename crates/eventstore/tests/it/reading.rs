//! Reading whole streams: live, in part, merged.

use crate::support::*;
use async_nats::jetstream::{self, stream::Config};
use eventstore::{Log, StoreError, StreamName};
use futures_util::{StreamExt, TryStreamExt};
use std::time::Duration;
use testkit::{DropAcksProxy, LONG, Nats, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn following_survives_restarts_without_gaps_or_duplicates() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let reader = connect(proxy.url()).await;
    let mut followed = Box::pin(reader.reader().follow(ACCOUNTS, 0));
    let mut expected = 0;
    for round in 0..4 {
        deposit_on(&log, &["a"; 20]).await;
        // Some of it before the fault, the rest after it.
        for commit in next(&mut followed, 10).await {
            expected += 1;
            assert_eq!(commit.unwrap().sequence, expected);
        }
        if round % 2 == 0 {
            nats.kill9().await;
            nats.restart().await;
            connected(&log).await;
            eventually("the server answers", LONG, || log.ping()).await;
        } else {
            proxy.cut();
            disconnected(&reader).await;
            proxy.restore();
        }
        deposit_on(&log, &["b"; 20]).await;
        let rest = tokio::time::timeout(Duration::from_secs(4), next(&mut followed, 30));
        for commit in rest.await.expect("it goes on soon") {
            expected += 1;
            assert_eq!(commit.unwrap().sequence, expected);
        }
    }
}

#[tokio::test]
async fn a_missing_message_ends_following_with_an_error() {
    let nats = Nats::start().await;
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    // A log that was tampered with: ours can't be deleted from.
    let stream = raw.create_stream(Config {
        name: "ACCOUNTS".to_owned(),
        subjects: vec!["ACCOUNTS.*".to_owned()],
        allow_direct: true,
        ..Config::default()
    });
    let stream = stream.await.unwrap();
    let log = Log::connect(config(nats.url())).await.unwrap();
    connected(&log).await;
    deposit_on(&log, &["a", "b", "c"]).await;
    stream.delete_message(2).await.unwrap();

    let found: Vec<_> = log.reader().follow(ACCOUNTS, 0).collect().await;
    assert_eq!(found.len(), 2, "it ends at the gap");
    assert_eq!(found[0].as_ref().unwrap().sequence, 1);
    let error = found[1].as_ref().unwrap_err();
    let is_hole =
        matches!(error, StoreError::Hole { first, last, .. } if (first, last) == (&2, &2));
    assert!(is_hole, "{error}");
}

#[tokio::test]
async fn a_range_is_read_and_ends() {
    let (_nats, log) = start().await;
    let read = async |from, to| {
        let commits = log.reader().range(ACCOUNTS, from, to).await.unwrap();
        let commits: Vec<_> = commits.try_collect().await.unwrap();
        sequences(&commits)
    };
    let nothing: [u64; 0] = [];
    assert_eq!(
        read(0, u64::MAX).await,
        nothing,
        "an empty stream ends at once"
    );
    deposit_on(&log, &["a", "b", "a", "c"]).await;
    assert_eq!(read(0, u64::MAX).await, [1, 2, 3, 4]);
    assert_eq!(read(2, 3).await, [2, 3]);
    assert_eq!(read(3, 2).await, nothing);
    assert_eq!(read(5, 9).await, nothing);
    assert_eq!(read(4, 9).await, [4]);
}

#[tokio::test]
async fn several_streams_are_read_merged_by_time() {
    let (_nats, log) = start().await;
    let mut expected: Vec<(StreamName, u64)> = Vec::new();
    let mut sequences = [0, 0];
    // An irregular order, and several in a row of the same stream.
    for which in [0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0] {
        let (stream, id) = (
            [ACCOUNTS, BRANCHES][which],
            format!("x{}", sequences[which]),
        );
        let appended = append(&log, (stream, &id), 0, Event::Closed, 0);
        sequences[which] = appended.await.unwrap();
        expected.push((stream, sequences[which]));
    }
    let merged = log
        .reader()
        .merged(&[ACCOUNTS, BRANCHES, ACCOUNTS_ELSEWHERE])
        .await;
    assert!(merged.is_err(), "a stream that isn't there can't be merged");
    let merged = log.reader().merged(&[BRANCHES, ACCOUNTS]).await.unwrap();
    let merged: Vec<_> = merged.try_collect().await.unwrap();
    let found: Vec<_> = merged
        .iter()
        .map(|commit| (commit.stream, commit.sequence))
        .collect();
    assert_eq!(found, expected);
    let none: Vec<_> = log.reader().merged(&[]).await.unwrap().collect().await;
    assert!(none.is_empty());
}

const ACCOUNTS_ELSEWHERE: StreamName = StreamName::new("ELSEWHERE");

#[tokio::test]
async fn an_outage_leaves_no_heap_of_consumers_behind() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let reader = connect(proxy.url()).await;
    let mut followed = Box::pin(reader.reader().follow(ACCOUNTS, 0));
    deposit_on(&log, &["a"]).await;
    next(&mut followed, 1).await;
    proxy.cut();
    // Time to try again and again, while the reader is waited for.
    let outage = tokio::time::timeout(Duration::from_secs(3), followed.next());
    assert!(outage.await.is_err());
    proxy.restore();
    deposit_on(&log, &["a"]).await;
    next(&mut followed, 1).await;
    let raw = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let stream = raw.get_stream("ACCOUNTS").await.unwrap();
    let consumers = stream.cached_info().state.consumer_count;
    assert!(
        consumers <= 2,
        "{consumers} consumers, one before and one after"
    );
}
