//! NATS's acknowledgments that never arrive: the command took effect, but the process doesn't know.

use serde_json::json;
use std::collections::HashSet;
use testkit::{DropAcksProxy, LONG, eventually};
use uuid::Uuid;

use super::traffic::{Traffic, assert_nothing_is_lost};
use crate::support::{Person, Site, assert_has};

async fn behind_a_lossy_proxy() -> (Site, DropAcksProxy) {
    let (site, proxy) = Site::builder().behind_proxy().await;
    (site.env("ORDER_HOLD_SECONDS", "20").start().await, proxy)
}

/// Drops the acknowledgment of every message that this stream stores from now on.
fn lose_acks_of(proxy: &DropAcksProxy, stream: &'static str) {
    let mut lost = HashSet::new();
    // Each stored message is dropped once; a retry whose acknowledgment arrives must succeed.
    proxy.drop_if(move |ack| {
        ack.stream == stream && ack.refused.is_none() && !ack.duplicate && lost.insert(ack.sequence)
    });
}

#[tokio::test]
async fn each_command_takes_effect_once_and_repeats_its_response() {
    let (site, proxy) = behind_a_lossy_proxy().await;
    let lost_one_more = |before: u64| {
        assert!(proxy.dropped() > before, "no acknowledgment was lost");
        proxy.pass_all();
    };

    let before = proxy.dropped();
    lose_acks_of(&proxy, "USERS");
    let seller = site.person().await;
    lost_one_more(before);
    let user = seller.get("/api/users/currentuser").await.json;
    assert_eq!(user["currentUser"]["id"], seller.user.id);
    let buyer = site.person().await;

    let before = proxy.dropped();
    lose_acks_of(&proxy, "TICKETS");
    let word = format!("w{}", Uuid::new_v4().simple());
    let body = json!({"title": word, "price": 20});
    let ticket = seller.post("/api/tickets", &body).await.expect_status(201);
    assert_eq!(ticket.json["version"], 0);
    let path = format!("/api/tickets/{}", ticket.id());
    for version in 1..=2 {
        let dearer = json!({"title": word, "price": 20 + version});
        let changed = seller.put(&path, &dearer).await.expect_status(200);
        assert_eq!(changed.json["version"], version);
    }
    lost_one_more(before);
    let list = seller.get(&format!("/api/tickets?q={word}")).await.json;
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");

    let before = proxy.dropped();
    lose_acks_of(&proxy, "ORDERS");
    let first = buyer.order(&ticket.id()).await;
    buyer.try_cancel(&first).await.assert_status(204);
    let second = buyer.order(&ticket.id()).await;
    lost_one_more(before);
    let shown = buyer.order_of(&first).await;
    assert_has(&shown, &json!({"status": "cancelled", "version": 1}));
    let orders = buyer.get("/api/orders").await.json;
    assert_eq!(orders.as_array().unwrap().len(), 2, "{orders}");

    let before = proxy.dropped();
    lose_acks_of(&proxy, "PAYMENTS");
    buyer.try_pay(&second).await.assert_status(201);
    lost_one_more(before);
    assert_eq!(buyer.order_of(&second).await["status"], "complete");
    eventually("the money is taken", LONG, || async {
        site.charges()
            .get(&second)
            .is_some_and(|charge| charge.captured == 1)
    })
    .await;
    site.assert_money_agrees().await;
    site.assert_read_models_agree().await;
}

#[tokio::test]
async fn a_lost_acknowledgment_of_the_record_does_not_change_the_response() {
    let (site, proxy) = behind_a_lossy_proxy().await;
    let seller: Person = site.person().await;
    let key = Uuid::new_v4().to_string();
    let body = json!({"title": "Opening night", "price": 20});
    lose_acks_of(&proxy, "REQUESTS");
    let send = || seller.post("/api/tickets", &body).idempotency_key(&key);
    let first = eventually("it is answered", LONG, || async {
        let answer = send().await;
        if answer.status == 201 {
            Ok(answer)
        } else {
            Err(answer.describe())
        }
    })
    .await;
    assert!(proxy.dropped() > 0, "no acknowledgment was lost");
    proxy.pass_all();
    assert_eq!(send().await.expect_status(201).text, first.text);
}

#[tokio::test]
async fn traffic_continues_despite_lost_acknowledgments_and_cut_connections() {
    let (site, proxy) = behind_a_lossy_proxy().await;
    let traffic = Traffic::begin(&site, 4).await;
    proxy.drop_with_probability(0.1);
    traffic.go_on_for(40).await;
    for _ in 0..3 {
        proxy.cut();
        proxy.restore();
        traffic.go_on_for(15).await;
    }
    assert!(proxy.dropped() > 0, "no acknowledgment was lost");
    proxy.pass_all();
    traffic.go_on_for(20).await;
    assert_nothing_is_lost(&site, &traffic.end().await).await;
}
