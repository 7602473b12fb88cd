//! A power cut while processes keep running: NATS comes back without the commits that it
//! acknowledged last, and other commits then get the same sequences.

use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{Deployment, Person, Site, Watcher};

/// Within this time after NATS is back, only existing commits are shown.
const HEALED_WITHIN: Duration = Duration::from_secs(15);

/// A ticket that was acknowledged.
struct Listed {
    id: String,
    request: String,
}

/// Lists a ticket, repeatedly while NATS is down.
async fn sell(seller: &Person, title: &str) -> Listed {
    let key = Uuid::new_v4().to_string();
    let body = json!({"title": title, "price": 20});
    let answer = eventually("it is listed", LONG, || async {
        let call = seller.post("/api/tickets", &body).idempotency_key(&key);
        let answer = call.await;
        match answer.status {
            201 => Ok(answer),
            503 => Err(answer.describe()),
            _ => panic!("{}", answer.describe()),
        }
    })
    .await;
    let request = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let id = answer.id();
    Listed { id, request }
}

async fn sell_many(seller: &Person, count: usize) -> Vec<Listed> {
    let mut listed = Vec::new();
    for n in 0..count {
        listed.push(sell(seller, &format!("Seat {n}")).await);
    }
    listed
}

fn ids(listed: &[Listed]) -> BTreeSet<&str> {
    listed.iter().map(|ticket| ticket.id.as_str()).collect()
}

/// Checks that every process is ready and lists exactly these.
async fn shows_only(site: &Site, expected: &BTreeSet<&str>, within: Duration) {
    eventually(
        "what is there is shown, and nothing else",
        within,
        || async {
            for app in &site.apps {
                let ready = app.client().get("/readyz").await;
                if ready.status != 200 {
                    return Err(ready.describe());
                }
            }
            let list = site.anyone().get("/api/tickets?limit=200").await;
            if list.status != 200 {
                return Err(list.describe());
            }
            let listed = list.json.as_array().unwrap().clone();
            let listed: BTreeSet<_> = listed.iter().map(|t| t["id"].as_str().unwrap()).collect();
            if listed == *expected {
                Ok(())
            } else {
                Err(format!(
                    "{} tickets, {} expected",
                    listed.len(),
                    expected.len()
                ))
            }
        },
    )
    .await;
}

async fn a_lost_tail_heals(deployment: Deployment) {
    let site = match deployment {
        Deployment::AllInOne => Site::builder(),
        Deployment::Separate => Site::builder().separate(),
    };
    let site = site.start().await;
    let seller = site.person().await;
    let mut there = sell_many(&seller, 10).await;
    let at_ten = site.nats.copy_disk().await;
    let gone = sell_many(&seller, 10).await;
    let both = ids(&there).into_iter().chain(ids(&gone)).collect();
    shows_only(&site, &both, LONG).await;
    let mut watcher = Watcher::start(&site, None).await;
    assert!(watcher.hears("watching").await);

    site.nats.lose_tail(&at_ten).await;
    let back = Instant::now();
    there.extend(sell_many(&seller, 12).await);
    let left = HEALED_WITHIN.saturating_sub(back.elapsed());
    shows_only(&site, &ids(&there), left).await;
    println!("healed {:?} after NATS was back", back.elapsed());

    assert!(watcher.hears("event: reset").await);
    for ticket in &gone {
        let path = format!("/api/tickets/{}", ticket.id);
        site.anyone().get(&path).await.assert_status(404);
    }
    site.assert_read_models_agree().await;
    let (mut logs, mut metrics) = (String::new(), String::new());
    for app in &site.apps {
        logs += &app.log_text();
        metrics += &app.client().get("/metrics").await.expect_status(200).text;
    }
    assert!(logs.contains("the log lost its tail"), "nobody says so");
    for ticket in &gone {
        let named = format!("of request {}", ticket.request);
        assert!(logs.contains(&named), "{named} isn't named");
    }
    let counted = r#"eventstore_tail_lost_total{stream="TICKETS"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn lost_commits_disappear_and_later_ones_are_all_shown() {
    a_lost_tail_heals(Deployment::AllInOne).await;
}

#[tokio::test]
async fn separate_services_show_no_lost_commits() {
    a_lost_tail_heals(Deployment::Separate).await;
}

/// Creates something under a key, repeatedly while NATS is down. Returns whether it is a replay.
async fn created(person: &Person, path: &str, body: &Value, key: &str) -> (bool, Value) {
    let answer = eventually("it is created", LONG, || async {
        let answer = person.post(path, body).idempotency_key(key).await;
        match answer.status {
            201 => Ok(answer),
            // The read model with a payment's order is being rebuilt in the meantime.
            404 | 503 => Err(answer.describe()),
            _ => panic!("{}", answer.describe()),
        }
    })
    .await;
    let replayed = answer.headers.contains_key("idempotency-replayed");
    (replayed, answer.json)
}

#[tokio::test]
async fn a_repeated_response_never_contains_lost_commits() {
    let site = Site::builder().start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let stays = json!({"title": "Stays", "price": 10});
    let (_, ticket) = created(&seller, "/api/tickets", &stays, "stays").await;
    let order = json!({"ticketId": ticket["id"]});
    let ticket = json!({"title": "Goes", "price": 20});
    let look_up = async |person: &Person, path: String| {
        eventually("it is there", LONG, || async {
            let answer = person.get(&path).await;
            if answer.status == 200 {
                Ok(answer.json)
            } else {
                Err(answer.describe())
            }
        })
        .await
    };
    for (person, path, body, stream) in [
        (&seller, "/api/tickets", &ticket, "TICKETS"),
        (&buyer, "/api/orders", &order, "ORDERS"),
    ] {
        let before = site.nats.copy_disk().await;
        let (replayed, first) = created(person, path, body, "goes").await;
        assert!(!replayed);
        site.nats.lose_tail_of(stream, &before).await;
        let (replayed, again) = created(person, path, body, "goes").await;
        assert!(!replayed, "{path} tells of what is gone");
        // The same command, so the same resource.
        assert_eq!(first["id"], again["id"]);
        let shown = look_up(person, format!("{path}/{}", again["id"].as_str().unwrap())).await;
        assert_eq!(shown["id"], again["id"]);
        assert_eq!(created(person, path, body, "goes").await, (true, again));
    }
    let orders = buyer.get("/api/orders").await.expect_status(200).json;
    let order = orders[0]["id"].as_str().unwrap().to_owned();
    let pay = json!({"orderId": order, "token": "tok_visa"});
    let before = site.nats.copy_disk().await;
    let paid = created(&buyer, "/api/payments", &pay, "pays").await;
    for stream in ["ORDERS", "PAYMENTS"] {
        site.nats.lose_tail_of(stream, &before).await;
    }
    let again = created(&buyer, "/api/payments", &pay, "pays").await;
    assert_eq!(again, paid, "it is paid once more, and the same payment");
    let shown = look_up(&buyer, format!("/api/orders/{order}")).await;
    assert_eq!(shown["status"], "complete");
    // Responses about existing commits are repeated unchanged.
    assert!(created(&seller, "/api/tickets", &stays, "stays").await.0);
}
