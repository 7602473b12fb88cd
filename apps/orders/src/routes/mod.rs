//! The routes under `/api/orders`, one file each.

mod cancel;
mod list;
mod place;
mod show;

use api::Amount;
use domain::MAX_PRICE_CENTS;
use httpkit::{Constraint, Routes};
use runtime::pages;
use serde_json::json;

/// All of them.
pub(crate) fn all() -> Routes {
    httpkit::routes![list::list, place::place, show::show, cancel::cancel]
}

/// Constraints of bodies and parameters beyond their types.
pub(crate) fn constraints() -> Vec<Constraint> {
    let cent = Amount::from_cents(1);
    let most = Amount::of_prices(MAX_PRICE_CENTS);
    let price = json!({"type": "number", "minimum": cent, "maximum": most, "multipleOf": cent});
    let version = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX});
    let mut all = vec![
        Constraint::required("NewOrder", &["ticketId"]),
        Constraint::field("NewOrder", "ticketId", json!({"format": "uuid"})),
        Constraint::field("NewOrder", "expectedPrice", price),
        Constraint::field("NewOrder", "expectedVersion", version),
    ];
    all.extend(pages::constraints(("get", "/api/orders")));
    all
}
