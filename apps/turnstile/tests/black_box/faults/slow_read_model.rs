//! A read model that can't follow: commands still succeed, and no read shows less than was
//! acknowledged.

use serde_json::json;
use std::time::{Duration, Instant};
use testkit::{Call, LONG, Mongo, MongoProxy, Response, eventually};

use crate::{
    routes::server::assert_envelope,
    support::{Person, Site},
};

/// How long a response waits for its read model.
const SETTLE: Duration = Duration::from_secs(2);

/// A marketplace whose database can be slow in one collection.
struct Scene {
    site: Site,
    proxy: MongoProxy,
    seller: Person,
    buyer: Person,
    ticket: String,
    order: String,
}

impl Scene {
    async fn set() -> Self {
        let mongo = Mongo::database().await;
        let proxy = MongoProxy::start(mongo.uri()).await;
        let site = Site::builder().mongo(&mongo).mongo_uri(proxy.uri());
        let site = site.start().await;
        let (seller, buyer) = (site.person().await, site.person().await);
        let ticket = seller.sell("Opening night", 20).await;
        let order = buyer.order(&seller.sell("Second night", 20).await).await;
        Self {
            site,
            proxy,
            seller,
            buyer,
            ticket,
            order,
        }
    }

    /// Blocks all writes to this read model from now on.
    fn hold(&self, read_model: &str) {
        self.proxy.hold_writes_to(read_model);
    }
}

async fn timed(call: Call) -> (Response, Duration) {
    let started = Instant::now();
    let answer = call.await;
    (answer, started.elapsed())
}

/// Checks that a read waits or gets 503, rather than an outdated response.
async fn is_not_stale(call: Call) {
    let answer = call.await;
    answer.assert_status(503);
    assert!(
        answer.header("retry-after").is_some(),
        "{}",
        answer.describe()
    );
    assert_envelope(&answer);
}

#[tokio::test]
async fn a_payment_responds_while_orders_lag_and_no_read_is_outdated() {
    let scene = Scene::set().await;
    let (buyer, order) = (&scene.buyer, &scene.order);
    scene.hold("orders_v");
    let body = json!({"token": "tok_visa", "orderId": order});
    let (paid, took) = timed(buyer.post("/api/payments", &body)).await;
    paid.assert_status(201);
    assert!(took >= SETTLE, "it didn't wait: {took:?}");
    assert!(scene.proxy.held() > 0, "nothing was held");
    is_not_stale(buyer.get(&format!("/api/orders/{order}"))).await;
    is_not_stale(buyer.get("/api/orders")).await;
    // Independent commands continue, and a repeated payment is still the same one.
    scene.seller.sell("Third night", 20).await;
    let again = buyer.try_pay(order).await;
    assert_eq!(again.expect_status(201).text, paid.text);

    scene.proxy.release();
    eventually("the order is shown, and never unpaid", LONG, || async {
        let shown = buyer.get(&format!("/api/orders/{order}")).await;
        if shown.status == 503 {
            return Err(shown.describe());
        }
        assert_eq!(shown.expect_status(200).json["status"], "complete");
        Ok(())
    })
    .await;
    eventually("the money is taken", LONG, || async {
        scene.site.charges()[order].captured == 1
    })
    .await;
    scene.site.assert_money_agrees().await;
    scene.site.assert_read_models_agree().await;
}

#[tokio::test]
async fn respond_async_does_not_wait_for_the_read_model() {
    let scene = Scene::set().await;
    let path = format!("/api/tickets/{}", scene.ticket);
    let change = |price: u32| json!({"title": "Opening night", "price": price});
    scene.hold("tickets_v");
    let (changed, took) = timed(scene.seller.put(&path, change(21)).respond_async()).await;
    assert_eq!(changed.expect_status(200).json["version"], 1);
    assert!(took < SETTLE / 2, "it waited: {took:?}");
    // It may still show the old state, or wait; a read that waits doesn't show the old state.
    let (changed, took) = timed(scene.seller.put(&path, change(22))).await;
    assert_eq!(changed.expect_status(200).json["version"], 2);
    assert!(took >= SETTLE, "it didn't wait: {took:?}");
    is_not_stale(scene.buyer.get(&path)).await;
    is_not_stale(scene.buyer.get("/api/tickets")).await;
    scene.proxy.release();
    eventually("the change is shown", LONG, || async {
        let shown = scene.buyer.get(&path).await;
        if shown.status == 503 {
            Err(shown.describe())
        } else {
            Ok(shown.json["price"] == 22)
        }
    })
    .await;

    scene.hold("orders_v");
    let cancel = |order: &str| scene.buyer.delete(&format!("/api/orders/{order}"));
    let (cancelled, took) = timed(cancel(&scene.order).respond_async()).await;
    cancelled.assert_status(204);
    assert!(took < SETTLE / 2, "it waited: {took:?}");
    let (again, took) = timed(cancel(&scene.order)).await;
    again.assert_status(204);
    assert!(took >= SETTLE, "it didn't wait: {took:?}");
    scene.proxy.release();
    scene
        .buyer
        .wait_for_order(&scene.order, "cancelled", LONG)
        .await;
}
