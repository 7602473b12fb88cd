//! Backups: taken, everything wiped, restored; and one that is older than the read models.

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
    TestApp::builder(TURNSTILE).arg("serve").envs(envs)
}

/// Sells some tickets, and returns the pages that show them.
async fn trade(client: &Client, tickets: usize) -> Vec<String> {
    let (seller, buyer) = (client.person().await, client.person().await);
    let mut pages = Vec::new();
    for n in 0..tickets {
        let ticket = seller.sell(&format!("Concert {n}"), 20).await;
        let order = buyer.order(&ticket).await;
        if n % 2 == 0 {
            buyer.pay(&order).await;
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
async fn a_restored_backup_is_identical() {
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
async fn a_damaged_backup_is_not_restored_and_deletes_nothing() {
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
async fn read_models_newer_than_a_restored_backup_are_rebuilt() {
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
