//! Actions of the provider itself: it closes a payment, releases money, refunds it.

use serde_json::{Value, json};
use testkit::{
    LONG, eventually,
    stripe::{Fault, StandIn, StripeRoute, event},
};

use super::{Shop, webhooks::send_signed};
use crate::support::{Charge, Person, Site};

/// Waits until an order is over, and checks that its ticket is for sale again and nothing was
/// earned.
async fn undone(seller: &Person, buyer: &Person, order: &str) {
    eventually("the sale is undone", LONG, || async {
        let order = buyer.order_of(order).await;
        let undone = order["status"] == "cancelled" && order["cancelReason"] == "payment_lost";
        if undone { Ok(()) } else { Err(order) }
    })
    .await;
    let ticket = buyer.order_of(order).await["ticket"]["id"].clone();
    let ticket = format!("/api/tickets/{}", ticket.as_str().unwrap());
    eventually("the ticket is for sale again", LONG, || async {
        let shown = buyer.get(&ticket).await.json;
        let mine = seller.get("/api/tickets/mine").await.json;
        if shown["status"] == "open" && mine["earned"] == json!(0) {
            Ok(())
        } else {
            Err((shown, mine))
        }
    })
    .await;
    let again = buyer.try_pay(order).await;
    again.assert_error(400, "Cannot pay for a cancelled order");
}

#[tokio::test]
async fn a_payment_uses_another_intent_after_the_provider_cancelled_it() {
    let shop = Shop::open().await;
    let order = shop.order().await;
    let declined = shop.buyer.try_pay_with(&order, "tok_chargeDeclined").await;
    declined.assert_status(402);
    let closed = shop.standin.references()[0].clone();
    shop.standin
        .tamper(&closed, |intent| intent.status = "canceled");

    let paid = shop.buyer.try_pay(&order).await.expect_status(201);
    assert_eq!(shop.buyer.order_of(&order).await["status"], "complete");
    shop.settles(1, 0).await;
    let expected = [
        "PaymentBegun",
        "PaymentDeclined",
        "PaymentReopened",
        "PaymentAuthorized",
        "PaymentCaptured",
    ];
    assert_eq!(shop.events(&paid.id()).await, expected);
    let references = shop.standin.references();
    assert_eq!(references.len(), 2, "{references:?}");
    assert_eq!(shop.standin.object(&closed)["status"], "canceled");
}

#[tokio::test]
async fn concurrent_payments_after_a_cancelled_intent_charge_once() {
    let shop = Shop::open().await;
    for _ in 0..3 {
        let before = shop.standin.money();
        let order = shop.order().await;
        let declined = shop.buyer.try_pay_with(&order, "tok_chargeDeclined").await;
        declined.assert_status(402);
        let closed = shop.standin.references().pop().unwrap();
        shop.standin
            .tamper(&closed, |intent| intent.status = "canceled");
        let count = shop.standin.references().len();
        let paying = (0..6).map(|_| shop.buyer.try_pay(&order).into_future());
        for answer in futures_util::future::join_all(paying).await {
            // On a busy machine one may wait for the others for too long, and is asked to try
            // again.
            assert!([201, 503].contains(&answer.status), "{}", answer.describe());
        }
        shop.buyer.try_pay(&order).await.assert_status(201);
        assert_eq!(shop.standin.money().holds - before.holds, 1);
        let opened = shop.standin.references().len() - count;
        assert_eq!(opened, 1, "all of them opened the same one");
    }
    shop.settles(3, 0).await;
}

#[tokio::test]
async fn a_sale_is_undone_when_the_provider_releases_its_money() {
    let shop = Shop::open().await;
    let order = shop.order().await;
    // The capture is in progress when the payment is cancelled.
    shop.standin.fail_next(StripeRoute::Capture, Fault::Hang);
    let payment = shop.buyer.try_pay(&order).await.expect_status(201).id();
    eventually("the money is about to be taken", LONG, || async {
        shop.standin.seen(StripeRoute::Capture).len() == 1
    })
    .await;
    let reference = shop.standin.references()[0].clone();
    shop.standin
        .tamper(&reference, |intent| intent.status = "canceled");

    undone(&shop.seller, &shop.buyer, &order).await;
    let expected = ["PaymentBegun", "PaymentAuthorized", "PaymentLost"];
    assert_eq!(shop.events(&payment).await, expected);
    let letters = shop.site.tool(&["dead-letters", "ls"]).await;
    assert!(!letters.stdout.contains(&payment), "{}", letters.stdout);
    assert_eq!(shop.standin.money().taken, 0);
    shop.site.assert_money_agrees().await;
    shop.site.assert_read_models_agree().await;

    // Another user can buy it.
    let ticket = shop.buyer.order_of(&order).await["ticket"]["id"].clone();
    let other = shop.site.person().await;
    let order = other.order(ticket.as_str().unwrap()).await;
    other.try_pay(&order).await.assert_status(201);
    eventually("the money is taken", LONG, || async {
        shop.standin.money().taken == 2_000
    })
    .await;
}

