//! Rotation of the key that signs sessions.

use std::time::Duration;
use testkit::{LONG, TestApp, eventually};

use crate::support::{Person, Site};

const TURNSTILE: &str = env!("CARGO_BIN_EXE_turnstile");

/// One more process of the auth service, which signs with this key.
async fn another_auth(site: &Site, pem: &str) -> TestApp {
    let app = TestApp::builder(TURNSTILE)
        .arg("serve")
        .arg("auth")
        .nats(site.nats.url())
        .mongo(&site.mongo);
    app.env("SESSION_PRIVATE_KEY", pem).start().await
}

/// Waits until every process has this number of keys.
async fn keys_are_known(apps: &[&TestApp], count: usize) {
    let line = format!("session_keys {count}\n");
    for app in apps {
        eventually("the keys are known", LONG, || async {
            let text = app.client().get("/metrics").await.text;
            text.contains(&line).then_some(()).ok_or(text)
        })
        .await;
    }
}

/// Each service's response to a client that may have a session: one status each.
async fn answers(site: &Site, person: &Person) -> [u16; 4] {
    let session = person.client.session();
    let anyone = site.anyone();
    anyone.set_session(session.as_deref());
    let nobody = "00000000-0000-4000-8000-000000000000";
    let body = serde_json::json!({ "token": "tok_visa", "orderId": nobody });
    [
        u16::from(anyone.get("/api/users/currentuser").await.json["currentUser"].is_object()) * 200,
        anyone.get("/api/tickets/mine").await.status,
        anyone.get("/api/orders").await.status,
        anyone.post("/api/payments", body).await.status,
    ]
}

const SIGNED_IN: [u16; 4] = [200, 200, 200, 404];
const SIGNED_OUT: [u16; 4] = [0, 401, 401, 401];

#[tokio::test]
async fn a_key_rotation_ends_no_session_until_the_old_key_is_retired() {
    let site = Site::builder().separate().start().await;
    let early = site.person().await;
    let first = site.tool(&["keys", "ls"]).await.stdout;
    let first: serde_json::Value = serde_json::from_str(first.trim()).unwrap();
    assert_eq!(first["state"], "newest", "{first}");
    let first = first["id"].as_str().unwrap().to_owned();

    // The next key is known everywhere before any session is signed with it.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("next.pem");
    let rotated = site
        .tool(&["keys", "rotate", "--out", file.to_str().unwrap()])
        .await;
    rotated.assert_success();
    let second = rotated.stdout.trim().to_owned();
    let apps: Vec<&TestApp> = site.apps.iter().collect();
    keys_are_known(&apps, 2).await;
    let pem = std::fs::read_to_string(&file).unwrap();
    let next = another_auth(&site, &pem).await;

    // Sessions of both keys are valid in every service, whichever process of auth signed them.
    let Person { client, user } = next.person().await;
    let late = Person { client, user };
    assert_eq!(answers(&site, &early).await, SIGNED_IN);
    assert_eq!(answers(&site, &late).await, SIGNED_IN);
    let listed = site.tool(&["keys", "ls"]).await.stdout;
    assert!(
        listed.contains(&first) && listed.contains("older"),
        "{listed}"
    );

    // The current key is not retired by mistake.
    let refused = site.tool(&["keys", "retire", &second]).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("is the newest"),
        "{}",
        refused.stderr
    );
    site.tool(&["keys", "retire", &first])
        .await
        .assert_success();
    keys_are_known(&apps, 1).await;
    assert_eq!(answers(&site, &early).await, SIGNED_OUT);
    assert_eq!(answers(&site, &late).await, SIGNED_IN);

    // A process of auth that signs with it gets no more requests, and can't be restarted.
    let ready = site.apps[0].client().get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text.contains("was retired"), "{}", ready.text);
    site.apps[0].terminate().await;
    site.apps[0].start_process().await;
    eventually("auth says why it doesn't start", LONG, || async {
        let log = site.apps[0].log_text();
        let said = log.contains(&format!("key {first} was retired; give auth another"));
        (said && site.apps[0].pid().is_none())
            .then_some(())
            .ok_or(log)
    })
    .await;
}

#[tokio::test]
async fn an_unannounced_key_is_used_once_all_services_know_it() {
    let site = Site::builder().separate().start().await;
    // It is ready only when the others have had the time to learn the key.
    let next = TestApp::builder(TURNSTILE)
        .arg("serve")
        .arg("auth")
        .nats(site.nats.url())
        .mongo(&site.mongo);
    // It has its own folder, and so generates its own key.
    let next = next.start().await;
    let apps: Vec<&TestApp> = site.apps.iter().collect();
    let known = keys_are_known(&apps, 2);
    tokio::time::timeout(Duration::from_secs(5), known)
        .await
        .unwrap();
    let Person { client, user } = next.person().await;
    let late = Person { client, user };
    assert_eq!(answers(&site, &late).await, SIGNED_IN);
}
