//! A seller changes the price at the moment when a buyer orders.
//!
//! Ticket and order are two aggregates. A concurrent edit and order may both succeed; of two in
//! sequence, the later one respects the earlier.

use serde_json::json;
use std::time::{Duration, Instant};
use testkit::{Call, LONG, Response, eventually};
use tokio::time::sleep;

use crate::support::{Person, Site, on_both_deployments};

on_both_deployments!(an_order_has_the_expected_price_despite_concurrent_edits);

const ROUNDS: u32 = 60;

/// The outcomes of the rounds.
#[derive(Default, Debug)]
struct Ended {
    edited: usize,
    ordered: usize,
    /// Edited, and ordered at the price before.
    both: usize,
}

/// A response, and the times of its request and arrival.
struct Asked {
    answer: Response,
    from: Instant,
    to: Instant,
}

impl Asked {
    fn overlaps(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

async fn ask_after(pause: Duration, call: Call) -> Asked {
    sleep(pause).await;
    let from = Instant::now();
    let answer = call.await;
    Asked {
        answer,
        from,
        to: Instant::now(),
    }
}

/// Sends an edit from 20 to 30 and an order, the one this much before the other.
async fn meet(
    seller: &Person,
    buyer: &Person,
    ticket: &str,
    expected: Option<u32>,
    round: u32,
) -> (Asked, Asked) {
    let change = json!({"title": "Dearer", "price": 30});
    let mut wish = json!({"ticketId": ticket});
    if let Some(price) = expected {
        wish["expectedPrice"] = json!(price);
    }
    let edit = seller.put(&format!("/api/tickets/{ticket}"), &change);
    let order = buyer.post("/api/orders", &wish);
    let ahead = Duration::from_micros(u64::from(round % 10) * 700);
    let (edit_waits, order_waits) = if round % 20 < 10 {
        (ahead, Duration::ZERO)
    } else {
        (Duration::ZERO, ahead)
    };
    let edit = tokio::spawn(ask_after(edit_waits, edit));
    let order = tokio::spawn(ask_after(order_waits, order));
    (edit.await.unwrap(), order.await.unwrap())
}

async fn an_order_has_the_expected_price_despite_concurrent_edits(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let mut ended = Ended::default();
    for round in 0..ROUNDS {
        let ticket = seller.sell("Cheap", 20).await;
        let expected = [None, Some(20), Some(30)][round as usize % 3];
        let (edit, order) = meet(&seller, &buyer, &ticket, expected, round).await;
        let at_once = edit.overlaps(&order);
        let (edit, order) = (edit.answer, order.answer);
        if edit.status != 200 {
            edit.assert_error(400, "Cannot edit a reserved ticket");
        }
        if order.status == 201 {
            let of = &order.json["ticket"];
            let is_one = [json!([0, 20, "Cheap"]), json!([1, 30, "Dearer"])].contains(&json!([
                of["version"],
                of["price"],
                of["title"]
            ]));
            assert!(is_one, "{}", order.describe());
            assert!(
                expected.is_none_or(|price| of["price"] == price),
                "{}",
                order.describe()
            );
            if of["version"] == 1 {
                edit.assert_status(200);
            }
        } else {
            // It was refused because of the other price, and holds nothing.
            assert_eq!(order.status, 400, "{}", order.describe());
            let said = &order.errors()[0].message;
            assert!(
                expected.is_some() && said.contains("price"),
                "{}",
                order.describe()
            );
        }
        ended.edited += usize::from(edit.status == 200);
        ended.ordered += usize::from(order.status == 201);
        let at_old_price = order.json["ticket"]["version"] == 0;
        if edit.status == 200 && at_old_price {
            let both = edit.describe() + &order.describe();
            assert!(at_once, "one came after the other\n{both}");
            ended.both += 1;
        }

        // From here on it is reserved at the order's price, and stays so.
        if order.status == 201 {
            let again = seller
                .put(
                    &format!("/api/tickets/{ticket}"),
                    json!({"title": "Late", "price": 40}),
                )
                .await;
            again.assert_error(400, "Cannot edit a reserved ticket");
            let shown = buyer.order_of(&order.id()).await;
            assert_eq!(shown["ticket"], order.json["ticket"]);
            let path = format!("/api/tickets/{ticket}");
            eventually("the ticket shows its order", LONG, || async {
                seller.get(&path).await.json["orderId"] == order.id().as_str()
            })
            .await;
        }
    }
    eprintln!("{ended:?}");
    assert!(
        ended.edited > 0 && ended.ordered > 0,
        "they never met: {ended:?}"
    );
    site.assert_read_models_agree().await;
}
