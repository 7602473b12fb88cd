//! The routes under `/api/tickets`, one file each.

mod create;
mod events;
mod if_match;
mod input;
// utoipa's derive of the parameters names its own types by a longer path than it needs.
#[allow(unused_qualifications)]
mod list;
#[allow(unused_qualifications)]
mod mine;
mod show;
mod update;

use actix_web::web;
use utoipa::OpenApi;

/// Adds the routes.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/api/tickets")
            .route(web::get().to(list::list))
            .route(web::post().to(create::create)),
    )
    .service(web::resource("/api/tickets/events").route(web::get().to(events::events)))
    .service(web::resource("/api/tickets/mine").route(web::get().to(mine::mine)))
    .service(
        web::resource("/api/tickets/{id}")
            .route(web::get().to(show::show))
            .route(web::put().to(update::update)),
    );
}

/// Describes the routes.
#[derive(OpenApi)]
#[openapi(paths(
    list::list,
    create::create,
    mine::mine,
    events::events,
    show::show,
    update::update
))]
pub(crate) struct Document;
