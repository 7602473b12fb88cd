//! Compresses responses that are worth it, for clients that accept it.
//!
//! With gzip alone, which every client accepts: lists of tickets shrink to two fifths (the rest are
//! random IDs), and brotli would save a sixth of that at several times the cost. Not actix's own
//! layer, which compresses even the shortest response and leaves the plain bytes' strong tag on
//! others.
//!
//! No body contains a secret next to a text of another user, whose length could reveal it (BREACH):
//! the session is in a cookie.

use std::io::Write as _;

use actix_web::{
    body::{BodySize, BoxBody, MessageBody as _},
    dev::ServiceResponse,
    http::{
        StatusCode,
        header::{
            CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
        },
    },
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use crate::{encoding, etag, headers::entries};

/// Smallest size to compress, in bytes. A shorter response fits in one packet anyway.
const SMALLEST: u64 = 1_024;

/// Returns a response in the form that its client accepts.
pub(super) fn apply(mut answer: ServiceResponse) -> ServiceResponse {
    if answer.status() == StatusCode::NOT_MODIFIED {
        name_kept_form(&mut answer);
        return answer;
    }
    if !is_worth_it(&answer) {
        return answer;
    }
    vary(answer.headers_mut());
    if !encoding::takes(answer.request().headers(), "gzip") {
        return answer;
    }
    let mut is_done = false;
    let mut answer = answer.map_body(|_, body| {
        let plain = match body.try_into_bytes() {
            Ok(plain) => plain,
            Err(body) => return body,
        };
        let compressed = gzip(&plain);
        is_done = compressed.is_some();
        BoxBody::new(compressed.unwrap_or(plain))
    });
    if is_done {
        let headers = answer.headers_mut();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(tag) = headers.get(ETAG).and_then(etag::compressed) {
            headers.insert(ETAG, tag);
        }
    }
    answer
}

/// Whether it is a complete text of some length. Live streams are not complete, and routes mark
/// responses that they compressed themselves.
fn is_worth_it(answer: &ServiceResponse) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    let is_text = kind.is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"application/json") || kind.starts_with(b"text/")
    });
    let is_long = match answer.response().body().size() {
        BodySize::Sized(size) => size >= SMALLEST,
        BodySize::None | BodySize::Stream => false,
    };
    is_text && is_long && !answer.headers().contains_key(CONTENT_ENCODING)
}

/// Tells caches that there are two forms.
fn vary(headers: &mut HeaderMap) {
    if !headers.contains_key(VARY) {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// Makes "Unchanged" name the form that the client has.
fn name_kept_form(answer: &mut ServiceResponse) {
    let tag = answer.headers().get(ETAG).and_then(etag::compressed);
    let Some(tag) = tag else { return };
    let asked = answer.request().headers();
    let has_it = entries(asked, IF_NONE_MATCH).any(|kept| tag == kept.trim_start_matches("W/"));
    vary(answer.headers_mut());
    if has_it {
        answer.headers_mut().insert(ETAG, tag);
    }
}

/// With the fastest level: a tenth larger than with the best, in a fraction of the time.
fn gzip(plain: &Bytes) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    // Writing to memory doesn't fail; plain bytes would be right, too.
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
