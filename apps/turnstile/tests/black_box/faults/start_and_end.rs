//! Starts under faults, and orderly stops.

use serde_json::json;
use std::time::Duration;
use testkit::{LONG, Nats, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

use crate::support::Site;

#[tokio::test]
async fn the_program_waits_for_its_servers_and_reports_it() {
    let nats = Nats::start().await;
    nats.kill9().await;
    let site = Site::builder().nats(&nats).start_unready().await;
    let anyone = site.anyone();
    eventually(
        "it says that it lives and what is missing",
        LONG,
        || async {
            let live = anyone
                .get("/healthz")
                .try_send()
                .await
                .map(|answer| answer.status);
            let ready = anyone.get("/readyz").try_send().await;
            let ready = ready.map(|a| (a.status, a.text.to_lowercase().contains("nats")));
            let both = matches!((&live, &ready), (Ok(200), Ok((503, true))));
            if both {
                Ok(())
            } else {
                Err(format!("{live:?} {ready:?}"))
            }
        },
    )
    .await;
    nats.restart().await;
    site.app().wait_ready().await;
    site.person().await.sell("Opening night", 20).await;
}

#[tokio::test]
async fn an_invalid_setting_is_named_with_value_and_expectation() {
    let site = Site::builder()
        .env("ORDER_HOLD_SECONDS", "soon")
        .start_unready()
        .await;
    eventually("it gives up", LONG, || async { site.app().pid().is_none() }).await;
    let said = site.app().log_text();
    for word in ["ORDER_HOLD_SECONDS", "soon", "1 to 604800"] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[tokio::test]
async fn shutdown_finishes_accepted_requests() {
    let site = Site::start().await;
    let person = site.person().await;
    let address = site
        .app()
        .base_url()
        .trim_start_matches("http://")
        .to_owned();
    let body = json!({"title": "Last words", "price": 20}).to_string();
    let mut connection = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /api/tickets HTTP/1.1\r\nHost: {address}\r\nCookie: session={}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        person.session().unwrap(),
        body.len(),
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut said = [0; 1024];
    let count = connection.read(&mut said).await.unwrap();
    assert!(
        said[..count].starts_with(b"HTTP/1.1 100"),
        "{:?}",
        String::from_utf8_lossy(&said)
    );

    site.app().begin_to_end();
    eventually("it takes no more connections", LONG, || async {
        TcpStream::connect(&address).await.is_err()
    })
    .await;
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = connection.read_to_end(&mut answer);
    tokio::time::timeout(LONG, read).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(answer.contains("Last words"), "{answer}");
    eventually("it ends", LONG, || async { site.app().pid().is_none() }).await;

    site.app().restart().await;
    let list = person
        .get("/api/tickets?q=last%20words")
        .await
        .expect_status(200);
    assert_eq!(list.json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn idempotency_keys_and_sessions_survive_a_crash() {
    let site = Site::start().await;
    let person = site.person().await;
    let key = Uuid::new_v4().to_string();
    let body = json!({"title": "Opening night", "price": 20});
    let send = || person.post("/api/tickets", &body).idempotency_key(&key);
    let first = send().await.expect_status(201);
    let refused = json!({"ticketId": Uuid::nil()});
    let send_refused = || {
        person
            .post("/api/orders", &refused)
            .idempotency_key("again")
    };
    send_refused().await.assert_error(404, "Not Found");
    site.app().kill9().await;
    site.app().restart().await;
    assert_eq!(send().await.expect_status(201).text, first.text);
    send_refused().await.assert_error(404, "Not Found");
    let other = json!({"title": "Second night", "price": 20});
    let answer = person
        .post("/api/tickets", &other)
        .idempotency_key(&key)
        .await;
    answer.assert_status(422);
    let list = person.get("/api/tickets").await.json;
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test]
async fn the_program_ends_quickly_when_idle_and_without_servers() {
    let site = Site::start().await;
    site.person().await.sell("Opening night", 20).await;
    let started = std::time::Instant::now();
    site.app().terminate().await;
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    site.app().restart().await;
    site.nats.kill9().await;
    site.app().terminate().await;
}
