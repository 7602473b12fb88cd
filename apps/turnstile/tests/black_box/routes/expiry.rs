//! Holds that expire.

use chrono::{DateTime, Utc};
use serde_json::json;
use testkit::{LONG, eventually};

use crate::support::{Deployment, Site};

const HOLD: i64 = 2;
/// The latest expiry, by the contract.
const LATE: chrono::Duration = chrono::Duration::seconds(2);

async fn with_short_holds(deployment: Deployment) -> Site {
    let site = Site::builder().env("ORDER_HOLD_SECONDS", &HOLD.to_string());
    match deployment {
        Deployment::AllInOne => site.start().await,
        Deployment::Separate => site.separate().start().await,
    }
}

async fn unpaid_orders_expire_in_time_and_paid_ones_never(deployment: Deployment) {
    let site = with_short_holds(deployment).await;
    let (seller, buyer, other) = (
        site.person().await,
        site.person().await,
        site.person().await,
    );
    let (free, sold) = (seller.sell("Free", 10).await, seller.sell("Sold", 20).await);
    let declined = seller.sell("Declined", 30).await;

    let paid = buyer.order(&sold).await;
    buyer.try_pay(&paid).await.assert_status(201);
    let tried = buyer.order(&declined).await;
    buyer
        .try_pay_with(&tried, "tok_chargeDeclined")
        .await
        .assert_status(402);
    let before = Utc::now();
    let order = buyer.try_order(&free).await.expect_status(201).json;
    let expires_at: DateTime<Utc> = order["expiresAt"].as_str().unwrap().parse().unwrap();
    let hold = chrono::Duration::seconds(HOLD);
    assert!(expires_at >= before + hold - chrono::Duration::milliseconds(50));
    assert!(expires_at <= Utc::now() + hold);

    let order = order["id"].as_str().unwrap();
    let path = format!("/api/orders/{order}");
    let ended_at = eventually("the order expires", LONG, || async {
        // The clock is read before the order is, so that neither bound below is too generous.
        let now = Utc::now();
        let shown = buyer.get(&path).await.json;
        match shown["status"].as_str() {
            Some("cancelled") => Ok(now),
            _ => Err(shown),
        }
    })
    .await;
    assert!(Utc::now() >= expires_at, "expired before its time");
    assert!(
        ended_at <= expires_at + LATE,
        "{ended_at} is late for {expires_at}"
    );
    assert_eq!(buyer.order_of(order).await["version"], 1);
    buyer.wait_for_order(&tried, "cancelled", LONG).await;

    // The ticket is free, in all views and for the next buyer.
    eventually("the ticket is listed again", LONG, || async {
        let list = site.anyone().get("/api/tickets").await.json;
        list.as_array()
            .unwrap()
            .iter()
            .any(|ticket| ticket["id"] == free.as_str())
    })
    .await;
    let change = json!({"title": "Free again", "price": 11});
    let changed = seller.put(&format!("/api/tickets/{free}"), change).await;
    changed.assert_status(200);
    let next = other.order(&free).await;
    assert_ne!(next, order);
    buyer.try_cancel(order).await.assert_status(204);
    let late = buyer.try_pay(order).await;
    late.assert_error(400, "Cannot pay for a cancelled order");
    assert_eq!(other.order_of(&next).await["status"], "created");

    // Long after its hold, the paid order is still paid.
    other.wait_for_order(&next, "cancelled", LONG).await;
    assert_eq!(buyer.order_of(&paid).await["status"], "complete");
    let answer = other.try_order(&sold).await;
    answer.assert_error(400, "Ticket is already reserved");
    site.assert_money_agrees().await;
}

#[tokio::test]
async fn only_unpaid_orders_expire_in_one_process() {
    unpaid_orders_expire_in_time_and_paid_ones_never(Deployment::AllInOne).await;
}

#[tokio::test]
async fn only_unpaid_orders_expire_in_separate_services() {
    unpaid_orders_expire_in_time_and_paid_ones_never(Deployment::Separate).await;
}
