//! NATS or MongoDB down or frozen: a quick and honest response to everything, and automatic
//! recovery, with everything in one process and with one process per service.

use chrono::{DateTime, Utc};
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::{Call, LONG, Mongo, Response, TestApp, eventually};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    routes::server::assert_envelope,
    support::{Deployment, Person, Site},
};

/// Two seconds by the contract, plus an allowance for a busy machine.
const SOON: Duration = Duration::from_millis(2_500);

/// Sends a request, and checks that its response comes soon and is a success or an honest 503. The
/// order of a missing ticket may still get its error.
async fn soon(call: Call) -> Response {
    let started = Instant::now();
    let answer = call.await;
    let took = started.elapsed();
    assert!(took < SOON, "after {took:?}\n{}", answer.describe());
    if answer.status == 503 {
        let seconds = answer
            .header("retry-after")
            .and_then(|value| value.parse::<u32>().ok());
        assert!(
            seconds.is_some_and(|seconds| seconds > 0),
            "{}",
            answer.describe()
        );
        assert_envelope(&answer);
    } else {
        let good = answer.status < 300 || answer.status == 404;
        assert!(good, "{}", answer.describe());
    }
    answer
}

/// Repeats the request until the response is 503; every response until then comes soon.
async fn becomes_unavailable(what: &str, call: impl Fn() -> Call) {
    eventually(what, LONG, || async { soon(call()).await.status == 503 }).await;
}

/// Repeats the request until it gets this status; every response until then comes soon.
async fn becomes(what: &str, status: u16, call: impl Fn() -> Call) -> Response {
    eventually(what, LONG, || async {
        let answer = soon(call()).await;
        if answer.status == status {
            Ok(answer)
        } else {
            Err(answer.describe())
        }
    })
    .await
}

/// A running marketplace.
struct Scene {
    site: Site,
    seller: Person,
    buyer: Person,
    /// For sale.
    ticket: String,
    /// Orders of the buyer: one to pay, one to cancel.
    to_pay: String,
    to_cancel: String,
}

impl Scene {
    async fn set(deployment: Deployment, mongo: Mongo) -> Self {
        let site = Site::builder().mongo(&mongo);
        let site = match deployment {
            Deployment::AllInOne => site.start().await,
            Deployment::Separate => site.separate().start().await,
        };
        let (seller, buyer) = (site.person().await, site.person().await);
        let ticket = seller.sell("Opening night", 20).await;
        let to_pay = buyer.order(&seller.sell("To pay", 20).await).await;
        let to_cancel = buyer.order(&seller.sell("To cancel", 20).await).await;
        Self {
            site,
            seller,
            buyer,
            ticket,
            to_pay,
            to_cancel,
        }
    }

    fn ticket_path(&self) -> String {
        format!("/api/tickets/{}", self.ticket)
    }

    fn change(&self, price: u32) -> Call {
        let body = json!({"title": "Opening night", "price": price});
        self.seller.put(&self.ticket_path(), &body)
    }

    fn cancel(&self) -> Call {
        self.buyer
            .delete(&format!("/api/orders/{}", self.to_cancel))
    }

    fn pay(&self) -> Call {
        let body = json!({"token": "tok_visa", "orderId": self.to_pay});
        self.buyer.post("/api/payments", &body)
    }

    /// Checks that every command gets 503. The first ones may still succeed, so they are commands
    /// whose effect is allowed.
    async fn commands_are_unavailable(&self) {
        let offer = json!({"title": "Opening night", "price": 20});
        let seller = &self.seller;
        becomes_unavailable("offers", || seller.post("/api/tickets", &offer)).await;
        let key = Uuid::new_v4().to_string();
        let with_key = || seller.post("/api/tickets", &offer).idempotency_key(&key);
        becomes_unavailable("offers with a key", with_key).await;
        let order = json!({"ticketId": Uuid::new_v4()});
        becomes_unavailable("orders", || seller.post("/api/orders", &order)).await;
        becomes_unavailable("changes", || self.change(20)).await;
        becomes_unavailable("cancellations", || self.cancel()).await;
        becomes_unavailable("payments", || self.pay()).await;
    }

