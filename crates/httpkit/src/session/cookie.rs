//! The cookie with the session token.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite},
    http::header::{COOKIE, HeaderMap},
};

use crate::client_address::TrustedProxies;

/// The cookie's name.
pub const SESSION_COOKIE: &str = "session";

/// Limit for tokens of one request that are checked: each may cost a signature verification.
const MOST_TOKENS: usize = 4;

/// The tokens of a request, in its order. There may be several: a browser also sends cookies that
/// were set for a parent domain or a longer path, and a page of a sibling subdomain could put an
/// empty one in front of the valid one.
///
/// Reads the header itself: actix would parse and copy every cookie first, on every request.
pub(super) fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
        .take(MOST_TOKENS)
}

/// When the cookie is restricted to https.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecureCookies {
    /// When the request used https, according to a trusted proxy.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How session cookies are created: `HttpOnly`, `SameSite=Lax`, `Path=/`, and `Secure` with https.
#[derive(Clone, Debug)]
pub struct CookiePolicy {
    /// When the cookie is restricted to https.
    pub secure: SecureCookies,
    /// The proxies that may state that a request used https.
    pub proxies: TrustedProxies,
}

impl CookiePolicy {
    /// The cookie with a token of this lifetime.
    pub fn issue(&self, req: &HttpRequest, token: String, lifetime: Duration) -> Cookie<'static> {
        let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        self.cookie(req, token, seconds)
    }

    /// The cookie that ends the session.
    pub fn clear(&self, req: &HttpRequest) -> Cookie<'static> {
        self.cookie(req, String::new(), 0)
    }

    fn cookie(&self, req: &HttpRequest, value: String, max_age: i64) -> Cookie<'static> {
        let secure = match self.secure {
            SecureCookies::Always => true,
            SecureCookies::Never => false,
            SecureCookies::Auto => self.proxies.is_https(req),
        };
        Cookie::build(SESSION_COOKIE, value)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(secure)
            .max_age(actix_web::cookie::time::Duration::seconds(max_age))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn policy(secure: SecureCookies) -> CookiePolicy {
        CookiePolicy {
            secure,
            proxies: TrustedProxies::parse("10.0.0.0/8").unwrap(),
        }
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        for (header, expected) in [
            ("session=abc", &["abc"][..]),
            ("theme=dark; session=abc; x=y", &["abc"]),
            ("session=\"abc\"", &["abc"]),
            ("sessions=abc", &[]),
            ("x=session", &[]),
            ("session=", &[]),
            ("", &[]),
            ("session=; session=abc", &["abc"]),
            ("session=abc; x=y; session=def", &["abc", "def"]),
            (
                "session=1;session=2;session=3;session=4;session=5",
                &["1", "2", "3", "4"],
            ),
        ] {
            let req = TestRequest::default()
                .insert_header((COOKIE, header))
                .to_http_request();
            let found: Vec<_> = tokens(req.headers()).collect();
            assert_eq!(found, expected, "{header}");
        }
    }

    #[test]
    fn the_cookie_is_http_only_and_same_site() {
        let req = TestRequest::default().to_http_request();
        let cookie = policy(SecureCookies::Auto)
            .issue(&req, "t".into(), Duration::from_mins(1))
            .to_string();
        assert_eq!(
            cookie,
            "session=t; HttpOnly; SameSite=Lax; Path=/; Max-Age=60"
        );
        let cleared = policy(SecureCookies::Auto).clear(&req).to_string();
        assert_eq!(
            cleared,
            "session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn the_cookie_is_secure_if_a_trusted_proxy_reports_https() {
        let https = |peer: &str, secure| {
            let req = TestRequest::default()
                .peer_addr(peer.parse().unwrap())
                .insert_header(("X-Forwarded-Proto", "https"))
                .to_http_request();
            policy(secure).clear(&req).secure() == Some(true)
        };
        assert!(https("10.1.2.3:1", SecureCookies::Auto));
        assert!(!https("192.0.2.1:1", SecureCookies::Auto));
        assert!(https("192.0.2.1:1", SecureCookies::Always));
        assert!(!https("10.1.2.3:1", SecureCookies::Never));
    }
}
