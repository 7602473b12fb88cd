//! `Idempotency-Key`: a repeated request gets the same response and takes effect once.

use serde_json::{Value, json};
use testkit::Response;
use uuid::Uuid;

use crate::support::{Person, Site, as_answers, on_both_deployments, statuses};

on_both_deployments!(
    every_post_repeats_its_response_for_the_same_key,
    concurrent_requests_with_one_key_take_effect_once,
    the_same_key_with_another_body_is_refused,
    refusals_are_repeated,
    refusals_of_orders_and_payments_keep_their_key,
    invalid_requests_leave_their_key_free,
    idempotent_routes_ignore_keys,
    keys_of_different_users_are_independent,
    a_key_is_at_most_255_characters,
    a_reused_key_creates_another_order_after_it_expired,
);

fn key() -> String {
    Uuid::new_v4().to_string()
}

async fn send(person: &Person, path: &str, body: &Value, key: &str) -> Response {
    person.post(path, body).idempotency_key(key).await
}

async fn every_post_repeats_its_response_for_the_same_key(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let (offer, hold, pay) = (key(), key(), key());
    let body = json!({"title": "Opening night", "price": 20});
    let ticket = send(&seller, "/api/tickets", &body, &offer)
        .await
        .expect_status(201);
    let change = json!({"title": "Second night", "price": 30});
    let path = format!("/api/tickets/{}", ticket.id());
    seller.put(&path, change).await.assert_status(200);
    let again = send(&seller, "/api/tickets", &body, &offer).await;
    assert_eq!(
        (again.status, &again.text),
        (201, &ticket.text),
        "the first answer, not the state"
    );

    let body = json!({"ticketId": ticket.id()});
    let order = send(&buyer, "/api/orders", &body, &hold)
        .await
        .expect_status(201);
    let again = send(&buyer, "/api/orders", &body, &hold).await;
    assert_eq!((again.status, &again.text), (201, &order.text));

    let body = json!({"token": "tok_visa", "orderId": order.id()});
    let paid = send(&buyer, "/api/payments", &body, &pay)
        .await
        .expect_status(201);
    let again = send(&buyer, "/api/payments", &body, &pay).await;
    assert_eq!((again.status, &again.text), (201, &paid.text));
    assert_eq!(buyer.order_of(&order.id()).await["status"], "complete");

    // A client that signs up has no session yet, but may lose the response all the same.
    let body = json!({"email": format!("ada-{}@example.com", key()), "password": "secret"});
    let sign_up = key();
    let first = site.anyone();
    let first = first
        .post("/api/users/signup", &body)
        .idempotency_key(&sign_up)
        .await;
    first.assert_status(201);
    let again = site.anyone();
    let answer = again
        .post("/api/users/signup", &body)
        .idempotency_key(&sign_up)
        .await;
    assert_eq!((answer.status, &answer.text), (201, &first.text));
    let user = again.get("/api/users/currentuser").await.json;
    assert_eq!(
        user["currentUser"]["id"],
        first.id(),
        "signed in as the first answer said"
    );
}

async fn concurrent_requests_with_one_key_take_effect_once(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let at_once = |person: Person, path: &'static str, body: Value| async move {
        let key = key();
        let tasks = (0..12).map(|_| {
            let (person, body, key) = (person.clone(), body.clone(), key.clone());
            tokio::spawn(async move { send(&person, path, &body, &key).await })
        });
        let answers = as_answers(tasks.collect()).await;
        assert_eq!(statuses(&answers), [201; 12]);
        for answer in &answers {
            assert_eq!(answer.text, answers[0].text);
        }
        answers[0].id()
    };
    let word = format!("w{}", Uuid::new_v4().simple());
    let body = json!({"title": word, "price": 20});
    let ticket = at_once(seller.clone(), "/api/tickets", body).await;
    let list = seller.get(&format!("/api/tickets?q={word}")).await.json;
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    let order = at_once(buyer.clone(), "/api/orders", json!({"ticketId": ticket})).await;
    let orders = buyer.get("/api/orders").await.json;
    assert_eq!(orders.as_array().unwrap().len(), 1, "{orders}");
    let body = json!({"token": "tok_visa", "orderId": order});
    at_once(buyer.clone(), "/api/payments", body).await;
    assert_eq!(site.charges()[&order].held, 1);
}

