//! Requests that deviate slightly from the API's description.

use serde_json::json;
use testkit::Method;
use uuid::Uuid;

use super::server::assert_envelope;
use crate::support::{Site, commands, on_both_deployments};

on_both_deployments!(
    ids_are_accepted_in_every_spelling,
    a_duplicate_member_is_refused,
    a_body_is_json_regardless_of_its_content_type,
    every_command_refuses_a_body_that_is_too_long,
);

/// Other spellings of a UUID.
fn spellings(id: &str) -> [String; 4] {
    let plain = Uuid::parse_str(id).unwrap();
    [
        id.to_uppercase(),
        plain.simple().to_string(),
        plain.braced().to_string(),
        plain.urn().to_string(),
    ]
}

async fn ids_are_accepted_in_every_spelling(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", 20).await;
    let shown = seller.get(&format!("/api/tickets/{ticket}")).await;
    for (spelled, version) in spellings(&ticket).iter().zip(1..) {
        let path = format!(
            "/api/tickets/{}",
            spelled.replace('{', "%7B").replace('}', "%7D")
        );
        let answer = seller.get(&path).await;
        assert_eq!(answer.expect_status(200).json["id"], shown.json["id"]);
        let change = json!({"title": spelled, "price": 20});
        let changed = seller.put(&path, change).await.expect_status(200).json;
        assert_eq!(changed["id"], ticket.as_str(), "the id in one way only");
        assert_eq!(changed["version"], version);
    }
    for spelled in spellings(&ticket) {
        // One ticket, so only one order.
        let order = buyer.try_order(&spelled).await.expect_status(201);
        assert_eq!(order.json["ticket"]["id"], ticket.as_str());
        for other in spellings(&ticket) {
            let second = buyer.try_order(&other).await;
            second.assert_error(400, "You already hold this ticket");
        }
        let [upper, ..] = spellings(&order.id());
        buyer.try_cancel(&upper).await.assert_status(204);
        assert_eq!(buyer.order_of(&order.id()).await["status"], "cancelled");
    }
    let order = buyer.order(&ticket).await;
    let mut paid = Vec::new();
    for spelled in spellings(&order) {
        paid.push(buyer.try_pay(&spelled).await.expect_status(201).id());
    }
    paid.dedup();
    assert_eq!(paid.len(), 1, "one payment: {paid:?}");
    assert_eq!(site.charges()[&order].held, 1);
}

async fn a_duplicate_member_is_refused(site: &Site) {
    let seller = site.person().await;
    let ticket = seller.sell("Opening night", 20).await;
    let order = Uuid::new_v4();
    let email = format!("{}@example.com", Uuid::new_v4());
    for (method, path, body) in [
        (
            Method::POST,
            "/api/tickets".to_owned(),
            r#"{"title":"a","price":1,"price":2}"#.to_owned(),
        ),
        (
            Method::PUT,
            format!("/api/tickets/{ticket}"),
            r#"{"title":"a","title":"b","price":1}"#.to_owned(),
        ),
        (
            Method::POST,
            "/api/orders".to_owned(),
            format!(r#"{{"ticketId":"{order}","ticketId":"{ticket}"}}"#),
        ),
        (
            Method::POST,
            "/api/payments".to_owned(),
            format!(r#"{{"token":"tok_visa","orderId":"{order}","orderId":"{order}"}}"#),
        ),
        (
            Method::POST,
            "/api/users/signup".to_owned(),
            format!(r#"{{"email":"{email}","email":"b@example.com","password":"secret"}}"#),
        ),
    ] {
        let answer = seller.call(method, &path).raw_json(body).await;
        answer.assert_status(400);
        assert_envelope(&answer);
    }
    let shown = seller.get(&format!("/api/tickets/{ticket}")).await.json;
    assert_eq!(
        (&shown["title"], &shown["version"]),
        (&json!("Opening night"), &json!(0))
    );
    assert_eq!(seller.get("/api/orders").await.json, json!([]));
}

async fn a_body_is_json_regardless_of_its_content_type(site: &Site) {
    let seller = site.person().await;
    let json = json!({"title": "Opening night", "price": 20}).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-8",
        "nonsense",
    ] {
        let post = |body: &str| {
            let call = seller.call(Method::POST, "/api/tickets");
            call.raw_body(kind, body.to_owned())
        };
        post(&json).await.assert_status(201);
        let answer = post("title=Opening+night&price=20").await;
        answer.assert_status(400);
        assert_envelope(&answer);
    }
}

async fn every_command_refuses_a_body_that_is_too_long(site: &Site) {
    let seller = site.person().await;
    let ticket = seller.sell("Opening night", 20).await;
    let long = json!({"title": "a", "price": 1, "more": "x".repeat(70_000)}).to_string();
    let webhook = (Method::POST, "/api/payments/webhook".to_owned());
    for (method, path) in commands(&ticket).into_iter().chain([webhook]) {
        let answer = seller.call(method, &path).raw_json(long.clone()).await;
        answer.assert_status(413);
        assert_envelope(&answer);
    }
    let shown = seller.get(&format!("/api/tickets/{ticket}")).await.json;
    assert_eq!(shown["version"], 0);
}
