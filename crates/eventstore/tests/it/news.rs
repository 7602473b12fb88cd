//! Announcements and public keys.

use crate::support::*;
use eventstore::StoreError;

#[tokio::test]
async fn an_announcement_reaches_every_listener() {
    let (nats, log) = start().await;
    let others = connect(nats.url()).await;
    let mut heard = others.pubsub().subscribe("progress").await.unwrap();
    // The server has taken the subscription once it answers what was asked after it.
    others.ping().await.unwrap();
    log.pubsub()
        .broadcast("elsewhere", b"0".to_vec())
        .await
        .unwrap();
    log.pubsub()
        .broadcast("progress", b"1".to_vec())
        .await
        .unwrap();
    assert_eq!(next(&mut heard, 1).await, ["1"]);
    let topic = log.pubsub().broadcast("a.>", Vec::new()).await;
    assert!(matches!(topic, Err(StoreError::InvalidId(_))));
}

#[tokio::test]
async fn public_keys_are_found_the_newest_last() {
    let (_nats, log) = start().await;
    assert!(log.session_keys().list().await.unwrap().is_empty());
    for (id, key) in [("k1", "one"), ("k2", "two"), ("k2", "two"), ("k1", "three")] {
        log.session_keys().publish(id, key).await.unwrap();
    }
    // As every start of a process does.
    log.session_keys().publish("k2", "two").await.unwrap();
    let keys = async || {
        let known = log.session_keys().list().await.unwrap();
        let pairs = known.into_iter().map(|known| (known.id, known.key));
        pairs.collect::<Vec<_>>()
    };
    let pair = |id: &str, key: Option<&str>| (id.to_owned(), key.map(ToOwned::to_owned));
    let (one, two) = (pair("k1", Some("three")), pair("k2", Some("two")));
    assert_eq!(keys().await, [two.clone(), one]);

    // One that is retired stays known as such, and comes back by nobody's start.
    log.session_keys().retire("k1").await.unwrap();
    assert_eq!(keys().await, [two, pair("k1", None)]);
    let again = log.session_keys().publish("k1", "three").await;
    assert!(matches!(again, Err(StoreError::Rejected(_))), "{again:?}");
    assert!(matches!(
        log.session_keys().publish("a.b", "x").await,
        Err(StoreError::InvalidId(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_retired_during_its_publication_stays_retired() {
    let (nats, log) = start().await;
    let other = connect(nats.url()).await;
    for n in 0..200 {
        let id = format!("k{n}");
        log.session_keys().publish(&id, "old").await.unwrap();
        let publishing = tokio::spawn({
            let (log, id) = (log.clone(), id.clone());
            async move { log.session_keys().publish(&id, "new").await }
        });
        let retiring = tokio::spawn({
            let (other, id) = (other.clone(), id.clone());
            async move { other.session_keys().retire(&id).await }
        });
        // It may have been published before, or be refused.
        let _ = publishing.await.unwrap();
        retiring.await.unwrap().unwrap();
    }
    let known = log.session_keys().list().await.unwrap();
    let alive: Vec<_> = known.iter().filter(|key| key.key.is_some()).collect();
    assert_eq!((known.len(), alive.len()), (200, 0), "{alive:?}");
}
