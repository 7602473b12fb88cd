//! `Prefer: respond-async` (RFC 7240): the caller doesn't want to wait for the read model.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::headers::entries;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Adds the header which states that the response did not wait for the read model.
pub(crate) fn add_applied(headers: &mut HeaderMap) {
    headers.insert(
        PREFERENCE_APPLIED,
        HeaderValue::from_static("respond-async"),
    );
}

/// Whether to respond as soon as the command is in the log, before the read model reflects it.
/// Unknown preferences are ignored, as the RFC requires.
pub fn prefers_async(headers: &HeaderMap) -> bool {
    entries(headers, PREFER)
        .map(|preference| preference.split([';', '=']).next().unwrap_or("").trim())
        .any(|name| name.eq_ignore_ascii_case("respond-async"))
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
            assert_eq!(prefers_async(req.headers()), expected, "{header}");
        }
    }

    #[test]
    fn responses_name_the_preference_that_was_applied() {
        let mut headers = HeaderMap::new();
        assert!(!prefers_async(&headers));
        add_applied(&mut headers);
        assert_eq!(headers.get(PREFERENCE_APPLIED).unwrap(), "respond-async");
    }
}
