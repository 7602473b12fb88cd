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
async fn what_the_manifests_say_is_the_marketplace_and_a_killed_pod_costs_what_it_had_in_hand() {
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
async fn a_roll_out_refuses_nobody() {
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

    let (seller, _) = anyone.new_user().await;
    let (buyer, user) = anyone.new_user().await;
    let ticket = json!({"title": "Opening night", "price": 20});
    let ticket = seller.post("/api/tickets", ticket).await;
    let ticket = ticket.expect_status(201).id();
    let listed = anyone.get("/api/tickets").await.expect_status(200);
    assert_eq!(listed.json[0]["id"], ticket);

    let order = buyer.post("/api/orders", json!({"ticketId": ticket})).await;
    let order = order.expect_status(201).id();
    let edit = json!({"title": "Another", "price": 30});
    let path = format!("/api/tickets/{ticket}");
    seller.put(&path, &edit).await.assert_status(400);
    eventually("the ticket is off the list", LONG, || async {
        let listed = anyone.get("/api/tickets").await.expect_status(200);
        listed.json == json!([])
    })
    .await;

    let pay = json!({"token": "tok_visa", "orderId": order});
    buyer.post("/api/payments", pay).await.assert_status(201);
    let order = buyer.get(&format!("/api/orders/{order}")).await;
    assert_eq!(order.expect_status(200).json["status"], "complete");

    buyer
        .post("/api/users/signout", json!({}))
        .await
        .assert_status(200);
    let again = buyer.sign_in_as(&user.email, &user.password).await;
    again.assert_status(200);
    let orders = buyer.get("/api/orders").await.expect_status(200);
    assert_eq!(orders.json.as_array().unwrap().len(), 1);
    anyone.get("/api/nothing").await.assert_status(404);
}
