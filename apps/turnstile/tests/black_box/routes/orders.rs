//! Orders: placed, shown to their buyer, cancelled.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use testkit::{LONG, Method, eventually};
use uuid::Uuid;

use crate::support::{Person, Site, assert_has, is_uuid, on_both_deployments};

on_both_deployments!(
    an_order_holds_a_ticket_and_ignores_other_fields,
    orders_are_checked_in_the_documented_order,
    a_ticket_can_be_ordered_as_soon_as_it_is_listed,
    an_order_keeps_its_title_and_price,
    an_order_at_a_changed_price_is_refused,
    an_order_of_a_changed_ticket_is_refused_with_the_changes,
    the_list_has_the_callers_orders_oldest_first,
    only_the_buyer_reads_cancels_or_pays_an_order,
    a_cancelled_order_is_kept_and_its_ticket_is_free_at_once,
    cancelling_again_never_frees_what_another_buyer_holds,
    a_paid_order_is_not_cancelled,
    every_response_is_visible_at_once,
);

const TICKET_ID: (&str, Option<&str>) = ("TicketId must be provided", Some("ticketId"));

fn path(order: &str) -> String {
    format!("/api/orders/{order}")
}

async fn two(site: &Site) -> (Person, Person) {
    (site.person().await, site.person().await)
}

async fn an_order_holds_a_ticket_and_ignores_other_fields(site: &Site) {
    let (seller, buyer) = two(site).await;
    let ticket = seller.sell("Opening night", "19.99").await;
    let wished = Uuid::nil();
    let body = json!({
        "ticketId": ticket, "id": wished, "userId": wished, "version": 7,
        "status": "complete", "expiresAt": "2999-01-01T00:00:00Z", "ticket": {"price": 1},
    });
    let before = Utc::now();
    let answer = buyer.post("/api/orders", body).await.expect_status(201);
    let after = Utc::now();
    assert!(is_uuid(&answer.json["id"]));
    assert_ne!(answer.id(), wished.to_string());
    assert_has(
        &answer.json,
        &json!({"userId": buyer.user.id, "status": "created", "version": 0}),
    );
    let of_ticket = json!({
        "id": ticket, "title": "Opening night", "price": 19.99, "currency": "USD", "version": 0,
    });
    assert_eq!(answer.json["ticket"], of_ticket);
    let expires_at: DateTime<Utc> = answer.json["expiresAt"].as_str().unwrap().parse().unwrap();
    let hold = chrono::Duration::minutes(15);
    let second = chrono::Duration::seconds(1);
    assert!(before + hold - second <= expires_at && expires_at <= after + hold + second);
    assert_eq!(buyer.order_of(&answer.id()).await, answer.json);
}

async fn orders_are_checked_in_the_documented_order(site: &Site) {
    let (seller, buyer) = two(site).await;
    let ticket = seller.sell("Opening night", 20).await;
    for body in [
        json!({}),
        json!({"ticketId": null}),
        json!({"ticketId": ""}),
        json!({"ticketId": " "}),
    ] {
        site.anyone()
            .post("/api/orders", &body)
            .await
            .assert_error(401, "Not authorized");
        let answer = buyer.post("/api/orders", &body).await;
        answer.assert_errors(400, &[TICKET_ID]);
    }
    for malformed in [
        json!("nonsense"),
        json!(7),
        json!([ticket]),
        json!({"id": ticket}),
    ] {
        let answer = buyer
            .post("/api/orders", json!({"ticketId": malformed}))
            .await;
        answer.assert_status(400);
        let fields: Vec<_> = answer.errors().into_iter().map(|e| e.field).collect();
        assert_eq!(fields, [Some("ticketId".to_owned())], "{malformed}");
    }
    let unknown = Uuid::new_v4().to_string();
    buyer
        .try_order(&unknown)
        .await
        .assert_error(404, "Not Found");
    let order = buyer.order(&ticket).await;
    let other = site.person().await.try_order(&ticket).await;
    other.assert_error(400, "Ticket is already reserved");
    let own = seller.try_order(&ticket).await;
    own.assert_error(400, "You cannot order your own ticket");
    let again = buyer.try_order(&ticket).await;
    again.assert_error(400, "You already hold this ticket");
    assert_eq!(again.json["errors"][0]["orderId"], order.as_str());
    let place = format!("/api/orders/{order}");
    assert_eq!(again.header("location"), Some(place.as_str()));
}

