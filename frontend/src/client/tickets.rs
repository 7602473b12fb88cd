use api::{MyTickets, NewTicket, Ticket};
use state::TicketFilter;
use uuid::Uuid;

use super::{Page, Request, get, json, nothing, page, read_page};

/// A page of what is for sale.
pub fn tickets(
    filter: &TicketFilter,
    limit: usize,
    cursor: Option<&str>,
) -> Request<Page<Vec<Ticket>>> {
    let url = format!("/api/tickets{}", filter.api_query(limit, cursor));
    Request::new("GET", url, read_page)
}

/// One ticket.
pub fn ticket(id: Uuid) -> Request<Ticket> {
    get(format!("/api/tickets/{id}"))
}

/// A page of the visitor's own tickets, and what they earned.
pub fn my_tickets(cursor: Option<&str>) -> Request<Page<MyTickets>> {
    page("/api/tickets/mine?limit=100".to_owned(), cursor)
}

/// Offers a ticket.
pub fn offer_ticket(ticket: &NewTicket, key: String) -> Request<Ticket> {
    Request::new("POST", "/api/tickets".to_owned(), json)
        .body(ticket)
        .once(key)
}

/// Changes an offer, if this is still its version.
pub fn change_ticket(id: Uuid, version: u64, ticket: &NewTicket) -> Request<Ticket> {
    Request::new("PUT", format!("/api/tickets/{id}"), json)
        .body(ticket)
        .if_match(version)
}

/// Takes an offer off the market.
pub fn withdraw_ticket(id: Uuid) -> Request<()> {
    Request::new("DELETE", format!("/api/tickets/{id}"), nothing)
}
