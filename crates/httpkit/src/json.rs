//! Bodies of requests.
//!
//! The contract checks the session before the body. Actix polls a handler's extractors in the order
//! of its arguments and stops at the first that fails, and [`Session`](crate::Session) never waits:
//! so a handler that names the session first answers 401 before any byte of the body is read.
//!
//! ```
//! # use httpkit::{HandlerResult, Body, Session};
//! # use actix_web::HttpResponse;
//! # #[derive(serde::Deserialize)] struct NewTicket {}
//! async fn create(session: Session, body: Body<NewTicket>) -> HandlerResult {
//!     // 401 came first, then 413, then 400.
//! #   let _ = (session, body.value);
//!     Ok(HttpResponse::Created().finish())
//! }
//! ```

use std::{future::Future, ops::Deref, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::CONTENT_LENGTH, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::{
    AppError,
    error::{bad_request, too_large},
};

/// The longest body, in bytes, by default.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The configured limit, as application data.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit(pub usize);

/// The bytes of a body, at most as many as the limit (otherwise 413).
///
/// For handlers that check other things first: they call [`parse`](Self::parse) when the body is
/// due.
#[derive(Clone, Debug, Default)]
pub struct RawBody(pub Bytes);

impl RawBody {
    /// Parses a JSON object.
    ///
    /// An empty body is `{}`, so that the response names the missing fields. Anything else that
    /// isn't a JSON object of this shape is 400 with the place of the error.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, AppError> {
        let bytes: &[u8] = if self.0.trim_ascii().is_empty() {
            b"{}"
        } else {
            &self.0
        };
        // Serde would accept an array for a struct, field by field.
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        serde_json::from_slice(bytes)
            .map_err(|error| malformed(&error))
            .and_then(|value| {
                is_object
                    .then_some(value)
                    .ok_or_else(|| bad_request("The body must be a JSON object"))
            })
    }
}

/// Serde's message may name our types, so only the place is taken from it.
fn malformed(error: &serde_json::Error) -> AppError {
    let place = format!("line {}, column {}", error.line(), error.column());
    bad_request(match error.classify() {
        Category::Data => format!("The body doesn't have the expected shape ({place})"),
        Category::Eof => "The body ends in the middle of the JSON".to_owned(),
        Category::Syntax | Category::Io => format!("The body is not valid JSON ({place})"),
    })
}

impl FromRequest for RawBody {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limit = req
            .app_data::<web::Data<BodyLimit>>()
            .map_or(BODY_LIMIT, |limit| limit.0);
        let announced = req
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let mut payload = payload.take();
        Box::pin(async move {
            if announced.is_some_and(|length| length > limit) {
                return Err(too_large(limit));
            }
            // The whole body nearly always arrives at once, and needn't be copied.
            let mut whole = Bytes::new();
            let mut body = BytesMut::new();
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|error| {
                    bad_request("The body could not be read").with_source(error.to_string())
                })?;
                if whole.len() + body.len() + chunk.len() > limit {
                    return Err(too_large(limit));
                }
                if whole.is_empty() && body.is_empty() {
                    whole = chunk;
                } else {
                    body.extend_from_slice(&std::mem::take(&mut whole));
                    body.extend_from_slice(&chunk);
                }
            }
            if body.is_empty() {
                return Ok(Self(whole));
            }
            Ok(Self(body.freeze()))
        })
    }
}

/// A JSON body that was parsed into a `T`. Name it *after* the session among a handler's arguments.
#[derive(Clone, Debug)]
pub struct Body<T> {
    /// The parsed body.
    pub value: T,
    /// Its bytes, as received.
    pub raw: RawBody,
}

impl<T> Deref for Body<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let raw = RawBody::from_request(req, payload);
        Box::pin(async move {
            let raw = raw.await?;
            Ok(Self {
                value: raw.parse()?,
                raw,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{Credentials, Field};

    fn parse(body: &[u8]) -> Result<Credentials, AppError> {
        RawBody(Bytes::copy_from_slice(body)).parse()
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for body in [&b""[..], b"  \n", b"{}"] {
            assert_eq!(parse(body).unwrap().email, Field::Missing);
        }
    }

    #[test]
    fn a_body_that_is_not_a_json_object_is_a_bad_request() {
        let deep = "[".repeat(60_000);
        let deep_field = format!("{{\"email\":{}", "[".repeat(60_000));
        for body in [
            &b"{"[..],
            b"nonsense",
            b"[\"a@b.c\",\"secret\"]",
            b"\"text\"",
            b"null",
            b"1",
            b"{\"email\":1e99999}",
            b"{\"email\":\"\\ud800\"}",
            b"{\"email\":\"a\",\"email\":\"b\"}",
            b"\xff\xfe",
            b"{\"email\":\"\xff\"}",
            b"{} trailing",
            deep.as_bytes(),
            deep_field.as_bytes(),
        ] {
            let Err(error) = parse(body) else {
                panic!("{} was read", String::from_utf8_lossy(body));
            };
            assert_eq!(error.status(), 400);
            let message = &error.errors()[0].message;
            assert!(!message.contains("Credentials"), "{message}");
        }
    }

    #[test]
    fn malformed_json_is_reported_with_its_position() {
        let error = parse(b"{\n  \"email\" 1}").err().unwrap();
        let message = &error.errors()[0].message;
        assert!(message.contains("line 2, column 11"), "{message}");
    }
}