    async fn while_nats_is_away(&self) {
        self.commands_are_unavailable().await;
        let queries = [
            "/api/tickets".to_owned(),
            self.ticket_path(),
            "/api/tickets/mine".to_owned(),
            "/api/orders".to_owned(),
            format!("/api/orders/{}", self.to_pay),
        ];
        for query in queries {
            soon(self.buyer.get(&query)).await;
        }
        // Signing in needs the log too, and doesn't reveal whether the account exists.
        let email = &self.seller.user.email;
        let sign_in = json!({"email": email, "password": self.seller.user.password});
        let nobody = self.site.anyone();
        soon(nobody.post("/api/users/signin", &sign_in)).await;
        let all = self.site.apps.iter().collect();
        all_are_unready(all, "nats").await;
    }

    async fn while_mongodb_is_away(&self) {
        becomes_unavailable("queries", || self.buyer.get("/api/orders")).await;
        self.commands_are_unavailable().await;
        for path in ["/api/tickets", "/api/tickets?q=opening&min_price=3"] {
            soon(self.buyer.get(path)).await;
        }
        let (with, without) = self.site.by_need_of_mongodb();
        all_are_unready(with, "mongodb").await;
        for app in &without {
            app.client().get("/readyz").await.assert_status(200);
        }
        if !without.is_empty() {
            let account = &self.seller.user;
            let sign_in = json!({"email": account.email, "password": account.password});
            let anyone = self.site.anyone();
            let signed_in = anyone.post("/api/users/signin", &sign_in).await;
            signed_in.assert_status(200);
            self.site.person().await;
        }
    }

    async fn works_again(&self) {
        becomes("changes work again", 200, || self.change(21)).await;
        becomes("payments work again", 201, || self.pay()).await;
        becomes("cancellations work again", 204, || self.cancel()).await;
        for app in &self.site.apps {
            app.wait_ready().await;
        }
        becomes("queries work again", 200, || self.buyer.get("/api/orders")).await;
        let shown = self.seller.get(&self.ticket_path()).await;
        assert_eq!(shown.expect_status(200).json["price"], 21);
        let paid = self.buyer.order_of(&self.to_pay).await;
        assert_eq!(paid["status"], "complete");
        let cancelled = self.buyer.order_of(&self.to_cancel).await;
        assert_eq!(cancelled["status"], "cancelled");
        eventually("the money is taken", LONG, || async {
            self.site
                .charges()
                .get(&self.to_pay)
                .is_some_and(|c| c.captured == 1)
        })
        .await;
        self.site.assert_money_agrees().await;
        self.site.assert_read_models_agree().await;
    }
}

/// Checks that each process is alive, isn't ready, and names what is missing.
async fn all_are_unready(apps: Vec<&TestApp>, missing: &str) {
    for app in apps {
        let anyone = app.client();
        eventually("it says what is missing", LONG, || async {
            let ready = anyone.get("/readyz").await;
            let says = ready.status == 503 && ready.text.to_lowercase().contains(missing);
            if says { Ok(()) } else { Err(ready.describe()) }
        })
        .await;
        anyone.get("/healthz").await.assert_status(200);
    }
}

async fn without_nats(deployment: Deployment) {
    let scene = Scene::set(deployment, Mongo::database().await).await;
    scene.site.nats.kill9().await;
    scene.while_nats_is_away().await;
    scene.site.nats.restart().await;
    scene.works_again().await;
}

async fn with_a_frozen_nats(deployment: Deployment) {
    let scene = Scene::set(deployment, Mongo::database().await).await;
    scene.site.nats.pause();
    scene.while_nats_is_away().await;
    scene.site.nats.resume();
    scene.works_again().await;
}