async fn the_same_key_with_another_body_is_refused(site: &Site) {
    let seller = site.person().await;
    let key = key();
    let body = json!({"title": "Opening night", "price": 20});
    let first = send(&seller, "/api/tickets", &body, &key)
        .await
        .expect_status(201);
    for (path, other) in [
        (
            "/api/tickets",
            json!({"title": "Opening night", "price": 21}),
        ),
        (
            "/api/tickets",
            json!({"title": "Opening night", "price": 20, "more": 1}),
        ),
        ("/api/orders", json!({"ticketId": first.id()})),
    ] {
        let answer = send(&seller, path, &other, &key).await;
        answer.assert_status(422);
        assert!(!answer.errors().is_empty());
    }
    let again = send(&seller, "/api/tickets", &body, &key).await;
    assert_eq!(again.expect_status(201).id(), first.id());
}

async fn refusals_are_repeated(site: &Site) {
    let (seller, first, second) = (
        site.person().await,
        site.person().await,
        site.person().await,
    );
    let ticket = seller.sell("Opening night", 20).await;
    let holding = first.order(&ticket).await;
    let (key, body) = (key(), json!({"ticketId": ticket}));
    let refused = send(&second, "/api/orders", &body, &key).await;
    refused.assert_error(400, "Ticket is already reserved");
    first.try_cancel(&holding).await.assert_status(204);
    let again = send(&second, "/api/orders", &body, &key).await;
    again.assert_error(400, "Ticket is already reserved");
    // That request was refused, not its sender.
    second.order(&ticket).await;
}

async fn refusals_of_orders_and_payments_keep_their_key(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", 20).await;
    let (order, cancelled) = (
        buyer.order(&ticket).await,
        buyer.order(&seller.sell("Second night", 20).await).await,
    );
    buyer.try_cancel(&cancelled).await.assert_status(204);
    let (cheap, nothing) = (seller.sell("Cheap", 20).await, Uuid::new_v4());
    let pay = |order: &str, card: &str| json!({"token": card, "orderId": order});
    let wished = json!({"ticketId": cheap, "expectedPrice": 19});
    let refusals = [
        ("/api/orders", json!({"ticketId": nothing}), 404),
        ("/api/orders", json!({"ticketId": ticket}), 400),
        ("/api/orders", wished, 400),
        ("/api/payments", pay(&nothing.to_string(), "tok_visa"), 404),
        ("/api/payments", pay(&cancelled, "tok_visa"), 400),
        ("/api/payments", pay(&order, "tok_chargeDeclined"), 402),
        ("/api/payments", pay(&order, "tok_nonsense"), 400),
    ];
    let mut answered = Vec::new();
    for (path, body, status) in &refusals {
        let key = key();
        let first = send(&buyer, path, body, &key).await;
        answered.push((key, first.expect_status(*status)));
    }
    // Now each of them would have another result, as far as that can be arranged.
    let change = json!({"title": "Cheap", "price": 19});
    let path = format!("/api/tickets/{cheap}");
    seller.put(&path, change).await.assert_status(200);
    let paid = buyer.try_pay(&order).await.expect_status(201).id();
    for ((path, body, status), (key, first)) in refusals.iter().zip(&answered) {
        for _ in 0..2 {
            let again = send(&buyer, path, body, key).await;
            assert_eq!((again.status, &again.text), (*status, &first.text));
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            let mut other = body.clone();
            other["more"] = json!(1);
            let answer = send(&buyer, path, &other, key).await;
            let message = "This Idempotency-Key was used with another request";
            answer.assert_error(422, message);
        }
    }
    let orders = buyer.get("/api/orders").await.json;
    assert_eq!(orders.as_array().unwrap().len(), 2, "{orders}");
    let commits = site.commits("PAYMENTS", &paid).await;
    let declined = commits.iter().filter(|c| c.types == ["PaymentDeclined"]);
    assert_eq!(declined.count(), 1, "the card was tried once: {commits:?}");
}

