//! Consumers that live, show it, and give nothing.

use crate::support::*;
use eventstore::Subscription;
use futures_util::StreamExt;
use std::time::Duration;
use testkit::DropAcksProxy;

/// Within which somebody else gives what one doesn't.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_reader_whose_consumer_gives_nothing_makes_another() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let reader = connect(proxy.url()).await;
    let mut followed = Box::pin(reader.reader().follow(ACCOUNTS, 0));
    deposit_on(&log, &["a"]).await;
    assert_eq!(followed.next().await.unwrap().unwrap().sequence, 1);
    proxy.deafen();
    deposit_on(&log, &["a", "a"]).await;
    for sequence in [2, 3] {
        let next = tokio::time::timeout(SOON, followed.next());
        let commit = next.await.expect("another consumer gives it");
        assert_eq!(commit.unwrap().unwrap().sequence, sequence);
    }
}

#[tokio::test]
async fn a_worker_repeats_unanswered_requests() {
    let (nats, log) = start().await;
    let proxy = DropAcksProxy::start(nats.url(), 1).await;
    let worker_log = connect(proxy.url()).await;
    let notes = Notes::default();
    let seen = notes.clone();
    let branch = Subscription::new("branch-on-accounts");
    let worker = worker_log
        .workers()
        .on_commit(ACCOUNTS, branch, move |commit| {
            let seen = seen.clone();
            async move {
                seen.take(format!("{}{}", commit.aggregate_id, commit.version));
                Ok(())
            }
        });
    deposit_on(&log, &["a"]).await;
    notes.until(1).await;
    proxy.deafen();
    deposit_on(&log, &["a", "b"]).await;
    let mut all = tokio::time::timeout(SOON, notes.until(3))
        .await
        .expect("both come");
    all.sort();
    assert_eq!(all, ["a0", "a1", "b0"]);
    worker.stop().await;
}