async fn without_mongodb(deployment: Deployment) {
    let scene = Scene::set(deployment, Mongo::own().await).await;
    scene.site.mongo.kill9().await;
    scene.while_mongodb_is_away().await;
    scene.site.mongo.restart().await;
    scene.works_again().await;
}

async fn with_a_frozen_mongodb(deployment: Deployment) {
    let scene = Scene::set(deployment, Mongo::own().await).await;
    scene.site.mongo.pause();
    scene.while_mongodb_is_away().await;
    scene.site.mongo.resume();
    scene.works_again().await;
}

#[tokio::test]
async fn without_nats_responses_are_quick_and_the_process_recovers() {
    without_nats(Deployment::AllInOne).await;
}

#[tokio::test]
async fn without_nats_separate_services_respond_quickly_and_recover() {
    without_nats(Deployment::Separate).await;
}

#[tokio::test]
async fn with_a_frozen_nats_responses_are_quick_and_the_process_recovers() {
    with_a_frozen_nats(Deployment::AllInOne).await;
}

#[tokio::test]
async fn with_a_frozen_nats_separate_services_respond_quickly_and_recover() {
    with_a_frozen_nats(Deployment::Separate).await;
}

#[tokio::test]
async fn without_mongodb_responses_are_quick_and_the_process_recovers() {
    without_mongodb(Deployment::AllInOne).await;
}

#[tokio::test]
async fn without_mongodb_separate_services_respond_quickly_and_recover() {
    without_mongodb(Deployment::Separate).await;
}

#[tokio::test]
async fn with_a_frozen_mongodb_responses_are_quick_and_the_process_recovers() {
    with_a_frozen_mongodb(Deployment::AllInOne).await;
}

#[tokio::test]
async fn with_a_frozen_mongodb_separate_services_respond_quickly_and_recover() {
    with_a_frozen_mongodb(Deployment::Separate).await;
}

async fn what_should_have_expired_expires_at_start(deployment: Deployment) {
    let mongo = Mongo::own().await;
    let site = Site::builder().env("ORDER_HOLD_SECONDS", "2").mongo(&mongo);
    let site = match deployment {
        Deployment::AllInOne => site.start().await,
        Deployment::Separate => site.separate().start().await,
    };
    let (seller, buyer) = (site.person().await, site.person().await);
    let (ticket, sold) = (seller.sell("Free", 20).await, seller.sell("Sold", 20).await);
    let paid = buyer.order(&sold).await;
    buyer.try_pay(&paid).await.assert_status(201);
    let order = buyer.try_order(&ticket).await.expect_status(201);
    for app in &site.apps {
        app.kill9().await;
    }
    tokio::join!(site.nats.kill9(), site.mongo.kill9());
    let until: DateTime<Utc> = order.json["expiresAt"].as_str().unwrap().parse().unwrap();
    sleep((until - Utc::now()).to_std().unwrap_or_default() + Duration::from_millis(300)).await;

    tokio::join!(site.nats.restart(), site.mongo.restart());
    for app in &site.apps {
        app.start_process().await;
    }
    for app in &site.apps {
        app.wait_ready().await;
    }
    let ready = Instant::now();
    buyer.wait_for_order(&order.id(), "cancelled", LONG).await;
    assert!(
        ready.elapsed() < Duration::from_secs(2),
        "after {:?}",
        ready.elapsed()
    );
    buyer.order(&ticket).await;
    assert_eq!(buyer.order_of(&paid).await["status"], "complete");
}

#[tokio::test]
async fn orders_that_expired_during_downtime_expire_at_start() {
    what_should_have_expired_expires_at_start(Deployment::AllInOne).await;
}

#[tokio::test]
async fn separate_services_expire_overdue_orders_at_start() {
    what_should_have_expired_expires_at_start(Deployment::Separate).await;
}