async fn an_order_of_a_changed_ticket_is_refused_with_the_changes(site: &Site) {
    let (seller, buyer) = two(site).await;
    let ticket = seller.sell("Front row", 20).await;
    let order = |version: u64| {
        buyer.post(
            "/api/orders",
            json!({"ticketId": ticket, "expectedVersion": version}),
        )
    };
    let first = order(0).await.expect_status(201).id();
    buyer.try_cancel(&first).await.assert_status(204);
    let path = format!("/api/tickets/{ticket}");
    let version = eventually("the ticket is free again", LONG, || async {
        let shown = buyer.get(&path).await.json;
        let free = shown["status"] == "open" && shown["version"] == 2;
        free.then(|| shown["version"].as_u64().unwrap())
            .ok_or(shown)
    })
    .await;
    let body = json!({"title": "Last row", "price": 25});
    seller.put(&path, body).await.assert_status(200);
    for shown in [0, version] {
        order(shown).await.assert_errors(
            400,
            &[
                ("The title is now \"Last row\"", Some("title")),
                ("The price is now 25.00", Some("price")),
            ],
        );
    }
    order(version + 1).await.assert_status(201);
    let bad = json!({"ticketId": ticket, "expectedVersion": "new"});
    buyer.post("/api/orders", bad).await.assert_errors(
        400,
        &[(
            "ExpectedVersion must be a version, such as 0",
            Some("expectedVersion"),
        )],
    );
}

async fn a_ticket_can_be_ordered_as_soon_as_it_is_listed(site: &Site) {
    let (seller, buyer) = two(site).await;
    for n in 0..10 {
        let body = json!({"title": format!("Night {n}"), "price": 20});
        let offer = seller.post("/api/tickets", body).respond_async().await;
        let order = buyer.post("/api/orders", json!({"ticketId": offer.id()}));
        let order = order.respond_async().await.expect_status(201).id();
        // Even if no request waited for a read model, the order exists for its buyer.
        buyer.get(&path(&order)).await.assert_status(200);
    }
}

async fn an_order_keeps_its_title_and_price(site: &Site) {
    let (seller, buyer) = two(site).await;
    let ticket = seller.sell("Opening night", 20).await;
    let first = buyer.order(&ticket).await;
    buyer.try_cancel(&first).await.assert_status(204);
    let change = json!({"title": "Second night", "price": 30});
    let changed = seller.put(&format!("/api/tickets/{ticket}"), change).await;
    let version = changed.expect_status(200).json["version"].clone();
    let second = buyer.order(&ticket).await;
    assert_has(
        &buyer.order_of(&first).await["ticket"],
        &json!({"title": "Opening night", "price": 20, "version": 0}),
    );
    assert_has(
        &buyer.order_of(&second).await["ticket"],
        &json!({"title": "Second night", "price": 30, "version": version}),
    );
}

async fn an_order_at_a_changed_price_is_refused(site: &Site) {
    let (seller, buyer) = two(site).await;
    let ticket = seller.sell("Opening night", "19.99").await;
    let expecting = |price: Value| {
        buyer.post(
            "/api/orders",
            json!({"ticketId": ticket, "expectedPrice": price}),
        )
    };
    let refused = expecting(json!(19.98)).await;
    refused.assert_status(400);
    assert!(
        refused.errors()[0].message.contains("19.99"),
        "{}",
        refused.text
    );
    let malformed = expecting(json!("cheap")).await;
    malformed.assert_status(400);
    assert_eq!(
        malformed.errors()[0].field.as_deref(),
        Some("expectedPrice")
    );
    expecting(json!(19.99)).await.assert_status(201);
}

