//! One user can't make the log grow without limit.

use testkit::Response;

use super::server::assert_envelope;
use crate::support::{Charge, Person, Site};

const TOO_MANY_ORDERS: &str = "You have ordered this ticket too often, please try again later";
const TOO_MANY_DECLINES: &str = "Too many cards were declined, please try again later";

/// Checks that the client is asked to try again within the hour.
#[track_caller]
fn assert_too_often(answer: &Response, message: &str) {
    answer.assert_error(429, message);
    assert_envelope(answer);
    let seconds = answer.header("retry-after").and_then(|s| s.parse().ok());
    let in_an_hour = seconds.is_some_and(|seconds: u64| (3_000..=3_600).contains(&seconds));
    assert!(in_an_hour, "{}", answer.describe());
}

#[tokio::test]
async fn repeated_orders_of_one_ticket_are_limited_per_buyer() {
    let site = Site::start().await;
    let (seller, buyer, other) = (
        site.person().await,
        site.person().await,
        site.person().await,
    );
    let ticket = seller.sell("Opening night", 20).await;
    for _ in 0..60 {
        let order = buyer.order(&ticket).await;
        buyer.try_cancel(&order).await.assert_status(204);
    }
    let before = site.commits("ORDERS", &ticket).await.len();
    for _ in 0..3 {
        assert_too_often(&buyer.try_order(&ticket).await, TOO_MANY_ORDERS);
    }
    let after = site.commits("ORDERS", &ticket).await.len();
    assert_eq!((before, after), (120, 120), "nothing is added any more");
    // Other tickets and other buyers have their own limits.
    let second = seller.sell("Second night", 20).await;
    buyer.order(&second).await;
    let order = other.order(&ticket).await;
    other.try_pay(&order).await.assert_status(201);
    let taken = buyer.try_order(&ticket).await;
    taken.assert_error(400, "Ticket is already reserved");
}

/// Tries a card that is declined, this number of times.
async fn decline(buyer: &Person, order: &str, times: usize) {
    for _ in 0..times {
        let answer = buyer.try_pay_with(order, "tok_chargeDeclined").await;
        answer.assert_error(402, "Your card was declined.");
    }
}

#[tokio::test]
async fn ten_declined_cards_block_an_order() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let order = buyer.order(&seller.sell("Opening night", 20).await).await;
    decline(&buyer, &order, 10).await;
    for token in ["tok_chargeDeclined", "tok_visa"] {
        let answer = buyer.try_pay_with(&order, token).await;
        assert_too_often(&answer, TOO_MANY_DECLINES);
    }
    assert!(!site.charges().get(&order).is_some_and(Charge::is_kept));
    // It can still be cancelled; and one declined card fewer leaves room for a valid one.
    buyer.try_cancel(&order).await.assert_status(204);
    let order = buyer.order(&seller.sell("Second night", 20).await).await;
    decline(&buyer, &order, 9).await;
    buyer.try_pay(&order).await.assert_status(201);
    site.assert_money_agrees().await;
}
