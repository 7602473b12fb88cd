//! `Prefer: respond-async` (RFC 7240): the caller doesn't want to wait for the read model.

use std::{
    convert::Infallible,
    future::{Ready, ready},
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Adds the header which states that the response did not wait for the read model.
pub(crate) fn add_applied(headers: &mut HeaderMap) {
    headers.insert(
        PREFERENCE_APPLIED,
        HeaderValue::from_static("respond-async"),
    );
}

/// The caller's preferences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// Respond as soon as the command is in the log, before the read model reflects it.
    pub respond_async: bool,
}

impl Prefer {
    /// Reads the preferences in these headers. Unknown ones are ignored, as the RFC requires.
    pub fn of_headers(headers: &HeaderMap) -> Self {
        let respond_async = headers
            .get_all(PREFER)
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(','))
            .map(|preference| preference.split([';', '=']).next().unwrap_or("").trim())
            .any(|name| name.eq_ignore_ascii_case("respond-async"));
        Self { respond_async }
    }
}

impl FromRequest for Prefer {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of_headers(req.headers())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn respond_async_is_found_among_other_preferences() {
        for (header, expected) in [
            ("respond-async", true),
            ("Respond-Async, wait=10", true),
            ("return=minimal; foo, respond-async;x", true),
            ("return=minimal", false),
            ("foo=respond-async", false),
            ("", false),
        ] {
            let req = TestRequest::default()
                .insert_header((PREFER, header))
                .to_http_request();
            let prefer = Prefer::of_headers(req.headers());
            assert_eq!(prefer.respond_async, expected, "{header}");
        }
    }

    #[actix_web::test]
    async fn a_handler_is_told_what_is_preferred_and_the_answer_what_was_applied() {
        let req = TestRequest::default()
            .insert_header((PREFER, "respond-async"))
            .to_http_request();
        assert!(Prefer::extract(&req).await.unwrap().respond_async);
        let req = TestRequest::default().to_http_request();
        assert!(!Prefer::extract(&req).await.unwrap().respond_async);
        let mut headers = HeaderMap::new();
        add_applied(&mut headers);
        assert_eq!(headers.get(PREFERENCE_APPLIED).unwrap(), "respond-async");
    }
}
