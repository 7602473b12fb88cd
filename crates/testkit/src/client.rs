//! A user of the HTTP API.

use reqwest::Method;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{Call, Response, session::Session};

/// A client with its own session. Clones share the session, so they can send concurrent requests as
/// the same user.
#[derive(Debug, Clone)]
pub struct Client {
    base_url: String,
    http: reqwest::Client,
    session: Session,
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
            session: Session::default(),
        }
    }

    /// Another client of the same server, without a session. It shares the connections.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            session: Session::default(),
            ..self.clone()
        }
    }

    /// Another client of the same server, signed up as a new random user.
    pub async fn new_user(&self) -> (Self, TestUser) {
        let client = self.anonymous();
        let user = client.sign_up().await;
        (client, user)
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

fn random_email() -> String {
    format!("user-{}@example.com", Uuid::new_v4().simple())
}
