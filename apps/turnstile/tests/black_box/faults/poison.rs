//! An event that one service can't handle: set aside, without delaying others.

use async_nats::jetstream::{self, message::PublishMessage};
use serde_json::Value;
use std::time::Duration;
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{Person, Site};

/// Publishes a copy of the last commit of an aggregate under another aggregate's ID, as if its
/// service had written it, with each `(from, to)` replaced.
async fn forge(site: &Site, stream: &str, from: &str, to: &str, replacing: &[(&str, &str)]) {
    let client = async_nats::connect(site.nats.url()).await.unwrap();
    let context = jetstream::new(client);
    let log = context.get_stream(stream).await.unwrap();
    let subject = format!("{stream}.{from}");
    let model = log.get_last_raw_message_by_subject(&subject).await.unwrap();
    let mut payload = String::from_utf8(model.payload.to_vec())
        .unwrap()
        .replace(from, to);
    for (from, to) in replacing {
        payload = payload.replace(from, to);
    }
    // The copy is another commit, of another command.
    let mut payload: Value = serde_json::from_str(&payload).unwrap();
    for commit in payload["commits"].as_array_mut().unwrap() {
        commit["id"] = Uuid::new_v4().to_string().into();
        commit["command"] = Uuid::new_v4().to_string().into();
    }
    let message = PublishMessage::build().payload(payload.to_string().into());
    let publish = message.outbound_message(format!("{stream}.{to}"));
    let published = context
        .publish_with_headers(
            publish.subject,
            publish.headers.unwrap_or_default(),
            publish.payload,
        )
        .await;
    published.unwrap().await.unwrap();
}

/// An order of a ticket that the tickets service doesn't have.
async fn order_of_nothing(site: &Site, buyer: &Person) -> (String, String, String) {
    let seller = site.person().await;
    let model = seller.sell("Model", 20).await;
    let order = buyer.order(&model).await;
    let (missing, forged) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    forge(site, "ORDERS", &model, &missing, &[(&order, &forged)]).await;
    (model, missing, forged)
}

async fn dead_letters(site: &Site) -> String {
    let tool = site.tool(&["dead-letters", "ls"]).await;
    tool.assert_success();
    tool.stdout
}

#[tokio::test]
async fn a_poison_event_is_a_dead_letter_and_can_be_retried() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let (_, missing, forged) = order_of_nothing(&site, &buyer).await;

    // While it is retried, nothing else waits.
    let ticket = seller.sell("Opening night", 20).await;
    let order = buyer.order(&ticket).await;
    let path = format!("/api/tickets/{ticket}");
    eventually(
        "another ticket is reserved",
        Duration::from_secs(5),
        || async { seller.get(&path).await.json["orderId"] == order.as_str() },
    )
    .await;

    let letters = eventually("it is a dead letter", 2 * LONG, || async {
        let letters = dead_letters(&site).await;
        if letters.contains(&missing) {
            Ok(letters)
        } else {
            Err(letters)
        }
    })
    .await;
    assert!(letters.contains("ORDERS"), "{letters}");
    let metrics = site.anyone().get("/metrics").await.text;
    assert!(metrics.contains("dead_letters"), "it is counted\n{metrics}");
    site.anyone().get("/readyz").await.assert_status(200);

    // The missing ticket is added, and the event is retried.
    let model = seller.sell("Found again", 30).await;
    forge(&site, "TICKETS", &model, &missing, &[]).await;
    let line = letters
        .lines()
        .find(|line| line.contains(&missing))
        .unwrap();
    let letter: Value = serde_json::from_str(line).unwrap();
    let number = letter["id"].to_string();
    site.tool(&["dead-letters", "retry", &number])
        .await
        .assert_success();
    let path = format!("/api/tickets/{missing}");
    eventually("the ticket is reserved", LONG, || async {
        let shown = seller.get(&path).await.json;
        if shown["orderId"] == forged.as_str() {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .await;
    eventually("no dead letter is left", LONG, || async {
        let letters = dead_letters(&site).await;
        if letters.contains(&missing) {
            Err(letters)
        } else {
            Ok(())
        }
    })
    .await;
    site.assert_read_models_agree().await;
}

#[tokio::test]
async fn a_dead_letter_survives_a_crash() {
    let site = Site::start().await;
    let buyer = site.person().await;
    let (_, missing, _) = order_of_nothing(&site, &buyer).await;
    eventually("it is a dead letter", 2 * LONG, || async {
        dead_letters(&site).await.contains(&missing)
    })
    .await;
    site.app().kill9().await;
    site.app().restart().await;
    assert!(dead_letters(&site).await.contains(&missing));
    let seller = site.person().await;
    let ticket = seller.sell("Opening night", 20).await;
    let order = buyer.order(&ticket).await;
    let path = format!("/api/tickets/{ticket}");
    eventually("others go on", LONG, || async {
        seller.get(&path).await.json["orderId"] == order.as_str()
    })
    .await;
}
