//! Databases of tests, seen by a real client.

#![allow(clippy::unwrap_used, reason = "the helpers of tests, too, may panic")]

use std::time::Duration;

use mongodb::{
    Client,
    bson::{Document, doc},
};
use testkit::{LONG, Mongo, MongoProxy, eventually};
use tokio::time::timeout;

/// These clients use no TLS, but their library requires a provider for it.
async fn client(uri: &str) -> Client {
    Client::with_uri_str(uri).await.unwrap()
}

async fn write(client: &Client, database: &str, collection: &str) {
    let collection = client.database(database).collection::<Document>(collection);
    collection.insert_one(doc! { "a": 1 }).await.unwrap();
}

#[tokio::test]
async fn a_database_is_deleted_with_its_last_handle() {
    let server = Mongo::own().await;
    let client = client(server.uri()).await;
    let (ended, kept) = (server.another_database(), server.another_database());
    for database in [&ended, &kept] {
        write(&client, database.name(), "things").await;
    }
    let names = async || client.list_database_names().await.unwrap();
    let name = ended.name().to_owned();
    let clone = ended.clone();
    drop(ended);
    assert!(names().await.contains(&name), "somebody uses it");
    drop(clone);
    let left = names().await;
    assert!(!left.contains(&name), "{left:?}");
    assert!(left.contains(&kept.name().to_owned()), "{left:?}");
}

#[tokio::test]
async fn held_messages_wait_and_others_pass() {
    let server = Mongo::own().await;
    let proxy = MongoProxy::start(server.uri()).await;
    let client = client(proxy.uri()).await;
    proxy.hold_writes_to("slow_");
    let writing = tokio::spawn({
        let (client, name) = (client.clone(), server.name().to_owned());
        async move { write(&client, &name, "slow_v1").await }
    });
    eventually("a message is held", LONG, || async { proxy.held() == 1 }).await;
    for other in ["fast", "slow"] {
        let passes = write(&client, server.name(), other);
        timeout(Duration::from_secs(10), passes).await.unwrap();
    }
    assert!(!writing.is_finished());
    proxy.release();
    timeout(LONG, writing).await.unwrap().unwrap();
    write(&client, server.name(), "slow_v1").await;
}
