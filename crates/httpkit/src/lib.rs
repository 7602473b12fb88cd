//! The HTTP code that the services share: errors, bodies, sessions, idempotency, limits,
//! configuration, and a server with probes, metrics and documentation.
//!
//! It depends on no store: whether one is available, and the session keys, are passed in ([`Gate`],
//! [`SessionVerifier::replace`]).
//!
//! A handler looks like this. Its arguments are checked from left to right, so that a caller
//! without a session learns nothing about the body:
//!
//! ```
//! use actix_web::{HttpRequest, HttpResponse, web};
//! use httpkit::{HandlerResult, Body, Session, error, prefers_async};
//!
//! #[derive(serde::Deserialize)]
//! struct Rename {
//!     title: String,
//! }
//!
//! async fn rename(
//!     session: Session,         // 401
//!     id: web::Path<uuid::Uuid>, // 404 if it isn't one
//!     body: Body<Rename>,       // 413, 400
//!     req: HttpRequest,
//! ) -> HandlerResult {
//!     if body.title.trim().is_empty() {
//!         return Err(error::field("title", "Title is required"));
//!     }
//!     let waits = !prefers_async(req.headers()); // whether to wait for the read model
//! #   let _ = (session.user_id(), id, waits);
//!     Ok(HttpResponse::Ok().json(serde_json::json!({ "title": body.title })))
//! }
//! # let _ = web::resource("/x/{id}").route(web::put().to(rename));
//! ```
#![deny(missing_docs)]

pub mod client_address;
mod clock;
pub mod config;
mod document_paths;
pub mod encoding;
pub mod error;
pub mod etag;
mod fields;
mod gate;
mod headers;
pub mod idempotency;
pub mod json;
pub mod limits;
mod middleware;
mod prefer;
mod request_id;
mod routes;
pub mod service;
pub mod session;
pub mod sse;
pub mod telemetry;
pub mod tls;

pub use client_address::ClientAddress;
pub use config::{Config, HttpConfig};
pub use error::{AppError, HandlerResult};
pub use fields::Fields;
pub use gate::{Gate, Unready};
pub use json::{Body, RawBody};
pub use limits::Limits;
pub use middleware::RequestLayer;
pub use prefer::prefers_async;
pub use request_id::{RequestContext, RequestId, X_REQUEST_ID};
pub use routes::Routes;
/// Reads a [`config::Secret`].
pub use secrecy::ExposeSecret;
pub use service::{BoundServer, Constraint, Server, Service};
pub use session::{CookiePolicy, MaybeSession, Session, SessionSigner, SessionVerifier};
