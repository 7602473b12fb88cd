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
mod withdraw;

use actix_web::web;
use domain::{MAX_PRICE_CENTS, Price};
use httpkit::Constraint;
use runtime::pages;
use serde_json::{Value, json};
use utoipa::OpenApi;

const LIST: (&str, &str) = ("get", "/api/tickets");
const TICKET: &str = "/api/tickets/{id}";

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
            .route(web::put().to(update::update))
            .route(web::delete().to(withdraw::withdraw)),
    );
}

/// Constraints of bodies and parameters beyond their types, with `least` as the lowest price.
pub(crate) fn constraints(least: Price) -> Vec<Constraint> {
    let mut all = vec![
        Constraint::required("NewTicket", &["title", "price"]),
        Constraint::field("NewTicket", "title", input::title_keywords()),
        Constraint::field("NewTicket", "price", amount(least)),
        Constraint::parameter(("put", TICKET), "If-Match", if_match::keywords()),
        Constraint::parameter(LIST, "sort", list::sort_keywords()),
        Constraint::parameter(LIST, "min_price", list::price_keywords()),
        Constraint::parameter(LIST, "max_price", list::price_keywords()),
    ];
    all.extend(pages::constraints(LIST));
    all.extend(pages::constraints(("get", "/api/tickets/mine")));
    all
}

/// A price of at least `least`, in whole units with at most two decimals.
fn amount(least: Price) -> Value {
    let units = |cents: u64| api::Amount::from_cents(i64::try_from(cents).unwrap_or(i64::MAX));
    json!({
        "minimum": units(least.cents()),
        "maximum": units(MAX_PRICE_CENTS),
        "multipleOf": api::Amount::from_cents(1),
    })
}

/// Describes the routes.
#[derive(OpenApi)]
#[openapi(paths(
    list::list,
    create::create,
    mine::mine,
    events::events,
    show::show,
    update::update,
    withdraw::withdraw
))]
pub(crate) struct Document;