async fn the_list_has_the_callers_orders_oldest_first(site: &Site) {
    let (seller, buyer) = two(site).await;
    let other = site.person().await;
    let answer = site.anyone().get("/api/orders").await;
    answer.assert_error(401, "Not authorized");
    assert_eq!(
        buyer.get("/api/orders").await.expect_status(200).json,
        json!([])
    );
    let mut placed = Vec::new();
    for n in 0..4 {
        let ticket = seller.sell(&format!("Night {n}"), 20 + n).await;
        placed.push(buyer.order(&ticket).await);
    }
    other.order(&seller.sell("Another", 1).await).await;
    buyer.try_cancel(&placed[0]).await.assert_status(204);
    buyer.try_pay(&placed[1]).await.assert_status(201);
    let list = buyer.get("/api/orders").await.expect_status(200).json;
    let list = list.as_array().unwrap();
    let ids: Vec<_> = list
        .iter()
        .map(|order| order["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, placed);
    for (n, order) in list.iter().enumerate() {
        assert_eq!(order, &buyer.order_of(&placed[n]).await);
        let ticket = json!({"title": format!("Night {n}"), "price": 20 + n, "version": 0});
        assert_has(&order["ticket"], &ticket);
    }
    let statuses: Vec<_> = list.iter().map(|order| order["status"].clone()).collect();
    assert_eq!(statuses, ["cancelled", "complete", "created", "created"]);
}

async fn only_the_buyer_reads_cancels_or_pays_an_order(site: &Site) {
    let (seller, buyer) = two(site).await;
    let order = buyer.order(&seller.sell("Opening night", 20).await).await;
    let stranger = site.person().await;
    for somebody in [
        site.anyone(),
        stranger.client.clone(),
        seller.client.clone(),
    ] {
        for answer in [
            somebody.get(&path(&order)).await,
            somebody.delete(&path(&order)).await,
            somebody
                .post(
                    "/api/payments",
                    json!({"token": "tok_visa", "orderId": order}),
                )
                .await,
        ] {
            answer.assert_error(401, "Not authorized");
        }
    }
    let unknown = Uuid::new_v4().to_string();
    for method in [Method::GET, Method::DELETE] {
        let answer = site.anyone().call(method.clone(), &path(&unknown)).await;
        answer.assert_error(401, "Not authorized");
        let answer = buyer.call(method.clone(), &path(&unknown)).await;
        answer.assert_error(404, "Not Found");
        let malformed = buyer.call(method, &path("nonsense")).await;
        assert!(
            [400, 404].contains(&malformed.status),
            "{}",
            malformed.describe()
        );
    }
    assert_eq!(buyer.order_of(&order).await["status"], "created");
}

async fn a_cancelled_order_is_kept_and_its_ticket_is_free_at_once(site: &Site) {
    let (seller, buyer) = two(site).await;
    let other = site.person().await;
    let ticket = seller.sell("Opening night", 20).await;
    let order = buyer.order(&ticket).await;
    let answer = buyer.try_cancel(&order).await;
    answer.assert_status(204);
    assert_eq!(answer.text, "");
    assert_has(
        &buyer.order_of(&order).await,
        &json!({"id": order, "status": "cancelled", "version": 1}),
    );
    assert_ne!(other.order(&ticket).await, order);
}

async fn cancelling_again_never_frees_what_another_buyer_holds(site: &Site) {
    let (seller, buyer) = two(site).await;
    let other = site.person().await;
    let ticket = seller.sell("Opening night", 20).await;
    let first = buyer.order(&ticket).await;
    buyer.try_cancel(&first).await.assert_status(204);
    let second = other.order(&ticket).await;
    for _ in 0..3 {
        buyer.try_cancel(&first).await.assert_status(204);
        let answer = buyer.try_order(&ticket).await;
        answer.assert_error(400, "Ticket is already reserved");
    }
    assert_has(
        &other.order_of(&second).await,
        &json!({"status": "created", "version": 0}),
    );
    assert_has(
        &buyer.order_of(&first).await,
        &json!({"status": "cancelled", "version": 1}),
    );
}

async fn a_paid_order_is_not_cancelled(site: &Site) {
    let (seller, buyer) = two(site).await;
    let ticket = seller.sell("Opening night", 20).await;
    let order = buyer.order(&ticket).await;
    buyer.try_pay(&order).await.assert_status(201);
    let answer = buyer.try_cancel(&order).await;
    answer.assert_error(400, "Cannot cancel a paid order");
    assert_eq!(buyer.order_of(&order).await["status"], "complete");
    let answer = site.person().await.try_order(&ticket).await;
    answer.assert_error(400, "Ticket is already reserved");
    let again = buyer.try_order(&ticket).await;
    again.assert_error(400, "You already bought this ticket");
}

async fn every_response_is_visible_at_once(site: &Site) {
    let seller = site.person().await;
    let buyer = site.person().await;
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let (seller, buyer) = (seller.clone(), buyer.clone());
            tokio::spawn(async move {
                let ticket = seller.sell(&format!("Night {n}"), 20).await;
                for _ in 0..3 {
                    let order = buyer.order(&ticket).await;
                    let list = buyer.get("/api/orders").await.json;
                    let is_listed = |status: &str, list: &Value| {
                        let mut all = list.as_array().unwrap().iter();
                        all.any(|o| o["id"] == order.as_str() && o["status"] == status)
                    };
                    assert!(is_listed("created", &list), "{order} in {list}");
                    assert_eq!(buyer.order_of(&order).await["status"], "created");
                    buyer.try_cancel(&order).await.assert_status(204);
                    assert_eq!(buyer.order_of(&order).await["status"], "cancelled");
                    let list = buyer.get("/api/orders").await.json;
                    assert!(is_listed("cancelled", &list), "{order} in {list}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
