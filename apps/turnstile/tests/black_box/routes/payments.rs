//! Payments: captured once, for a complete order, or not at all.

use serde_json::{Value, json};
use testkit::{LONG, eventually};
use uuid::Uuid;

use crate::support::{Charge, Person, Site, as_answers, is_uuid, on_both_deployments};

on_both_deployments!(
    from_sign_up_to_a_paid_ticket,
    payments_are_checked_in_the_documented_order,
    paying_again_is_the_same_payment_and_one_charge,
    a_declined_card_is_reported_and_another_can_be_tried,
    an_unreachable_provider_charges_nothing,
    the_exact_price_is_charged,
    a_cancelled_order_is_never_charged,
);

async fn order(site: &Site, price: Value) -> (Person, String) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", price).await;
    let order = buyer.order(&ticket).await;
    (buyer, order)
}

/// Waits until the provider captured the money of an order, which happens after the response.
async fn assert_charged_once(site: &Site, order: &str, cents: u64) {
    eventually("the money is taken", LONG, || async {
        site.charges().get(order).is_some_and(Charge::is_kept)
    })
    .await;
    let charge = site.charges()[order].clone();
    assert_eq!(
        (charge.cents, charge.captured, charge.voided),
        (cents, 1, 0)
    );
}

async fn from_sign_up_to_a_paid_ticket(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", "19.99").await;
    let list = buyer.get("/api/tickets").await.expect_status(200).json;
    assert_eq!(list[0]["id"], ticket.as_str());
    let order = buyer.order(&ticket).await;
    let paid = buyer.try_pay(&order).await.expect_status(201);
    assert!(is_uuid(&paid.json["id"]));
    assert_eq!(paid.json, json!({"id": paid.id()}));
    // From then on every read shows it.
    assert_eq!(buyer.order_of(&order).await["status"], "complete");
    let listed = buyer.get("/api/orders").await.json;
    assert_eq!(listed[0]["status"], "complete");
    eventually("the ticket is sold", LONG, || async {
        let shown = site
            .anyone()
            .get(&format!("/api/tickets/{ticket}"))
            .await
            .json;
        shown["status"] == "sold" && shown["orderId"] == order.as_str()
    })
    .await;
    assert_charged_once(site, &order, 1_999).await;
}

async fn payments_are_checked_in_the_documented_order(site: &Site) {
    let (buyer, order) = order(site, json!(20)).await;
    let stranger = site.person().await;
    let pay = |body: Value| buyer.post("/api/payments", body);
    let fields = |answer: &testkit::Response| {
        let mut fields: Vec<_> = answer
            .errors()
            .into_iter()
            .filter_map(|e| e.field)
            .collect();
        fields.sort();
        fields
    };
    for (body, wrong) in [
        (json!({}), vec!["orderId", "token"]),
        (
            json!({"token": null, "orderId": null}),
            vec!["orderId", "token"],
        ),
        (json!({"orderId": order}), vec!["token"]),
        (json!({"token": "", "orderId": order}), vec!["token"]),
        (json!({"token": "  ", "orderId": order}), vec!["token"]),
        (json!({"token": 7, "orderId": order}), vec!["token"]),
        (json!({"token": "tok_visa"}), vec!["orderId"]),
        (json!({"token": "tok_visa", "orderId": ""}), vec!["orderId"]),
        (json!({"token": "tok_visa", "orderId": 7}), vec!["orderId"]),
        (
            json!({"token": "tok_visa", "orderId": "nonsense"}),
            vec!["orderId"],
        ),
        (
            json!({"token": "nonsense", "orderId": order}),
            vec!["token"],
        ),
        (
            json!({"token": "tok_nonsense", "orderId": order}),
            vec!["token"],
        ),
    ] {
        let answer = pay(body.clone()).await;
        answer.assert_status(400);
        assert_eq!(fields(&answer), wrong, "{body}: {}", answer.text);
        let nobody = site.anyone().post("/api/payments", &body).await;
        nobody.assert_error(401, "Not authorized");
    }
    let unknown = Uuid::new_v4().to_string();
    buyer.try_pay(&unknown).await.assert_error(404, "Not Found");
    let missing_token = stranger
        .post("/api/payments", json!({"orderId": order}))
        .await;
    missing_token.assert_status(400);
    stranger
        .try_pay(&order)
        .await
        .assert_error(401, "Not authorized");
    buyer.try_cancel(&order).await.assert_status(204);
    // Ownership is checked before the status.
    stranger
        .try_pay(&order)
        .await
        .assert_error(401, "Not authorized");
    let cancelled = buyer.try_pay(&order).await;
    cancelled.assert_error(400, "Cannot pay for a cancelled order");
}

