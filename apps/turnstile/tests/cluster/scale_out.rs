//! Three processes of each service behind one address: they are interchangeable, and each may crash
//! or freeze.

use serde_json::json;
use std::time::Duration;
use testkit::{Client, Mongo, Nats, stripe::StandIn};

use crate::support::{Site, Traffic, session_key, tool};

/// The service must be available within this time after the leader of a projection is gone.
const BACK: Duration = Duration::from_secs(10);

struct Scaled {
    site: Site,
    client: Client,
    envs: Vec<(String, String)>,
    _servers: (Nats, Mongo, StandIn),
}

/// With Stripe, since the sandbox's journal belongs to one process.
async fn three_of_each() -> Scaled {
    let (nats, mongo) = (Nats::start().await, Mongo::database().await);
    let stripe = StandIn::start().await;
    let mut envs: Vec<(String, String)> = [
        ("NATS_URL", nats.url()),
        ("MONGODB_URI", mongo.uri()),
        ("MONGODB_DATABASE", mongo.name()),
        ("PAYMENTS", "stripe-test"),
        ("STRIPE_SECRET_KEY", testkit::stripe::KEY),
        ("STRIPE_PUBLISHABLE_KEY", testkit::stripe::PUBLISHABLE_KEY),
        ("STRIPE_API_BASE", stripe.base()),
        ("STRIPE_WEBHOOK_SECRET", "whsec_standin"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    envs.push(session_key());
    let site = Site::start(3, |_| envs.clone()).await;
    Scaled {
        client: site.client(),
        site,
        envs,
        _servers: (nats, mongo, stripe),
    }
}

/// The same user, at one process.
fn at(base: &str, person: &Client) -> Client {
    let client = Client::new(base);
    client.set_session(person.session().as_deref());
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_shows_what_any_other_acknowledged() {
    let scaled = three_of_each().await;
    let (seller, buyer) = (scaled.client.person().await, scaled.client.person().await);
    let bases = |name: &str| -> Vec<String> {
        let all = scaled.site.all(name);
        all.iter().map(|app| app.base_url().to_owned()).collect()
    };
    let (tickets, orders) = (bases("tickets"), bases("orders"));
    for round in 0..6 {
        for (n, base) in tickets.iter().enumerate() {
            let ticket = at(base, &seller)
                .sell(&format!("Concert {round}"), 20)
                .await;
            let path = format!("/api/tickets/{ticket}");
            for other in &tickets {
                at(other, &buyer).get(&path).await.assert_status(200);
            }
            let title = format!("Opera {round}");
            let changed = at(&tickets[(n + 1) % 3], &seller)
                .put(&path, json!({"title": title, "price": 30}))
                .await;
            changed.assert_status(200);
            for other in &tickets {
                let seen = at(other, &buyer).get(&path).await.expect_status(200);
                assert_eq!(seen.json["title"], title, "at {other}");
            }
            // All three concurrently receive the same user's order.
            let asked = orders.iter().map(|base| {
                let client = at(base, &buyer);
                let ticket = ticket.clone();
                tokio::spawn(async move { client.try_order(&ticket).await })
            });
            let mut held = Vec::new();
            for answer in asked.collect::<Vec<_>>() {
                let answer = answer.await.unwrap();
                if answer.status == 201 {
                    held.push(answer.id());
                } else {
                    assert!(answer.status < 500, "{}", answer.describe());
                }
            }
            assert_eq!(held.len(), 1, "{ticket}");
            for base in &orders {
                at(base, &buyer).order_of(&held[0]).await;
            }
        }
    }
    tool(&["verify", "--table"], &scaled.envs)
        .await
        .assert_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_takes_over_from_a_dead_or_frozen_leader() {
    let scaled = three_of_each().await;
    let traffic = Traffic::open(&scaled.client, 2).await;
    traffic.time_to_trade().await;
    let mut late = Vec::new();
    for name in ["tickets", "orders", "payments"] {
        // One of the three leads; each of them is stopped in turn.
        for (n, app) in scaled.site.all(name).into_iter().enumerate() {
            app.pause();
            let frozen = traffic.time_to_trade().await;
            app.resume();
            app.kill9().await;
            let killed = traffic.time_to_trade().await;
            app.start_process().await;
            app.wait_ready().await;
            println!("{name}-{n}: frozen, back after {frozen:.1?}; killed, after {killed:.1?}");
            late.extend([frozen, killed].into_iter().filter(|back| *back > BACK));
        }
    }
    let ledger = traffic.close().await;
    println!(
        "{} tickets, {} paid",
        ledger.tickets.len(),
        ledger.paid.len()
    );
    ledger.assert_kept(&scaled.client).await;
    tool(&["verify", "--table"], &scaled.envs)
        .await
        .assert_success();
    assert!(late.is_empty(), "{late:?}");
}
