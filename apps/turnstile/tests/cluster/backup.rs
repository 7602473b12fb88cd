//! Backups: taken, everything wiped, restored; and one that is older than the read models.

use serde_json::json;
use std::{collections::BTreeMap, path::Path};
use tempfile::TempDir;
use testkit::{Client, LONG, Mongo, Nats, TestApp, eventually};

use crate::support::{ObjectStore, SECRET, TURNSTILE, tool};

type Envs = Vec<(String, String)>;

fn envs(nats: &Nats, mongo: &Mongo, data_dir: &Path) -> Envs {
    [
        ("NATS_URL", nats.url()),
        ("MONGODB_URI", mongo.uri()),
        ("MONGODB_DATABASE", mongo.name()),
        ("DATA_DIR", data_dir.to_str().unwrap()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

async fn serve(envs: &Envs) -> TestApp {
    builder(envs).start().await
}

fn builder(envs: &Envs) -> testkit::AppBuilder {
    let start = TestApp::builder(TURNSTILE).arg("serve");
    let all = envs.iter();
    all.fold(start, |app, (name, value)| app.env(name, value.clone()))
}

/// Sells some tickets, and returns the pages that show them.
async fn trade(client: &Client, tickets: usize) -> Vec<String> {
    let (seller, _) = client.new_user().await;
    let (buyer, _) = client.new_user().await;
    let mut pages = Vec::new();
    for n in 0..tickets {
        let body = json!({"title": format!("Concert {n}"), "price": 20});
        let ticket = seller.post("/api/tickets", body).await;
        let ticket = ticket.expect_status(201).id();
        let order = buyer.post("/api/orders", json!({"ticketId": ticket})).await;
        let order = order.expect_status(201).id();
        if n % 2 == 0 {
            let pay = json!({"token": "tok_visa", "orderId": order});
            buyer.post("/api/payments", pay).await.assert_status(201);
        }
        let sold = if n % 2 == 0 { "sold" } else { "reserved" };
        let path = format!("/api/tickets/{ticket}");
        eventually(sold, LONG, || async {
            let answer = client.get(&path).await;
            (answer.text.contains("orderId"))
                .then_some(())
                .ok_or(answer.text)
        })
        .await;
        pages.push(path);
    }
    pages
}

async fn bodies(client: &Client, pages: &[String]) -> BTreeMap<String, String> {
    let mut bodies = BTreeMap::new();
    for page in pages {
        let answer = client.get(page).await.expect_status(200);
        bodies.insert(page.clone(), answer.text);
    }
    bodies
}

/// Every message with its sequence, subject, headers and time, as the tool prints the log.
async fn whole_log(envs: &Envs) -> String {
    let listed = tool(&["events", "ls", "--json"], envs).await;
    listed.assert_success();
    listed.stdout
}

#[tokio::test]
async fn what_was_backed_up_wiped_and_put_back_is_the_same_to_the_byte() {
    let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let folder = folder.path().to_str().unwrap().to_owned();
    let store = ObjectStore::start().await;
    let (nats, mongo) = (Nats::start().await, Mongo::database().await);
    let mut before = envs(&nats, &mongo, data.path());
    before.extend(store.envs(SECRET));
    let app = serve(&before).await;
    let pages = trade(&app.client(), 6).await;
    app.terminate().await;
    let app = serve(&before).await;
    let shown = bodies(&app.client(), &pages).await;
    let log = whole_log(&before).await;

    let mut wrong = before.clone();
    wrong.extend(store.envs("another secret"));
    let refused = tool(&["backup", "--to", "s3://backups/x"], &wrong).await;
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);
    assert!(
        !refused.stderr.contains("another secret"),
        "{}",
        refused.stderr
    );

    let places = [folder.as_str(), "s3://backups/turnstile"];
    for place in places {
        tool(&["backup", "--to", place], &before)
            .await
            .assert_success();
    }
    app.terminate().await;
    for place in places {
        // Another server and another database, both empty.
        let (nats, mongo) = (Nats::start().await, mongo.another_database());
        let mut after = envs(&nats, &mongo, data.path());
        after.extend(store.envs(SECRET));
        tool(&["restore", "--from", place], &after)
            .await
            .assert_success();
        assert_eq!(whole_log(&after).await, log, "{place}");
        let app = serve(&after).await;
        tool(&["verify", "--table"], &after).await.assert_success();
        assert_eq!(bodies(&app.client(), &pages).await, shown, "{place}");
        // The system continues.
        trade(&app.client(), 1).await;
        app.terminate().await;
        tool(&["verify", "--table"], &after).await.assert_success();
        // A restore never overwrites existing data.
        let refused = tool(&["restore", "--from", place], &after).await;
        assert_eq!(refused.code, 2);
        assert!(refused.stderr.contains("--replace"), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn a_backup_that_lost_a_byte_is_not_restored_and_deletes_nothing() {
    let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (nats, mongo) = (Nats::start().await, Mongo::database().await);
    let envs = envs(&nats, &mongo, data.path());
    let app = serve(&envs).await;
    trade(&app.client(), 1).await;
    app.terminate().await;
    let place = folder.path().to_str().unwrap();
    tool(&["backup", "--to", place], &envs)
        .await
        .assert_success();
    let log = whole_log(&envs).await;

    let mut entries = std::fs::read_dir(folder.path()).unwrap();
    let backup = entries.find(|entry| entry.as_ref().unwrap().path().is_dir());
    let part = backup.unwrap().unwrap().path().join("TICKETS/00000");
    let mut bytes = std::fs::read(&part).unwrap();
    let last = bytes.last_mut().unwrap();
    *last = last.wrapping_add(1);
    std::fs::write(&part, bytes).unwrap();
    let args = ["restore", "--from", place, "--replace", "--yes"];
    let refused = tool(&args, &envs).await;
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(refused.stderr.contains("checksum"), "{}", refused.stderr);
    assert_eq!(whole_log(&envs).await, log);
}

#[tokio::test]
async fn a_backup_older_than_the_read_models_is_told_and_not_served_until_they_are_rebuilt() {
    let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (nats, mongo) = (Nats::start().await, Mongo::database().await);
    let envs = envs(&nats, &mongo, data.path());
    let app = serve(&envs).await;
    let old = trade(&app.client(), 2).await;
    let place = folder.path().to_str().unwrap();
    tool(&["backup", "--to", place], &envs)
        .await
        .assert_success();
    let lost = trade(&app.client(), 2).await;
    app.terminate().await;

    let args = ["restore", "--from", place, "--replace", "--yes"];
    tool(&args, &envs).await.assert_success();
    let app = builder(&envs).start_unready().await;
    let client = app.client();
    eventually("the alarm is raised", LONG, || async {
        let text = app.log_text();
        let told = text.contains("it is another log. Rebuild the read model");
        told.then_some(()).ok_or(text)
    })
    .await;
    // When the listener is handed from the startup server to the services, a connection may end
    // without a response.
    eventually("it tells that it isn't ready", LONG, || async {
        let answer = client.get("/readyz").try_send().await.ok();
        answer.map(|answer| assert_eq!(answer.status, 503, "{}", answer.text))
    })
    .await;

    for name in ["tickets", "orders", "payable-orders"] {
        let args = ["projections", "rebuild", name];
        tool(&args, &envs).await.assert_success();
    }
    app.wait_ready().await;
    for page in &old {
        client.get(page).await.assert_status(200);
    }
    for page in &lost {
        client.get(page).await.assert_status(404);
    }
    tool(&["verify", "--table"], &envs).await.assert_success();
}
