//! `kill -9` in each gap of a payment. Whatever is lost, in the end the money is captured exactly
//! if the order is complete.
//!
//! A gap is held open from outside: Stripe doesn't answer, or the network drops what the process is
//! about to write to the log. Then it is killed, and the gap is closed.

use testkit::{
    LONG, eventually,
    stripe::{Fault, StandIn, StripeRoute},
};

use super::Shop;
use crate::support::Site;

/// Kills the server (`SIGKILL`), and starts it again.
async fn crash(shop: &Shop) {
    shop.site.app().kill9().await;
    shop.standin.stop_failing();
    shop.site.app().restart().await;
}

/// Waits until Stripe received this number of requests of this kind.
async fn sees(shop: &Shop, route: StripeRoute, count: usize) {
    let what = format!("Stripe sees {count} of {route:?}");
    eventually(&what, LONG, || async {
        shop.standin.seen(route).len() == count
    })
    .await;
}

#[tokio::test]
async fn a_crash_before_the_hold_leaves_the_order_open() {
    let shop = Shop::open().await;
    // One crashes after its intent was opened and before that is recorded, the other after it was.
    shop.standin
        .fail_next(StripeRoute::Create, Fault::DoneButHang);
    let opened = shop.order().await;
    shop.pay_in_vain(&opened);
    sees(&shop, StripeRoute::Create, 1).await;
    let (begun, cancelled) = (shop.order().await, shop.order().await);
    shop.standin.fail(2, StripeRoute::Confirm, Fault::Hang);
    shop.pay_in_vain(&begun);
    shop.pay_in_vain(&cancelled);
    sees(&shop, StripeRoute::Confirm, 2).await;
    crash(&shop).await;

    assert_eq!(shop.standin.money().holds, 0);
    shop.buyer.try_cancel(&cancelled).await.assert_status(204);
    for order in [&opened, &begun] {
        shop.assert_payable(order).await;
        shop.buyer.try_pay(order).await.assert_status(201);
    }
    shop.settles(2, 0).await;
    assert_eq!(shop.standin.references().len(), 3, "an intent a payment");
}

#[tokio::test]
async fn a_crash_before_recording_the_hold_loses_no_money() {
    let shop = Shop::open().await;
    let (repeated, abandoned) = (shop.order().await, shop.order().await);
    shop.standin
        .fail(2, StripeRoute::Confirm, Fault::DoneButHang);
    shop.pay_in_vain(&repeated);
    shop.pay_in_vain(&abandoned);
    eventually("both cards are held", LONG, || async {
        shop.standin.money().holds == 2
    })
    .await;
    crash(&shop).await;

    for order in [&repeated, &abandoned] {
        shop.assert_payable(order).await;
    }
    // A further attempt, even with a card that would be declined, finds the hold.
    let paid = shop
        .buyer
        .try_pay_with(&repeated, "tok_chargeDeclined")
        .await;
    paid.assert_status(201);
    shop.buyer.try_cancel(&abandoned).await.assert_status(204);
    shop.settles(1, 1).await;
    assert_eq!(shop.standin.money().holds, 2);
    assert_eq!(shop.buyer.order_of(&repeated).await["status"], "complete");
    assert_eq!(shop.buyer.order_of(&abandoned).await["status"], "cancelled");
}

#[tokio::test]
async fn money_held_before_a_crash_is_released_when_the_order_expires() {
    let standin = StandIn::start().await;
    let site = Site::builder()
        .stripe(&standin)
        .env("ORDER_HOLD_SECONDS", "4");
    let shop = Shop::of(standin, site.start().await).await;
    let order = shop.order().await;
    shop.standin
        .fail_next(StripeRoute::Confirm, Fault::DoneButHang);
    shop.pay_in_vain(&order);
    eventually("the card is held", LONG, || async {
        shop.standin.money().holds == 1
    })
    .await;
    crash(&shop).await;
    shop.settles(0, 1).await;
    assert_eq!(shop.buyer.order_of(&order).await["status"], "cancelled");
}

#[tokio::test]
async fn a_crash_after_authorization_delays_the_decision() {
    let (shop, proxy) = Shop::behind_proxy().await;
    let (paid, cancelled) = (shop.order().await, shop.order().await);
    proxy.swallow_if(|publication| publication.contains("OrderCompleted"));
    shop.pay_in_vain(&paid);
    shop.pay_in_vain(&cancelled);
    eventually("both were to be completed", LONG, || async {
        proxy.swallowed() >= 2 && shop.standin.money().holds == 2
    })
    .await;
    // Its buyer cancels before the order could accept the payment.
    shop.cancel_behind_another(&cancelled).await;
    shop.site.app().kill9().await;
    proxy.pass_all();
    shop.site.app().restart().await;

    shop.settles(1, 1).await;
    assert_eq!(shop.buyer.order_of(&paid).await["status"], "complete");
    assert_eq!(shop.buyer.order_of(&cancelled).await["status"], "cancelled");
}

#[tokio::test]
async fn a_crash_after_completion_captures_once() {
    let shop = Shop::open().await;
    // One crashes before the capture, the other after it and before it is recorded.
    let (before, after) = (shop.order().await, shop.order().await);
    shop.standin.fail_next(StripeRoute::Capture, Fault::Hang);
    shop.buyer.try_pay(&before).await.assert_status(201);
    sees(&shop, StripeRoute::Capture, 1).await;
    shop.standin
        .fail_next(StripeRoute::Capture, Fault::DoneButHang);
    shop.buyer.try_pay(&after).await.assert_status(201);
    sees(&shop, StripeRoute::Capture, 2).await;
    assert_eq!(shop.standin.money().captures, 1);
    crash(&shop).await;

    shop.settles(2, 0).await;
    for order in [&before, &after] {
        assert_eq!(shop.buyer.order_of(order).await["status"], "complete");
        let answer = shop.buyer.try_cancel(order).await;
        answer.assert_error(400, "Cannot cancel a paid order");
    }
}
