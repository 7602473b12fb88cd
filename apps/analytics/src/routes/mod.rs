//! The routes under `/api/analytics`, one file each.

mod events;
mod show;

use actix_web::web;
use utoipa::OpenApi;

/// Adds the routes.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(api::analytics::ANALYTICS).route(web::get().to(show::show)))
        .service(
            web::resource(api::analytics::ANALYTICS_EVENTS).route(web::get().to(events::events)),
        );
}

/// Describes the routes.
#[derive(OpenApi)]
#[openapi(paths(show::show, events::events))]
pub(crate) struct Document;
