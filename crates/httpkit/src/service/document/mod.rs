//! The API's description: as OpenAPI for programs, and as a page for readers.

mod common;
mod constraints;

pub use constraints::Constraint;

use std::{io, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue},
    web,
};
use utoipa::{OpenApi as _, openapi::Info};

use super::{Service, docs_page};
use crate::{
    document_paths::{JSON_PATH, PAGE_PATH},
    etag::Rendered,
};

/// The body of errors, which no route names.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(api::Errors)))]
struct Errors;

/// The document, rendered once.
pub(super) struct Document {
    json: Rendered,
    page: docs_page::Page,
}

impl Document {
    /// The document of all services together.
    pub(super) fn of(services: &[Arc<dyn Service>]) -> io::Result<Self> {
        let mut whole = services.iter().fold(Errors::openapi(), |whole, service| {
            whole.merge_from(service.openapi())
        });
        whole.info = Info::new("Turnstile", env!("CARGO_PKG_VERSION"));
        let mut whole = serde_json::to_value(&whole)?;
        for constraint in services.iter().flat_map(|service| service.constraints()) {
            constraint.apply(&mut whole).map_err(io::Error::other)?;
        }
        common::complete(&mut whole);
        Ok(Self {
            page: docs_page::Page::of(&whole),
            json: Rendered::json(&whole)?,
        })
    }
}

pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(JSON_PATH).get(json))
        .service(web::resource(PAGE_PATH).get(page));
}

async fn json(req: HttpRequest, document: web::Data<Document>) -> HttpResponse {
    document.json.respond(&req)
}

async fn page(document: web::Data<Document>) -> HttpResponse {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, html))
        .insert_header((CONTENT_SECURITY_POLICY, document.page.policy.clone()))
        .body(document.page.html.clone())
}
