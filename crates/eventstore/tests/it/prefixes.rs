//! Several installations on one server, each under a prefix of its own.

use crate::support::*;
use eventstore::{Claim, LogConfig, Prefix, StoreError};
use futures_util::{FutureExt as _, StreamExt as _};
use std::time::Duration;
use testkit::{LONG, Nats};
use uuid::Uuid;

async fn installation(nats: &Nats, prefix: &str) -> eventstore::Log {
    let prefix = Prefix::parse(prefix).unwrap();
    connect_with(LogConfig {
        prefix,
        ..config(nats.url())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn installations_share_a_server_and_nothing_else() {
    let nats = Nats::start().await;
    let logs = [
        installation(&nats, "").await,
        installation(&nats, "SHOP_").await,
        installation(&nats, "SHOP_EU-").await,
    ];
    let mut heard = Vec::new();
    for log in &logs {
        heard.push(log.pubsub().subscribe("news").await.unwrap());
    }
    // The same account, of one and the same key, everywhere.
    let (key, mut workers, notes) = (Uuid::new_v4(), Vec::new(), Notes::default());
    for (n, log) in logs.iter().enumerate() {
        let amount = 10_i64.pow(u32::try_from(n).unwrap());
        let done = deposit(&accounts(log), "ann", amount).await.unwrap();
        assert_eq!((done.sequence, done.state.balance), (1, amount));
        let claimed = log.idempotency().claim(key, "content").await.unwrap();
        assert!(matches!(claimed, Claim::Fresh(_)), "{claimed:?}");
        assert!(log.session_keys().publish("key", "public").await.unwrap());
        let taken = notes.clone();
        let subscription = eventstore::Subscription::new("same-name");
        workers.push(
            log.workers()
                .on_commit(ACCOUNTS, subscription, move |commit| {
                    taken.take(format!("{n}: {}", commit.aggregate_id));
                    async { Ok(()) }
                }),
        );
    }
    let mut handled = notes.until(3).await;
    handled.sort();
    assert_eq!(handled, ["0: ann", "1: ann", "2: ann"]);

    logs[1].pubsub().broadcast("news", vec![1]).await.unwrap();
    let second = tokio::time::timeout(LONG, heard[1].next()).await.unwrap();
    assert_eq!(second.unwrap()[..], [1]);
    // Asked in turn, so that what was on its way has come.
    for log in &logs {
        log.ping().await.unwrap();
    }
    assert!(heard[0].next().now_or_never().is_none());
    assert!(heard[2].next().now_or_never().is_none());
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_of_an_installation_has_names_without_its_prefix() {
    let nats = Nats::start().await;
    let log = installation(&nats, "SHOP_").await;
    deposit_on(&log, &["ann", "bob"]).await;
    let commit = log.reader().commit_at(ACCOUNTS, 2).await.unwrap();
    assert_eq!(
        (commit.stream.to_string(), commit.aggregate_id.as_str()),
        ("ACCOUNTS".to_owned(), "bob")
    );
    let stored = log.reader().stored_message(ACCOUNTS, 1).await.unwrap();
    let stored = stored.unwrap();
    assert_eq!(
        (stored.key(), &*stored.subject),
        (Some("ann"), "SHOP_ACCOUNTS.ann")
    );
    let mut all = Box::pin(log.reader().range(ACCOUNTS, 1, 9).await.unwrap());
    let found = next(&mut all, 2).await;
    let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
    assert_eq!(sequences(&found), [1, 2]);
    let plans = log.streams().plans().await.unwrap();
    assert!(
        plans
            .iter()
            .all(|plan| plan.refusals.is_empty() && plan.changes.is_empty())
    );
    let due = log.scheduler();
    let at = chrono::Utc::now() + Duration::from_millis(100);
    due.schedule("bell", "k", at, &commit, serde_json::json!({}))
        .await
        .unwrap();
    let notes = Notes::default();
    let taken = notes.clone();
    let bells = eventstore::Subscription::new("bells");
    let worker = log.workers().on_due("bell", bells, move |due| {
        taken.take(due.key);
        async { Ok(()) }
    });
    assert_eq!(notes.until(1).await, ["k"]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_not_restored_under_another_prefix() {
    let nats = Nats::start().await;
    let (shop, other) = (
        installation(&nats, "SHOP_").await,
        installation(&nats, "").await,
    );
    deposit_on(&shop, &["ann"]).await;
    let snapshot = shop.backup().snapshot(ACCOUNTS).await.unwrap();
    other.backup().delete_for_restore(ACCOUNTS).await.unwrap();
    let refused = other.backup().restore(ACCOUNTS, snapshot.head()).await;
    let Err(StoreError::Rejected(why)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        why.contains("\"SHOP_ACCOUNTS\"") && why.contains("prefix"),
        "{why}"
    );
}