async fn invalid_requests_leave_their_key_free(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let ticket = seller.sell("Opening night", 20).await;
    let key = key();
    // No session, and then a missing field: that isn't the final response yet.
    let body = json!({"ticketId": ticket});
    let nobody = site.anyone().post("/api/orders", &body);
    nobody.idempotency_key(&key).await.assert_status(401);
    let missing = send(&buyer, "/api/orders", &json!({}), &key).await;
    missing.assert_field_error(400, "ticketId", "TicketId must be provided");
    let placed = send(&buyer, "/api/orders", &body, &key).await;
    let again = send(&buyer, "/api/orders", &body, &key).await;
    assert_eq!(again.expect_status(201).text, placed.text);
}

async fn idempotent_routes_ignore_keys(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let (key, too_long) = (key(), "x".repeat(300));
    let ticket = seller.sell("Opening night", 20).await;
    let path = format!("/api/tickets/{ticket}");
    for (version, key) in [(1, &key), (2, &key), (3, &too_long)] {
        let change = json!({"title": format!("Night {version}"), "price": 20});
        let answer = seller.put(&path, change).idempotency_key(key).await;
        assert_eq!(answer.expect_status(200).json["version"], version);
    }
    for key in [&key, &key, &too_long] {
        let order = buyer.order(&ticket).await;
        let path = format!("/api/orders/{order}");
        for _ in 0..2 {
            let answer = buyer.delete(&path).idempotency_key(key).await;
            answer.assert_status(204);
        }
    }
}

async fn keys_of_different_users_are_independent(site: &Site) {
    let (one, other) = (site.person().await, site.person().await);
    let (key, body) = (key(), json!({"title": "Opening night", "price": 20}));
    let first = send(&one, "/api/tickets", &body, &key)
        .await
        .expect_status(201);
    let second = send(&other, "/api/tickets", &body, &key)
        .await
        .expect_status(201);
    assert_ne!(first.id(), second.id());
    assert_eq!(second.json["userId"], other.user.id);
    let nobody = site
        .anyone()
        .post("/api/tickets", &body)
        .idempotency_key(&key)
        .await;
    nobody.assert_error(401, "Not authorized");
}

/// A response is dropped after a day; a key may well be used again later.
async fn a_reused_key_creates_another_order_after_it_expired(site: &Site) {
    let (seller, buyer) = (site.person().await, site.person().await);
    let key = key();
    let mut placed = Vec::new();
    for title in ["Opening night", "Second night"] {
        let ticket = seller.sell(title, 20).await;
        let body = json!({"ticketId": ticket});
        let order = send(&buyer, "/api/orders", &body, &key).await;
        placed.push(order.expect_status(201).id());
        let client = async_nats::connect(site.nats.url()).await.unwrap();
        let context = async_nats::jetstream::new(client);
        let requests = context.get_stream("REQUESTS").await.unwrap();
        requests.purge().await.unwrap();
        // The very same request is still the same one: its command is in the log forever.
        let again = send(&buyer, "/api/orders", &body, &key).await;
        assert_eq!(again.expect_status(201).id(), *placed.last().unwrap());
        requests.purge().await.unwrap();
    }
    assert_ne!(placed[0], placed[1]);
    // Both can be paid separately.
    for order in &placed {
        buyer.try_pay(order).await.assert_status(201);
        assert_eq!(buyer.order_of(order).await["status"], "complete");
    }
}

async fn a_key_is_at_most_255_characters(site: &Site) {
    let seller = site.person().await;
    let body = json!({"title": "Opening night", "price": 20});
    let longest = format!("{:x<255}", key());
    send(&seller, "/api/tickets", &body, &longest)
        .await
        .assert_status(201);
    let order = json!({"ticketId": seller.sell("Second night", 20).await});
    let payment = json!({"token": "tok_visa", "orderId": Uuid::new_v4()});
    for (path, body) in [
        ("/api/tickets", &body),
        ("/api/orders", &order),
        ("/api/payments", &payment),
    ] {
        for wrong in ["x".repeat(256).as_str(), "", "two words"] {
            let answer = send(&seller, path, body, wrong).await;
            let message = "Idempotency-Key must be 1 to 255 visible ASCII characters";
            answer.assert_error(400, message);
        }
        let twice = seller.post(path, body);
        let twice = twice.idempotency_key("one").idempotency_key("two").await;
        twice.assert_status(400);
    }
    let orders = seller.get("/api/orders").await.json;
    assert_eq!(orders, json!([]), "nothing of it took effect");
}
