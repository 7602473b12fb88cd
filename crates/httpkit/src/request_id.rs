//! The ID of a request: in the response, in the log, and the correlation ID of its events.

use std::{cell::Cell, fmt};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header of the ID, in requests and responses.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 128;

/// The ID of a request: 1 to 128 visible ASCII characters; the caller's own if `X-Request-Id`
/// contains a valid one, otherwise a new `UUIDv7`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// A new one.
    pub fn fresh() -> Self {
        let mut text = Uuid::encode_buffer();
        let text = Uuid::now_v7().hyphenated().encode_lower(&mut text);
        // A UUID contains only hexadecimal digits and hyphens.
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-")))
    }

    /// The caller's own, if it is valid.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Self {
        headers
            .get(X_REQUEST_ID)
            .filter(|value| (1..=LONGEST).contains(&value.len()))
            .filter(|value| value.as_bytes().iter().all(u8::is_ascii_graphic))
            .map_or_else(Self::fresh, |value| Self(value.clone()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("-")
    }

    pub(crate) const fn header(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The layer's data on a request; it is in the request's extensions.
#[derive(Debug)]
pub struct RequestContext {
    id: RequestId,
    user: Cell<Option<Uuid>>,
    answered_early: Cell<bool>,
}

impl RequestContext {
    pub(crate) const fn new(id: RequestId) -> Self {
        Self {
            id,
            user: Cell::new(None),
            answered_early: Cell::new(false),
        }
    }

    pub(crate) fn set_user(&self, user: Uuid) {
        self.user.set(Some(user));
    }

    /// The request's ID.
    pub const fn id(&self) -> &RequestId {
        &self.id
    }

    /// Notes that the response did not wait for the read model, as the caller prefers.
    pub fn set_answered_early(&self) {
        self.answered_early.set(true);
    }

    pub(crate) fn answered_early(&self) -> bool {
        self.answered_early.get()
    }

    /// The caller, once a handler has read the session.
    pub fn user(&self) -> Option<Uuid> {
        self.user.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn id_of(sent: &str) -> String {
        let req = TestRequest::default()
            .insert_header((X_REQUEST_ID, sent))
            .to_http_request();
        RequestId::of_headers(req.headers()).to_string()
    }

    #[test]
    fn a_valid_request_id_is_kept() {
        assert_eq!(id_of("checkout-17/a"), "checkout-17/a");
        assert_eq!(id_of(&"x".repeat(128)), "x".repeat(128));
    }

    #[test]
    fn an_invalid_request_id_is_replaced() {
        for sent in ["", "two words", &"x".repeat(129), "caf\u{e9}"] {
            assert!(Uuid::parse_str(&id_of(sent)).is_ok(), "{sent}");
        }
    }

    #[test]
    fn a_span_has_request_id_user_and_status() {
        let req = TestRequest::default()
            .insert_header((X_REQUEST_ID, "checkout-17"))
            .to_http_request();
        let context = RequestContext::new(RequestId::of_headers(req.headers()));
        assert_eq!(context.id().header(), "checkout-17");
        assert_eq!((context.user(), context.answered_early()), (None, false));
        context.set_user(Uuid::from_u128(1));
        context.set_answered_early();
        let user = Some(Uuid::from_u128(1));
        assert_eq!((context.user(), context.answered_early()), (user, true));
    }
}