#[tokio::test]
async fn reconciling_reports_refunds() {
    let shop = Shop::open().await;
    let mut payments = Vec::new();
    for (refunded, disputed) in [(2_000, false), (500, false), (0, true)] {
        let order = shop.order().await;
        payments.push(shop.buyer.try_pay(&order).await.expect_status(201).id());
        let taken = payments.len();
        eventually("the money is taken", LONG, || async {
            shop.standin.money().captures as usize == taken
        })
        .await;
        let reference = shop.standin.references().pop().unwrap();
        shop.standin.tamper(&reference, |intent| {
            intent.refunded = refunded;
            intent.disputed = disputed;
        });
        let kind = if disputed {
            "charge.dispute.created"
        } else {
            "charge.refunded"
        };
        let body = event("evt_1", kind, &shop.standin.charge(&reference));
        send_signed(&shop.site, &body).await.assert_status(200);
        assert_eq!(shop.buyer.order_of(&order).await["status"], "complete");
    }
    let (all, some, disputed) = (&payments[0], &payments[1], &payments[2]);
    shop.assert_differences(&[
        (all, &["2000 of them given back", "all of the money"]),
        (some, &["500 of them given back", "some of the money"]),
        (disputed, &["disputed", "bank disputes"]),
    ])
    .await;
    let told = shop.site.tool(&["reconcile"]).await.stdout;
    assert!(told.contains("35.00 usd captured"), "{told}");
    let metrics = shop.site.anyone().get("/metrics").await.text;
    for counted in [
        "payments_reversed_total{kind=\"refunded\"} 2",
        "payments_reversed_total{kind=\"disputed\"} 1",
    ] {
        assert!(metrics.contains(counted), "{counted}");
    }
}

#[tokio::test]
async fn a_hold_is_charged_in_the_currency_of_its_order() {
    let standin = StandIn::start().await;
    let site = Site::builder().stripe(&standin).start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let order = buyer.order(&seller.sell("Opening night", 20).await).await;
    assert_eq!(buyer.order_of(&order).await["ticket"]["currency"], "USD");

    // Another setting, on the same log.
    site.app().terminate().await;
    let changed = Site::builder()
        .stripe(&standin)
        .env("CURRENCY", "eur")
        .nats(&site.nats)
        .mongo(&site.mongo)
        .start()
        .await;
    let buyer_now = changed.at(&buyer);
    let config = buyer_now.get("/api/payments/config").await.json;
    assert_eq!(config["currency"], "EUR");
    buyer_now.try_pay(&order).await.assert_status(201);
    let next = changed.at(&seller).sell("Second night", 30).await;
    let next = buyer_now.order(&next).await;
    assert_eq!(buyer_now.order_of(&next).await["ticket"]["currency"], "EUR");
    buyer_now.try_pay(&next).await.assert_status(201);
    eventually("both are taken", LONG, || async {
        standin.money().captures == 2
    })
    .await;
    let currencies: Vec<Value> = standin
        .references()
        .iter()
        .map(|reference| standin.object(reference)["currency"].clone())
        .collect();
    assert_eq!(currencies, ["usd", "eur"]);
    eventually("log and provider agree", LONG, || async {
        let told = changed.tool(&["reconcile"]).await;
        let sums = "30.00 eur and 20.00 usd captured, 0 differences";
        if told.code == 0 && told.stdout.contains(sums) {
            Ok(())
        } else {
            Err(told.stdout)
        }
    })
    .await;
}

/// The sandbox has a card for each of these, so that they can be tried over HTTP alone.
#[tokio::test]
async fn sandbox_cards_simulate_actions_of_the_provider() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let order = async || buyer.order(&seller.sell("Opening night", 20).await).await;

    let lost = order().await;
    let paid = buyer.try_pay_with(&lost, "tok_sandbox_capture_fails").await;
    paid.assert_status(201);
    undone(&seller, &buyer, &lost).await;

    let reopened = order().await;
    let paid = buyer
        .try_pay_with(&reopened, "tok_sandbox_intent_cancelled")
        .await;
    paid.assert_status(201);
    let commits = site.commits("PAYMENTS", &paid.id()).await;
    let types: Vec<_> = commits
        .into_iter()
        .flat_map(|commit| commit.types)
        .collect();
    assert!(types.contains(&"PaymentReopened".to_owned()), "{types:?}");
    eventually("the money is taken", LONG, || async {
        site.charges().get(&reopened).is_some_and(Charge::is_kept)
    })
    .await;
    site.assert_money_agrees().await;

    let mut named = Vec::new();
    for (card, words) in [
        ("tok_sandbox_refunded", "2000 of them given back"),
        ("tok_sandbox_partly_refunded", "1000 of them given back"),
        ("tok_createDispute", "disputed"),
    ] {
        let order = order().await;
        let paid = buyer.try_pay_with(&order, card).await.expect_status(201);
        eventually("the money is taken", LONG, || async {
            site.charges().get(&order).is_some_and(Charge::is_kept)
        })
        .await;
        named.push((paid.id(), words));
    }
    eventually("all of them are named", LONG, || async {
        let told = site.tool(&["reconcile"]).await;
        let line = |payment: &String, words: &str| {
            let mut lines = told.stdout.lines();
            lines.any(|line| line.contains(payment) && line.contains(words))
        };
        let all = named.iter().all(|(payment, words)| line(payment, words));
        if told.code == 1 && all && told.stdout.contains(" 3 differences") {
            Ok(())
        } else {
            Err(told.stdout)
        }
    })
    .await;
}
