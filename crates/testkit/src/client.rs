//! A user of the HTTP API.

use std::{ops::Deref, time::Duration};

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Call, Response, eventually, session::SessionCookie};

/// A client with its own session. Clones share the session, so they can send concurrent requests as
/// the same user.
#[derive(Debug, Clone)]
pub struct Client {
    base_url: String,
    http: reqwest::Client,
    session: SessionCookie,
}

/// A user with a session.
#[derive(Debug, Clone)]
pub struct Person {
    /// Sends requests with the user's session.
    pub client: Client,
    /// The account.
    pub user: TestUser,
}

impl Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A user that has signed up.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The user's ID, from the server.
    pub id: String,
    /// A random address.
    pub email: String,
    /// The password.
    pub password: String,
}

impl Client {
    /// A client of the server at `base_url` (`http://host:port`), without a session.
    pub fn new(base_url: impl Into<String>) -> Self {
        // If another crate of the build enables TLS in reqwest, no client can be created without a
        // provider, although these use plain HTTP. A second call is refused.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            base_url: base_url.into(),
            http: reqwest::Client::new(),
            session: SessionCookie::default(),
        }
    }

    /// Another client of the same server, without a session. It shares the connections.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            session: SessionCookie::default(),
            ..self.clone()
        }
    }

    /// A new random user of the same server.
    pub async fn person(&self) -> Person {
        let client = self.anonymous();
        let user = client.sign_up().await;
        Person { client, user }
    }

    /// Signs up as a new random user and keeps the session.
    pub async fn sign_up(&self) -> TestUser {
        let email = random_email();
        let password = "correct horse".to_owned();
        let answer = self.sign_up_as(&email, &password).await;
        TestUser {
            id: answer.expect_status(201).id(),
            email,
            password,
        }
    }

    /// Requests a sign-up; keeps the session if the response has one.
    pub async fn sign_up_as(&self, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password});
        self.post("/api/users/signup", body).await
    }

    /// Requests a sign-in; keeps the session if the response has one.
    pub async fn sign_in_as(&self, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password});
        self.post("/api/users/signin", body).await
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST request with a JSON body.
    pub fn post(&self, path: &str, body: impl Serialize) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// A PUT request with a JSON body.
    pub fn put(&self, path: &str, body: impl Serialize) -> Call {
        self.call(Method::PUT, path).json(body)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Any request; `path` begins with a slash.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let url = format!("{}{path}", self.base_url);
        Call::new(&self.http, self.session.clone(), method, &url)
    }

    /// The session cookie's value, if there is one.
    pub fn session(&self) -> Option<String> {
        self.session.get()
    }

    /// Replaces the session cookie; an empty value clears it, as in a browser.
    pub fn set_session(&self, value: Option<&str>) {
        self.session.set(value.map(str::to_owned));
    }

    /// `http://host:port`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

/// The commands of the marketplace. Those with `try_` are requests; the others expect success.
impl Client {
    /// A request to list a ticket.
    pub fn try_sell(&self, title: &str, price: impl Into<Value>) -> Call {
        let body = json!({"title": title, "price": price.into()});
        self.post("/api/tickets", body)
    }

    /// Lists a ticket and returns its ID.
    pub async fn sell(&self, title: &str, price: impl Into<Value>) -> String {
        self.try_sell(title, price).await.expect_status(201).id()
    }

    /// A request to hold a ticket.
    pub fn try_order(&self, ticket: &str) -> Call {
        self.post("/api/orders", json!({"ticketId": ticket}))
    }

    /// Holds a ticket and returns the order's ID.
    pub async fn order(&self, ticket: &str) -> String {
        self.try_order(ticket).await.expect_status(201).id()
    }

    /// A request to pay with a card.
    pub fn try_pay_with(&self, order: &str, token: &str) -> Call {
        let body = json!({"token": token, "orderId": order});
        self.post("/api/payments", body)
    }

    /// A request to pay with a card that the sandbox accepts.
    pub fn try_pay(&self, order: &str) -> Call {
        self.try_pay_with(order, "tok_visa")
    }

    /// Pays an order.
    pub async fn pay(&self, order: &str) {
        self.try_pay(order).await.assert_status(201);
    }

    /// A request to cancel an order.
    pub fn try_cancel(&self, order: &str) -> Call {
        self.delete(&format!("/api/orders/{order}"))
    }

    /// Cancels an order.
    pub async fn cancel(&self, order: &str) {
        self.try_cancel(order).await.assert_status(204);
    }

    /// A request for one of the caller's orders.
    pub fn show_order(&self, order: &str) -> Call {
        self.get(&format!("/api/orders/{order}"))
    }

    /// One of the caller's orders.
    pub async fn order_of(&self, order: &str) -> Value {
        self.show_order(order).await.expect_status(200).json
    }

    /// Waits until the order has this status.
    pub async fn wait_for_order(&self, order: &str, status: &str, within: Duration) {
        let what = format!("order {order} is {status}");
        eventually(&what, within, || async {
            let Response { json, text, .. } = self.show_order(order).await;
            (json["status"] == status).then_some(()).ok_or(text)
        })
        .await;
    }
}

fn random_email() -> String {
    format!("user-{}@example.com", Uuid::new_v4().simple())
}
