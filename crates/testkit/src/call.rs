//! One request that is being built.

use std::pin::Pin;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde_json::Value;

use crate::{Response, session::SessionCookie};

/// No response of a healthy or failing server takes this long; one that hangs fails the test.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A request; `.await` sends it and panics without a response.
#[must_use = "a call is only made when it is awaited"]
#[derive(Debug)]
pub struct Call {
    session: SessionCookie,
    asked: String,
    request: RequestBuilder,
}

impl Call {
    pub(crate) fn new(
        http: &reqwest::Client,
        session: SessionCookie,
        method: Method,
        url: &str,
    ) -> Self {
        Self {
            session,
            asked: format!("{method} {url}"),
            request: http.request(method, url).timeout(TIMEOUT),
        }
    }

    /// Sets a header; the session cookie is set automatically.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|request| request.header(name, value))
    }

    /// Sets `Idempotency-Key`.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// Prefers not to wait for the read model (`Prefer: respond-async`).
    pub fn respond_async(self) -> Self {
        self.header("Prefer", "respond-async")
    }

    /// Sets a JSON body.
    pub fn json(self, body: impl Serialize) -> Self {
        self.with(|request| request.json(&body))
    }

    /// Sets a raw body with the content type of JSON.
    pub fn raw_json(self, body: impl Into<String>) -> Self {
        self.raw_body("application/json", body)
    }

    /// Sets a raw body with this `Content-Type`.
    pub fn raw_body(self, content_type: &str, body: impl Into<String>) -> Self {
        let body = body.into();
        self.with(|request| request.header("content-type", content_type).body(body))
    }

    /// Sets a time limit of less than a minute.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|request| request.timeout(timeout))
    }

    /// Sends the request and returns the error if there is no response, for tests in which servers
    /// are killed: it is then unknown whether the request took effect.
    pub async fn try_send(self) -> Result<Response, reqwest::Error> {
        let mut request = self.request;
        if let Some(session) = self.session.get() {
            request = request.header("cookie", format!("session={session}"));
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        let answer = Response {
            asked: self.asked,
            status,
            headers,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        };
        if let Some(session) = answer.cookie("session") {
            self.session.set(Some(session.to_owned()));
        }
        Ok(answer)
    }

    fn with(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = change(self.request);
        self
    }
}

impl IntoFuture for Call {
    type Output = Response;
    type IntoFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let asked = self.asked.clone();
            match self.try_send().await {
                Ok(answer) => answer,
                Err(error) => panic!("{asked}\nwasn't answered: {error:?}"),
            }
        })
    }
}
