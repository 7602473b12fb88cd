//! One request, one reply.

use js_sys::Date;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestCache, RequestInit, Response};

use super::{time, window};

/// After this time without a reply, the network counts as lost. In milliseconds.
const TIMEOUT: u32 = 20_000;

/// A request to our own server.
#[derive(Default)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Path and query.
    pub url: String,
    /// JSON, if there is a body.
    pub body: Option<String>,
    /// The idempotency key, if it is to happen once however often it is sent.
    pub key: Option<String>,
    /// The version that it is meant for, if no other will do.
    pub if_match: Option<u64>,
}

/// The server's reply.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
    /// The `Link` header.
    pub link: Option<String>,
    /// The `Location` header.
    pub location: Option<String>,
    /// The `Retry-After` header, in seconds.
    pub retry_after: Option<u64>,
    /// When it was written, if it says so.
    pub dated: Option<Dated>,
}

/// When a reply was written and received, in milliseconds.
#[derive(Clone, Copy)]
pub struct Dated {
    /// Its `Date`, since 1970.
    pub date: f64,
    /// When the request was sent, by the local clock.
    pub sent: f64,
    /// When the reply came, by the local clock.
    pub received: f64,
}

/// No reply: no network, no server, or none in time. Whether the server acted isn't known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable;

impl From<JsValue> for Unreachable {
    fn from(_: JsValue) -> Self {
        Self
    }
}

/// Sends a request and waits for all of the reply.
pub async fn send(call: Call) -> Result<Reply, Unreachable> {
    let headers = Headers::new()?;
    let options = RequestInit::new();
    options.set_method(call.method);
    // Always asks the server, which may say "unchanged": an old `Date` would set the clock wrong.
    options.set_cache(RequestCache::NoCache);
    options.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT)));
    if let Some(body) = call.body {
        headers.set("content-type", "application/json")?;
        options.set_body(&body.into());
    }
    if let Some(key) = call.key {
        headers.set("idempotency-key", &key)?;
    }
    if let Some(version) = call.if_match {
        headers.set("if-match", &format!("\"{version}\""))?;
    }
    options.set_headers(&headers);

    let sent = time::now();
    let promise = window().fetch_with_str_and_init(&call.url, &options);
    let response: Response = JsFuture::from(promise).await?.unchecked_into();
    let received = time::now();
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let date = header("date")
        .map(|date| Date::parse(&date))
        .filter(|date| !date.is_nan());
    let (link, location) = (header("link"), header("location"));
    let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
    let text = JsFuture::from(response.text()?).await?;
    Ok(Reply {
        status: response.status(),
        text: text.as_string().unwrap_or_default(),
        link,
        location,
        retry_after,
        dated: date.map(|date| Dated {
            date,
            sent,
            received,
        }),
    })
}
