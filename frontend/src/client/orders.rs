use api::{NewOrder, Order, Ticket};
use uuid::Uuid;

use super::{Page, Request, get, json, nothing, page};

/// Orders a ticket as the buyer sees it: at this price, and as this version of it.
pub fn place_order(ticket: &Ticket, key: String) -> Request<Order> {
    let order = NewOrder {
        ticket_id: ticket.id.to_string().into(),
        expected_price: ticket.price.into(),
        expected_version: ticket.version.into(),
    };
    Request::new("POST", "/api/orders".to_owned(), json)
        .body(&order)
        .once(key)
}

/// A page of the visitor's orders, oldest first.
pub fn orders(cursor: Option<&str>) -> Request<Page<Vec<Order>>> {
    page("/api/orders?limit=200".to_owned(), cursor)
}

/// One order.
pub fn order(id: Uuid) -> Request<Order> {
    get(format!("/api/orders/{id}"))
}

/// Gives an order back.
pub fn cancel_order(id: Uuid) -> Request<()> {
    Request::new("DELETE", format!("/api/orders/{id}"), nothing)
}
