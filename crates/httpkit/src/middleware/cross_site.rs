//! Keeps other sites from making a visitor's browser send commands.
//!
//! `SameSite=Lax` already keeps the cookie from cross-site POSTs, but not from sibling subdomains
//! (same site), and doesn't prevent a visitor from being signed in to another user's account. So
//! every request that may change something is checked, with or without a cookie:
//!
//! - `Sec-Fetch-Site`, which scripts can't set, decides if it exists: `same-origin` and `none`
//!   (typed, bookmarked) pass.
//! - Older browsers send `Origin`: its host must be the requested one.
//! - Neither: not a browser, so no user's cookie is abused.
//!
//! A configured origin always passes.

use actix_web::{HttpRequest, http::header::ORIGIN};

use crate::client_address::TrustedProxies;

pub(super) fn allowed(req: &HttpRequest, proxies: &TrustedProxies, origins: &[String]) -> bool {
    if req.method().is_safe() {
        return true;
    }
    let header = |name| {
        let value = req.headers().get(name)?;
        Some(value.to_str().unwrap_or("unreadable"))
    };
    let origin = header(ORIGIN);
    let configured = || {
        origin.is_some_and(|origin| {
            origins
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(origin))
        })
    };
    match header(SEC_FETCH_SITE) {
        Some("same-origin" | "none") => true,
        Some(_) => configured(),
        None => origin.is_none_or(|origin| same_host(origin, proxies.host(req)) || configured()),
    }
}

const SEC_FETCH_SITE: actix_web::http::header::HeaderName =
    actix_web::http::header::HeaderName::from_static("sec-fetch-site");

fn same_host(origin: &str, host: Option<&str>) -> bool {
    origin
        .split_once("://")
        .zip(host)
        .is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn passes(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut req = TestRequest::default()
            .method(method.parse().unwrap())
            .insert_header(("host", "tickets.example"));
        for header in headers {
            req = req.insert_header(*header);
        }
        let allowed_origins = ["https://admin.example".to_owned()];
        allowed(
            &req.to_http_request(),
            &TrustedProxies::default(),
            &allowed_origins,
        )
    }

    #[test]
    fn another_site_cannot_change_data() {
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("origin", "https://evil.example")],
            &[("origin", "https://tickets.example:8443")],
            &[("origin", "https://tickets.example.evil.example")],
            &[("origin", "null")],
            &[("origin", "tickets.example")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://tickets.example"),
            ],
        ] {
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                assert!(!passes(method, headers), "{method} {headers:?}");
            }
            assert!(passes("GET", headers), "reading changes nothing");
        }
    }

    #[test]
    fn the_sites_pages_and_other_programs_can_change_data() {
        for headers in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://tickets.example")],
            &[("origin", "http://Tickets.Example")],
        ] {
            assert!(passes("POST", headers), "{headers:?}");
        }
    }

    #[test]
    fn a_configured_origin_can_change_data() {
        let origin = ("origin", "https://admin.example");
        assert!(passes("POST", &[origin]));
        assert!(passes("POST", &[("sec-fetch-site", "cross-site"), origin]));
    }
}
