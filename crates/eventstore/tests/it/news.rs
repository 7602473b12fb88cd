//! Announcements and public keys.

use crate::support::*;
use eventstore::StoreError;

#[tokio::test]
async fn an_announcement_reaches_whoever_listens() {
    let (nats, log) = start().await;
    let others = connect(nats.url()).await;
    let mut heard = others.announcements("progress").await.unwrap();
    // The server has taken the subscription once it answers what was asked after it.
    others.ping().await.unwrap();
    log.announce("elsewhere", b"0".to_vec()).await.unwrap();
    log.announce("progress", b"1".to_vec()).await.unwrap();
    assert_eq!(next(&mut heard, 1).await, ["1"]);
    let topic = log.announce("a.>", Vec::new()).await;
    assert!(matches!(topic, Err(StoreError::InvalidId(_))));
}

#[tokio::test]
async fn public_keys_are_found_the_newest_last() {
    let (_nats, log) = start().await;
    assert!(log.public_keys().await.unwrap().is_empty());
    for (id, key) in [("k1", "one"), ("k2", "two"), ("k2", "two"), ("k1", "three")] {
        log.publish_key(id, key).await.unwrap();
    }
    // As every start of a process does.
    log.publish_key("k2", "two").await.unwrap();
    let keys = log.public_keys().await.unwrap();
    let pair = |id: &str, key: &str| (id.to_owned(), key.to_owned());
    assert_eq!(keys, [pair("k2", "two"), pair("k1", "three")]);
    assert!(matches!(
        log.publish_key("a.b", "x").await,
        Err(StoreError::InvalidId(_))
    ));
}
