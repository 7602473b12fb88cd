//! `Idempotency-Key`: a request that is sent again is answered again and takes effect once.

use serde_json::{Value, json};
use testkit::Answer;
use uuid::Uuid;

use crate::support::{Person, Site, as_answers, rows, statuses};

rows!(
    the_same_key_gets_the_first_answer_again_on_every_post,
    many_at_once_with_one_key_take_effect_once,
    the_same_key_with_another_body_is_refused,
    a_refusal_is_repeated_too,
    keys_of_different_users_have_nothing_to_do_with_each_other,
    a_key_is_at_most_255_characters,
);

fn key() -> String {
    Uuid::new_v4().to_string()
}

async fn send(person: &Person, path: &str, body: &Value, key: &str) -> Answer {
    person.post(path, body).idempotency_key(key).await
}

async fn the_same_key_gets_the_first_answer_again_on_every_post(site: &Site) {
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

    // Whoever signs up is nobody yet, and may lose the answer all the same.
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

async fn many_at_once_with_one_key_take_effect_once(site: &Site) {
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

async fn a_refusal_is_repeated_too(site: &Site) {
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
    // It was that request which was refused, not its sender.
    second.order(&ticket).await;
}

async fn keys_of_different_users_have_nothing_to_do_with_each_other(site: &Site) {
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

async fn a_key_is_at_most_255_characters(site: &Site) {
    let seller = site.person().await;
    let body = json!({"title": "Opening night", "price": 20});
    let longest = format!("{:x<255}", key());
    send(&seller, "/api/tickets", &body, &longest)
        .await
        .assert_status(201);
    for wrong in ["x".repeat(256), String::new()] {
        let answer = send(&seller, "/api/tickets", &body, &wrong).await;
        answer.assert_status(400);
        assert!(!answer.errors().is_empty());
    }
}
