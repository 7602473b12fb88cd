//! A replica that lags: what it doesn't know yet is no answer where something follows from that.

use crate::support::*;
use testkit::{Nats, NatsOptions};

/// Logs by a server that stands for one of a cluster: its direct gets are answered by a replica that
/// knows nothing, all else by the leader. And one by way of the leader alone, to write with.
async fn apart() -> (Nats, Disguise, eventstore::Log, eventstore::Log) {
    let nats = Nats::start_with(NatsOptions {
        extra_config: LAGGING.to_owned(),
        ..NatsOptions::default()
    })
    .await;
    lag(nats.url()).await;
    let cluster = Disguise::as_one_of_a_cluster(nats.url()).await;
    let reader = connect_with(impatient(cluster.url())).await;
    let writer = connect_with(impatient(cluster.url())).await;
    (nats, cluster, reader, writer)
}

#[tokio::test]
async fn an_aggregate_is_read_from_the_leader_even_with_one_copy() {
    let (_nats, _cluster, reader, writer) = apart().await;
    deposit(&accounts(&writer), "a", 5).await.unwrap();
    let loaded = accounts(&reader).load("a").await.unwrap();
    assert_eq!((loaded.version(), loaded.state().balance), (1, 5));
}

#[tokio::test]
async fn a_history_is_read_by_the_leader_when_a_replica_goes_on_to_lag() {
    let (_nats, _cluster, reader, writer) = apart().await;
    let written = accounts(&writer);
    for _ in 0..4 {
        deposit(&written, "a", 1).await.unwrap();
    }
    let loaded = accounts(&reader).load("a").await.unwrap();
    assert_eq!((loaded.version(), loaded.state().balance), (4, 4));
}

#[tokio::test]
async fn what_a_replica_does_not_know_yet_is_there() {
    let (_nats, _cluster, reader, writer) = apart().await;
    let sequence = deposit_on(&writer, &["a"]).await;
    let commit = reader.reader().commit_at(ACCOUNTS, sequence).await.unwrap();
    assert_eq!(commit.aggregate_id, "a");
    let missing = reader.reader().commit_at(ACCOUNTS, 99).await.unwrap_err();
    assert_eq!(missing.to_string(), "ACCOUNTS#99: there is no such message");

    writer.session_keys().publish("k1", "one").await.unwrap();
    writer.session_keys().publish("k2", "two").await.unwrap();
    writer.session_keys().retire("k1").await.unwrap();
    let known = reader.session_keys().list().await.unwrap();
    let known: Vec<_> = known
        .iter()
        .map(|key| (&*key.id, key.key.as_deref()))
        .collect();
    assert_eq!(known, [("k2", Some("two")), ("k1", None)]);
}

#[tokio::test]
async fn a_dead_letter_survives_a_replica_that_lacks_its_message() {
    let (_nats, _cluster, reader, writer) = apart().await;
    deposit_on(&writer, &["a"]).await;
    let (attempts, works) = (Notes::default(), Notes::default());
    let (seen, worked) = (attempts.clone(), works.clone());
    let subscription = eventstore::Subscription {
        max_tries: 1,
        ..eventstore::Subscription::new("auditor")
    };
    let subscribed = reader
        .workers()
        .on_commit(ACCOUNTS, subscription, move |commit| {
            let (attempts, works) = (seen.clone(), worked.clone());
            async move {
                attempts.take(&commit.aggregate_id);
                if works.count() == 0 {
                    return Err(eventstore::HandlerError::Poison("not today".to_owned()));
                }
                works.take(format!("handled {}", commit.aggregate_id));
                Ok(())
            }
        });
    let letters = testkit::eventually("a dead letter", testkit::LONG, || async {
        let letters = writer.dead_letters().list().await.unwrap();
        (letters.len() == 1).then_some(letters).ok_or("none yet")
    })
    .await;
    works.take("it works now");
    writer.dead_letters().retry(&letters[0]).await.unwrap();
    works.until(2).await;
    subscribed.stop().await;
    assert_eq!(works.all(), ["it works now", "handled a"]);
    assert_eq!(attempts.count(), 2);
}
