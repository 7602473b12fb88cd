//! Rendered responses with a strong `ETag`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::headers::entries;

/// The strong `ETag` of these bytes, quotes included.
pub fn of(bytes: &[u8]) -> HeaderValue {
    let mut digest = [0; 16];
    digest.copy_from_slice(&Sha256::digest(bytes)[..16]);
    of_digest(digest)
}

/// The strong `ETag` of bytes whose SHA-256 begins with this, quotes included. Half of it is enough
/// against accidents, and shorter.
pub fn of_digest(digest: [u8; 16]) -> HeaderValue {
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest));
    // Base64url in quotes is always a header value.
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A JSON response that is rendered once and sent many times. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rendered {
    body: Bytes,
    etag: HeaderValue,
}

impl Rendered {
    /// From JSON text.
    pub fn new(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            etag: of(&body),
            body,
        }
    }

    /// From JSON text with a known digest, as for [`of_digest`].
    pub fn with_digest(body: Bytes, digest: [u8; 16]) -> Self {
        Self {
            etag: of_digest(digest),
            body,
        }
    }

    /// From a value.
    pub fn json(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(Self::new)
    }

    /// The JSON text.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// 200 with the body, or 304 if the caller has it.
    pub fn respond(&self, req: &HttpRequest) -> HttpResponse {
        let mut answer = if is_fresh(req.headers(), &self.etag) {
            HttpResponse::NotModified().finish()
        } else {
            let mut answer = HttpResponse::Ok().body(self.body.clone());
            let json = HeaderValue::from_static("application/json");
            answer.headers_mut().insert(CONTENT_TYPE, json);
            answer
        };
        answer.headers_mut().insert(ETAG, self.etag.clone());
        answer
    }
}

/// Whether `If-None-Match` names this tag, of the plain bytes or of the compressed ones. Weak
/// comparison, as RFC 9110 requires.
pub fn is_fresh(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let opaque = opaque(etag);
    entries(headers, IF_NONE_MATCH).any(|tag| {
        let named = unquoted(tag.strip_prefix("W/").unwrap_or(tag));
        tag == "*" || named.is_some_and(|named| Some(plain(named)) == opaque)
    })
}

/// The text between the quotes of a strong tag.
pub fn opaque(etag: &HeaderValue) -> Option<&str> {
    unquoted(etag.to_str().ok()?)
}

fn unquoted(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')
}

/// The suffix of the tag of compressed bytes: a strong tag identifies the bytes as they are sent
/// (RFC 9110 §8.8.1).
const COMPRESSED: &str = "-gzip";

/// The tag of the plain bytes, without quotes, from that of either form.
pub fn plain(tag: &str) -> &str {
    tag.strip_suffix(COMPRESSED).unwrap_or(tag)
}

/// The tag of the compressed form; `None` for a weak tag, which is valid for both.
pub(crate) fn compressed(etag: &HeaderValue) -> Option<HeaderValue> {
    let opaque = opaque(etag)?;
    HeaderValue::from_str(&format!("\"{opaque}{COMPRESSED}\"")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn equal_bytes_have_equal_tags_and_others_differ() {
        assert_eq!(of(b"a"), of(b"a"));
        assert_ne!(of(b"a"), of(b"b"));
        assert!(of(b"a").to_str().unwrap().starts_with('"'));
    }

    #[actix_web::test]
    async fn a_matching_tag_gets_304_without_a_body() {
        let rendered = Rendered::new("[]");
        let tag = rendered.etag.to_str().unwrap().to_owned();
        for (sent, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"x\", {tag}"), 304),
            ("*".to_owned(), 304),
            (tag.replacen('"', "W/\"", 1), 304),
            (format!("\"{}-gzip\"", tag.trim_matches('"')), 304),
            ("\"x\"".to_owned(), 200),
            (tag.replace('"', ""), 200),
        ] {
            let req = TestRequest::default()
                .insert_header((IF_NONE_MATCH, sent.clone()))
                .to_http_request();
            let answer = rendered.respond(&req);
            assert_eq!(answer.status(), status, "{sent}");
            assert_eq!(answer.headers().get(ETAG), Some(&rendered.etag));
            let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
            assert_eq!(body.is_empty(), status == 304);
        }
    }

    #[test]
    fn a_value_is_rendered_as_json() {
        assert_eq!(Rendered::json(&[1, 2]).unwrap().body(), "[1,2]");
    }
}