async fn paying_again_is_the_same_payment_and_one_charge(site: &Site) {
    let (buyer, order) = order(site, json!(20)).await;
    let tasks = (0..8).map(|_| {
        let (buyer, order) = (buyer.clone(), order.clone());
        tokio::spawn(async move { buyer.try_pay(&order).await })
    });
    let mut answers = as_answers(tasks.collect()).await;
    answers.push(buyer.try_pay(&order).await);
    answers.push(buyer.try_pay_with(&order, "tok_mastercard").await);
    // A card that would be declined is not even tried any more.
    answers.push(buyer.try_pay_with(&order, "tok_chargeDeclined").await);
    let id = answers[0].id();
    for answer in answers {
        assert_eq!(answer.expect_status(201).id(), id);
    }
    assert_charged_once(site, &order, 2_000).await;
    assert_eq!(site.charges()[&order].held, 1);
}

async fn a_declined_card_is_reported_and_another_can_be_tried(site: &Site) {
    let (buyer, order) = order(site, json!(20)).await;
    for (token, reason) in [
        ("tok_chargeDeclined", "Your card was declined."),
        (
            "tok_chargeDeclinedInsufficientFunds",
            "Your card has insufficient funds.",
        ),
        ("tok_chargeDeclinedExpiredCard", "Your card has expired."),
    ] {
        let answer = buyer.try_pay_with(&order, token).await;
        answer.assert_status(402);
        assert_eq!(answer.errors()[0].message, reason);
        let status = buyer.order_of(&order).await["status"].clone();
        assert!(
            ["created", "awaiting:payment"].iter().any(|s| status == *s),
            "{status}"
        );
    }
    assert_eq!(
        site.charges().get(&order).map_or(0, |charge| charge.held),
        0
    );
    buyer.try_pay(&order).await.assert_status(201);
    assert_eq!(buyer.order_of(&order).await["status"], "complete");
    assert_charged_once(site, &order, 2_000).await;
}

async fn an_unreachable_provider_charges_nothing(site: &Site) {
    let (buyer, order) = order(site, json!(20)).await;
    let answer = buyer.try_pay_with(&order, "tok_sandbox_unreachable").await;
    answer.assert_status(503);
    assert!(!answer.errors().is_empty());
    let retry_after = answer
        .header("retry-after")
        .and_then(|v| v.parse::<u32>().ok());
    assert!(
        retry_after.is_some_and(|seconds| seconds > 0),
        "{}",
        answer.describe()
    );
    assert_eq!(
        site.charges().get(&order).map_or(0, |charge| charge.held),
        0
    );
    buyer.try_pay(&order).await.assert_status(201);
    assert_charged_once(site, &order, 2_000).await;
}

async fn the_exact_price_is_charged(site: &Site) {
    for (price, cents) in [
        ("0.50", 50),
        ("0.58", 58),
        ("4.35", 435),
        ("999999.99", 99_999_999),
    ] {
        let (buyer, order) = order(site, json!(price)).await;
        buyer.try_pay(&order).await.assert_status(201);
        assert_charged_once(site, &order, cents).await;
    }
    site.assert_money_agrees().await;
}

async fn a_cancelled_order_is_never_charged(site: &Site) {
    let (buyer, order) = order(site, json!(20)).await;
    buyer
        .try_pay_with(&order, "tok_chargeDeclined")
        .await
        .assert_status(402);
    buyer.try_cancel(&order).await.assert_status(204);
    for token in ["tok_visa", "tok_chargeDeclined", "tok_sandbox_unreachable"] {
        let answer = buyer.try_pay_with(&order, token).await;
        answer.assert_error(400, "Cannot pay for a cancelled order");
    }
    assert_eq!(
        site.charges().get(&order).map_or(0, |charge| charge.held),
        0
    );
}
