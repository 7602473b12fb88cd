//! The routes under `/api/tickets`, one file each.

mod create;
mod events;
mod if_match;
mod input;
// utoipa's derive of the parameters names its own types by a longer path than it needs.
#[allow(unused_qualifications)]
mod list;
mod mine;
mod show;
mod update;
mod withdraw;

use api::Amount;
use domain::{MAX_PRICE_CENTS, Price};
use httpkit::{Constraint, Routes};
use runtime::pages;
use serde_json::{Value, json};

const LIST: (&str, &str) = ("get", "/api/tickets");
const TICKET: &str = "/api/tickets/{id}";

/// All of them.
pub(crate) fn all() -> Routes {
    httpkit::routes![
        list::list,
        create::create,
        events::events,
        mine::mine,
        show::show,
        update::update,
        withdraw::withdraw
    ]
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
    json!({
        "minimum": Amount::of_prices(least.cents()),
        "maximum": Amount::of_prices(MAX_PRICE_CENTS),
        "multipleOf": Amount::of_prices(1),
    })
}
