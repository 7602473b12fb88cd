//! The API's documentation as a page: rendered here, from the OpenAPI document, without scripts.

use actix_web::http::header::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The page, and what a browser may load with it.
pub(super) struct Page {
    pub html: Bytes,
    pub policy: HeaderValue,
}

impl Page {
    /// Of an OpenAPI document.
    pub(super) fn of(document: &Value) -> Self {
        let _ = document;
        Self {
            html: Bytes::new(),
            policy: HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        }
    }
}

#[allow(dead_code)]
fn hash(style: &str) -> String {
    STANDARD.encode(Sha256::digest(style))
}
