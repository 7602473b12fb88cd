//! Security headers for browsers.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

/// For pages: only the site's own files; compiled WebAssembly may run, `eval` may not.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";
/// For everything else: if a browser displays it after all, it can load and run nothing.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Adds the headers that the handler didn't set.
pub(super) fn add(headers: &mut HeaderMap, https: bool) {
    let is_page = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = if is_page { PAGE_POLICY } else { DATA_POLICY };
    missing(headers, CONTENT_SECURITY_POLICY, policy);
    missing(headers, REFERRER_POLICY, "same-origin");
    missing(headers, RESOURCE, "same-origin");
    if is_page {
        missing(headers, OPENER, "same-origin");
    }
    if !headers.contains_key(CACHE_CONTROL) {
        // With an ETag a copy may be kept but must be revalidated; without one it is useless.
        let keep = if headers.contains_key(ETAG) {
            "no-cache"
        } else {
            "no-store"
        };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    }
    if https {
        missing(headers, STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

fn missing(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
