//! Starts the rendered overlay for development as processes of this machine.
#![allow(clippy::unwrap_used, reason = "a test has nobody to hand an error to")]

mod addresses;
mod cluster;
mod kubelet;
mod router;
mod site;
mod traffic;
mod volumes;

use rand::seq::SliceRandom;
use serde_json::json;
use site::Site;
use testkit::{LONG, eventually};

/// Deployments with two pods in these tests. The sandbox's journal belongs to one process.
const SCALED: [&str; 6] = [
    "auth",
    "tickets",
    "orders",
    "expiration",
    "analytics",
    "web",
];
const PEOPLE: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manifests_start_the_marketplace_and_it_survives_killed_pods() {
    let site = Site::start(&SCALED).await;
    a_ticket_is_sold(&site).await;
    nothing_of_the_inside_is_shown_outside(&site).await;

    let people = traffic::Crowd::begin(&site, PEOPLE).await;
    people.go_on_for(60).await;
    let mut victims = SCALED;
    victims.shuffle(&mut rand::rng());
    for service in victims {
        let killed = site.cluster.kill_any_of(service).await;
        eprintln!("killed {killed}");
        people.go_on_for(60).await;
        site.cluster.wait_until_all_are_ready().await;
    }
    let told = people.end().await;
    let unexcused: Vec<_> = told.failures.iter().filter(|f| !f.was_cut).collect();
    assert!(unexcused.is_empty(), "{unexcused:#?}");
    site.cluster.run_tool("verify").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_refuses_no_request() {
    let site = Site::start(&["orders", "tickets"]).await;
    let people = traffic::Crowd::begin(&site, PEOPLE).await;
    people.go_on_for(30).await;
    // The most frequently used service, and the one that all sessions depend on.
    tokio::join!(site.cluster.roll("orders"), site.cluster.roll("auth"));
    people.go_on_for(30).await;
    let told = people.end().await;
    assert!(told.failures.is_empty(), "{:#?}", told.failures);
}

/// No path from outside leads to probes or metrics.
async fn nothing_of_the_inside_is_shown_outside(site: &Site) {
    let anyone = site.client();
    for path in [
        "/metrics",
        "/healthz",
        "/readyz",
        "/%6detrics",
        "/metrics?x",
        "/api/users/metrics",
    ] {
        let answer = anyone.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    // Clients that connect to a pod directly, like its probes, can read them.
    for service in SCALED {
        for pod in site.cluster.endpoints(service) {
            let pod = testkit::Client::new(format!("http://{}:{}", pod.address, pod.port));
            pod.get("/metrics").await.assert_status(200);
        }
    }
}

/// The main path of the contract, through the Ingress.
async fn a_ticket_is_sold(site: &Site) {
    let anyone = site.client();
    let page = anyone.get("/").await.expect_status(200);
    assert!(page.text.contains("<html"), "{}", page.text);
    let document = anyone.get("/api/openapi.json").await.expect_status(200);
    assert!(document.json["paths"]["/api/orders"].is_object());

    let (seller, buyer) = (anyone.person().await, anyone.person().await);
    let ticket = seller.sell("Opening night", 20).await;
    let listed = anyone.get("/api/tickets").await.expect_status(200);
    assert_eq!(listed.json[0]["id"], ticket);

    let order = buyer.order(&ticket).await;
    let edit = json!({"title": "Another", "price": 30});
    let path = format!("/api/tickets/{ticket}");
    seller.put(&path, &edit).await.assert_status(400);
    eventually("the ticket is off the list", LONG, || async {
        let listed = anyone.get("/api/tickets").await.expect_status(200);
        listed.json == json!([])
    })
    .await;

    buyer.pay(&order).await;
    assert_eq!(buyer.order_of(&order).await["status"], "complete");

    buyer
        .post("/api/users/signout", json!({}))
        .await
        .assert_status(200);
    let again = buyer
        .sign_in_as(&buyer.user.email, &buyer.user.password)
        .await;
    again.assert_status(200);
    let orders = buyer.get("/api/orders").await.expect_status(200);
    assert_eq!(orders.json.as_array().unwrap().len(), 1);
    anyone.get("/api/nothing").await.assert_status(404);
}
