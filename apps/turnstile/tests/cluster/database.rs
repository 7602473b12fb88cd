//! The permissions of each service on the shared database of the read models.

use mongodb::{
    Client,
    bson::{Document, doc},
    error::ErrorKind,
};
use projections::Projection;
use read_models::{
    orders::OrdersProjection, payable_orders::PayableOrdersProjection, tickets::TicketsProjection,
};
use std::time::Duration;
use testkit::Nats;

use crate::support::{MongoSet, Site, Traffic, session_key, tool};

const DATABASE: &str = "turnstile";
/// The server's code for a missing permission.
const UNAUTHORIZED: i32 = 13;

async fn signed_in(mongo: &MongoSet, user: &str) -> Client {
    let (_, uri) = mongo.envs(user).remove(0);
    Client::with_uri_str(uri).await.unwrap()
}

/// Whether the server allows a user to run a command.
async fn may(client: &Client, database: &str, command: Document) -> bool {
    let done = client.database(database).run_command(command.clone()).await;
    match done.map_err(|error| *error.kind) {
        Ok(_) => true,
        Err(ErrorKind::Command(error)) if error.code == UNAUTHORIZED => false,
        Err(error) => panic!("{command}: {error}"),
    }
}

/// All actions on an existing collection; those that delete it come last.
fn deeds(collection: &str, own: &str) -> Vec<(&'static str, Document)> {
    let name = |collection: &str| format!("{DATABASE}.{collection}");
    vec![
        (DATABASE, doc! { "find": collection }),
        (DATABASE, doc! { "count": collection }),
        (
            DATABASE,
            doc! { "insert": collection, "documents": [{ "_id": "x" }] },
        ),
        (
            DATABASE,
            doc! { "update": collection, "updates": [{ "q": {}, "u": { "$set": { "x": 1 } } }] },
        ),
        (
            DATABASE,
            doc! { "delete": collection, "deletes": [{ "q": { "_id": "x" }, "limit": 1 }] },
        ),
        (
            DATABASE,
            doc! {
                "aggregate": own,
                "pipeline": [{ "$unionWith": collection }],
                "cursor": {},
            },
        ),
        (
            DATABASE,
            doc! {
                "aggregate": own,
                "pipeline": [{ "$merge": { "into": collection } }],
                "cursor": {},
            },
        ),
        (
            DATABASE,
            doc! { "createIndexes": collection, "indexes": [{ "name": "x", "key": { "x": 1 } }] },
        ),
        (
            "admin",
            doc! { "renameCollection": name(own), "to": name(collection), "dropTarget": true },
        ),
        (
            "admin",
            doc! { "renameCollection": name(collection), "to": name(own), "dropTarget": true },
        ),
        (DATABASE, doc! { "drop": collection }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_can_write_only_its_own_read_model() {
    let (nats, mongo) = tokio::join!(Nats::start(), MongoSet::start());
    let key = session_key();
    let envs = |name: &str| {
        let mut envs = mongo.envs(name);
        envs.push(("NATS_URL".to_owned(), nats.url().to_owned()));
        envs.push(key.clone());
        envs
    };
    // Its own work succeeds: it fills a read model, rebuilds it, and switches to that.
    let site = Site::start(1, envs).await;
    let traffic = Traffic::open(&site.client(), 1).await;
    traffic.time_to_trade().await;
    for name in ["tickets", "orders", "payable-orders"] {
        let args = ["projections", "rebuild", name];
        tool(&args, &envs("operator")).await.assert_success();
        traffic.time_to_trade().await;
    }
    let ledger = traffic.close().await;
    ledger.assert_kept(&site.client()).await;
    let verify = ["verify", "--table"];
    tool(&verify, &envs("operator")).await.assert_success();
    for app in site.services.iter().map(|service| &service.app) {
        let log = app.log_text();
        assert!(!log.contains("not authorized"), "{log}");
    }

    let own = [
        ("tickets", TicketsProjection.key()),
        ("orders", OrdersProjection.key()),
        ("payments", PayableOrdersProjection.key()),
    ];
    let operator = signed_in(&mongo, "operator").await;
    for rebuilt in own.iter().map(|(_, key)| format!("{key}_rebuild")) {
        // For a missing collection the server reports that it is missing.
        let made = doc! { "create": rebuilt };
        assert!(may(&operator, DATABASE, made).await);
    }
    for (user, key) in &own {
        let client = signed_in(&mongo, user).await;
        for foreign in own
            .iter()
            .map(|(_, key)| key)
            .filter(|foreign| *foreign != key)
        {
            for collection in [foreign.clone(), format!("{foreign}_rebuild")] {
                for (database, deed) in deeds(&collection, key) {
                    let what = format!("{user}: {deed}");
                    assert!(!may(&client, database, deed).await, "{what}");
                }
            }
        }
        let becomes_more = doc! {
            "grantRolesToUser": user,
            "roles": [{ "role": "readWrite", "db": DATABASE }],
        };
        assert!(!may(&client, "admin", becomes_more).await, "{user}");
        // Permission to read its own: otherwise the refusals could be caused by a wrong password.
        assert!(may(&client, DATABASE, doc! { "find": key }).await, "{user}");
    }
}

#[tokio::test]
async fn mongodb_init_refuses_an_unknown_user() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("ordres"), "secret").unwrap();
    let args = ["mongodb-init", "--users", folder.path().to_str().unwrap()];
    // Before any server is needed.
    let nowhere = [(
        "MONGODB_URI".to_owned(),
        "mongodb://127.0.0.1:9/?replicaSet=rs0".to_owned(),
    )];
    let made = tokio::time::timeout(Duration::from_secs(20), tool(&args, &nowhere)).await;
    let made = made.unwrap();
    assert_eq!(made.code, 2, "{}", made.stdout);
    assert!(made.stderr.contains("ordres"), "{}", made.stderr);
    assert!(!made.stderr.contains("secret"), "{}", made.stderr);
}
