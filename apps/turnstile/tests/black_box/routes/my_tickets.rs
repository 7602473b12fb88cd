//! `GET /api/tickets/mine`: a seller's tickets, and their revenue.

use serde_json::{Value, json};
use testkit::{LONG, eventually};

use crate::support::{Person, Site, assert_has, on_both_deployments};

on_both_deployments!(
    only_the_callers_tickets_are_listed_newest_first,
    earnings_are_exact_to_the_cent,
    all_tickets_of_a_seller_are_listed,
);

const PATH: &str = "/api/tickets/mine";

async fn mine(person: &Person) -> Value {
    person.get(PATH).await.expect_status(200).json
}

fn ids(mine: &Value) -> Vec<&str> {
    let tickets = mine["tickets"].as_array().unwrap();
    tickets.iter().map(|t| t["id"].as_str().unwrap()).collect()
}

async fn only_the_callers_tickets_are_listed_newest_first(site: &Site) {
    let nobody = site.anyone().get(PATH).await;
    nobody.assert_error(401, "Not authorized");
    let (seller, other) = (site.person().await, site.person().await);
    assert_eq!(mine(&seller).await, json!({"tickets": [], "earned": 0}));

    let (first, second) = (
        seller.sell("First", 20).await,
        seller.sell("Second", "19.99").await,
    );
    other.sell("Another's", 30).await;
    // At once, and in their current state.
    let change = json!({"title": "First, changed", "price": 21});
    let path = format!("/api/tickets/{first}");
    seller.put(&path, change).await.assert_status(200);
    let order = other.order(&second).await;
    let shown = mine(&seller).await;
    assert_eq!(ids(&shown), [&second, &first]);
    assert_has(
        &shown["tickets"][1],
        &json!({"title": "First, changed", "price": 21, "version": 1, "userId": seller.user.id}),
    );
    eventually(
        "a reserved ticket is shown with its order",
        LONG,
        || async {
            let shown = mine(&seller).await;
            let ticket = &shown["tickets"][0];
            ticket["status"] == "reserved" && ticket["orderId"] == order.as_str()
        },
    )
    .await;
    let answer = seller.get(PATH).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

async fn earnings_are_exact_to_the_cent(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    for price in ["1.10", "2.20", "19.99"] {
        let ticket = seller.sell("Sold", price).await;
        let order = buyer.order(&ticket).await;
        buyer.try_pay(&order).await.assert_status(201);
    }
    buyer.order(&seller.sell("Only reserved", 20).await).await;
    seller.sell("Open", 20).await;
    eventually("what was earned is shown", LONG, || async {
        let shown = mine(&seller).await;
        if shown["earned"] == json!(23.29) {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .await;
    assert_eq!(ids(&mine(&seller).await).len(), 5);
    assert_eq!(mine(&buyer).await["earned"], 0);
}

async fn all_tickets_of_a_seller_are_listed(site: &Site) {
    let seller = site.person().await;
    let tasks = (0..9).map(|_| {
        let seller = seller.clone();
        tokio::spawn(async move {
            for n in 0..25 {
                let body = json!({"title": format!("Night {n}"), "price": 1});
                let answer = seller.post("/api/tickets", body).respond_async().await;
                answer.assert_status(201);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let last = seller.sell("The last one", 1).await;
    let mut shown = Vec::new();
    let mut next = Some("/api/tickets/mine?limit=100".to_owned());
    while let Some(path) = next {
        let page = seller.get(&path).await.expect_status(200);
        let found = ids(&page.json);
        assert!(found.len() <= 100, "a page has an end");
        shown.extend(found.into_iter().map(ToOwned::to_owned));
        let link = page.header("link");
        next = link.map(|link| link[1..].split('>').next().unwrap().to_owned());
    }
    let refused = seller.get("/api/tickets/mine?limit=201").await;
    refused.assert_errors(
        400,
        &[("Limit must be a number from 1 to 200", Some("limit"))],
    );
    assert_eq!((shown.len(), &shown[0]), (226, &last));
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), 226, "each once");
}
