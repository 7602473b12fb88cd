//! NATS or MongoDB away, dead or frozen: a quick and honest answer, and recovery by itself.

use chrono::{DateTime, Utc};
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::{Answer, Call, LONG, Mongo, eventually};
use tokio::time::sleep;

use crate::support::{Person, Site};

/// Two seconds by the contract, and what a busy machine adds.
const SOON: Duration = Duration::from_millis(2_500);

/// Sends a request, and shows that its answer comes soon and is a success or an honest 503.
async fn soon(call: Call) -> Answer {
    let started = Instant::now();
    let answer = call.await;
    let took = started.elapsed();
    assert!(took < SOON, "after {took:?}\n{}", answer.describe());
    if answer.status == 503 {
        let seconds = answer
            .header("retry-after")
            .and_then(|value| value.parse::<u32>().ok());
        assert!(
            seconds.is_some_and(|seconds| seconds > 0),
            "{}",
            answer.describe()
        );
        assert!(!answer.errors().is_empty());
    } else {
        assert!(answer.status < 300, "{}", answer.describe());
    }
    answer
}

/// Asks until the answer is 503; every answer on the way comes soon.
async fn becomes_unavailable(what: &str, call: impl Fn() -> Call) {
    eventually(what, LONG, || async { soon(call()).await.status == 503 }).await;
}

async fn works_again(person: &Person, ticket: &str) {
    let body = json!({"title": "Opening night", "price": 21});
    eventually("a command works again", LONG, || async {
        let answer = soon(person.put(&format!("/api/tickets/{ticket}"), &body)).await;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(answer.describe())
        }
    })
    .await;
    eventually("queries and readiness work again", LONG, || async {
        let orders = person.get("/api/orders").await;
        let ready = person.get("/readyz").await;
        let both = orders.status == 200 && ready.status == 200;
        if both {
            Ok(())
        } else {
            Err(orders.describe() + &ready.describe())
        }
    })
    .await;
    let shown = person.get(&format!("/api/tickets/{ticket}")).await;
    assert_eq!(shown.expect_status(200).json["price"], 21);
}

async fn while_nats_is_away(site: &Site, person: &Person, ticket: &str) {
    let body = json!({"title": "Opening night", "price": 20});
    becomes_unavailable("commands answer 503", || person.post("/api/tickets", &body)).await;
    let key = uuid::Uuid::new_v4().to_string();
    let with_key = || person.post("/api/tickets", &body).idempotency_key(&key);
    becomes_unavailable("commands with a key answer 503", with_key).await;
    let order = json!({"ticketId": ticket});
    becomes_unavailable("orders answer 503", || person.post("/api/orders", &order)).await;
    let queries = [
        "/api/tickets".to_owned(),
        format!("/api/tickets/{ticket}"),
        "/api/orders".into(),
    ];
    for query in queries {
        soon(person.get(&query)).await;
    }
    // Who signs in needs the log too, and gets no word about whether the account exists.
    let email = &person.user.email;
    let sign_in = json!({"email": email, "password": person.user.password});
    let nobody = site.anyone();
    soon(nobody.post("/api/users/signin", &sign_in)).await;
    is_unready(site, "nats").await;
}

async fn while_mongodb_is_away(site: &Site, person: &Person) {
    let body = json!({"title": "Opening night", "price": 20});
    becomes_unavailable("queries answer 503", || person.get("/api/orders")).await;
    becomes_unavailable("commands answer 503", || person.post("/api/tickets", &body)).await;
    for path in ["/api/tickets", "/api/tickets?q=opening&min_price=3"] {
        soon(person.get(path)).await;
    }
    is_unready(site, "mongodb").await;
}

/// Shows that the process lives, isn't ready, and says what is missing.
async fn is_unready(site: &Site, missing: &str) {
    let anyone = site.anyone();
    eventually("it says what is missing", LONG, || async {
        let ready = anyone.get("/readyz").await;
        let says = ready.status == 503 && ready.text.to_lowercase().contains(missing);
        if says { Ok(()) } else { Err(ready.describe()) }
    })
    .await;
    anyone.get("/healthz").await.assert_status(200);
}

async fn site_with(mongo: Mongo) -> (Site, Person, String) {
    let site = Site::builder().mongo(&mongo).start().await;
    let person = site.person().await;
    let ticket = person.sell("Opening night", 20).await;
    (site, person, ticket)
}

#[tokio::test]
async fn without_nats_answers_are_quick_and_it_recovers_by_itself() {
    let (site, person, ticket) = site_with(Mongo::database().await).await;
    site.nats.kill9().await;
    while_nats_is_away(&site, &person, &ticket).await;
    site.nats.restart().await;
    works_again(&person, &ticket).await;
    site.assert_read_models_agree().await;
}

#[tokio::test]
async fn with_a_frozen_nats_answers_are_quick_and_it_recovers_by_itself() {
    let (site, person, ticket) = site_with(Mongo::database().await).await;
    site.nats.pause();
    while_nats_is_away(&site, &person, &ticket).await;
    site.nats.resume();
    works_again(&person, &ticket).await;
    site.assert_read_models_agree().await;
}

#[tokio::test]
async fn without_mongodb_answers_are_quick_and_it_recovers_by_itself() {
    let (site, person, ticket) = site_with(Mongo::own().await).await;
    site.mongo.kill9().await;
    while_mongodb_is_away(&site, &person).await;
    site.mongo.restart().await;
    works_again(&person, &ticket).await;
    site.assert_read_models_agree().await;
}

#[tokio::test]
async fn with_a_frozen_mongodb_answers_are_quick_and_it_recovers_by_itself() {
    let (site, person, ticket) = site_with(Mongo::own().await).await;
    site.mongo.pause();
    while_mongodb_is_away(&site, &person).await;
    site.mongo.resume();
    works_again(&person, &ticket).await;
    site.assert_read_models_agree().await;
}

#[tokio::test]
async fn what_should_have_expired_while_everything_was_down_expires_at_start() {
    let site = Site::builder()
        .env("ORDER_HOLD_SECONDS", "2")
        .mongo(&Mongo::own().await)
        .start()
        .await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let (ticket, sold) = (seller.sell("Free", 20).await, seller.sell("Sold", 20).await);
    let paid = buyer.order(&sold).await;
    buyer.try_pay(&paid).await.assert_status(201);
    let order = buyer.try_order(&ticket).await.expect_status(201);
    tokio::join!(site.app().kill9(), site.nats.kill9(), site.mongo.kill9());
    let until: DateTime<Utc> = order.json["expiresAt"].as_str().unwrap().parse().unwrap();
    sleep((until - Utc::now()).to_std().unwrap_or_default() + Duration::from_millis(300)).await;

    tokio::join!(site.nats.restart(), site.mongo.restart());
    site.app().restart().await;
    let ready = Instant::now();
    buyer.wait_for_order(&order.id(), "cancelled", LONG).await;
    assert!(
        ready.elapsed() < Duration::from_secs(2),
        "after {:?}",
        ready.elapsed()
    );
    buyer.order(&ticket).await;
    assert_eq!(buyer.order_of(&paid).await["status"], "complete");
}
