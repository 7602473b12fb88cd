//! A cancelled order states why it was cancelled.

use crate::support::{Person, Site};
use testkit::LONG;

/// The reason in the order and in the list of orders.
async fn reason(buyer: &Person, order: &str) -> Option<String> {
    let shown = buyer.order_of(order).await;
    let listed = buyer.get("/api/orders").await.expect_status(200).json;
    let listed = listed.as_array().unwrap().iter().find(|o| o["id"] == order);
    assert_eq!(listed, Some(&shown));
    shown["cancelReason"].as_str().map(ToOwned::to_owned)
}

#[tokio::test]
async fn cancelled_and_expired_orders_have_different_reasons() {
    let site = Site::builder().env("ORDER_HOLD_SECONDS", "2").start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let paid = buyer.order(&seller.sell("Paid", 20).await).await;
    buyer.try_pay(&paid).await.assert_status(201);
    let given_back = buyer.order(&seller.sell("Given back", 20).await).await;
    let open = buyer.order_of(&given_back).await;
    assert!(open.get("cancelReason").is_none(), "{open}");
    buyer.try_cancel(&given_back).await.assert_status(204);
    let forgotten = buyer.order(&seller.sell("Forgotten", 20).await).await;
    buyer.wait_for_order(&forgotten, "cancelled", LONG).await;

    assert_eq!(reason(&buyer, &given_back).await.as_deref(), Some("buyer"));
    assert_eq!(reason(&buyer, &forgotten).await.as_deref(), Some("expired"));
    assert_eq!(reason(&buyer, &paid).await, None);
    site.assert_read_models_agree().await;
}
