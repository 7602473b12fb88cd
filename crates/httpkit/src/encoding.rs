//! The content codings that a client accepts (RFC 9110 §12.5.3).

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};

use crate::headers::entries;

/// Whether the client accepts this content coding by its name. Only named codings count: clients
/// that send `*` ask for anything, and often understand only plain bytes.
pub fn takes(headers: &HeaderMap, coding: &str) -> bool {
    entries(headers, ACCEPT_ENCODING).any(|offer| {
        let (name, parameters) = offer.split_once(';').unwrap_or((offer, ""));
        let quality = parameters.trim().strip_prefix("q=");
        // An unreadable quality counts as accepted, like a missing one.
        let is_wanted = quality
            .and_then(|quality| quality.trim().parse::<f32>().ok())
            .is_none_or(|quality| quality > 0.0);
        name.trim().eq_ignore_ascii_case(coding) && is_wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn an_encoding_is_used_only_if_the_client_accepts_it() {
        for (sent, taken) in [
            ("gzip", true),
            ("br, gzip, deflate", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip; q=0.001", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, br", false),
            ("*", false),
            ("x-gzip", false),
            ("identity", false),
            ("", false),
        ] {
            let req = TestRequest::default().insert_header((ACCEPT_ENCODING, sent));
            assert_eq!(
                takes(req.to_http_request().headers(), "gzip"),
                taken,
                "{sent}"
            );
        }
        assert!(!takes(&HeaderMap::new(), "gzip"));
    }
}
