//! The routes under `/api/orders`, one file each.

mod cancel;
// utoipa's derive of the parameters names its own types by a longer path than it needs.
#[allow(unused_qualifications)]
mod list;
mod place;
mod show;

use actix_web::web;
use utoipa::OpenApi;

/// Adds the routes.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/orders")
            .route(web::get().to(list::list))
            .route(web::post().to(place::place)),
    )
    .service(
        web::resource("/api/orders/{id}")
            .route(web::get().to(show::show))
            .route(web::delete().to(cancel::cancel)),
    );
}

/// Describes the routes.
#[derive(OpenApi)]
#[openapi(paths(list::list, place::place, show::show, cancel::cancel))]
pub(crate) struct Document;
