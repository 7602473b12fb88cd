//! A user with a session, and the usual commands.

use serde_json::{Value, json};
use std::{ops::Deref, time::Duration};
use testkit::{Client, Response, TestUser, eventually};
use uuid::Uuid;

/// A user with a session.
#[derive(Clone, Debug)]
pub struct Person {
    pub client: Client,
    pub user: TestUser,
}

impl Deref for Person {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Person {
    /// Lists a ticket and returns its ID.
    pub async fn sell(&self, title: &str, price: impl Into<Value>) -> String {
        let body = json!({"title": title, "price": price.into()});
        let answer = self.post("/api/tickets", body).await;
        answer.expect_status(201).id()
    }

    /// Requests to hold a ticket.
    pub async fn try_order(&self, ticket: &str) -> Response {
        self.post("/api/orders", json!({"ticketId": ticket})).await
    }

    /// Holds a ticket and returns the order's ID.
    pub async fn order(&self, ticket: &str) -> String {
        self.try_order(ticket).await.expect_status(201).id()
    }

    /// Requests to pay with a card.
    pub async fn try_pay_with(&self, order: &str, token: &str) -> Response {
        let body = json!({"token": token, "orderId": order});
        self.post("/api/payments", body).await
    }

    /// Requests to pay with a card that the sandbox accepts.
    pub async fn try_pay(&self, order: &str) -> Response {
        self.try_pay_with(order, "tok_visa").await
    }

    /// Cancels an order.
    pub async fn try_cancel(&self, order: &str) -> Response {
        self.delete(&format!("/api/orders/{order}")).await
    }

    /// One of the caller's orders.
    pub async fn order_of(&self, order: &str) -> Value {
        let answer = self.get(&format!("/api/orders/{order}")).await;
        answer.expect_status(200).json
    }

    /// Waits until the order has this status.
    pub async fn wait_for_order(&self, order: &str, status: &str, within: Duration) {
        let path = format!("/api/orders/{order}");
        let what = format!("order {order} is {status}");
        eventually(&what, within, || async {
            let answer = self.get(&path).await;
            if answer.json["status"] == status {
                Ok(())
            } else {
                Err(answer.text)
            }
        })
        .await;
    }
}

/// Checks that the object has these fields with these values; it may have others.
#[track_caller]
pub fn assert_has(object: &Value, expected: &Value) {
    let Value::Object(expected) = expected else {
        panic!("expect an object");
    };
    for (name, value) in expected {
        assert_eq!(&object[name], value, "field {name} of {object:#}");
    }
}

/// Whether it is the text of a UUID.
pub fn is_uuid(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| Uuid::parse_str(text).is_ok())
}

/// The responses of concurrent tasks.
pub async fn as_answers(tasks: Vec<tokio::task::JoinHandle<Response>>) -> Vec<Response> {
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// The status codes, sorted.
pub fn statuses(answers: &[Response]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}
